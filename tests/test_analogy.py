"""Deep image analogy: matching against brute force, inversion, and runs that swap two images' looks."""

import functools
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import COFFEE, DATA, SWIRLS, options, pair
from PIL import Image

import neural_style
from neural_style.analogy import energies as kernels
from neural_style.analogy import fields
from neural_style.analogy.blending import blend, exchange_mean, own_weights, smooth
from neural_style.analogy.inversion import Network
from neural_style.analogy.matching import mean_energy, normalize, search, search_exactly
from neural_style.analogy.pair import Correspondence, ImagePair
from neural_style.core.errors import UserError
from neural_style.results import targets
from neural_style.settings.analogy import LEVELS
from neural_style.vgg import weights

CHELSEA = DATA / "chelsea.jpg"
QUICK = dict(method="analogy", weights="random", rows=48, evaluations_per_iteration=3)


def maps(rng, *shape):
    return normalize(rng.standard_normal(shape).astype(np.float32))


def brute_energy(a, b, p, q, patch_size):
    """The energy of one pair of patches, in plain Python."""
    reach, products = patch_size // 2, []
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            (i, j), (k, m) = (p[0] + down, p[1] + right), (q[0] + down, q[1] + right)
            if 0 <= i < a.shape[0] and 0 <= j < a.shape[1] and 0 <= k < b.shape[0] and 0 <= m < b.shape[1]:
                products.append(sum(float(x) * float(y) for x, y in zip(a[i, j], b[k, m], strict=True)))
    return -sum(products) / len(products)


@pytest.mark.parametrize("patch_size", [1, 3, 5])
@pytest.mark.parametrize("compute", [kernels.energies, kernels.by_numpy])
def test_energies_equal_their_definition(rng, patch_size, compute):
    a, b = maps(rng, 6, 5, 4), maps(rng, 4, 7, 4)
    at = np.array([(i, j) for i in range(6) for j in range(5) for _ in range(28)], np.int32)
    candidates = np.array([(k, m) for _ in range(30) for k in range(4) for m in range(7)], np.int32)
    expected = [brute_energy(a, b, p, q, patch_size) for p, q in zip(at, candidates, strict=True)]
    np.testing.assert_allclose(compute(a, b, at, candidates, patch_size), expected, atol=1e-6)


def test_normalisation_and_blending_weights_equal_the_papers(rng):
    features = rng.gamma(0.5, 3.0, (7, 9, 5)).astype(np.float32)
    features[2, 3] = 0
    wide = features.astype(np.float64)
    length = np.sqrt((wide**2).sum(-1, keepdims=True))
    np.testing.assert_allclose(normalize(features), np.divide(wide, length, where=length > 0, out=wide * 0), atol=1e-6)
    energy = length**2 - (length**2).min()
    energy /= energy.max()
    expected = 0.7 / (1 + np.exp(-300 * (energy - 0.05)))
    np.testing.assert_allclose(own_weights(features, 0.7), expected, atol=2e-5)
    other = rng.standard_normal(features.shape).astype(np.float32)
    np.testing.assert_allclose(blend(features, other, 0.7), expected * wide + (1 - expected) * other, atol=1e-3)


def test_exact_search_equals_brute_force(rng):
    a, b = maps(rng, 12, 12, 3), maps(rng, 11, 12, 3)
    field, energies = search_exactly(a, b, fields.scaled_identity((12, 12), (11, 12)), 3)
    places = [(k, m) for k in range(11) for m in range(12)]
    lowest = np.empty((12, 12))
    for i, j in np.ndindex(12, 12):
        every = [brute_energy(a, b, (i, j), place, 3) for place in places]
        lowest[i, j] = min(every)
        assert brute_energy(a, b, (i, j), field[i, j], 3) == pytest.approx(lowest[i, j], abs=1e-5)
    assert energies[-1] == pytest.approx(lowest.mean(), abs=1e-6)
    assert energies[0] > energies[-1]


