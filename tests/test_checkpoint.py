import itertools
import json
import shlex
import shutil
import types
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import COFFEE, DATA, SWIRLS, options
from fake_engine import Killed
from PIL import Image

from neural_style.cli import main, show
from neural_style.core.errors import UserError
from neural_style.engine import Engine
from neural_style.optimize import session
from neural_style.planning.plan import prepare
from neural_style.results import checkpoint
from neural_style.results.checkpoint import Checkpoint
from neural_style.results.record import RunInfo

FLAGS = {"rows": 32, "style_scale": [1.0], "cols": None}
INFO = RunInfo("a.jpg", ["b.jpg"], "out", ".png", FLAGS, {})
DIGESTS = {"a.jpg": "1", "b.jpg": "2"}
SCALE = {"rows": 32, "cols": 48, "iterations": [], "losses": []}
QUICK = ["--weights=random", "--rows=32", "--style_layers=block1_conv1", "--content_layers=block1_conv2"]


def state(session, frames=()):
    return Checkpoint(INFO, DIGESTS, [SCALE], session, frames)


def test_arrays_and_numbers_are_restored_exactly(tmp_path, rng):
    x, frame = rng.standard_normal(7), rng.integers(0, 255, (2, 3, 3), np.uint8)
    session = {"index": 3, "pairs": [(x, -x)], "first": 0.1 + 0.2, "best": None}
    checkpoint.save(str(tmp_path / "out"), state(session, [frame]))
    back = checkpoint.load(str(tmp_path / "out"))
    np.testing.assert_array_equal(back.session["pairs"], [(x, -x)])
    np.testing.assert_array_equal(back.frames, [frame])
    assert back.frames[0].dtype == np.uint8
    assert (back.session["index"], back.session["first"], back.session["best"]) == (3, 0.1 + 0.2, None)
    assert back.resumed["scale"] == 0
    checkpoint.check_same(back, INFO, DIGESTS, 9)
    checkpoint.remove(str(tmp_path / "out"))
    assert checkpoint.load(str(tmp_path / "out")) is None
    assert list(tmp_path.iterdir()) == []


def test_the_error_names_what_has_changed():
    now = replace(INFO, styles=["c.jpg"], flags={**FLAGS, "rows": 64})
    with pytest.raises(UserError) as caught:
        checkpoint.check_same(state({}), now, {"a.jpg": "other", "c.jpg": "3"}, 9)
    for part in ("--rows (was 32, is 64)", "styles (was ['b.jpg'], is ['c.jpg'])", "the file 'a.jpg'"):
        assert part in str(caught.value)
    assert "--style_scale" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_flag_missing_from_the_state_counts_as_the_default():
    """New flags, flags about output files and values spelled as before do not invalidate old runs."""
    old = {"rows": 32, "style_scale": [1.0], "tile": "512", "scales": "", "style_blend": None, "plots": False}
    then = Checkpoint(replace(INFO, flags=old), DIGESTS, [], {}, ())
    new = {"rows": 32, "style_scale": [1.0], "tile": 512, "scales": [], "style_blend": [], "denoise": 0}
    checkpoint.check_same(then, replace(INFO, flags=new), DIGESTS, 9)
    with pytest.raises(UserError, match=r"--denoise \(was 0, is 3\)"):
        checkpoint.check_same(then, replace(INFO, flags={**new, "denoise": 3}), DIGESTS, 9)


def test_an_unreadable_state_raises_an_error(tmp_path):
    Path(checkpoint.path(str(tmp_path / "out"))).write_text("no state")
    with pytest.raises(UserError, match="out.state.*, but it is damaged or from another program: leave out --resume"):
        checkpoint.load(str(tmp_path / "out"))


def write_state(path, text=None, **arrays):
    """Write a state whose session is `text` in JSON, as a program other than ours could."""
    header = json.dumps({"header": INFO.as_dict(), "digests": DIGESTS, "scales": [SCALE], "frames": []})
    with open(path, "wb") as file:
        np.savez(file, text=np.array(f'{header[:-1]}, "session": {text}}}'), **arrays)


def test_an_array_that_is_named_many_times_is_read_once(tmp_path):
    write_state(tmp_path / "out.state", json.dumps({"pairs": [{"array": 0}] * 50_000}), array_0=np.zeros(10_000))
    pairs = checkpoint.load(str(tmp_path / "out")).session["pairs"]  # 4 GB if each were read
    assert len(pairs) == 50_000
    assert len(set(map(id, pairs))) == 1


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_array_that_is_stored_many_times_is_refused(tmp_path):
    """Entries of an archive can have one name."""
    write_state(tmp_path / "out.state", '{"losses": []}', array_0=np.zeros(3))
    with zipfile.ZipFile(tmp_path / "out.state", "a") as archive:
        archive.writestr("array_0.npy", archive.read("array_0.npy"))
    with pytest.raises(UserError, match="it is damaged or from another program"):
        checkpoint.load(str(tmp_path / "out"))


