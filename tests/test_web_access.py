"""What of Gradio's server visitors reach: plain requests, as an attacker sends them."""

import asyncio
import contextlib
import gc
import json
import os
import re
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import COFFEE, SWIRLS
from PIL import Image

pytest.importorskip("gradio", reason="no gradio installed (pip install gradio)")
import httpx

from neural_style.core.errors import UserError
from neural_style.engine import Engine
from neural_style.settings.settings import Settings
from neural_style.settings.web import WebSettings
from neural_style.web import (
    bodies,
    connections,
    controls,
    cookies,
    file_reader,
    logins,
    origins,
    pictures,
    samples,
    sessions,
    shares,
    uploads,
)
from neural_style.web import kept as kept_results
from neural_style.web.bodies import EventFunction
from neural_style.web.file_reader import FileReader
from neural_style.web.kept import Kept
from neural_style.web.paint_job import PaintJob
from neural_style.web.refusal import Refusal
from neural_style.web.requests import PaintRequest
from neural_style.web.server import serving
from neural_style.web.sessions import Sessions
from neural_style.web.shares import Shares
from neural_style.web.style_job import StyleJob, StyleRequest
from neural_style.web.uploads import UploadFolder

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))
from page_client import (
    answers,
    ask,
    describe_file,
    fill_form,
    find_function,
    find_load_function,
    free_port,
    paint,
    upload,
)

SECRET = "/etc/passwd"
SMALL = "--rows=32 --scales=1 --scale_iterations=1 --evaluations_per_iteration=2 --weights=random"
LONG = SMALL.replace("--scale_iterations=1", "--scale_iterations=100000")
RECIPE = 2
"""Place of the recipe in the form, after the two pictures."""
PORT = free_port()
ADDRESS = f"http://127.0.0.1:{PORT}"
MB = 10**6


@pytest.fixture(scope="module", autouse=True)
def page():
    with serving(WebSettings(port=PORT, max_upload=1, max_waiting=1), [Engine()]):
        yield


def new_client():
    return httpx.Client(base_url=ADDRESS, timeout=60)


@pytest.fixture
def client():
    with new_client() as visitor:
        visitor.get("/")
        yield visitor


@pytest.fixture(scope="module")
def config():
    return httpx.get(f"{ADDRESS}/config").json()


@pytest.fixture(scope="module")
def filled_form():
    """What the page shows first, with two pictures, which are uploaded once: a network may upload 25 MB here."""
    with new_client() as visitor:
        return fill_form(visitor, COFFEE, SWIRLS)


@pytest.fixture
def form(client, filled_form):
    """The number of the function that paints, and a filled form for `paint`."""
    number, values = filled_form
    values = list(values)
    values[RECIPE] = "paint"
    values[RECIPE + 1 : -1] = [control.value for control in controls.make_controls("paint", WebSettings())]
    values[-1] = SMALL
    return number, values


def preview_addresses(messages):
    """Returns the addresses of the pictures that messages show; later ones come as differences."""
    return re.findall(r'"(http[^"]+[.]webp)"', json.dumps(messages))


def refused(function, *arguments):
    with pytest.raises(Refusal) as error:
        function(*arguments)
    return error.value.status


# Cookies


def cookies_kept(*headers):
    kept = cookies.keep_own({"headers": [(b"cookie", header) for header in headers] + [(b"host", b"localhost")]})
    assert dict(kept["headers"])[b"host"] == b"localhost"
    return [value for name, value in kept["headers"] if name == b"cookie"]


def test_cookies_of_this_page_are_kept():
    own = b"neural_style_browser=abcdefghijklmnopqrstuvwx"
    login, other = b"access-token-unsecure-Zx1=abcdefghijklmnopqrst", b"theme=dark"
    assert cookies_kept(other + b"; " + own, login) == [own + b"; " + login]
    assert cookies_kept(other) == []


@pytest.mark.parametrize(
    "header",
    [
        b'a="' + b'\\"' * 30_000,
        b'neural_style_browser="abcdefghijklmnopqrstuvwx"',
        b"neural_style_browser=" + b"a" * 60_000,
        b";" * 60_000,
        b"neural_style_browser=abcdefghijklmnop\xff",
        b"access-token-=abcdefghijklmnopqrst",
    ],
)
def test_malformed_cookies_reach_no_parser(header):
    assert cookies_kept(header) == []


def test_a_logout_ends_one_login():
    port = free_port()
    with (
        serving(WebSettings(port=port, password="sesame"), []),
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as one,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as other,
    ):
        for client in (one, other):
            assert client.post("/login", data={"username": "a", "password": "sesame"}).status_code == 200
            assert client.get("/config").status_code == 200
        assert one.get("/logout?all_session=true").status_code == 302
        assert one.get("/config").status_code == 401
        assert other.get("/config").status_code == 200


# Files and routes


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
        "/gradio_api/heartbeat/bob",
        "/docs",
    ],
)
def test_nothing_else_of_the_server_is_read(client, path):
    answer = client.get(path)
    assert answer.status_code in (403, 404)
    assert "root:" not in answer.text


@pytest.mark.parametrize("path", ["cancel", "reset", "run/paint", "call/paint", "component_server", "queue/status"])
def test_no_other_call_is_open(client, path):
    assert client.post(f"/gradio_api/{path}", json={}).status_code == 404


def test_uploads_are_read_back_by_their_address_only(client):
    path = upload(client, COFFEE)
    assert client.get(f"/gradio_api/file={path}").content == COFFEE.read_bytes()
    folder = path.rsplit("/", 2)[0]
    for other in (folder, f"{folder}/..{SECRET}", f"{path}/../../../..{SECRET}", f"{folder}//{path}"):
        assert client.get(f"/gradio_api/file={other}").status_code in (403, 404)


