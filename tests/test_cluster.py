"""A cluster of two machines, both of them simulated here: workers die, machines join late, the driver restarts."""

import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import psutil
import pytest
from conftest import COFFEE, SWIRLS, pair
from PIL import Image
from test_objective import LAYERS, scene

from neural_style.cli.main import main
from neural_style.cluster import shipping
from neural_style.cluster.cleanup import session_processes
from neural_style.cluster.driver import Driver
from neural_style.losses.loss import make_loss
from neural_style.optimize.objective import Objective
from neural_style.results import record
from neural_style.settings.settings import Settings
from neural_style.vgg import model

WITHOUT_RAY = importlib.util.find_spec("ray") is None
needs_ray = pytest.mark.skipif(WITHOUT_RAY, reason="no ray installed (pip install ray)")
QUICK = ["--weights=random", "--rows=32", "--evaluations_per_iteration=2", "--noplots"]
PAIR = ["photo.png", "painting.png"]
SHALLOW = ["--style_layers=block1_conv1,block2_conv1", "--content_layers=block2_conv2"]
PATIENCE = 300
"""In seconds. The machine may be busy."""
STARTED: list[subprocess.Popen] = []
"""The commands that a test has started."""
NODE = {"num_cpus": 1, "object_store_memory": 200_000_000}


def test_without_ray_the_extra_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(table(tmp_path / "rows", 1))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["--manifest=pairs.csv", "--cluster=local"]) == 1
    assert capsys.readouterr().err.endswith("needs the package ray: pip install ray.\n")


