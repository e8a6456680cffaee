"""The page under attack (scripts/attack_page.py, in short): visitors are served, and nothing is left behind."""

import sys
import time
from pathlib import Path

import psutil
import pytest

pytest.importorskip("gradio", reason="no gradio installed (pip install gradio)")

from neural_style.engine import Engine
from neural_style.settings.web import WebSettings
from neural_style.web import uploads
from neural_style.web.server import serving

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))
from attack_page import ATTACKS, Target, attack
from page_client import free_port

SECONDS = 20
SLOWEST = 2
"""Seconds in which the page must answer on a machine that is otherwise idle."""


@pytest.fixture
def folders(monkeypatch):
    """The upload folders of the pages that are served."""
    known = []
    init = uploads.UploadFolder.__init__

    def note(folder, *arguments):
        init(folder, *arguments)
        known.append(folder)

    monkeypatch.setattr(uploads.UploadFolder, "__init__", note)
    return known


def test_visitors_are_served_while_the_page_is_attacked(folders, capfd):
    port = free_port()
    with serving(WebSettings(port=port), [Engine()]):
        figures = attack(f"http://127.0.0.1:{port}", SECONDS, 2000, psutil.Process())
        (folder,) = folders
        uploaded = folder.upload_bytes
        folder.sweep(time.time() + uploads.MAX_AGE_SECONDS + 60)
        assert folder.upload_bytes < uploaded
        assert {path for path in uploads._list_files(folder._folder)} <= folder._permanent
    print(figures)
    assert figures.statuses.total() > len(ATTACKS)
    assert all(status < 500 or status in (503, 507) for status in figures.statuses if isinstance(status, int))
    assert set(figures.sentences) == {"Painted"}
    is_busy = 10 * max(figures.calm_seconds)  # of other work on this machine
    assert max(figures.answer_seconds) < max(SLOWEST, is_busy)
    assert max(figures.memory) - figures.memory[0] < 1000
    assert "Traceback" not in capfd.readouterr().err


def test_other_machines_are_not_attacked():
    with pytest.raises(ValueError, match="attack only your own machine"):
        Target("http://192.0.2.1:7860")