def test_patchmatch_comes_near_exact_search_on_features_of_images():
    """Within 5 % on 64 x 64 maps, from an identity that says nothing."""
    coffee, swirls = pair(64, 64)
    network = Network(options("--weights=random").network, weights.load_random("vgg19", 0), 1, "float32")
    a, b = (normalize(network.features(image)[1]) for image in (coffee, swirls))
    start = fields.scaled_identity((64, 64), (64, 64))
    _, exact = search_exactly(a, b, start, 3)
    _, found = search(a, b, start, 3, 64, [0])
    assert exact[-1] <= found[-1] <= 0.95 * exact[-1]
    assert (exact[0] - found[-1]) > 0.5 * (exact[0] - exact[-1])  # most of what there is to gain


def test_energies_never_rise(rng):
    a, b = maps(rng, 20, 24, 4), maps(rng, 17, 22, 4)
    start = fields.scaled_identity((20, 24), (17, 22))
    field, energies = search(a, b, start, 3, 6, [0])
    assert (np.diff(energies) <= 0).all()
    assert energies[0] == pytest.approx(mean_energy(a, b, start, 3))
    assert energies[-1] == pytest.approx(mean_energy(a, b, field, 3), abs=1e-6)
    assert energies[-1] < energies[0] - 0.1


def test_an_image_matches_itself_in_place(rng):
    a = maps(rng, 16, 18, 8)
    joined = np.concatenate([a, a], axis=-1)
    identity = fields.scaled_identity((16, 18), (16, 18))
    for field, energies in (search(joined, joined, identity, 3, 18, [0]), search_exactly(joined, joined, identity, 3)):
        np.testing.assert_array_equal(field, identity)
        assert energies[-1] == pytest.approx(-2, abs=1e-5)


def test_a_shift_is_found_exactly(rng):
    whole = maps(rng, 40, 44, 8)
    a, b = whole[4:36, 4:40], whole[1:33, 6:42]  # what lies at p in a lies at p + (3, -2) in b
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    field, _ = search(a, b, fields.scaled_identity((32, 36), (32, 36)), 3, 36, [0])
    expected = np.indices((32, 36)).transpose(1, 2, 0) + (3, -2)
    np.testing.assert_array_equal(field[:28, 3:], expected[:28, 3:])


def test_a_mirrored_map_gives_the_mirrored_field(rng):
    """With patches of one position, which have no left and right."""
    a = maps(rng, 24, 30, 8)
    mirrored, start = np.ascontiguousarray(a[:, ::-1]), fields.scaled_identity((24, 30), (24, 30))
    expected = np.indices((24, 30)).transpose(1, 2, 0) * (1, -1) + (0, 29)
    np.testing.assert_array_equal(search_exactly(a, mirrored, start, 1)[0], expected)


SEARCHED = """
import numpy as np
from neural_style.analogy import energies, fields
from neural_style.analogy.matching import normalize, search

rng = np.random.default_rng(0)
a, b = (normalize(rng.standard_normal((80, 90, 6)).astype(np.float32)) for _ in range(2))
field, history = search(a, b, fields.scaled_identity((80, 90), (80, 90)), 3, 8, [7])
print(energies._threads()._max_workers, history, field.tolist())
"""


def test_results_do_not_depend_on_the_number_of_threads():
    found = []
    for cores in ({min(os.sched_getaffinity(0))}, os.sched_getaffinity(0)):
        limit = functools.partial(os.sched_setaffinity, 0, cores)
        output = subprocess.run(
            [sys.executable, "-c", SEARCHED], capture_output=True, text=True, preexec_fn=limit
        ).stdout
        threads, _, rest = output.partition(" ")
        assert int(threads) == len(cores)
        found.append(rest)
    assert found[0] == found[1]


@pytest.mark.skipif(not kernels.has_numba(), reason="numba is not installed")
def test_without_numba_the_search_finds_the_same(rng, monkeypatch):
    a, b, start = maps(rng, 30, 28, 6), maps(rng, 26, 31, 6), fields.scaled_identity((30, 28), (26, 31))
    compiled, expected = search(a, b, start, 3, 8, [7])
    monkeypatch.setitem(sys.modules, "numba", None)
    assert not kernels.has_numba()
    field, energies = search(a, b, start, 3, 8, [7])
    assert energies == pytest.approx(expected, rel=1e-3)
    assert (field == compiled).all(-1).mean() > 0.99


