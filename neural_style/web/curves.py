"""The loss and its terms along a run as a drawing (SVG), on a log scale."""

import math
from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, LEFT, BOTTOM = 640, 260, 64, 40
COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd")
"""Of the terms, as in PREFIX_losses.png."""


def svg(points: Sequence[Mapping[str, float]]) -> str:
    """Draws the curves.

    Args:
      points: {"loss": …, kind of term: …}, one after the other.

    Returns:
      SVG; nothing where there are fewer than two points, or none above 0.
    """
    values = [value for point in points for value in point.values() if value > 0 and math.isfinite(value)]
    if len(points) < 2 or not values:
        return ""
    least, most = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    least, most = max(least, most - 6), max(most, least + 1)

    def place(index: int, value: float) -> str:
        across = LEFT + (WIDTH - LEFT - 10) * index / (len(points) - 1)
        share = (min(max(math.log10(value), least), most) - least) / (most - least)
        return f"{across:.1f},{HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 10) * share:.1f}"

    drawn = [_line(power, place(0, 10.0**power)) for power in range(least, most + 1)]
    for number, name in enumerate(points[-1]):
        color = "currentColor" if name == "loss" else COLORS[(number - 1) % len(COLORS)]
        found = [place(at, point[name]) for at, point in enumerate(points) if point.get(name, 0) > 0]
        drawn.append(f'<polyline fill="none" stroke="{color}" stroke-width="2" points="{" ".join(found)}"/>')
        label = f"{name.replace('_', ' ')} {points[-1][name]:.3g}"
        drawn.append(f'<text x="{LEFT + 145 * number}" y="{HEIGHT - 10}" fill="{color}">{label}</text>')
    inside = "".join(drawn)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="loss by term" font-size="13" '
        f'style="width:100%;height:auto">{inside}</svg>'
    )


def _line(power: int, at: str) -> str:
    """A power of ten across the drawing."""
    y = at.split(",")[1]
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{y}" y2="{y}" stroke="currentColor" stroke-opacity="0.15"/>'
        f'<text x="{LEFT - 8}" y="{y}" dy="4" text-anchor="end" fill="currentColor">1e{power}</text>'
    )