@pytest.mark.parametrize("name", [SECRET, "../../up.png", "http://example.com/a.png", "/proc/self/environ"])
def test_only_uploaded_files_are_painted(client, form, name):
    number, values = form
    photo = values[0]
    values[0] = describe_file(name)
    answer = ask(client, number, values, "eve")
    assert (answer.status_code, answer.text) == (403, "Expected files that were uploaded to this page.")
    values[0] = photo
    assert ask(client, number, values, "eve", event_data={"a": [describe_file(name)]}).status_code == 403


@pytest.mark.parametrize(
    "path", ["/%00", "/gradio_api/file=/tmp/%00", "/assets/%00.js", f"/static/{'a' * 300}", "/%ff"]
)
def test_names_that_no_file_has_get_4xx(client, path):
    assert 400 <= client.get(path).status_code < 500


# Work on the event loop is bounded


FUNCTIONS = {3: EventFunction((True, False), needs_index=False), 4: EventFunction((), needs_index=True)}
EVENT = {"fn_index": 3, "data": [None, "text"], "session_hash": "ada"}


def parse(event):
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return bodies.parse_event(body, FUNCTIONS, lambda path: path.startswith("/uploads/"))


def nested(depth):
    value = "x"
    for _ in range(depth):
        value = [value]
    return value


def test_an_event_of_the_page_is_passed_on():
    photo = {**describe_file("/uploads/a.png"), "orig_name": "a.png", "url": "http://127.0.0.1/a", "size": 3}
    event = parse({**EVENT, "data": [photo, "text"], "trigger_id": 7, "batched": True, "oauth_token": "x"})
    assert event["data"] == [photo, "text"]
    assert set(event) == {"fn_index", "data", "session_hash", "trigger_id", "event_data"}
    choice = {"index": 2, "value": "a"}
    assert parse({**EVENT, "fn_index": 4, "data": [], "event_data": choice})["event_data"] == choice


@pytest.mark.parametrize(
    "change",
    [
        {"data": None},
        {"data": []},
        {"data": ["text", "text"]},
        {"data": [None, {"a": 1}]},
        {"data": [{"a": 1}, "text"]},
        {"data": [None, "x" * 5001]},
        {"data": [None, "\0"]},
        {"data": [None, "\ud800"]},
        {"data": [{**describe_file("/uploads/a.png"), "url": "data:image/png;base64,AAAA"}, ""]},
        {"data": [{**describe_file("/uploads/a.png"), "is_stream": True}, ""]},
        {"data": [{"path": "/uploads/a.png"}, ""]},
        {"data": [describe_file("/a" * 20_000), ""]},
        {"event_data": nested(20)},
        {"event_data": [1] * 2000},
        {"event_data": {"a": [{"path": 3}]}},
        {"fn_index": 99},
        {"fn_index": True},
        {"fn_index": None},
        {"fn_index": 4, "data": [], "event_data": {"index": "x"}},
        {"session_hash": "../a"},
        {"session_hash": "a" * 65},
        {"session_hash": None},
    ],
)
def test_every_field_of_an_event_is_bounded(change):
    assert 400 <= refused(parse, {**EVENT, **change}) < 500


@pytest.mark.parametrize("body", [b"", b"[]", b"[" * 60_000, b"\xff", b'{"a": NaN}', b'{"a": 1e999}', b"9" * 60_000])
def test_bodies_of_another_kind_are_refused(body):
    assert refused(parse, body) == 400


@pytest.fixture
def no_garbage_collection():
    """Without pauses that depend on all else that this process holds."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_the_cost_of_parsing_grows_no_faster_than_its_input(no_garbage_collection):
    for unit in ('{"":{}},', "[],", '"a",', "1,"):
        count = bodies.MAX_BYTES // len(unit) - 10
        body = f'{{"data":[{unit * count}1]}}'.encode()
        start = time.thread_time()
        assert refused(parse, body) == 400
        assert time.thread_time() - start < 0.1


def test_paths_are_checked_without_the_disk(tmp_path, monkeypatch):
    folder = UploadFolder(str(tmp_path), MB)
    monkeypatch.setattr(os, "lstat", None)
    monkeypatch.setattr(os.path, "realpath", None)
    start = time.thread_time()
    assert folder.contains(f"{tmp_path}/a/b.png")
    for path in ("/a" * 490_000, f"{tmp_path}/" + "a/" * 10_000, f"{tmp_path}/\0", f"{tmp_path}/../x", f"{tmp_path}"):
        assert not folder.contains(path)
    assert time.thread_time() - start < 0.1


@pytest.mark.parametrize("size", [60_000, 490_000])
def test_a_long_path_does_not_freeze_the_page(client, size):
    start = time.monotonic()
    content = json.dumps({"path": "/a" * (size // 2)})
    answer = client.post("/gradio_api/queue/join", content=content, headers={"content-type": "application/json"})
    assert answer.status_code in (403, 413)
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("body", [b"[" * 1_100_000, b"[" * 50_000, b"x", b'{"data": 1}'])
def test_large_and_malformed_requests_are_refused(client, body):
    assert 400 <= client.post("/gradio_api/queue/join", content=body).status_code < 500


def test_a_slow_body_is_given_up(monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.1)

    async def never():
        await asyncio.sleep(60)

    with pytest.raises(Refusal, match="too long"):
        asyncio.run(bodies.read_body(never))


# Presence


def run_sessions(scenario, monkeypatch, arrival_seconds=0.2):
    """Runs a coroutine function with `Sessions` and the list of forgotten sessions."""
    monkeypatch.setattr(sessions, "ARRIVAL_SECONDS", arrival_seconds)
    forgotten = []

    async def run():
        tracker = Sessions()

        async def forget(session):
            forgotten.append(session)

        tracker.forget = forget
        await scenario(tracker, forgotten)

    asyncio.run(run())


def test_a_visitor_is_present_while_the_stream_is_open(monkeypatch):
    async def scenario(tracker, forgotten):
        tracker.claim("ada", "cookie")
        tracker.expect("ada", "network")
        assert not tracker.is_connected("ada")
        with tracker.open_stream("ada", "cookie", "network"):
            assert await tracker.wait_until_connected("ada", "network")
            assert tracker.is_connected("ada")
            with tracker.open_stream("ada", "cookie", "network"):
                pass
            assert tracker.is_connected("ada")
        assert not tracker.is_connected("ada")
        await asyncio.sleep(0.3)
        assert forgotten == []

    run_sessions(scenario, monkeypatch)


def test_a_request_at_the_end_of_a_stream_waits_for_the_next_one(monkeypatch):
    """As when a visitor drops a picture while the page's first answers have just been sent."""

    async def scenario(tracker, forgotten):
        tracker.claim("ada", "cookie")
        with tracker.open_stream("ada", "cookie", "network"):
            tracker.expect("ada", "network")
        waits = asyncio.create_task(tracker.wait_until_connected("ada", "network"))
        await asyncio.sleep(0)
        with tracker.open_stream("ada", "cookie", "network"):
            assert await waits
        assert not await tracker.wait_until_connected("ada", "network")
        assert not await tracker.wait_until_connected("ada", "network")  # who is forgotten is not waited for

    run_sessions(scenario, monkeypatch)