@pytest.mark.parametrize(
    ("session", "arrays"),
    [
        ('{"losses": [NaN]}', {}),
        ('{"losses": [-Infinity]}', {}),
        ('{"losses": [1e999]}', {}),
        ('{"x": {"array": 0}}', {"array_0": np.array([1, np.inf])}),
        (r'{"sentence": "\u001b[2J"}', {}),
        (r'{"a\nb": 1}', {}),
        (r'{"a": ["\u009b2J"]}', {}),
        ('{"x": {"array": 1}}', {"array_0": np.ones(2)}),
    ],
)
def test_a_state_with_impossible_numbers_or_texts_is_refused(tmp_path, session, arrays):
    write_state(tmp_path / "out.state", '{"losses": [1.5], "x": "Ä"}')
    assert checkpoint.load(str(tmp_path / "out")).session == {"losses": [1.5], "x": "Ä"}
    write_state(tmp_path / "out.state", session, **arrays)
    with pytest.raises(UserError, match="it is damaged or from another program"):
        checkpoint.load(str(tmp_path / "out"))


def test_complete_runs_are_recognised_by_their_record(tmp_path):
    info, record = replace(INFO, prefix=str(tmp_path / "out")), tmp_path / "out.json"

    def is_complete(info=info, digests=DIGESTS):
        return checkpoint.is_complete(info, digests)

    assert not is_complete()
    record.write_text(json.dumps({**info.as_dict(), "digests": DIGESTS, "complete": True}))
    assert not is_complete()  # its image is missing
    (tmp_path / "out.png").touch()
    assert is_complete()
    assert not is_complete(info=replace(info, flags={**FLAGS, "rows": 64}))
    assert not is_complete(digests={**DIGESTS, "a.jpg": "other"})
    record.write_text(json.dumps({**info.as_dict(), "digests": DIGESTS, "broken_off": "KeyboardInterrupt"}))
    assert not is_complete()
    for foreign in ("{", "[1]", "null", json.dumps({"complete": True}), json.dumps({"complete": True, "flags": 3})):
        record.write_text(foreign)
        assert not is_complete()


def test_more_iterations_or_another_path_to_the_same_file_can_be_resumed():
    then = {"rows": 32, "iterations": 8, "weights": "w.h5"}
    state = Checkpoint(replace(INFO, flags=then), {**DIGESTS, "w.h5": "5"}, [], {}, ())
    again = {"./a.jpg": "1", "/b.jpg": "2", "x/w.h5": "5"}
    flags = {**then, "iterations": 12, "weights": "x/w.h5"}
    now = replace(INFO, content="./a.jpg", styles=["/b.jpg"], flags=flags)
    checkpoint.check_same(state, now, again, 9)
    with pytest.raises(UserError, match=r"content \(was a.jpg, is ./a.jpg\)"):
        checkpoint.check_same(state, now, {**again, "./a.jpg": "other"}, 9)
    with pytest.raises(UserError, match=r"--weights"):
        checkpoint.check_same(state, now, {**again, "x/w.h5": "other"}, 9)
    with pytest.raises(UserError, match=r"--iterations \(was 8, is 4\)"):
        checkpoint.check_same(state, replace(now, flags={**then, "iterations": 4}), again, 9)


@pytest.mark.parametrize(
    "flags",
    [
        ["--optimizer=lbfgs"],
        ["--optimizer=lbfgs", "--norestart_each_iteration"],
        ["--optimizer=adam"],
        ["--optimizer=sgd", "--learning_rate=1e-9", "--decay_rate=0.5", "--decay_steps=3"],
    ],
)
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, flags):
    flags = [*flags, *QUICK, "--evaluations_per_iteration=4"]
    given = prepare(COFFEE, [SWIRLS], options(*flags, "--iterations=4"))
    whole = Engine().run(*given)
    steps = whole.steps()
    *_, last = (next(steps) for _ in range(3))
    record = [SCALE]
    checkpoint.save(str(tmp_path / "out"), Checkpoint(INFO, DIGESTS, record, last.state(), []))
    *_, wanted = steps

    longer = prepare(COFFEE, [SWIRLS], options(*flags, "--iterations=5"))  # one more than before
    resumed = Engine().run(*longer, checkpoint.load(str(tmp_path / "out")).resumed)
    third, fourth = itertools.islice(resumed.steps(), 2)
    assert (third.index, fourth.index) == (3, 4)
    np.testing.assert_array_equal(fourth.image, wanted.image)
    assert fourth.loss == wanted.loss
    assert fourth.state()["evaluator"]["losses"] == wanted.state()["evaluator"]["losses"]


