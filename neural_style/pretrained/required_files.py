"""Checks that the files, folders and packages that settings name are there, before any heavy work."""

from neural_style.pretrained import decoders
from neural_style.settings.settings import Settings


def check(settings: Settings) -> None:
    """Raise a UserError where a file, folder or package that the settings name is missing."""
    settings.picture.check_files()
    settings.network.check_files()
    if settings.method.decodes and settings.network.weights != "auto":
        decoders.find(settings.universal.levels, settings.network, settings.picture.seed, settings.universal.decoders)
    settings.output.check_packages()