def test_a_wait_that_is_cancelled_leaves_others_waiting(monkeypatch):
    async def scenario(tracker, forgotten):
        tracker.claim("ada", "cookie")
        tracker.expect("ada", "network")
        left, waits = (asyncio.create_task(tracker.wait_until_connected("ada", "network")) for _ in range(2))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.sleep(0)
        with tracker.open_stream("ada", "cookie", "network"):
            assert await waits

    run_sessions(scenario, monkeypatch)


def test_who_never_opens_a_stream_is_forgotten(monkeypatch):
    async def scenario(tracker, forgotten):
        tracker.claim("ghost", "cookie")
        tracker.expect("ghost", "network")
        assert not await tracker.wait_until_connected("ghost", "network")
        await asyncio.sleep(0.01)
        assert forgotten == ["ghost"]

    run_sessions(scenario, monkeypatch)


def test_ghosts_displace_the_oldest_ghost_and_nobody_else(monkeypatch):
    monkeypatch.setattr(sessions, "MAX_ABSENT", 6)
    monkeypatch.setattr(sessions, "MAX_ABSENT_OF_SUBNET", 3)

    async def scenario(tracker, forgotten):
        def expect(session, network):
            tracker.claim(session, "x")
            tracker.expect(session, network)

        expect("ada", "another network")
        for number in range(5):
            expect(f"ghost{number}", "network")
        await asyncio.sleep(0.01)
        assert forgotten == ["ghost0", "ghost1"]  # and not Ada, who came before them
        for number in range(5, 8):
            expect(f"ghost{number}", f"network {number}")
        await asyncio.sleep(0.01)
        assert forgotten == ["ghost0", "ghost1", "ada"]

    run_sessions(scenario, monkeypatch)


def test_owners_and_streams_are_bounded(monkeypatch):
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 3)

    async def scenario(tracker, forgotten):
        tracker.claim("here", "x")
        with tracker.open_stream("here", "x", "network"), tracker.open_stream("here", "x", "network"):
            for number in range(9):
                tracker.claim(f"gone{number}", "x")
            assert len(tracker._owners) == 3
            with pytest.raises(Refusal, match="Too many streams"), tracker.open_stream("here", "x", "network"):
                pass
        with pytest.raises(Refusal, match="no requests"), tracker.open_stream("unknown", "x", "network"):
            pass

    run_sessions(scenario, monkeypatch)


def test_one_network_leaves_streams_to_others(monkeypatch):
    monkeypatch.setattr(sessions, "MAX_STREAMS_OF_SUBNET", 2)

    async def scenario(tracker, forgotten):
        for session in ("one", "two", "three"):
            tracker.claim(session, "x")
        with tracker.open_stream("one", "x", "192.0.2.1"), tracker.open_stream("two", "x", "192.0.2.1"):
            with pytest.raises(Refusal, match="Too many streams"), tracker.open_stream("three", "x", "192.0.2.1"):
                pass
            assert not tracker.is_connected("three")
            with tracker.open_stream("three", "x", "192.0.2.2"):
                assert tracker.is_connected("three")
        with tracker.open_stream("three", "x", "192.0.2.1"):
            pass

    run_sessions(scenario, monkeypatch)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("localhost", "localhost", True),
    ],
)
def test_networks(one, other, is_same):
    assert (shares.subnet_of(one) == shares.subnet_of(other)) == is_same


@pytest.mark.parametrize(("component", "file"), [("photo", COFFEE), ("again", COFFEE)])
def test_files_are_read_only_for_visitors_who_are_there(client, config, monkeypatch, component, file):
    """Otherwise calls without a stream would keep the reader busy."""
    monkeypatch.setattr(sessions, "ARRIVAL_SECONDS", 0.2)
    read = []
    monkeypatch.setattr(pictures, "check_size", lambda path, *_: read.append(path))
    number, values = find_function(config, component, "upload")
    values[0] = describe_file(upload(client, file))
    ask(client, number, values, f"{component}-ghost")
    time.sleep(0.5)
    assert read == []
    ask(client, number, values, f"{component}-ada")
    assert list(answers(client, f"{component}-ada"))[-1]["msg"] == "process_completed"
    assert len(read) == 1


def test_ghosts_do_not_fill_the_queue(client, form):
    number, values = form
    values[-1] = LONG
    for ghost in range(21):
        assert ask(client, number, values, f"ghost{ghost}").status_code == 200
    values[-1] = SMALL
    ask(client, number, values, "alive")
    assert "Painted" in json.dumps(list(answers(client, "alive"))[-1])


