"""Settings of trainings: of decoders, and of networks that paint."""

import dataclasses

from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Choice, File, Number, Optional, Switch, Whole, setting
from neural_style.settings.universal import LEVELS

ARCHITECTURES = ("johnson", "deep", "msg")
ENERGIES = ("crop", "styles")


@dataclasses.dataclass(frozen=True)
class TrainingSettings(Checked):
    """Training."""

    decoder: int | None = setting(
        None,
        Optional(Whole(1, LEVELS)),
        "Train a decoder of this level, of the features of blockL_conv1, instead of a network.",
    )
    photos: str | None = setting(None, Optional(File()), "A folder of photographs to learn from.")
    begin: str | None = setting(
        None,
        Optional(File()),
        "What to begin with: a network (a file or painters), whose γ and β are kept where it has as many styles; a "
        "decoder of this level, or of a lower one, whose convolutions this one ends with.",
    )
    steps: int = setting(2000, Whole(1, 10**7), "Steps, each on one batch; the learning rate falls over them.")
    crop: int = setting(128, Whole(32, 1024), "Side of the squares that are cut out of photographs, in pixels.")
    batch: int = setting(4, Whole(1, 256), "Crops in each step.")
    rate: float = setting(2e-3, Number(1e-8, 1), "The learning rate at its highest.")
    seed: int = setting(0, Whole(0, 2**32 - 1), "Seed of the first kernels and of the crops.")


@dataclasses.dataclass(frozen=True)
class StylesSettings(Checked):
    """Networks that paint"""

    architecture: str = setting(
        "deep",
        Choice(ARCHITECTURES),
        "johnson: Johnson et al. 2016 with a γ and β for each style (Dumoulin et al. 2017). deep: the same with five "
        "residual blocks more, at an eighth of the size, for strokes that are larger. msg: styles enter through "
        "their Gram matrices (Zhang & Dana 2017).",
    )
    width: float = setting(
        0.5, Number(0.05, 2), "Share of the published channels; 1 paints no better of few photographs."
    )
    only_styles: bool = setting(
        False,
        Switch(),
        "Learn γ and β of the styles alone, and leave the convolutions of --begin as they are, which serve them too "
        "after a tenth of the steps (Dumoulin et al. 2017, section 3.3).",
    )
    style_size: int = setting(
        600, Whole(32, 4096), "Rows and columns of the style images, on average: larger ones give larger strokes."
    )
    content_energy: str = setting(
        "styles",
        Choice(ENERGIES),
        "Whose features' energy the content's distance is divided by, with --normalization=scale: each crop's own, as "
        "when a picture is optimised, or that of all styles together, so that flat crops keep no more than others and "
        "take strokes.",
    )
    checkerboard_weight: float = setting(
        0.1,
        Number(0, 1e6),
        "Weight of the checkerboard, in squared grey levels, that a network's strides leave in its pictures; made for "
        "--normalization=scale. 0 leaves the term out.",
    )
    shows: str | None = setting(
        None, Optional(File()), "A photograph that is painted in every style now and then, beside MODEL."
    )
    shows_every: int = setting(1000, Whole(1, 10**7), "Steps from one of these pictures to the next.")
    tensorboard: str | None = setting(
        None, Optional(File()), "A folder that takes losses and pictures for TensorBoard."
    )
    strategy: str = setting(
        "none",
        Choice(["none", "mirrored", "multi_worker"]),
        "How batches are shared: mirrored among the GPUs of this machine, multi_worker among machines that TF_CONFIG "
        "names (tf.distribute).",
    )
