"""The order of names."""

import re


def natural_key(name: str) -> list[int | str]:
    """A key that sorts numbers within names by value: frame_2 before frame_10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