def test_a_session_belongs_to_one_browser(client, config, form):
    number, values = form
    values[-1] = LONG
    stop, _ = find_function(config, "stop", "click")
    with new_client() as other:
        other.get("/")
        ask(client, number, values, "carol")
        assert ask(other, stop, [], "carol").status_code == 403
        assert other.get("/gradio_api/queue/data?session_hash=carol").status_code == 403
    for message in answers(client, "carol"):
        if "loss" in json.dumps(message):
            break
    ask(client, stop, [], "carol")


def test_unknown_sessions_and_functions_get_4xx(client, form):
    _, values = form
    assert client.get("/gradio_api/queue/data?session_hash=nobody").status_code == 404
    assert client.get("/gradio_api/queue/data").status_code == 400
    assert client.get("/gradio_api/queue/data?session_hash=%00").status_code == 400
    assert ask(client, 10**6, values, "eve").status_code == 404


def test_a_stream_without_answers_is_refused(client, form, capfd):
    """When the request was refused, or all its answers were sent; Gradio would wait for ever, or raise."""
    number, values = form
    body = json.dumps({"fn_index": number, "data": values, "session_hash": "refused"})
    assert client.post("/gradio_api/queue/join", content=body).status_code == 422  # no type
    ask(client, number, values, "answered")
    assert "Painted" in json.dumps(list(answers(client, "answered"))[-1])
    for session in ("refused", "answered"):
        assert client.get(f"/gradio_api/queue/data?session_hash={session}").status_code == 404
    assert "Traceback" not in capfd.readouterr().err


def ask_until_painting(client, number, values, session):
    """Asks for a picture, and reads answers until its first loss is shown; then nobody listens any more."""
    ask(client, number, values, session)
    for message in answers(client, session):
        if "loss" in json.dumps(message):
            return


def test_who_closes_the_page_makes_room(client, form):
    number, values = form
    values[-1] = LONG
    ask_until_painting(client, number, values, "dora")
    values[-1] = SMALL
    start = time.monotonic()
    ask(client, number, values, "dave")
    assert "Painted" in json.dumps(list(answers(client, "dave"))[-1])
    assert time.monotonic() - start < 90  # not the time of a long run


# What a browser gets back


@pytest.fixture(scope="module")
def load_number(config):
    return find_load_function(config)


def reload(client, number, session):
    """What the page shows when it is loaded: the sentence and its other outputs; None where it shows nothing."""
    assert ask(client, number, [], session).status_code == 200
    outputs = [(message.get("output") or {}).get("data") or [None] for message in answers(client, session)]
    return next((shown for shown in outputs if isinstance(shown[0], str)), None)


def test_a_browser_gets_its_last_picture_back_and_no_other_browser_does(client, form, load_number):
    number, values = form
    assert reload(client, load_number, "before") is None
    sentence, address = paint(client, number, values, "grace")
    message, picture, _, png, record, *_ = reload(client, load_number, "again")
    assert message == sentence
    assert png["value"]["url"] == address
    assert client.get(picture["url"]).content == client.get(address).content
    assert client.get(record["value"]["url"]).json()["complete"]
    with new_client() as other:
        other.get("/")
        assert reload(other, load_number, "other") is None


def test_without_a_cookie_nothing_comes_back(client, form, load_number):
    """Others of the same network may send none either."""
    number, values = form
    with new_client() as nobody:
        assert paint(nobody, number, values, "nobody")[0].startswith("Painted")
        assert reload(nobody, load_number, "nobody-again") is None


def test_who_leaves_while_painting_gets_the_best_picture_so_far(client, form, load_number):
    number, values = form
    values[-1] = LONG
    ask_until_painting(client, number, values, "heidi")
    messages = ask(client, load_number, [], "heidi-again") and list(answers(client, "heidi-again"))
    assert "The best picture so far is kept." in json.dumps(messages)


def test_removed_files_do_not_come_back(tmp_path, monkeypatch):
    folder = folder_with(tmp_path)
    kept = Kept(folder)
    picture = PaintJob(PaintRequest(str(COFFEE), str(SWIRLS), Settings.read("paint"), WebSettings()))
    picture.image = Image.new("RGB", (8, 8))
    kept.keep_picture("ada", picture, "Painted.")
    assert kept.picture_of("ada").sentence == "Painted."
    assert kept.picture_of("bob") is None
    assert kept.picture_of(None) is None
    monkeypatch.setattr(kept_results, "MAX_BROWSERS", 1)
    kept.keep_picture("bob", picture, "Painted.")
    assert kept.picture_of("ada") is None
    folder.sweep(time.time() + uploads.MAX_AGE_SECONDS + 1)
    assert kept.picture_of("bob") is None


def test_a_style_belongs_to_its_browser(client, form, tmp_path):
    kept = Kept(folder_with(tmp_path))
    learned = StyleJob(StyleRequest(None, "somewhere/swirls.png", WebSettings()))
    learned.network = b"network"
    (path,) = kept.keep_style("ada", learned, "Learned.")
    assert Path(path).name == "swirls.keras"
    assert Path(path).read_bytes() == b"network"
    changed = os.stat(path).st_ctime_ns
    assert [kept.use_style(browser) for browser in ("ada", "bob", None)] == [path, None, None]
    assert os.stat(path).st_ctime_ns > changed  # it stays for another hour
    Path(path).unlink()
    assert kept.use_style("ada") is None
    number, values = form
    for place, value in ((RECIPE, "feedforward"), (RECIPE + 1, controls.OWN_STYLE), (-1, "")):
        values[place] = value
    sentence, address = paint(client, number, values, "judy")
    assert sentence == "⚠️ A style of your own is not here, or not any more: train it first."
    assert address is None


def test_who_is_not_there_trains_nothing(client, config, form, monkeypatch):
    monkeypatch.setattr(sessions, "ARRIVAL_SECONDS", 0.2)
    read = []
    monkeypatch.setattr(StyleRequest, "read", lambda request: read.append(request))
    number, _ = find_function(config, "train", "click")
    ask(client, number, form[1][:2], "pupil-ghost")
    time.sleep(0.5)
    assert read == []
    ask(client, number, [form[1][0], None], "pupil")
    assert "Expected a painting: drop one." in json.dumps(list(answers(client, "pupil")))


