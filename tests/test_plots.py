import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image

from neural_style.results import plots


def point(loss):
    return {"loss": loss, "terms": {"content": 0.0, "style": loss, "total_variation": loss / 2}}


def test_losses_are_drawn(tmp_path):
    scales = [{"initial": point(10.0), "iterations": [point(5.0)]}, {"initial": point(7.0), "iterations": []}]
    plots.losses(str(tmp_path / "losses.png"), scales)
    with Image.open(tmp_path / "losses.png") as drawn:
        colors = drawn.convert("RGB").getcolors(maxcolors=100_000)
    used = {color for _, color in colors}
    assert {(255, 127, 14), (44, 160, 44), (0, 0, 0)} <= used  # style, total variation, loss


def test_a_term_without_weight_is_not_in_the_legend(tmp_path, monkeypatch):
    shown = []
    draw = Axes.legend
    monkeypatch.setattr(Axes, "legend", lambda axes: shown.extend(axes.get_legend_handles_labels()[1]) or draw(axes))
    plots.losses(str(tmp_path / "losses.png"), [{"initial": point(10.0), "iterations": [point(5.0)]}])
    assert shown == ["style", "total variation", "loss"]


@pytest.mark.filterwarnings("error")
def test_losses_of_zero_are_drawn_without_a_logarithm(tmp_path):
    plots.losses(str(tmp_path / "losses.png"), [{"initial": point(0.0), "iterations": [point(0.0)]}])
    assert (tmp_path / "losses.png").exists()


def test_a_comparison_shows_content_styles_and_result():
    content, style = Image.new("RGB", (200, 100), "red"), Image.new("RGB", (50, 100), "blue")
    sheet = plots.comparison([content, style, style, Image.new("RGB", (80, 40), "green")])
    assert sheet.size == (80 + 20 + 20 + 80 + 3 * plots.GAP, 40)
    starts = [0, 80 + plots.GAP, 100 + 2 * plots.GAP, 120 + 3 * plots.GAP]
    assert [sheet.getpixel((x + 5, 20)) for x in starts] == [(255, 0, 0), (0, 0, 255), (0, 0, 255), (0, 128, 0)]
    assert sheet.getpixel((82, 20)) == (255, 255, 255)


@pytest.mark.parametrize("ending", ["webp", "gif"])
def test_a_preview_shows_every_frame_in_the_size_of_the_last(tmp_path, ending):
    frames = [plots.frame(Image.new("RGB", (20, 10), (40 * i, 0, 0))) for i in range(3)]
    frames.append(plots.frame(Image.new("RGB", (1000, 500), (200, 0, 0))))
    assert frames[-1].shape == (240, 480, 3)
    path = tmp_path / f"out.{ending}"
    plots.preview(str(path), frames)
    with Image.open(path) as played:
        assert (played.n_frames, played.size, played.info["loop"]) == (4, (480, 240), 0)
        for i, red in enumerate((0, 40, 80, 200)):
            played.seek(i)
            assert np.abs(np.asarray(played.convert("RGB"), float).mean(axis=(0, 1)) - [red, 0, 0]).max() < 12
