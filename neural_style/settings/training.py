"""Settings of the training of decoders, and of networks that paint."""

import dataclasses

from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Choice, File, Number, Optional, Switch, Whole, setting
from neural_style.settings.universal import LEVELS

ARCHITECTURES = ("johnson", "deep", "msg", "dumoulin")
ENERGIES = ("crop", "styles")


@dataclasses.dataclass(frozen=True)
class TrainingSettings(Checked):
    """Training."""

    decoder: int | None = setting(
        None,
        Optional(Whole(1, LEVELS)),
        "Train a decoder of this level, of the features of blockL_conv1, instead of a network.",
    )
    band_decoder: bool = setting(
        False, Switch(), "Train the decoder of --bands, which decodes all levels for --method=wct and adain."
    )
    photos: str | None = setting(
        None, Optional(File()), "A folder of photographs to learn from. With --add_to a few are bundled."
    )
    init_from: str | None = setting(
        None,
        Optional(File()),
        "Start from a trained network (a file or painters), whose γ and β are kept where it has as many styles, or "
        "from a decoder of this level or a lower one, whose convolutions this one ends with.",
        old_name="begin",
    )
    steps: int = setting(
        2000, Whole(1, 10**7), "Number of steps, each on one batch; the learning rate falls over them."
    )
    crop: int = setting(128, Whole(32, 1024), "Side of the crops of photographs, in pixels.")
    batch: int = setting(4, Whole(1, 256), "Number of crops in each step.")
    rate: float = setting(2e-3, Number(1e-8, 1), "Maximum learning rate.")
    seed: int = setting(0, Whole(0, 2**32 - 1), "Seed of the initial kernels and of the crops.")


OF_WHOLE_NETWORKS = ("style_loss", "normalization", "tv_exponent", "content_energy", "strategy")
"""Settings that are not used where styles are added to a network."""


@dataclasses.dataclass(frozen=True)
class StylesSettings(Checked):
    """Networks that paint."""

    architecture: str = setting(
        "deep",
        Choice(ARCHITECTURES),
        "johnson: Johnson et al. 2016 with a γ and β for each style (Dumoulin et al. 2017). deep: the same with five "
        "more residual blocks at an eighth of the size, for larger strokes. msg: styles enter through their Gram "
        "matrices (Zhang & Dana 2017). dumoulin: as Dumoulin et al. 2017 was published, narrower.",
    )
    add_to: str | None = setting(
        None,
        Optional(File()),
        "Add the styles to this trained network (a file or painters): its convolutions and its other styles stay as "
        "they are, and only γ and β of the new styles are learned, in a few minutes. It is the way of training where "
        "none of --architecture, --width and --init_from is given.",
    )
    width: float = setting(
        0.5,
        Number(0.05, 2),
        "Share of the published number of channels; 1 paints no better when trained on few photographs.",
    )
    only_styles: bool = setting(
        False,
        Switch(),
        "Leave the other styles of --add_to's network out of the new file.",
    )
    style_size: int = setting(
        600, Whole(32, 4096), "Rows and columns of the style images, on average: larger ones give larger strokes."
    )
    content_energy: str = setting(
        "styles",
        Choice(ENERGIES),
        "What the content's distance is divided by, with --normalization=scale. crop: the energy of the crop's own "
        "features, as when a picture is optimised. styles: that of all styles together, so that flat crops take "
        "strokes too.",
    )
    checkerboard_weight: float = setting(
        0.1,
        Number(0, 1e6),
        "Weight of the checkerboard, in squared grey levels, that a network's strides leave in its pictures. The "
        "default suits --normalization=scale. 0 leaves the term out.",
    )
    export: bool = setting(
        True,
        Switch(),
        "Also export the network for LiteRT into the cache folder (~/.cache/neural-style), which takes about ten "
        "seconds. With it the network paints in a second from the shell; without it, TensorFlow is loaded first.",
    )
    shows: str | None = setting(
        None,
        Optional(File()),
        "A photograph that is painted in every new style every --shows_every steps, beside MODEL. With --add_to one "
        "is bundled, and the picture is MODEL_preview.png.",
    )
    shows_every: int = setting(1000, Whole(1, 10**7), "Steps from one picture of --shows to the next.")
    tensorboard: str | None = setting(
        None, Optional(File()), "A folder for TensorBoard's files of losses and pictures."
    )
    strategy: str = setting(
        "none",
        Choice(["none", "mirrored", "multi_worker"]),
        "How batches are shared: mirrored among the GPUs of this machine, multi_worker among the machines that "
        "TF_CONFIG names (tf.distribute).",
    )
