"""The sources of VGG weights: ImageNet, HED, a file, learning from the images, or random numbers."""

import os
import urllib.request
from pathlib import Path

import numpy as np

from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.settings import vgg_layers
from neural_style.settings.network import SOURCES, TORCH_ENDINGS, NetworkSettings, hed_file
from neural_style.vgg.weight_files import Weights, from_file, is_converted_from_caffe

IMAGENET_FILE = "{}_weights_tf_dim_ordering_tf_kernels_notop.h5"
IMAGENET_URL = "https://storage.googleapis.com/tensorflow/keras-applications/{}/" + IMAGENET_FILE
REACH_SECONDS = 5
"""How long to wait for a server that does not answer."""


def resolve(settings: NetworkSettings, seed: int) -> tuple[str, Weights | None]:
    """Load the weights that --weights names.

    Args:
      settings: of the network.
      seed: of random weights.

    Returns:
      Their source, never "auto", and the weights; None if they are to be learned from the images.

    Raises:
      UserError: the weights are not available or do not fit the network.
    """
    source, network = settings.weights, settings.network
    if source == "auto":
        source = choose_available(network)
    if source == "learned":
        return source, None
    if source == "hed":
        return source, from_file(hed_file(), network)
    if source == "imagenet":
        return source, imagenet(network)
    if source == "random":
        return source, random(network, seed)
    _warn_of_caffe(settings)
    return source, from_file(source, network)


def check(settings: NetworkSettings) -> None:
    """Raise a UserError if the weights that --weights names are not available; needs no TensorFlow."""
    if settings.weights == "imagenet":
        _check_imagenet(settings.network)
    elif settings.weights == "hed":
        from_file(hed_file(), settings.network)
    elif settings.weights not in SOURCES:
        from_file(settings.weights, settings.network)


def cached(settings: NetworkSettings, seed: int, cache: Cache) -> tuple[str, Weights | None, tuple]:
    """Return the results of `resolve`, kept in `cache`, and their key there."""
    key = ("weights", settings.weights, settings.network, *_version(settings.weights, seed))
    resolved = cache.get(key, lambda: resolve(settings, seed), lambda resolved: bytes_of(resolved[1]))
    return (*resolved, key)


def _warn_of_caffe(settings: NetworkSettings) -> None:
    """Warn about weights converted from Caffe that would get torch's inputs."""
    path = Path(settings.weights)
    is_torch = settings.preprocess == "torch" and path.suffix.lower() in TORCH_ENDINGS
    if is_torch and path.is_file() and is_converted_from_caffe(path):
        logger.warning(
            "%r was converted from Caffe: its inputs are blue, green, red in 0..255 minus the mean. Add "
            "--preprocess=caffe, or it sees wrong inputs.",
            str(path),
        )


def _version(source: str, seed: int) -> tuple:
    """What else the weights of a source depend on: the seed, or the version of the file."""
    if source == "random":
        return (seed,)
    if source in SOURCES:
        return ()
    status = os.stat(source)
    return status.st_mtime_ns, status.st_size


def bytes_of(kernels: Weights | None) -> float:
    """Return the size of weights; 0 if they are still to be learned."""
    return sum(kernel.nbytes for kernel, _ in (kernels or {}).values())


def choose_available(network: str) -> str:
    """Choose the source for "auto": ImageNet if available, else HED if it fits, else "learned"."""
    if imagenet_at_hand(network):
        return "imagenet"
    return "hed" if network in SOURCES["hed"].networks and hed_file() else "learned"


def imagenet_path(network: str) -> Path:
    """Return the path where Keras keeps its downloaded ImageNet weights of `network`."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home) / "models" / IMAGENET_FILE.format(network)


def imagenet_at_hand(network: str) -> bool:
    """Return whether the ImageNet weights are cached, or their server answers within `REACH_SECONDS`."""
    if imagenet_path(network).exists():
        return True
    request = urllib.request.Request(IMAGENET_URL.format(network, network), method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=REACH_SECONDS):
            return True
    except OSError:
        return False


def imagenet(network: str) -> Weights:
    """Load Keras' ImageNet weights of `network`, downloaded once with Keras' own hash check and cache.

    Raises:
      UserError: they are not cached and can't be downloaded.
    """
    _check_imagenet(network)
    import keras

    builder = {"vgg16": keras.applications.VGG16, "vgg19": keras.applications.VGG19}[network]
    try:
        built = builder(include_top=False, weights="imagenet")
    except Exception as error:  # Keras raises Exception for failed downloads, OSError for damaged files
        raise UserError(f"{_advice(network)} ({error}).") from error
    return {name: tuple(built.get_layer(name).get_weights()) for name in vgg_layers.layer_names(network)}


def _check_imagenet(network: str) -> None:
    """Raise a UserError if ImageNet's weights are not available."""
    if not imagenet_at_hand(network):
        raise UserError(f"{_advice(network)} (the server did not answer).")


def _advice(network: str) -> str:
    """The message for unavailable ImageNet weights."""
    return (
        f"The ImageNet weights of {network} are not available: Keras downloads {IMAGENET_URL.format(network, network)} "
        f"and keeps it as {imagenet_path(network)}. Put the file there from another machine, pass one with "
        "--weights=FILE, or learn filters from the images with --weights=learned (or --recipe=offline)"
    )


def random(network: str, seed: int) -> Weights:
    """Draw random filters (He et al. 2015), for measurements and tests; they paint coloured noise.

    NumPy never changes RandomState's streams, so a seed always gives the same weights.
    """
    rng, weights = np.random.RandomState(seed), {}
    for name, shape in vgg_layers.kernel_shapes(network).items():
        kernel = rng.standard_normal(shape) * np.sqrt(2 / (9 * shape[2]))
        weights[name] = kernel.astype(np.float32), rng.standard_normal(shape[3]).astype(np.float32)
    return weights
