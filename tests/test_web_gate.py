"""What of Gradio's server visitors reach: asked by plain requests, as an attacker would."""

import json
import time
from pathlib import Path

import pytest
from conftest import COFFEE, SWIRLS

pytest.importorskip("gradio", reason="no gradio installed (pip install 'neural-style[web]')")
import httpx

from neural_style.core.errors import UserError
from neural_style.engine import Engine
from neural_style.settings.web import WebSettings
from neural_style.web import access, controls
from neural_style.web.server import serving

SECRET = "/etc/passwd"


@pytest.fixture(scope="module")
def client():
    bounds = WebSettings(port=7997, most_upload=1, most_waiting=1)
    with serving(bounds, [Engine()]) as address, httpx.Client(base_url=address, timeout=60) as made:
        yield made


@pytest.fixture(scope="module")
def config(client):
    return client.get("/config").json()


def upload(client, path):
    with open(path, "rb") as file:
        (uploaded,) = client.post("/gradio_api/upload", files={"files": file}).json()
    return uploaded


def picture(path):
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def function(config, target, event):
    """The number of what happens on an event, and the values that the page begins with."""
    components = {each["id"]: each for each in config["components"]}
    ids = {each["props"].get("elem_id"): each["id"] for each in config["components"]}
    wanted = [ids[target], event]
    (found,) = [each for each in config["dependencies"] if wanted in each["targets"]]
    return found["id"], [components[each]["props"].get("value") for each in found["inputs"]]


def ask(client, number, data, visitor):
    body = {"fn_index": number, "data": data, "session_hash": visitor}
    return client.post("/gradio_api/queue/join", json=body)


def answers(client, visitor):
    """What a visitor's page is told, to the end."""
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": visitor}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                told = json.loads(line[5:])
                yield told
                if told["msg"] in ("process_completed", "close_stream"):
                    return


@pytest.mark.parametrize(
    "path",
    [
        f"/gradio_api/file={SECRET}",
        "/gradio_api/file=/tmp/../etc/passwd",
        "/gradio_api/file=setup.cfg",
        "/gradio_api/file=http://example.com/",
        "/gradio_api/file=file:///etc/passwd",
        "/gradio_api/file/etc/passwd",
        "/gradio_api/proxy=http://127.0.0.1:22/",
        "/static/../../../../../../../../etc/passwd",
        "/assets/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/gradio_api/custom_component/x/client/component/../../../etc/passwd",
        "/monitoring",
        "/gradio_api/runs",
        "/gradio_api/vibe-code/",
        "/gradio_api/openapi.json",
        "/gradio_api/deep_link?session_hash=a",
        "/docs",
    ],
)
def test_nothing_of_the_server_is_read(client, path):
    answer = client.get(path)
    assert answer.status_code in (403, 404)
    assert "root:" not in answer.text


def test_uploads_are_read_back_by_their_address_alone(client):
    path = upload(client, COFFEE)
    assert client.get(f"/gradio_api/file={path}").content == COFFEE.read_bytes()
    folder = path.rsplit("/", 2)[0]
    for other in (folder, f"{folder}/..{SECRET}", f"{path}/../../../..{SECRET}"):
        assert client.get(f"/gradio_api/file={other}").status_code in (403, 404)


@pytest.mark.parametrize("name", [SECRET, "../../up.png", "http://example.com/a.png", "/proc/self/environ"])
def test_no_file_but_uploaded_ones_is_painted(client, config, name):
    number, data = function(config, "paint", "click")
    data[:2] = picture(name), picture(upload(client, SWIRLS))
    answer = ask(client, number, data, "eve")
    assert (answer.status_code, answer.text) == (403, "Expected files that were uploaded to this page.")
    data[0], data[2] = picture(upload(client, COFFEE)), {"a": [picture(name)]}
    assert ask(client, number, data, "eve").status_code == 403


def test_an_upload_writes_nothing_elsewhere(client, tmp_path):
    for name in ("../../../../../../tmp/neural_style_escaped.png", "/tmp/neural_style_escaped.png"):
        (path,) = client.post("/gradio_api/upload", files={"files": (name, b"x")}).json()
        assert path.startswith("/tmp/neural_style_web_")
    assert not Path("/tmp/neural_style_escaped.png").exists()


def test_large_requests_are_refused(client):
    assert client.post("/gradio_api/upload", files={"files": ("a.png", bytes(1_100_000))}).status_code == 413
    assert client.post("/gradio_api/queue/join", content=b"[" * 1_100_000).status_code == 403
    assert client.post("/gradio_api/queue/join", content=b"[" * 500_000).status_code in (400, 403, 422)


def test_the_disk_is_not_filled(client, monkeypatch, tmp_path):
    path = upload(client, COFFEE)
    monkeypatch.setattr(access, "bytes_in", lambda folder: 10**8 + 1)
    answer = client.post("/gradio_api/upload", files={"files": COFFEE.read_bytes()})
    assert (answer.status_code, answer.text) == (507, "There is no room for files just now: come back in an hour.")
    monkeypatch.undo()
    assert access.bytes_in(path.rsplit("/", 2)[0]) >= COFFEE.stat().st_size


def test_the_page_is_kept_to_this_server_and_its_visitors_to_themselves(client):
    answer = client.get("/?deep_link=../../etc")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    assert "fonts.googleapis" not in answer.text


def test_a_visitor_without_a_browser_gets_the_same_picture_and_sentences(client, config):
    number, data = function(config, "paint", "click")
    data[:2] = picture(upload(client, COFFEE)), picture(upload(client, SWIRLS))
    data[-1] = "--rows=32 --scales=1 --scale_iterations=1 --evaluations_per_iteration=2 --weights=random"
    assert ask(client, number, data, "bob").status_code == 200
    last = list(answers(client, "bob"))[-1]
    assert last["success"]
    said, shown, _, png, record, *_ = last["output"]["data"]
    assert said.startswith("Painted: 32 x 48 pixels")
    assert client.get(shown["url"]).status_code == 200
    assert client.get(record["value"]["url"]).json()["complete"]
    assert client.get(png["value"]["url"]).content.startswith(b"\x89PNG")
    data[3 + controls.NAMES.index("rows")] = 32  # after the pictures and the recipe; all else as the page begins
    for flags, sentence in (("--weights=/etc/passwd", "visitors can't name the server's files"), (None, "Painted")):
        data[-1] = flags
        ask(client, number, data, "bob")
        assert sentence in json.dumps(list(answers(client, "bob")), ensure_ascii=False)


def test_a_port_that_is_taken_is_told(client):
    with pytest.raises(UserError, match="--port=7997 can't be listened at"), serving(WebSettings(port=7997), []):
        pass


def test_who_closes_the_page_makes_room(client, config):
    number, data = function(config, "paint", "click")
    data[:2] = picture(upload(client, COFFEE)), picture(upload(client, SWIRLS))
    data[-1] = "--rows=32 --scales=1 --scale_iterations=100000 --evaluations_per_iteration=2 --weights=random"
    ask(client, number, data, "carol")
    for told in answers(client, "carol"):
        if "loss" in json.dumps(told):
            break
    data[-1] = data[-1].replace("100000", "1")
    began = time.monotonic()
    ask(client, number, data, "dave")
    assert "Painted" in json.dumps(list(answers(client, "dave"))[-1])
    assert time.monotonic() - began < 40
