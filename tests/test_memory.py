import types

import pytest
from conftest import COFFEE, SWIRLS, options, session

from neural_style.cli import main
from neural_style.core.errors import UserError
from neural_style.planning import memory


@pytest.fixture
def free(monkeypatch):
    """Sets the free memory, in GB."""

    def set_free(gigabytes):
        monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: types.SimpleNamespace(available=gigabytes * 1e9))

    return set_free


@pytest.fixture(params=[True, False], ids=["AVX-512", "no AVX-512"])
def kinds(request, monkeypatch):
    """Both kinds of processors."""
    monkeypatch.setattr(memory.device, "cpu_has_any", lambda *instructions: request.param)


def choose(wanted, rows, *flags, optimizer="adam"):
    return memory.choose_tile(rows, rows, "float32", options(f"--tile={wanted}", f"--optimizer={optimizer}", *flags))


def test_auto_uses_tiles_only_if_the_whole_image_does_not_fit(free, kinds):
    free(24)
    assert choose("auto", 400) is None
    assert choose("auto", 4096) in memory.TILES
    free(6)
    small = choose("auto", 2048)
    free(24)
    assert small < choose("auto", 4096)
    assert choose("512", 4096) == 512
    assert choose("500", 4096) == 512  # a multiple of block 5's stride


def test_too_little_memory_raises_an_error_in_advance(free, kinds):
    free(12)
    with pytest.raises(UserError, match=r"4096 x 4096 pixels would need about .* try --tile=auto or fewer --rows"):
        choose("none", 4096)
    free(30)
    with pytest.raises(UserError, match="try --optimizer=adam or fewer --rows"):
        choose("auto", 8192, optimizer="lbfgs")
    free(6)
    with pytest.raises(UserError, match="try fewer --rows"):  # adam needs too much memory as well
        choose("auto", 8192, optimizer="lbfgs")
    with pytest.raises(UserError, match="would need"):
        choose("auto", 4096, "--noreuse_constant_rows")


def test_the_least_that_is_needed_is_told(free, kinds):
    """The smallest tile is not the cheapest for a huge picture: its borders are the longest."""
    settings = options("--tile=auto", "--optimizer=adam")
    by_tile = [memory.estimate_evaluation(20000, 20000, tile, "float32", settings) for tile in memory.TILES]
    least = min(by_tile) + memory.estimate_kept(20000, 20000, settings)
    assert min(by_tile) < by_tile[-1]
    free(6)
    with pytest.raises(UserError, match=f"would need about {least / 1e9:.1f} GB of memory, and 6.0 GB are free"):
        choose("auto", 20000)


def test_the_estimate_grows_with_pixels_tiles_and_precision(kinds):
    def needed(pixels, tile, precision="float32", *flags):
        size = pixels, pixels
        return memory.estimate_evaluation(*size, tile, precision, options(*flags)) + memory.estimate_kept(
            *size, options(*flags)
        )

    assert needed(2048, 256) < needed(2048, 512) < needed(2048, None)
    assert needed(512, None, "bfloat16") < needed(512, None)
    assert needed(512, 2048) == needed(512, None)
    assert needed(512, None) < needed(512, None, "float32", "--convolution=winograd")
    by_optimizer = [
        needed(2048, 256, "float32", *how)
        for how in (["--optimizer=sgd"], ["--optimizer=adam"], ["--norestart_each_iteration"], [])
    ]
    assert by_optimizer == sorted(set(by_optimizer))


def test_a_run_that_is_too_large_is_one_line_of_error(free, capsys, tmp_path):
    free(0.5)
    assert main.main([str(COFFEE), str(SWIRLS), str(tmp_path / "out"), "--weights=random", "--rows=64"]) == 1
    assert "GB of memory" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("tile", ["5", "111"])
def test_tiles_that_are_too_small(tile):
    with pytest.raises(UserError, match="auto, none or a size of at least 112 pixels with these layers"):
        options(f"--tile={tile}")


@pytest.mark.parametrize("controller", ["", "memory"])
def test_the_minimum_of_all_control_groups_counts(free, monkeypatch, tmp_path, controller):
    free(24)
    _, limit, used = memory.CGROUPS[controller]
    monkeypatch.setattr(memory, "CGROUPS", {controller: (tmp_path, limit, used)})
    monkeypatch.setattr(memory, "OWN_CGROUPS", tmp_path / "own")
    assert memory.free_bytes() == 24e9
    (tmp_path / "own").write_text(f"7:cpuset:/elsewhere\n5:{controller}:/service/run/unseen\n")
    within = tmp_path / "service" / "run"
    within.mkdir(parents=True)
    for folder, maximum, used_now in ((tmp_path, "max", 5e8), (tmp_path / "service", 2e9, 5e8), (within, 1e9, 4e8)):
        (folder / limit).write_text(f"{maximum if maximum == 'max' else int(maximum)}\n")
        (folder / used).write_text(f"{int(used_now)}\n")
    assert memory.free_bytes() == 6e8
    (within / limit).write_text("max\n")
    assert memory.free_bytes() == 1.5e9


def test_a_tiled_run_equals_an_untiled_one():
    arguments = (
        "--rows=80",
        "--content_layers=block3_conv1",
        "--style_layers=block1_conv1,block2_conv1",
        "--iterations=1",
        "--optimizer=adam",
        "--learning_rate=5",
        "--evaluations_per_iteration=3",
    )
    whole, tiled = session(*arguments, "--tile=none"), session(*arguments, "--tile=64")
    assert (whole.facts["tile"], tiled.facts["tile"]) == (None, 64)
    ends = [list(run.steps())[-1] for run in (whole, tiled)]
    assert ends[1].loss == pytest.approx(ends[0].loss, rel=1e-4)


def test_styles_and_stacked_images_count(free, kinds):
    free(6)
    settings = options("--optimizer=adam")
    assert memory.choose_tile(400, 400, "float32", settings, largest_style=400 * 400) is None
    with pytest.raises(UserError, match="try a smaller --style_scale"):
        memory.choose_tile(400, 400, "float32", settings, largest_style=400 * 400 * 10**4)
    whole = options("--optimizer=adam", "--noreuse_constant_rows")
    assert memory.choose_tile(400, 400, "float32", whole, styles=1) is None
    with pytest.raises(UserError, match="of memory"):
        memory.choose_tile(400, 400, "float32", whole, styles=20)


def test_free_memory_may_be_unknown(monkeypatch):
    monkeypatch.setattr("psutil.PROCFS_PATH", "/nowhere")
    assert memory.choose_tile(64, 64, "float32", options()) is None
