"""Which recipes the page offers: those that can run on this machine, without a download."""

from collections.abc import Mapping

from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.pretrained import required_files
from neural_style.settings import recipes
from neural_style.web import requests


def find_left_out() -> dict[str, str]:
    """Return the recipes that can't run on this machine, each with the reason."""
    left_out = {}
    for name in recipes.by_name():
        try:
            required_files.check(requests.read_settings(name, {}))
        except UserError as error:
            left_out[name] = str(error).partition(":")[0]  # not what a visitor can do
    return left_out


def log_left_out(left_out: Mapping[str, str]) -> None:
    """Log in one line what is not offered, and why."""
    names_by_reason: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        names_by_reason.setdefault(reason, []).append(name)
    if names_by_reason:
        parts = [f"{', '.join(names)} ({reason})" for reason, names in names_by_reason.items()]
        logger.warning(f"Recipes that the page does not offer: {'; '.join(parts)}")
