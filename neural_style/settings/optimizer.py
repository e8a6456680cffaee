"""Settings of the optimiser, and of how the loss is evaluated for it."""

import dataclasses

from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Choice, Many, Number, Optional, Switch, Whole, WordOr, setting

OPTIMIZERS = ("lbfgs", "sgd", "adam", "normalized_gradient")


@dataclasses.dataclass(frozen=True)
class OptimizerSettings(Checked):
    """The optimiser."""

    tile: str | int = setting(
        "auto",
        WordOr(["auto", "none"], Whole(1, 100_000)),
        "Evaluate tile by tile, exactly, in about 1.6 times the time: a size in pixels; none takes the image whole; "
        "auto does so where the memory suffices, else it takes the largest tiles that fit.",
    )
    reuse_constant_rows: bool = setting(
        True,
        Switch(),
        "Compute the features of content and style once; --noreuse_constant_rows sends the whole batch through the "
        "network at every evaluation, as Keras' example does. The loss is the same.",
    )
    margin: int = setting(
        0,
        Whole(0, 1000),
        "Pixels that are mirrored around the photograph at each scale, painted with it, and cropped. The network sees "
        "an image's border in another way than its inside, and without a margin this shows as dots and ridges there.",
    )
    iterations: int = setting(10, Whole(0, 10**9), "Iterations; 0 measures the start and writes it.")
    scale_iterations: tuple[int, ...] = setting(
        (),
        Many(Whole(0, 10**9), max_count=16),
        "Iterations at each of --scales; by default --iterations. With --scales=auto the last is the result's, and "
        "scales coarser than those named take the first.",
    )
    evaluations_per_iteration: int = setting(20, Whole(1, 10**6), "Evaluations of loss and gradient in each iteration.")
    optimizer: str = setting("lbfgs", Choice(OPTIMIZERS), "The optimiser.")
    restart_each_iteration: bool = setting(
        True,
        Switch(),
        "L-BFGS forgets its curvature after each iteration, as in Keras' example; --norestart_each_iteration keeps it, "
        "which reaches a lower loss in the same time.",
    )
    first_step: float | None = setting(
        None,
        Optional(Number(1e-9, 1e6)),
        "Root mean square, in grey levels, of the first step that L-BFGS tries; by default SciPy's, whose length over "
        "all pixels is 1, or 10 with --norestart_each_iteration.",
    )
    learning_rate: float = setting(1.0, Number(0, 1e35), "Learning rate of sgd, adam and normalized_gradient.")
    decay_rate: float = setting(
        1.0, Number(0, 1000), "Factor of the learning rate for every --decay_steps steps, applied smoothly."
    )
    decay_steps: int = setting(100, Whole(1, 10**9), "See --decay_rate.")
    clip: bool = setting(False, Switch(), "Clip the image to 0..255 at each step.")

    @property
    def keeps_curvature(self) -> bool:
        """Whether L-BFGS keeps its curvature from iteration to iteration."""
        return self.optimizer == "lbfgs" and not self.restart_each_iteration

    def iterations_at(self, scales: int) -> tuple[int, ...]:
        """The iterations of each of `scales` scales, coarse to fine."""
        named = self.scale_iterations or (self.iterations,)
        return ((named[0],) * scales + named)[-scales:] if len(named) > 1 else named * scales