def test_a_run_killed_after_any_step_and_resumed_writes_the_same_files(tmp_path, fake_engine):
    """Also after a scale's last step, and after the very last, when only the result was missing."""
    flags = ["--weights=random", "--scales=32,48", "--scale_iterations=2,2", "--preview=gif"]
    written = {}
    for killed_after in (None, 1, 2, 3, 4, 5, 6):
        folder = tmp_path / str(killed_after)
        folder.mkdir()
        command = [str(COFFEE), str(SWIRLS), str(folder / "out"), *flags]
        if killed_after:
            fake_engine.killed_after = killed_after
            with pytest.raises(Killed):
                main.main(command)
        fake_engine.killed_after = None
        assert main.main([*command, "--resume"]) == 0
        record = json.loads((folder / "out.json").read_text())
        losses = [(scale["losses"], scale["initial"]["loss"]) for scale in record["scales"]]
        pictures = {path.name: pixels(path) for path in folder.iterdir() if path.suffix != ".json"}
        written[killed_after] = losses, record["complete"], pictures
    assert all(files == written[None] for files in written.values())
    assert "out_scale_32.png" in written[None][2]


def pixels(path):
    """The number of frames and the pixels of a picture; its metadata contain the prefix."""
    with Image.open(path) as image:
        return getattr(image, "n_frames", 1), image.convert("RGB").tobytes()


def test_a_run_of_an_older_version_can_be_resumed(tmp_path, monkeypatch):
    for name in ("coffee.png", "swirls.png", "old_run.json", "old_run.state"):
        shutil.copy(DATA / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    (command,) = show.text("old_run.json").splitlines()[1:]
    assert command == (
        "neural-style coffee.png swirls.png old_run --rows=32 --weights=random --iterations=3 "
        "--evaluations_per_iteration=4"
    )
    before = json.loads(Path("old_run.json").read_text())
    assert main.main([*shlex.split(command)[1:], "--resume"]) == 0
    after = json.loads(Path("old_run.json").read_text())
    assert after["complete"]
    assert after["losses"][: len(before["losses"])] == before["losses"]
    assert [i["index"] for i in after["iterations"]] == [1, 2, 3]
    assert after["iterations"][2]["loss"] < before["iterations"][1]["loss"]


def test_other_weights_than_before_raise_an_error():
    settings = options(*QUICK, "--iterations=2", "--evaluations_per_iteration=2")
    steps = Engine().run(*prepare(COFFEE, [SWIRLS], settings)).steps()
    state = next(steps).state()
    state = {**state, "facts": {**state["facts"], "weights": "imagenet"}}
    again = Engine().run(*prepare(COFFEE, [SWIRLS], settings), {"scale": 0, "session": state})
    session.check_same_weights({"weights": "vgg.h5"}, {"weights": "/moved/vgg.h5"})  # files are compared by contents
    with pytest.raises(UserError, match="the run used imagenet, and --weights=auto now selects random"):
        next(again.steps())


@pytest.mark.parametrize(
    "damage",
    [
        {"header": {}},
        {"header": 3},
        {"session": {}},
        {"session": [1]},
        {"scales": [{"rows": 32}] * 9},
        {"scales": [SCALE] * 9},
        {"scales": []},
        {"nonsense": 1},
    ],
)
def test_damaged_states_raise_an_error(tmp_path, engine, damage):
    given = prepare(COFFEE, [SWIRLS], options(*QUICK, "--iterations=2"))
    step = next(engine.run(*given).steps())
    whole = vars(Checkpoint(INFO, DIGESTS, [SCALE], step.state(), []))
    checkpoint.save(str(tmp_path / "out"), types.SimpleNamespace(**{**whole, **damage}))
    with pytest.raises(UserError, match=r"leave out --resume to start anew"):
        list(engine.run(*given, checkpoint.load(str(tmp_path / "out")).resumed).steps())


@pytest.mark.parametrize("damage", [np.array(["text"]), np.zeros(5), np.full(32 * 48 * 3, np.nan), 10**9])
def test_states_of_other_pictures_raise_an_error(engine, damage):
    given = prepare(COFFEE, [SWIRLS], options(*QUICK, "--iterations=2"))
    state = next(engine.run(*given).steps()).state()
    if isinstance(damage, int):
        state["index"] = damage
    else:
        state["evaluator"]["last"] = {**state["evaluator"]["last"], "x": damage}
    with pytest.raises(UserError, match="is damaged: leave out --resume"):
        list(engine.run(*given, {"scale": 0, "session": state}).steps())


def test_a_state_that_decompresses_to_too_much_raises_an_error(tmp_path):
    np.savez_compressed(tmp_path / "bomb", text=np.array("{}"), array_0=np.zeros(10**6))
    (tmp_path / "bomb.npz").rename(tmp_path / "out.state")
    with pytest.raises(UserError, match="is damaged or from another program"):
        checkpoint.load(str(tmp_path / "out"))
