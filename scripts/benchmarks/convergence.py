"""When the recipes reach the loss of the example's schedule."""

from typing import TYPE_CHECKING

from sessions import ROWS, median_seconds, session, sessions

if TYPE_CHECKING:
    from neural_style.optimize.evaluator import Evaluator

TRAINED = ("--network=vgg16", "--weights=hed")
CASES = {
    "fast, seeded, total variation 0.001": ("--recipe=fast", "--weights=random", "--tv_weight=0.001"),
    "fast, seeded, total variation 1": ("--recipe=fast", "--weights=random"),
    "fast, HED": ("--recipe=fast", *TRAINED),
    "paint, HED": ("--recipe=paint", *TRAINED),
}
EXAMPLE = (
    "--scales=1",
    "--iterations=10",
    "--evaluations_per_iteration=20",
    "--restart_each_iteration",
    "--convolution=direct",
    "--precision=float32",
)
"""The example's schedule."""


def measure_convergence() -> dict[str, dict]:
    """Measure when --recipe=fast and --recipe=paint reach their own float32 loss after the example's schedule."""
    print("\n| recipe | its loss after the example's 10 iterations | the example's seconds | its own | times sooner |")
    print("|---|---|---|---|---|", flush=True)
    results = {}
    for case, flags in CASES.items():
        target = session(*flags, *EXAMPLE)
        *_, last = target.steps()
        # This reaches the same losses as stacked images, but sooner. The example's time is the number of evaluations
        # times the seconds of a stacked one.
        slow = median_seconds(session(*flags[1:], "--noreuse_constant_rows")) * target.evaluator.evaluations
        seconds, reached = race(last.loss, target.evaluator, flags)
        results[case] = {"target": last.loss, "example": slow, "own": seconds, "losses": reached}
        own = f"{seconds:.0f} s | {slow / seconds:.1f}" if seconds else f"not in {reached[-1][0]:.0f} s | –"
        print(f"| {case} | {last.loss:.4g} | {slow:.0f} s | {own} |", flush=True)
    return results


def race(target: float, judge: "Evaluator", flags: tuple[str, ...]) -> tuple[float | None, list[tuple[float, float]]]:
    """Measure seconds until a recipe's image reaches a loss; also return (seconds, loss) of each step.

    Start-up, tracing and these measurements do not count, as they do not in the example's time.

    Args:
      target: the loss to reach.
      judge: measures the float32 loss.
      flags: of the recipe.
    """
    spent, reached = 0.0, []
    for run in sessions(*flags):
        for step in run.steps():
            spent += step.seconds if step.index else 0.0
            if step.image.shape[0] == ROWS:
                reached.append((spent, judge.loss(step.image.astype("float64").reshape(-1))))
                if reached[-1][1] <= target:
                    return spent, reached
    return None, reached