# Uploads


def folder_with(tmp_path, max_upload=1000):
    return UploadFolder(str(tmp_path), max_upload)


def form_body(*files):
    parts = [
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n%s\r\n' % (name.encode(), content)
        for name, content in files
    ]
    return b"".join(parts) + b"--x--\r\n"


def send_upload(folder, *chunks, is_cut=False, address="192.0.2.1"):
    """Uploads chunks of a body; `is_cut` disconnects after them."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.disconnect"} if is_cut else {"type": "http.request", "body": b""})

    async def receive():
        return messages.pop(0)

    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    scope = {"type": "http", "headers": headers, "client": (address, 1)}
    return asyncio.run(folder.receive(scope, receive))


def stored_files(folder):
    return [path for path in Path(folder).rglob("*") if path.is_file()]


def test_an_upload_is_stored_under_its_name(tmp_path):
    path = Path(send_upload(folder_with(tmp_path), form_body(("my photo.PNG", b"abc"))))
    assert (path.name, path.read_bytes()) == ("my photo.PNG", b"abc")
    assert path.parent.parent == tmp_path


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../up.png", "up.png"),
        ("/tmp/a.png", "a.png"),
        (r"C:\b.png", "b.png"),
        ("", "file"),
        ("..", "file"),
        (".png", "png"),
        ("a\0\n.png", "a__.png"),
        ("ä" * 300 + ".jpeg", "ä" * 39 + ".jpeg"),
        ("a." + "b" * 300, "a." + "b" * 20),
    ],
)
def test_names_are_made_safe(name, safe):
    assert uploads.make_safe_name(name) == safe


def test_an_interrupted_upload_leaves_nothing(tmp_path):
    folder = folder_with(tmp_path)
    for count in range(150):
        body = form_body(("a.png", bytes(900)))[: 500 + count]
        with pytest.raises(Refusal, match="interrupted"):
            send_upload(folder, body, is_cut=True)
    assert stored_files(tmp_path) == []
    assert folder.upload_bytes == 0


def test_a_slow_upload_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "CHUNK_SECONDS", 0.1)

    async def never():
        await asyncio.sleep(60)

    scope = {"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=x")]}
    with pytest.raises(Refusal, match="interrupted"):
        asyncio.run(folder_with(tmp_path).receive(scope, never))


def test_one_file_a_request(tmp_path):
    with pytest.raises(Refusal, match="one file"):
        send_upload(folder_with(tmp_path), form_body(("a.png", b"a"), ("b.png", b"b")))
    assert stored_files(tmp_path) == []


@pytest.mark.parametrize("body", [b"", b"x", form_body()])
def test_forms_without_a_file_are_refused(tmp_path, body):
    with pytest.raises(Refusal, match="one file"):
        send_upload(folder_with(tmp_path), body)


def test_a_large_file_is_refused_as_it_arrives(tmp_path):
    folder = folder_with(tmp_path, 1000)
    with pytest.raises(Refusal, match="maximum allowed size"):
        send_upload(folder, form_body(("a.png", bytes(1001))))
    endless = [form_body(("a.png", bytes(900)))[:900]] * 1000
    with pytest.raises(Refusal, match="maximum allowed size"):
        send_upload(folder, *endless)
    assert stored_files(tmp_path) == []


def test_bytes_of_all_requests_count_as_they_arrive(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "UPLOADS_FACTOR", 5)
    folder = folder_with(tmp_path, 1000)
    statuses = []
    for number in range(12):
        try:
            send_upload(folder, form_body(("a.png", bytes(900))), address=f"192.0.2.{number}")
        except Refusal as error:
            statuses.append(error.status)
    assert statuses
    assert set(statuses) == {507}
    assert sum(path.stat().st_size for path in stored_files(tmp_path)) <= 5000
    folder.sweep()
    assert folder.upload_bytes == sum(path.stat().st_size for path in stored_files(tmp_path))


def test_one_network_leaves_room_for_others(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "UPLOADS_FACTOR_OF_SUBNET", 2)
    folder = folder_with(tmp_path, 1000)
    body = form_body(("a.png", bytes(700)))
    send_upload(folder, body, address="2001:db8::1")
    send_upload(folder, body, address="2001:db8::2")
    with pytest.raises(Refusal, match="no room"):
        send_upload(folder, body, address="2001:db8::3")
    send_upload(folder, body, address="2001:db9::1")
    folder.sweep(time.time() + uploads.MAX_AGE_SECONDS + 60)
    assert folder.upload_bytes == 0
    send_upload(folder, body, address="2001:db8::1")


def test_slow_uploads_leave_places_to_others(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_CONCURRENT_OF_SUBNET", 2)
    folder = folder_with(tmp_path)
    headers = [(b"content-type", b"multipart/form-data; boundary=x")]

    async def never():
        await asyncio.sleep(60)

    def start(address):
        scope = {"type": "http", "headers": headers, "client": (address, 1)}
        return asyncio.create_task(folder.receive(scope, never))

    async def run():
        tasks = [start(address) for address in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2")]
        await asyncio.sleep(0.05)
        assert [task.done() for task in tasks] == [False, False, True, False]
        with pytest.raises(Refusal, match="Too many files"):
            await tasks[2]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        tasks = [start("192.0.2.1")]
        await asyncio.sleep(0.05)
        assert not tasks[0].done()
        tasks[0].cancel()

    asyncio.run(run())


def test_an_upload_that_trickles_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "CHUNK_SECONDS", 0.2)
    chunks = iter([form_body(("a.png", bytes(900)))[:100], *[b"x"] * 50])
    received = []

    async def trickle():
        await asyncio.sleep(0.05)
        received.append(next(chunks))
        return {"type": "http.request", "body": received[-1], "more_body": True}

    scope = {"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=x")]}
    folder = folder_with(tmp_path)
    with pytest.raises(Refusal, match="interrupted"):
        asyncio.run(folder.receive(scope, trickle))
    assert 3 <= len(received) <= 10
    assert folder.upload_bytes == 0


def test_the_oldest_results_make_room_and_uploads_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "RESULTS_FACTOR", 3)
    folder = folder_with(tmp_path, 1000)
    uploaded = send_upload(folder, form_body(("a.png", bytes(900))))
    written = []
    for _ in range(6):
        with folder.adding_result() as result_folder:
            written.append(result_folder / "painted.png")
            written[-1].write_bytes(bytes(900))
        time.sleep(0.01)  # so that their times differ
    assert [path.exists() for path in written] == [False] * 3 + [True] * 3
    assert Path(uploaded).exists()
    assert folder.upload_bytes == 900


def test_everything_goes_by_age(tmp_path):
    folder = folder_with(tmp_path)
    (tmp_path / "sample.png").write_bytes(b"kept")
    folder.keep_present_files()
    send_upload(folder, form_body(("a.png", b"abc")))
    (tmp_path / "unknown").write_bytes(b"of nobody")
    (tmp_path / "results" / "deep").mkdir(parents=True)
    (tmp_path / "results" / "deep" / "painted.png").write_bytes(b"x")
    folder.sweep(time.time() + uploads.MAX_AGE_SECONDS - 60)
    assert len(stored_files(tmp_path)) == 4
    folder.sweep(time.time() + uploads.MAX_AGE_SECONDS + 60)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["sample.png"]
    assert [path.name for path in stored_files(tmp_path)] == ["sample.png"]
    assert folder.upload_bytes == 0


def test_uploads_write_nothing_elsewhere(client):
    for name in ("../../../../../../tmp/neural_style_escaped.png", "/tmp/neural_style_escaped.png"):
        (path,) = client.post("/gradio_api/upload", files={"files": (name, b"x")}).json()
        assert path.startswith("/tmp/neural_style_web_")
    assert not Path("/tmp/neural_style_escaped.png").exists()


def test_large_uploads_are_refused_by_the_page(client):
    assert client.post("/gradio_api/upload", files={"files": ("a.png", bytes(1_100_000))}).status_code == 413
    two = [("files", ("a.png", b"a")), ("files", ("b.png", b"b"))]
    assert client.post("/gradio_api/upload", files=two).status_code == 400


def test_an_upload_that_breaks_off_leaves_nothing_on_the_server(client):
    folder = Path(upload(client, COFFEE)).parent.parent
    before = stored_files(folder)
    head = f"POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nContent-Length: 900000\r\n"
    head += "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", PORT)) as connection:
            connection.sendall(head.encode() + form_body(("a.png", bytes(300_000)))[:200_000])
    time.sleep(1)
    assert stored_files(folder) == before


# Doors


@pytest.mark.parametrize(
    ("host", "is_known"),
    [
        ("127.0.0.1:7860", True),
        ("localhost", True),
        ("LOCALHOST:80", True),
        ("[::1]:7860", True),
        ("192.168.1.5", True),
        (socket.gethostname(), True),
        ("paint.example:443", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
        ("[", False),
    ],
)
def test_pages_answer_to_their_own_names(host, is_known):
    check = origins.OriginCheck(["paint.example"], is_public=False)
    if is_known:
        check.check(origins.Headers({"host": host}))
    else:
        assert refused(check.check, origins.Headers({"host": host})) == 403


@pytest.mark.parametrize("path", ["/", "/config", "/assets/x.js", "/gradio_api/queue/data"])
def test_other_names_and_other_pages_are_refused(client, path):
    assert client.get(path, headers={"Host": "evil.example"}).status_code == 403
    for origin in ("http://evil.example", "null", f"http://localhost:{PORT}", "http://127.0.0.1:1"):
        assert client.get(path, headers={"Origin": origin}).status_code == 403
    assert client.get("/", headers={"Origin": ADDRESS}).status_code == 200


def test_origins_behind_a_proxy():
    check = origins.OriginCheck(["paint.example"], is_public=False)
    check.check(origins.Headers({"host": "127.0.0.1:7860", "origin": "https://paint.example"}))
    assert refused(origins.OriginCheck([], False).check, origins.Headers(raw=[])) == 400
    origins.OriginCheck([], is_public=True).check(origins.Headers({"host": "a.gradio.live"}))


def test_a_query_of_too_many_fields_is_refused(client):
    query = "&".join(f"a{number}=1" for number in range(20))
    assert client.get(f"/gradio_api/queue/data?{query}").status_code == 400


@pytest.mark.parametrize("choice", [None, {}, {"index": "0", "value": 1}, {"index": 0}])
def test_a_choice_needs_its_index_and_value(choice):
    event = {"fn_index": 0, "data": [], "session_hash": "ada", "event_data": choice}
    functions = {0: EventFunction((), needs_index=True)}
    assert refused(bodies.parse_event, json.dumps(event).encode(), functions, bool) == 400


def attempt(limit, network, browser=None, is_correct=False):
    """Tries a password; returns whether it was looked at."""
    try:
        with limit.attempt(network, browser) as mark_correct:
            if is_correct:
                mark_correct()
    except Refusal as refusal:
        return refusal.status != 429
    return True


def test_passwords_can_be_tried_rarely():
    now = [0.0]
    limit = logins.LoginLimit(lambda: now[0])
    for _ in range(logins.MAX_FAILURES):
        assert attempt(limit, "one")
        assert attempt(limit, "other", is_correct=True)
    assert not attempt(limit, "one")
    now[0] = logins.WINDOW + 1
    assert attempt(limit, "one")


def test_who_has_logged_in_before_is_not_locked_out_by_others_of_the_network():
    limit = logins.LoginLimit()
    assert attempt(limit, "proxy", "ada's", is_correct=True)
    for number in range(logins.MAX_FAILURES):
        assert attempt(limit, "proxy", f"eve's {number}")
    assert not attempt(limit, "proxy", "eve's new")
    assert not attempt(limit, "proxy", None)
    for _ in range(logins.MAX_FAILURES):
        assert attempt(limit, "proxy", "ada's")
    assert not attempt(limit, "proxy", "ada's")


def test_what_the_login_limit_remembers_is_bounded(monkeypatch):
    monkeypatch.setattr(logins, "MAX_REMEMBERED", 5)
    limit = logins.LoginLimit()
    for number in range(50):
        attempt(limit, f"192.0.2.{number}", f"browser {number}", is_correct=True)
    assert len(limit._failures) == len(limit._known_browsers) == 5


@pytest.mark.parametrize("path", ["/", "/?deep_link=../../etc", "/config", "/nothing", "/theme.css"])
def test_answers_have_headers_that_protect_visitors(client, path):
    answer = client.get(path)
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "fonts.googleapis" not in answer.text


def test_connections_without_a_request_are_closed(client, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 1)
    with socket.create_connection(("127.0.0.1", PORT)) as half, socket.create_connection(("127.0.0.1", PORT)) as silent:
        half.sendall(b"GET / HTTP/1.1\r\nHost: ")
        for connection in (half, silent):
            connection.settimeout(10)
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(10) == b""


def test_half_open_connections_displace_the_oldest(client):
    half_open = [socket.create_connection(("127.0.0.1", PORT)) for _ in range(150)]
    try:
        start = time.monotonic()
        assert client.get("/").status_code == 200
        assert time.monotonic() - start < 2
        assert len(connections.LimitedProtocol._idle) <= connections.MAX_IDLE_OF_SUBNET + 1
    finally:
        for connection in half_open:
            connection.close()


@pytest.fixture
def few_connections(monkeypatch):
    """Four connections of a network, besides those that are open now."""
    limited = connections.LimitedProtocol
    for name, of_one in (("_shares", 4), ("_proxy_shares", 6)):
        monkeypatch.setattr(limited, name, Shares(6, of_one, "too many"))


def count_open(addresses):
    """Opens connections from addresses of this machine; returns how many the server keeps."""
    with contextlib.ExitStack() as stack:
        opened = []
        for address in addresses:
            connection = socket.create_connection(("127.0.0.1", PORT), source_address=(address, 0))
            opened.append(stack.enter_context(connection))
        return sum(map(is_open, opened))


def is_open(connection):
    connection.settimeout(0.3)
    try:
        return connection.recv(1) != b""
    except TimeoutError:
        return True
    except ConnectionResetError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 on its loopback")
def test_one_network_leaves_connections_to_others(few_connections, monkeypatch):
    assert count_open(["127.0.0.2"] * 5 + ["127.0.0.3"]) == 5
    time.sleep(0.2)
    assert count_open(["127.0.0.2"] * 5) == 4  # those that were closed no longer count
    assert count_open(["127.0.0.2", "127.0.0.3"] * 4) == 6
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.2")
    assert count_open(["127.0.0.2"] * 8) == 6


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 on its loopback")
def test_idle_connections_of_one_network_do_not_displace_those_of_others(monkeypatch):
    """Those that have sent a request before count as used, and only the newest as unused."""
    monkeypatch.setattr(connections, "MAX_IDLE_OF_SUBNET", 10)
    request = f"GET /theme.css HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            connection = socket.create_connection(("127.0.0.1", PORT), source_address=("127.0.0.2", 0))
            stack.enter_context(connection).sendall(request)
            assert connection.recv(10) == b"HTTP/1.1 2"
        for _ in range(10):
            assert httpx.get(f"{ADDRESS}/config", timeout=2).status_code == 200
        newest = socket.create_connection(("127.0.0.1", PORT), source_address=("127.0.0.2", 0))
        stack.enter_context(newest).sendall(request)
        assert newest.recv(10) == b"HTTP/1.1 2"


def test_upgrades_are_refused(client):
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    answer = client.get("/config", headers={**headers, "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="})
    assert answer.status_code == 200  # as if nothing had been asked


def test_networks_take_turns_for_pages():
    """While one network's requests are slow, those of others are answered."""
    turns, started = shares.Turns(2), []

    async def make_page(network):
        async with turns.take(network):
            started.append(network)
            await asyncio.sleep(60 if network == "slow" else 0)

    async def run():
        tasks = [asyncio.create_task(make_page(network)) for network in ["slow"] * 5 + ["other"] * 3]
        await asyncio.sleep(0.05)
        assert started == ["slow"] * 2 + ["other"] * 3
        tasks[0].cancel()
        await asyncio.sleep(0.05)
        assert started.count("slow") == 3
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert len(turns._semaphores) <= 1

    asyncio.run(run())


