"""Draws the loss and its terms over a run as SVG, on a log scale.

Gradio's `gr.LinePlot` has no log scale, and its page loads 1.3 MB more; `gr.Plot` would send a new image each second.
This drawing takes a few kilobytes.
"""

import math
from collections.abc import Mapping, Sequence

WIDTH = 640
HEIGHT = 260
LEFT = 64
BOTTOM = 40
MARGIN = 10
MAX_DECADES = 6
COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd")
"""Colours of the terms, as in PREFIX_losses.png."""


def draw_svg(points: Sequence[Mapping[str, float]]) -> str:
    """Draws the curves.

    Args:
      points: {"loss": …, kind of term: …} over the run.

    Returns:
      SVG; an empty string if there are fewer than two points, or none above 0.
    """
    values = [value for point in points for value in point.values() if value > 0 and math.isfinite(value)]
    if len(points) < 2 or not values:
        return ""
    low, high = _find_decades(values)

    def locate(index: int, value: float) -> str:
        x = LEFT + (WIDTH - LEFT - MARGIN) * index / (len(points) - 1)
        share = (min(max(math.log10(value), low), high) - low) / (high - low)
        return f"{x:.1f},{HEIGHT - BOTTOM - (HEIGHT - BOTTOM - MARGIN) * share:.1f}"

    parts = [_draw_grid_line(power, locate(0, 10.0**power)) for power in range(low, high + 1)]
    for number, name in enumerate(points[-1]):
        color = "currentColor" if name == "loss" else COLORS[(number - 1) % len(COLORS)]
        curve = [locate(index, point[name]) for index, point in enumerate(points) if point.get(name, 0) > 0]
        parts.append(f'<polyline fill="none" stroke="{color}" stroke-width="2" points="{" ".join(curve)}"/>')
        label = f"{name.replace('_', ' ')} {points[-1][name]:.3g}"
        parts.append(f'<text x="{LEFT + 145 * number}" y="{HEIGHT - MARGIN}" fill="{color}">{label}</text>')
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="loss by term" font-size="13" '
        f'style="width:100%;height:auto">{"".join(parts)}</svg>'
    )


def _find_decades(values: Sequence[float]) -> tuple[int, int]:
    """Return the lowest and highest power of ten that the drawing shows."""
    low = math.floor(math.log10(min(values)))
    high = math.ceil(math.log10(max(values)))
    return max(low, high - MAX_DECADES), max(high, low + 1)


def _draw_grid_line(power: int, position: str) -> str:
    """Draws a horizontal line at a power of ten, with its label."""
    y = position.split(",")[1]
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - MARGIN}" y1="{y}" y2="{y}" stroke="currentColor" stroke-opacity="0.15"/>'
        f'<text x="{LEFT - 8}" y="{y}" dy="4" text-anchor="end" fill="currentColor">1e{power}</text>'
    )


def draw_bar(share: float) -> str:
    """Return HTML that shows how much of the work is done, 0..1."""
    return f'<progress max="100" value="{100 * share:.0f}" aria-label="progress" style="width: 100%"></progress>'