def test_a_field_keeps_its_displacements_when_it_grows():
    identity = fields.scaled_identity((5, 6), (5, 6))
    np.testing.assert_array_equal(
        fields.enlarge(identity, 2, (11, 12), (11, 12)), fields.scaled_identity((11, 12), (11, 12))
    )
    moved = identity.copy()
    moved[1, 2] = (3, 5)
    grown = fields.enlarge(moved, 2, (10, 12), (10, 12))
    for down, right in np.ndindex(2, 2):
        assert tuple(grown[2 + down, 4 + right]) == (6 + down, 10 + right)
    assert (fields.enlarge(moved, 4, (20, 24), (9, 9)) < 9).all()


def test_reconstruction_starts_from_the_pixels_that_the_field_points_at(monkeypatch):
    """From level 2, whose maps are half as fine: a window 4 pixels to the right sees what lies 4 to the left."""
    wide = pair(32, 68)[0]
    network, starts = Network(options("--weights=random").network, weights.load_random("vgg19", 0), 2, "float32"), []

    def reconstruct(self, target, level, start, *_):
        starts.append(start)
        return self.features(start)[1], []

    monkeypatch.setattr(Network, "reconstruct", reconstruct)
    found = ImagePair(network, wide[:, 4:], wide[:, :-4], LEVELS, 1)
    rows, cols = found.shapes(2)[0]
    shifted = np.indices((rows, cols)).transpose(1, 2, 0).astype(np.int32)
    forth, back = (np.clip(shifted + (0, by), 0, np.array((rows, cols)) - 1).astype(np.int32) for by in (2, -2))
    found.refine(Correspondence(2, forth, back, ({"energies": {}},)), 1, 0)
    np.testing.assert_allclose(starts[0][:, :52], wide[:, 4:56], atol=1e-3)
    np.testing.assert_allclose(starts[1][:, 12:], wide[:, 12:-4], atol=1e-3)


