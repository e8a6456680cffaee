"""Checks that the files, folders and packages that settings name are there, before any heavy work."""

from neural_style.core.imports import import_name
from neural_style.pretrained import decoders
from neural_style.settings.settings import Settings
from neural_style.settings.weight_sources import SOURCES


def check(settings: Settings) -> None:
    """Raise a UserError where a file, folder or package that the settings name is missing."""
    settings.picture.check_files()
    settings.network.check_files()
    if settings.method.decodes and settings.network.weights != "auto":
        decoders.find_for(settings.universal, settings.network, settings.picture.seed)
    settings.output.check_packages()


def weights_are_here(settings: Settings) -> bool:
    """Return whether the weights that the settings name are on this machine, so that none are downloaded."""
    network = settings.network
    source = SOURCES.get(network.weights)
    if not (settings.final_method.needs_vgg and source and source.is_here):
        return True
    return import_name(source.is_here)(network.network)