def test_a_file_is_sent_if_the_worker_has_none_with_the_same_contents(tmp_path):
    (tmp_path / "vgg.h5").write_bytes(b"the driver's")
    path, folder = str(tmp_path / "vgg.h5"), str(tmp_path)
    digests, sent = {path: record.digest([path]), folder: record.digest([folder])}, {}
    own = shipping.Receiver()
    assert own.register_local_files(digests) == []
    assert own.local_paths(digests) == {path: path, folder: folder}

    for each in digests:
        sent[each] = shipping.read_files(each), os.path.isdir(each)
    (tmp_path / "vgg.h5").write_bytes(b"the worker's")
    other = shipping.Receiver()
    assert other.register_local_files(digests) == [path, folder]
    for each, digest in digests.items():
        other.add(each, digest, *sent[each])
    assert other.register_local_files(digests) == []
    for each, place in other.local_paths(digests).items():
        assert record.digest([place]) == digests[each]
        assert place.endswith(os.path.basename(each))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["photo.png", "painting.png", "out", "--cluster=local"],
            "the photographs of a folder, the shots of a film, or the",
        ),
        pytest.param(["--manifest=pairs.csv", "--cluster=here"], "takes local, or the HOST:PORT", marks=needs_ray),
    ],
)
def test_a_wrong_command_is_an_error(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(table(tmp_path / "rows", 1))
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


@needs_ray
def test_an_address_at_which_another_program_listens_is_an_error(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(table(tmp_path / "rows", 1))
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert main(["--manifest=pairs.csv", f"--cluster=127.0.0.1:{other.getsockname()[1]}"]) == 1
    assert "is no Ray cluster that can be reached (no answer within 10 seconds)" in capsys.readouterr().err


@pytest.fixture(autouse=True)
def no_process_left():
    """End what a failed test has left running."""
    yield
    for process in STARTED:
        if process.poll() is None:
            process.kill()
            process.communicate()
    STARTED.clear()


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    made = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    yield made
    made.shutdown()


def table(folder, count, *more):
    """A folder with a table of `count` rows that differ, and further lines."""
    folder.mkdir()
    (folder / "photo.png").write_bytes(COFFEE.read_bytes())
    (folder / "painting.png").write_bytes(SWIRLS.read_bytes())
    rows = [f"photo.png,painting.png,{number},{number}" for number in range(1, count + 1)]
    (folder / "pairs.csv").write_text("\n".join(["content,style,prefix,style_weight", *rows, *more]) + "\n")
    return folder


def start_command(folder, *flags, words=("--manifest=pairs.csv",)):
    command = [sys.executable, "-m", "neural_style", *words, *QUICK, *flags]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    STARTED.append(process)
    return process


def run_command(folder, *flags, **how):
    """The exit code, the standard output and the standard error."""
    process = start_command(folder, *flags, **how)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def workers(title="ray::Worker"):
    """The workers' processes. Ray puts the method that one runs into its title."""
    return [each for each in psutil.process_iter(["cmdline"]) if title in " ".join(each.info["cmdline"] or [])]


def wait_until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def pictures(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.png") if path.stem not in ("photo", "painting")}


def records(folder):
    """What the records hold, but for seconds and memory."""
    found = {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}
    for each in found.values():
        assert each.pop("total_seconds") > 0
        assert each.pop("peak_memory_mb") > 0
        for iteration in each["iterations"]:
            del iteration["seconds"]
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The pictures and records of a table's rows, painted on one machine."""
    folder = table(tmp_path_factory.mktemp("alone") / "rows", 4)
    code, _, err = run_command(folder, "--iterations=6")
    assert code == 0, err
    return pictures(folder), records(folder)


def write_times(folder):
    """When each file was written, except for the summary of the last run."""
    return {path: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != "pairs_summary.csv"}


@needs_ray
def test_a_worker_with_other_versions_is_refused(cluster, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(table(tmp_path / "rows", 1))
    own = record.versions()
    monkeypatch.setattr(record, "versions", lambda: {**own, "keras": "0.1"})
    assert main(["--manifest=pairs.csv", *QUICK, f"--cluster={cluster.address}"]) == 1
    told = capsys.readouterr().err
    assert "No worker can be started: Expected keras 0.1 on every machine, as the driver has it, and a worker" in told


@needs_ray
def test_rows_are_painted_as_on_one_machine_and_a_failed_row_stops_no_other(cluster, alone, tmp_path):
    folder = table(tmp_path / "rows", 4, "missing.png,painting.png,5,5")
    code, out, err = run_command(folder, "--iterations=6", f"--cluster={cluster.address}")
    assert code == 1, err
    assert out.endswith("5 rows: 4 made, 0 complete already, 1 failed (line 6).\n")
    assert "line 6: Expected an image file, but 'missing.png' does not exist" in err
    assert (pictures(folder), records(folder)) == alone

    written = write_times(folder)
    code, out, _ = run_command(folder, "--iterations=6", f"--cluster={cluster.address}")
    assert out.endswith("5 rows: 0 made, 4 complete already, 1 failed (line 6).\n")
    assert write_times(folder) == written


@needs_ray
def test_every_row_is_the_same_picture_after_deaths_and_late_joins(cluster, alone, tmp_path):
    folder = table(tmp_path / "rows", 4)
    first = start_command(folder, "--iterations=6", f"--cluster={cluster.address}")
    wait_until((folder / "1.state").exists)
    (worker,) = workers()
    worker.kill()
    wait_until(lambda: [process.pid for process in workers()] not in ([], [worker.pid]))
    wait_until((folder / "1.png").exists)
    first.kill()  # the driver, in the middle of another row
    first.communicate()
    painted = {path: path.stat().st_mtime_ns for path in [folder / "1.png"]}

    wait_until(lambda: not workers())
    second = start_command(folder, "--iterations=6", "--resume", f"--cluster={cluster.address}")
    late = cluster.add_node(**NODE)
    wait_until(lambda: len(workers("ray::Worker.next_step")) == 2)
    cluster.remove_node(late, allow_graceful=False)
    out, err = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0, err
    assert "1.png is complete already" in out
    assert {path: path.stat().st_mtime_ns for path in painted} == painted
    assert (pictures(folder), records(folder)) == alone


@needs_ray
def test_a_signal_keeps_the_best_image_and_ends_the_workers(cluster, tmp_path):
    folder = table(tmp_path / "rows", 2)
    process = start_command(folder, "--iterations=1000", f"--cluster={cluster.address}")
    wait_until((folder / "1.state").exists)
    process.terminate()
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    assert "1.png is the best so far; --resume continues the run." in out
    assert json.loads((folder / "1.json").read_text())["broken_off"]
    wait_until(lambda: not workers())


@needs_ray
def test_tiles_on_workers_give_the_loss_and_gradient_of_the_whole_image_after_a_death(cluster, vgg19):
    content, style = pair(67, 93)
    shallow = dict(content_layers=["block2_conv2"], style_layers=LAYERS, style_layer_weights=[0.5, 0.3, 0.2])
    settings, given = Settings.read(weights="random", tile=32, **shallow), scene(content, [style])
    image = ((content + style) / 2).astype(np.float64)
    network = model.build(settings.network, vgg19, settings.loss.layers)
    loss, gradient, found = Objective(network, make_loss(settings.loss)).bind_scene(given)(image)
    with Driver(cluster.address) as driver:
        bound = driver.tiled(settings, vgg19, 32, "float32", 0).bind_scene(given)
        received = bound(image)
        (worker,) = workers()
        threading.Timer(0.1, worker.kill).start()
        again = bound(image)
        assert [process.pid for process in workers()] != [worker.pid]
    assert received[0] == pytest.approx(float(loss), rel=1e-5)
    assert np.linalg.norm(received[1] - gradient) <= 1e-4 * np.linalg.norm(gradient)
    assert received[2] == pytest.approx({name: float(value) for name, value in found.items()}, rel=1e-5)
    np.testing.assert_array_equal(again[1], received[1])


@needs_ray
def test_a_picture_by_tiles_on_workers(cluster, tmp_path):
    folder, told = table(tmp_path / "rows", 1), {}
    for name, flags in (("here", []), ("there", [f"--cluster={cluster.address}"])):
        code, _, err = run_command(
            folder, "--rows=64", "--tile=48", "--iterations=2", *SHALLOW, *flags, words=[*PAIR, name]
        )
        assert code == 0, err
        told[name] = json.loads((folder / f"{name}.json").read_text())
    assert told["there"]["losses"] == pytest.approx(told["here"]["losses"], rel=1e-5)
    assert told["there"]["tile"] == told["here"]["tile"] == 48


@needs_ray
def test_a_films_shots_are_painted_in_parallel(cluster, tmp_path):
    """Two shots of two frames each."""
    folder, found = table(tmp_path / "rows", 1), {}
    (folder / "clip").mkdir()
    for number, picture in enumerate([COFFEE, COFFEE, SWIRLS, SWIRLS]):
        image = Image.open(picture).convert("RGB").resize((96, 64))
        image.crop((number, 0, 90 + number, 64)).save(folder / "clip" / f"{number}.png")
    for name, flags in (("here", []), ("there", [f"--cluster={cluster.address}"])):
        code, _, err = run_command(
            folder, "--iterations=1", *SHALLOW, *flags, words=["clip", "painting.png", name, "--film"]
        )
        assert code == 0, err
        frames = json.loads((folder / f"{name}.json").read_text())["frames"]
        shown = [np.asarray(Image.open(path)).tolist() for path in sorted((folder / name).glob("*.png"))]
        found[name] = [(each["number"], each["cut"], each["loss"]) for each in frames], shown
    assert [number for number, cut, _ in found["here"][0] if cut] == [1, 3]
    assert found["there"] == found["here"]


def local_raylet(driver):
    """The raylet that a driver with --cluster=local has started, and the name of its Ray session."""
    children = psutil.Process(driver.pid).children(recursive=True)
    (raylet,) = (each for each in children if each.cmdline() and each.cmdline()[0].endswith("/raylet"))
    return raylet, re.search(r"session_[\d_-]+", " ".join(raylet.cmdline())).group()


@needs_ray
def test_a_local_cluster_that_has_died_is_an_error_that_names_resume(tmp_path):
    folder = table(tmp_path / "rows", 1)
    driver = start_command(folder, "--iterations=1000", "--cluster=local")
    wait_until((folder / "1.state").exists)
    raylet, session = local_raylet(driver)
    raylet.kill()
    out, err = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 1
    assert "The Ray cluster has died" in err
    assert "with --resume" in err
    assert "1.png is the best so far; --resume continues the run." in out
    assert session_processes(session) == []


@needs_ray
def test_the_processes_of_a_local_cluster_do_not_outlive_a_killed_driver(tmp_path):
    folder = table(tmp_path / "rows", 1)
    driver = start_command(folder, "--iterations=1000", "--cluster=local")
    wait_until((folder / "1.state").exists)
    _, session = local_raylet(driver)
    assert session_processes(session)
    driver.kill()
    driver.communicate()
    wait_until(lambda: not session_processes(session))