def test_networks_take_turns_for_the_reader(monkeypatch):
    monkeypatch.setattr(file_reader, "MAX_WAITING_OF_SUBNET", 4)
    go_on, read = threading.Event(), []

    def work(name):
        go_on.wait(10)
        read.append(name)

    async def run():
        reader = FileReader()
        tasks = [asyncio.create_task(reader.read("one", work, f"one {number}")) for number in range(5)]
        await asyncio.sleep(0)
        tasks += [asyncio.create_task(reader.read("other", work, "other"))]
        await asyncio.sleep(0.05)
        with pytest.raises(UserError, match="Many pictures are being read"):
            await tasks[4]
        tasks[1].cancel()
        tasks[0].cancel()  # its work goes on, and the others wait for it
        await asyncio.sleep(0.05)
        assert read == []
        go_on.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        await reader.read("one", work, "last")

    asyncio.run(run())
    assert sorted(read) == ["last", "one 0", "one 2", "one 3", "other"]
    assert read.index("other") <= 2
    assert read[0] == "one 0"


def count_answers(path, count, seconds_of_rest):
    """Asks for a file many times at once, rests, and reads; returns how many answers came."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n\r\n".encode()
    received = bytearray()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", PORT))
        connection.sendall(request * count)
        time.sleep(seconds_of_rest)
        connection.settimeout(2)
        with contextlib.suppress(ConnectionResetError, TimeoutError):
            while part := connection.recv(1 << 16):
                received += part
    return received.count(b"HTTP/1.1 200")


def test_answers_that_are_not_read_are_given_up(client, monkeypatch):
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 1)
    upload_path = upload(client, COFFEE)  # larger than the buffers when it is asked for many times
    path = f"/gradio_api/file={upload_path}"
    assert count_answers(path, 10, seconds_of_rest=0) == 10
    assert count_answers(path, 400, seconds_of_rest=3) < 400


def test_a_password_guards_everything(monkeypatch):
    port = free_port()
    with (
        serving(WebSettings(port=port, password="sesame"), []),
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        assert client.get("/config").status_code == 401
        for path in ("queue/data?session_hash=a", "heartbeat/a", "file=/tmp/a", "queue/status"):
            assert client.get(f"/gradio_api/{path}").status_code in (401, 404)
        for path in ("queue/join", "cancel", "upload"):
            assert client.post(f"/gradio_api/{path}", content=b"x").status_code in (401, 404)
        statuses = [client.post("/login", data={"username": "a", "password": "x"}).status_code for _ in range(30)]
        assert statuses.count(400) == logins.MAX_FAILURES
        assert statuses.count(429) == 30 - logins.MAX_FAILURES
        monkeypatch.setattr(logins, "WINDOW", 0)
        assert client.post("/login", data={"username": "a", "password": "sesame"}).status_code == 200
        assert client.get("/config").status_code == 200
        assert "path" in str(client.post("/gradio_api/upload", files={"files": ("path", b"x")}).json())


# A visitor without a browser


def test_a_visitor_without_a_browser_gets_the_same_picture_and_sentences(client, form):
    number, values = form
    assert ask(client, number, values, "bob").status_code == 200
    messages = list(answers(client, "bob"))
    last = messages[-1]
    assert last["success"]
    sentence, _, _, png, record, *_ = last["output"]["data"]
    assert sentence.startswith("Painted: 48 wide, 32 high, in about")
    previews = preview_addresses(messages)
    assert previews
    assert all(client.get(address).status_code == 200 for address in previews)
    assert client.get(record["value"]["url"]).json()["complete"]
    assert client.get(png["value"]["url"]).content.startswith(b"\x89PNG")
    for flags, sentence in (
        ("--weights=/etc/passwd", "visitors can't name the server's files"),
        ("--rows=x", "rows takes a whole number"),
        (None, "Painted"),
    ):
        values[RECIPE + 1 + controls.NAMES.index("rows")] = 32
        values[RECIPE] = "instant" if flags is None else "paint"
        if flags is None:
            values[RECIPE + 1 : -1] = [control.value for control in controls.make_controls("instant", WebSettings())]
            values[RECIPE + 1 + controls.NAMES.index("rows")] = 32
        values[-1] = flags
        ask(client, number, values, "bob")
        assert sentence in json.dumps(list(answers(client, "bob")), ensure_ascii=False)


@pytest.mark.parametrize(("byte_count", "is_kept"), [(60_000, True), (400_000, False)])
def test_large_metadata_is_not_copied_to_results(client, form, tmp_path, byte_count, is_kept):
    exif = Image.Exif()
    exif[0x010E] = "x" * byte_count  # the description
    with Image.open(COFFEE) as image:
        image.save(tmp_path / "photo.png", exif=exif)
    number, values = form
    values[0] = describe_file(upload(client, tmp_path / "photo.png"))
    sentence, address = paint(client, number, values, f"exif{byte_count}")
    assert sentence.startswith("Painted")
    png = client.get(address).content
    assert (b"x" * 1000 in png) == is_kept


def test_values_that_the_page_never_sends_get_a_sentence(client, form, capfd):
    number, values = form
    for place, value in ((RECIPE, "nothing"), (RECIPE, None), (RECIPE + 2, -5), (RECIPE + 3, "x"), (RECIPE + 7, True)):
        changed = [*values[:-1], ""]
        changed[place] = value
        ask(client, number, changed, "eve")
        last = list(answers(client, "eve"))[-1]
        assert last["success"], last
        assert "⚠️" in json.dumps(last, ensure_ascii=False)
    assert "Traceback" not in capfd.readouterr().err


BAD_FILES = {
    "text.png": b"hello",
    "empty.png": b"",
    "cut.jpg": samples.find_photos()[0].read_bytes()[:20_000],
    "cut.png": COFFEE.read_bytes()[:2000],
}


@pytest.mark.parametrize("component", ["photo", "again"])
@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_gets_a_sentence_and_one_line_in_the_log(client, config, component, name, tmp_path, capfd):
    number, _ = find_function(config, component, "upload")
    (tmp_path / name).write_bytes(BAD_FILES[name])
    session = f"mallory-{component}-{name[:3]}-{name[-3:]}"
    ask(client, number, [describe_file(upload(client, tmp_path / name))], session)
    assert "Expected" in json.dumps(list(answers(client, session))[-1])
    (line,) = capfd.readouterr().err.splitlines()
    assert f"A visitor's file can't be read: {name} (" in line


def test_a_port_that_is_taken_gets_a_sentence():
    with pytest.raises(UserError, match=f"--port={PORT} can't be listened at"), serving(WebSettings(port=PORT), []):
        pass


def test_closed_pages_leave_no_threads():
    before = threading.active_count()
    with serving(WebSettings(port=free_port()), []):
        pass
    assert threading.active_count() <= before + 5
