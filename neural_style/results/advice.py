"""Advice: which weight to change where one term of the loss has no influence."""

from collections.abc import Mapping
from typing import Any

NEGLIGIBLE = 1e-3
"""A term below this share of the other one has no influence."""
WANTED = 0.1
"""The share that the advice aims at."""
STUCK = 0.05
"""A style term that fell by less than this share has hardly changed the picture."""
MASKED = 0.5
"""A smaller painted share of the picture: the terms, which measure all of it, then say little about the weights."""
SETTLED = 20
"""Evaluations after which an image has changed enough to be judged."""


def advice(
    flags: Mapping[str, Any],
    initial: Mapping[str, float],
    final: Mapping[str, float],
    evaluations: int,
    painted_share: float = 1.0,
) -> str | None:
    """Return a sentence that says which weight to change and by how much; None where both terms have influence.

    From the content image, the content term starts at 0 and grows while the style term falls. If it stays far below
    the style term's gain, the content held nothing back. If the style term hardly fell although the content term is
    about as large as the gain, the content held everything back. From any other start, both terms start high and are
    compared there.

    Args:
      flags: of the run's record.
      initial, final: the weighted terms by kind, at the start and at the end.
      evaluations: between the two.
      painted_share: of the picture, which masks may limit.
    """
    if flags.get("balance") == "log":  # the sizes of terms have no influence on their gradients
        return None
    has_both = flags["content_weight"] and flags["style_weight"] and final.keys() >= {"content", "style"}
    if not (has_both and evaluations >= SETTLED) or painted_share < MASKED:
        return None
    if flags["init"] != "content" or flags["init_blend"] or flags.get("refine"):
        return _compare_at_start(initial)
    content, style = final["content"], final["style"]
    gain = initial["style"] - style
    has_painted = gain > STUCK * initial["style"]
    if has_painted and content < NEGLIGIBLE * gain:
        return _sentence("style", "content", WANTED * gain / max(content, NEGLIGIBLE**2 * gain))
    if not has_painted and content >= WANTED * max(gain, 0) > 0:
        return _sentence("content", "style", 0.5 * initial["style"] / gain)
    return None


def _compare_at_start(initial: Mapping[str, float]) -> str | None:
    content, style = initial["content"], initial["style"]
    if content < NEGLIGIBLE * style:
        return _sentence("style", "content", WANTED * style / max(content, NEGLIGIBLE**2 * style))
    if style < NEGLIGIBLE * content:
        return _sentence("content", "style", WANTED * content / max(style, NEGLIGIBLE**2 * content))
    return None


def _sentence(strong: str, weak: str, factor: float) -> str:
    return (
        f"the {strong} weight leaves the {weak} no influence: for more of the {weak}, multiply --{weak}_weight by "
        f"about {float(f'{factor:.0e}'):g} (or divide --{strong}_weight by it)."
    )