def test_votes_are_means_over_overlapping_patches(rng):
    seen = rng.standard_normal((6, 7, 2)).astype(np.float32)
    np.testing.assert_allclose(fields.vote(seen, fields.scaled_identity((6, 7), (6, 7)), 5), seen, rtol=1e-5)
    field = rng.integers(0, (6, 7), (4, 5, 2)).astype(np.int32)
    voted = fields.vote(seen, field, 3)
    for i, j in np.ndindex(4, 5):
        votes = []
        for down, right in np.ndindex(3, 3):
            centre = i + 1 - down, j + 1 - right
            if 0 <= centre[0] < 4 and 0 <= centre[1] < 5:
                k, m = field[centre] + (down - 1, right - 1)
                if 0 <= k < 6 and 0 <= m < 7:
                    votes.append(seen[k, m])
        np.testing.assert_allclose(voted[i, j], np.mean(votes, axis=0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("level", "source", "wanted"), [(3, 1, 2), (2, 0, 1), (2, 1, 1)])
def test_reconstruction_recovers_the_features_that_made_the_target(level, source, wanted):
    coffee, swirls = pair(32, 40)
    network = Network(options("--weights=random").network, weights.load_random("vgg19", 0), 3, "float32")
    a, b = network.features(coffee), network.features(swirls)
    kept, losses = network.reconstruct(a[level], level, a[source], source, wanted, 3)
    np.testing.assert_allclose(kept, a[wanted], atol=1e-3 * np.abs(a[wanted]).max())
    assert losses[0] == pytest.approx(0, abs=1e-9)
    found, losses = network.reconstruct(a[level], level, b[source], source, wanted, 30)
    expected = (
        np.square(b[level] - a[level], dtype=np.float64).sum() / np.square(a[level] - a[level].mean((0, 1))).sum()
    )
    assert losses[0] == pytest.approx(expected, rel=1e-4)
    assert min(losses) < 0.5 * losses[0]
    distance = [np.linalg.norm(features - a[wanted]) for features in (b[wanted], found)]
    assert distance[1] < distance[0]


def test_smoothing_solves_the_weighted_least_squares(rng):
    image, guide = rng.uniform(0, 255, (2, 5, 6, 3)).astype(np.float32)
    grey, system = (guide @ np.array([0.299, 0.587, 0.114])) / 255, np.eye(30)
    for i, j in np.ndindex(5, 6):
        for k, m in ((i + 1, j), (i, j + 1)):
            if k < 5 and m < 6:
                weight, p, q = 0.8 / (abs(grey[i, j] - grey[k, m]) + 1e-4), 6 * i + j, 6 * k + m
                system[[p, q], [p, q]] += weight
                system[[p, q], [q, p]] -= weight
    expected = np.linalg.solve(system, image.reshape(30, 3)).reshape(image.shape)
    np.testing.assert_allclose(smooth(image, guide), expected, atol=1e-2)
    np.testing.assert_allclose(exchange_mean(image, image + (10, 0, -20)), image + (10, 0, -20), atol=1e-2)


@pytest.fixture(scope="module")
def swapped(engine):
    """Coffee and swirls, in one size."""
    return neural_style.stylize(COFFEE, SWIRLS, engine=engine, style_frame="stretch", **QUICK)


def test_a_run_returns_images_and_fields(swapped):
    record = swapped.record
    assert swapped.image.size == swapped.companions["back"].size == (72, 48)
    for field in swapped.fields.values():
        assert field.dtype == np.int32
        assert field.shape == (48, 72, 2)
        assert (field >= 0).all()
        assert (field < (48, 72)).all()
    assert [level["layer"] for level in record["levels"]] == [f"block{level}_conv1" for level in (5, 4, 3, 2, 1)]
    for level, step in zip(record["levels"], record["iterations"], strict=True):
        for direction, energies in level["energies"].items():
            assert len(energies) == (2 if level["layer"] == "block5_conv1" else 11)
            assert (np.diff(energies) <= 0).all()
            assert step["layers"][f"distance/{direction}"] == pytest.approx(4 + 2 * energies[-1])
        assert step["seconds"] >= level["seconds_matching"]
    assert record["initial"]["loss"] > record["iterations"][0]["loss"]


def test_exchanging_the_images_exchanges_the_results(engine, swapped):
    other = neural_style.stylize(SWIRLS, COFFEE, engine=engine, style_frame="stretch", cols=72, **QUICK)
    np.testing.assert_array_equal(other.fields["back"], swapped.fields["forth"])
    np.testing.assert_array_equal(np.asarray(other.image), np.asarray(swapped.companions["back"]))
    np.testing.assert_array_equal(np.asarray(other.companions["back"]), np.asarray(swapped.image))


def test_an_image_paired_with_itself_does_not_change(engine):
    same = neural_style.stylize(COFFEE, COFFEE, engine=engine, **QUICK)
    identity = np.indices((48, 72)).transpose(1, 2, 0)
    for field in same.fields.values():
        np.testing.assert_array_equal(field, identity)
    photograph = np.asarray(Image.open(COFFEE).convert("RGB").resize((72, 48), Image.Resampling.LANCZOS))
    assert np.abs(np.asarray(same.image).astype(int) - photograph).max() <= 1
    assert np.abs(np.asarray(same.companions["back"]).astype(int) - photograph).max() <= 1


def test_swapping_only_the_mean_keeps_the_detail(engine, swapped):
    mean = neural_style.stylize(COFFEE, SWIRLS, engine=engine, style_frame="stretch", swap="mean", **QUICK)
    np.testing.assert_array_equal(mean.fields["forth"], swapped.fields["forth"])
    photograph = geometry_of(COFFEE)
    np.testing.assert_allclose(mean.array, exchange_mean(photograph, swapped.array), atol=0.05)
    assert np.abs(np.diff(mean.array - photograph, axis=1)).mean() < np.abs(np.diff(photograph, axis=1)).mean()


def geometry_of(path):
    return np.asarray(Image.open(path).convert("RGB").resize((72, 48), Image.Resampling.LANCZOS), np.float32)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (dict(analogy_levels="1,2"), "analogy_levels takes levels from coarse to fine, received 1,2."),
        (dict(patch_sizes="3,3,3,4,5"), "patch_sizes takes odd sizes, received 3,3,3,4,5."),
        (dict(patch_sizes="3,3"), "patch_sizes takes 5 numbers with analogy_levels=5,4,3,2,1, received 2."),
        (dict(structure_weights="1"), "structure_weights takes 4 numbers"),
        (dict(scales="2"), "method=analogy can't take several scales: leave that out."),
        (dict(tile="256"), "method=analogy can't take tile: leave that out."),
        (dict(preserve_color="luminance"), "can't take preserve_color=luminance: leave that out."),
        (dict(style_scale="1,2"), "can't take several of style_scale or style_rotation"),
        (dict(levels="3,2"), "levels is for method=wct or adain, and the method is analogy: leave it out"),
        (dict(rows="20"), "need at least 32 rows"),
    ],
)
def test_unsupported_settings_raise_an_error(given, message):
    with pytest.raises(UserError) as caught:
        neural_style.stylize(COFFEE, SWIRLS, **{**QUICK, **given})
    assert message in str(caught.value)


