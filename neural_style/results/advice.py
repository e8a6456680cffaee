"""Whether one term drowns another, and which flag mends it."""

from collections.abc import Mapping
from typing import Any

DROWNED = 1e-3
"""A term that is less than this share of the other has no say."""
WANTED = 0.1
"""The share that the advice aims at."""
STUCK = 0.05
"""A style term that fell by less than this share has hardly painted."""
SETTLED = 20
"""Evaluations after which an image has moved far enough to be judged."""


def advice(
    flags: Mapping[str, Any], initial: Mapping[str, float], final: Mapping[str, float], evaluations: int
) -> str | None:
    """A sentence that says which flag to turn and by how much, or None where both terms have their say.

    From the content image, the content term starts at 0 and grows as the style term falls. Where it stays far
    below what the style term gained, the content held nothing back; where the style term hardly fell although the
    content term is no smaller than the gain, the content held everything back. From any other start, both terms
    start high and are compared there.

    Args:
      flags: of the run's record.
      initial, final: the weighted terms by kind, at the start and at the end.
      evaluations: from the one to the other.
    """
    weighed = flags["content_weight"] and flags["style_weight"] and final.keys() >= {"content", "style"}
    if not (weighed and evaluations >= SETTLED):
        return None
    content, style = final["content"], final["style"]
    gain = initial["style"] - style
    if flags["init"] != "content" or flags["init_blend"] or flags.get("refine"):
        return _at_start(initial)
    if gain > STUCK * initial["style"] and content < DROWNED * gain:
        return _turn("style", "content", WANTED * gain / max(content, DROWNED**2 * gain))
    if gain <= STUCK * initial["style"] and content >= WANTED * max(gain, 0) > 0:
        return _turn("content", "style", 0.5 * initial["style"] / gain)
    return None


def _at_start(initial: Mapping[str, float]) -> str | None:
    content, style = initial["content"], initial["style"]
    if content < DROWNED * style:
        return _turn("style", "content", WANTED * style / max(content, DROWNED**2 * style))
    if style < DROWNED * content:
        return _turn("content", "style", WANTED * content / max(style, DROWNED**2 * content))
    return None


def _turn(loud: str, quiet: str, factor: float) -> str:
    return (
        f"the {loud} weight drowns the {quiet}: for more of the {quiet}, multiply --{quiet}_weight by about "
        f"{float(f'{factor:.0e}'):g} (or divide --{loud}_weight by it)."
    )
