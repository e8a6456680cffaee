"""Where VGG's weights come from: ImageNet, HED, a file, the images themselves, or chance."""

import functools
import os
import urllib.request
from pathlib import Path

import numpy as np

from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.settings import vgg_layers
from neural_style.settings.network import SOURCES, NetworkSettings, hed_file
from neural_style.vgg.weight_files import Weights, from_file

IMAGENET_FILE = "{}_weights_tf_dim_ordering_tf_kernels_notop.h5"
IMAGENET_URL = "https://storage.googleapis.com/tensorflow/keras-applications/{}/" + IMAGENET_FILE
REACH_SECONDS = 5
"""How long a silent network is waited for."""


def resolve(settings: NetworkSettings, seed: int) -> tuple[str, Weights | None]:
    """The weights that --weights names.

    Args:
      settings: of the network.
      seed: of random weights.

    Returns:
      Where they come from ("auto" decided), and the weights; None where they are to be learned from the images.
    """
    source, network = settings.weights, settings.network
    if source == "auto":
        source = best_at_hand(network)
    if source == "learned":
        return source, None
    if source == "hed":
        return source, from_file(hed_file(), network)
    if source == "imagenet":
        return source, imagenet(network)
    if source == "random":
        return source, random(network, seed)
    return source, from_file(source, network)


def check(settings: NetworkSettings) -> None:
    """Raises a UserError where the weights that --weights names can't be had; needs no TensorFlow."""
    if settings.weights == "imagenet":
        _check_imagenet(settings.network)
    elif settings.weights not in ("auto", "learned", "random"):
        resolve(settings, 0)


def cached(settings: NetworkSettings, seed: int, cache: Cache) -> tuple[str, Weights | None, tuple]:
    """What `resolve` gives, kept in `cache`; and the key by which it is kept there."""
    key = ("weights", settings.weights, settings.network, *_version(settings.weights, seed))
    resolved = cache.get(key, functools.partial(resolve, settings, seed), lambda found: bytes_of(found[1]))
    return (*resolved, key)


def _version(source: str, seed: int) -> tuple:
    """What else the weights of a source depend on: the seed, or which file it is by now."""
    if source == "random":
        return (seed,)
    if source in SOURCES:
        return ()
    found = os.stat(source)
    return found.st_mtime_ns, found.st_size


def bytes_of(kernels: Weights | None) -> float:
    """What weights take; nothing where they are still to be learned."""
    return sum(kernel.nbytes for kernel, _ in (kernels or {}).values())


def best_at_hand(network: str) -> str:
    """What "auto" stands for: ImageNet's weights where they can be had, else HED's where they fit, else "learned"."""
    if imagenet_at_hand(network):
        return "imagenet"
    return "hed" if network in SOURCES["hed"].networks and hed_file() else "learned"


def imagenet_path(network: str) -> Path:
    """Where Keras keeps its downloaded ImageNet weights of `network`."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home) / "models" / IMAGENET_FILE.format(network)


def imagenet_at_hand(network: str) -> bool:
    """Whether the ImageNet weights are cached, or their server answers within `REACH_SECONDS`."""
    if imagenet_path(network).exists():
        return True
    request = urllib.request.Request(IMAGENET_URL.format(network, network), method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=REACH_SECONDS):
            return True
    except OSError:
        return False


def imagenet(network: str) -> Weights:
    """Keras' ImageNet weights of `network`, downloaded once with Keras' own hash check and cache.

    Raises:
      UserError: they are not cached and can't be downloaded.
    """
    _check_imagenet(network)
    import keras

    builder = {"vgg16": keras.applications.VGG16, "vgg19": keras.applications.VGG19}[network]
    try:
        built = builder(include_top=False, weights="imagenet")
    except Exception as error:  # Keras raises bare Exceptions for downloads, OSErrors for broken files.
        raise UserError(f"{_advice(network)} ({error}).") from error
    return {name: tuple(built.get_layer(name).get_weights()) for name in vgg_layers.layer_names(network)}


def _check_imagenet(network: str) -> None:
    """Raises a UserError where ImageNet's weights are not at hand."""
    if not imagenet_at_hand(network):
        raise UserError(f"{_advice(network)} (the server did not answer).")


def _advice(network: str) -> str:
    """What is told where ImageNet's weights can't be had."""
    return (
        f"The ImageNet weights of {network} could not be had: Keras downloads {IMAGENET_URL.format(network, network)} "
        f"and keeps it as {imagenet_path(network)}. Put the file there from another machine, pass one with "
        "--weights=FILE, or learn filters from the images with --weights=learned (or --recipe=offline)"
    )


def random(network: str, seed: int) -> Weights:
    """Filters drawn by chance (He et al. 2015): for measuring and for tests; they paint coloured noise.

    NumPy keeps RandomState's streams frozen, so a seed means the same weights for ever.
    """
    rng, weights = np.random.RandomState(seed), {}
    for name, shape in vgg_layers.kernel_shapes(network).items():
        kernel = rng.standard_normal(shape) * np.sqrt(2 / (9 * shape[2]))
        weights[name] = kernel.astype(np.float32), rng.standard_normal(shape[3]).astype(np.float32)
    return weights