def test_several_styles_raise_an_error():
    with pytest.raises(UserError, match="method=analogy takes at most 1 style, received 2."):
        neural_style.stylize(COFFEE, [SWIRLS, CHELSEA], **QUICK)


def test_fewer_levels_also_end_at_the_image(engine):
    found = neural_style.stylize(COFFEE, SWIRLS, engine=engine, analogy_levels="4,2", **QUICK)
    assert found.fields["forth"].shape == (48, 72, 2)
    assert [level["positions"][0] for level in found.record["levels"]] == [[6, 9], [24, 36]]


def test_a_file_of_another_run_is_not_overwritten(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "out_back.png")
    prefix, output = str(tmp_path / "out"), options("--method=analogy").output
    with pytest.raises(UserError, match="out_back.png' exists already"):
        targets.check(prefix, ".png", [], output, 5, companions=options("--method=analogy").method.companions)
    targets.check(prefix, ".png", [], output, 5)


def command(folder, *flags):
    # Evaluations enough that much is left to do when the first level is seen to be written.
    given = [f"--{name}={value}" for name, value in {**QUICK, "evaluations_per_iteration": 40}.items()]
    given.append("--analogy_levels=4,3,1")
    whole = [sys.executable, "-m", "neural_style", str(COFFEE), str(SWIRLS), "out", *given, *flags]
    return subprocess.Popen(whole, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_the_command_writes_both_images_and_the_field_and_resumes_after_ctrl_c(tmp_path):
    """Interrupted after its first level, which is kept; it then ends as an uninterrupted run does."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    with command(whole) as process:
        _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    sizes = {name: Image.open(whole / f"out{name}.png").size for name in ("", "_back", "_field")}
    assert sizes[""] == (72, 48)
    assert sizes["_field"][1] == 48
    with command(broken, "--save_every=1") as process:
        while not (broken / "out_at_iteration_1.png").exists() and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    assert process.returncode == 130
    assert Image.open(broken / "out.png").size == (72, 48)
    assert json.loads((broken / "out.json").read_text())["broken_off"]
    with command(broken, "--resume") as process:
        process.communicate(timeout=120)
    assert process.returncode == 0
    for name in ("", "_back", "_field"):
        one, other = (np.asarray(Image.open(folder / f"out{name}.png")) for folder in (whole, broken))
        np.testing.assert_array_equal(one, other)
    records = [json.loads((folder / "out.json").read_text()) for folder in (whole, broken)]
    assert [step["loss"] for step in records[0]["iterations"]] == [step["loss"] for step in records[1]["iterations"]]
    assert records[0]["levels"][-1]["energies"] == records[1]["levels"][-1]["energies"]
