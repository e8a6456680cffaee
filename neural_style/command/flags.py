"""The command line's flags: each is defined, with its default, unit and choices, in this one place."""

import types
from collections.abc import Sequence
from typing import Any

from absl import flags

from neural_style.command import checks, recipes
from neural_style.errors import UserError
from neural_style.vgg import layout

Options = types.SimpleNamespace
"""Every flag's value by its name."""

_NO_OPTIONS = ("h", "flagfile", "undefok")
"""absl's own, which say nothing of a run."""


class _NumberListParser(flags.ListParser):
    """Numbers of one kind separated by commas, none below `least`."""

    def __init__(self, kind: type, least: float):
        super().__init__()
        self._kind, self._least = kind, least

    def parse(self, argument):
        """The numbers; raises a ValueError where there is none or one is too small."""
        expected = f"expected {'whole ' * (self._kind is int)}numbers not below {self._least}, separated by commas"
        try:
            numbers = [self._kind(number) for number in super().parse(argument)]
        except ValueError as error:
            raise ValueError(expected) from error
        if any(not number >= self._least for number in numbers):
            raise ValueError(expected)
        return numbers

    def flag_type(self):
        """What absl calls it."""
        return "comma separated list of numbers"


def define() -> flags.FlagValues:
    """Every flag with its default, in groups (absl's module names)."""
    values = flags.FlagValues()
    values.set_gnu_getopt(True)  # flags may follow the images
    for define in (_define_picture, _define_loss, _define_network, _define_optimiser, _define_files, _define_help):
        define(values)
    return values


def _define_picture(values: flags.FlagValues) -> None:
    group = dict(flag_values=values, module_name="The picture")
    flags.DEFINE_string(
        "recipe", None, "A flagfile that comes with neural_style, by name (see --list_recipes).", **group
    )
    flags.DEFINE_integer("rows", 400, "Height of the result, in pixels.", lower_bound=1, **group)
    flags.DEFINE_integer(
        "cols",
        None,
        "Width of the result, in pixels; by default it follows the content's aspect.",
        lower_bound=1,
        **group,
    )
    _define_list(
        _NumberListParser(int, 1),
        "scales",
        "",
        "Coarse to fine: the rows of each scale (128,256,512; the last is the result's), or their number (3: --rows, "
        "half of it, and a quarter). Each starts from the one before, enlarged.",
        group,
    )
    flags.DEFINE_enum(
        "resample", "nearest", ["nearest", "lanczos"], "How images are resized: as Keras does, or smoothly.", **group
    )
    _define_list(
        _NumberListParser(float, 0),
        "style_blend",
        None,
        "The weight of each style; they are divided by their sum. By default all are equal.",
        group,
    )
    flags.DEFINE_enum(
        "style_frame",
        "stretch",
        ["stretch", "aspect"],
        "Stretch each style to the content's frame, as Keras does, or keep its own aspect at about as many pixels.",
        **group,
    )
    _define_list(
        _NumberListParser(float, 0.01),
        "style_scale",
        "1",
        "Size of the strokes: each style is resized by this much more. Several give as many versions of each style.",
        group,
    )
    _define_list(
        _NumberListParser(float, -360),
        "style_rotation",
        "0",
        "Degrees by which each style is turned. Several give as many versions of it.",
        group,
    )
    flags.DEFINE_list(
        "style_masks",
        "",
        "Images in the result's frame, one for each style: white where that style applies, black where not.",
        **group,
    )
    flags.DEFINE_string(
        "content_mask",
        None,
        "An image in the result's frame: white where the photograph is painted, black where it stays as it is.",
        **group,
    )
    flags.DEFINE_string(
        "init", "content", "Where the combination starts: content, style, noise, or the path of an image.", **group
    )
    _define_list(
        _NumberListParser(float, -1000),
        "noise_range",
        "0,255",
        "Least and greatest value of --init=noise, in grey levels (0 to 255).",
        group,
    )
    flags.DEFINE_enum(
        "noise_space",
        "image",
        ["image", "network"],
        "What --noise_range is drawn for: the RGB image, or the image as the network sees it (blue, green, red "
        "without ImageNet's mean).",
        **group,
    )
    flags.DEFINE_enum(
        "preserve_color",
        "none",
        ["none", "match", "luminance"],
        "Keep the photograph's colours: match recolours the style to its mean and covariance first, luminance paints "
        "the luminance alone and puts the photograph's chroma back.",
        **group,
    )
    flags.DEFINE_enum(
        "color_match",
        "pca",
        ["pca", "cholesky", "symmetric"],
        "The map of --preserve_color=match and --recolor_content; symmetric moves colours least.",
        **group,
    )
    flags.DEFINE_boolean(
        "recolor_content", False, "Give the content the style's palette (mean and covariance of colour) first.", **group
    )
    flags.DEFINE_float(
        "init_blend",
        0.0,
        "Share of the style image that is mixed into the start; it gives flat regions strokes to grow from.",
        lower_bound=0.0,
        upper_bound=1.0,
        **group,
    )
    flags.DEFINE_integer("seed", 0, "Seed of the noise and of the learned or random weights.", lower_bound=0, **group)
    flags.DEFINE_integer(
        "denoise",
        0,
        "Width in pixels of a median filter over each image that is written; 0 filters nothing.",
        lower_bound=0,
        **group,
    )


def _define_loss(values: flags.FlagValues) -> None:
    group = dict(flag_values=values, module_name="The loss")
    weight = dict(lower_bound=0.0, **group)
    flags.DEFINE_float(
        "content_weight", 0.025, "Weight of the content term: higher keeps more of the photograph.", **weight
    )
    flags.DEFINE_float("style_weight", 1.0, "Weight of the style term: higher paints more.", **weight)
    flags.DEFINE_float("tv_weight", 1.0, "Weight of the total variation: higher is smoother.", **weight)
    flags.DEFINE_float("tv_exponent", 1.25, "Exponent of the total variation's squared differences.", **weight)
    flags.DEFINE_list("content_layers", "block5_conv2", "Convolutions whose features keep the content.", **group)
    flags.DEFINE_list(
        "style_layers",
        "block1_conv1,block2_conv1,block3_conv1,block4_conv1,block5_conv1",
        "Convolutions whose features carry the style.",
        **group,
    )
    _define_list(
        _NumberListParser(float, 0),
        "content_layer_weights",
        None,
        "One weight for each content layer; by default they share 1 equally.",
        group,
    )
    _define_list(
        _NumberListParser(float, 0),
        "style_layer_weights",
        None,
        "One weight for each style layer; by default they share 1 equally.",
        group,
    )
    flags.DEFINE_enum(
        "style_loss",
        "gram",
        ["gram", "linear", "polynomial", "gaussian", "batch_norm", "mrf"],
        "How style is compared: by Gram matrices; as distributions of features, with the linear, polynomial or "
        "Gaussian kernel or batch-norm statistics; or by matching 3x3 patches (Markov random fields). All but gram "
        "want --normalization=scale or none.",
        **group,
    )
    flags.DEFINE_enum(
        "normalization",
        "keras",
        ["none", "keras", "gatys", "mean", "pytorch", "scale"],
        "What a layer's distance is divided by. keras: style by 4 * 9 * (rows * cols)^2. gatys: content by 2, style by "
        "4 N^2 M^2. mean: mean squares. pytorch: mean squares, Gram matrices divided by rows * cols * channels. "
        "scale: content by its own energy, style by the content image's distance from the style, total variation by "
        "content's and style's own, so that weights mean the same for any network and size. none: by nothing.",
        **group,
    )
    flags.DEFINE_boolean(
        "reuse_constant_rows",
        True,
        "Compute the features of content and style once; --noreuse_constant_rows sends the whole batch through the "
        "network at every evaluation, as Keras' example does. The loss is the same.",
        **group,
    )


def _define_network(values: flags.FlagValues) -> None:
    group = dict(flag_values=values, module_name="The network")
    flags.DEFINE_enum("network", "vgg19", sorted(layout.BLOCKS, reverse=True), "The network.", **group)
    flags.DEFINE_string(
        "weights",
        "imagenet",
        "imagenet (downloaded by Keras at first use), learned (filters learned from the two images, nothing to "
        "download), auto (imagenet where it can be had within seconds, else learned), random, or a weight file: .h5 "
        "of Keras 2, .weights.h5 of Keras 3, or .pth or .safetensors of torchvision (with --preprocess=torch).",
        **group,
    )
    flags.DEFINE_string(
        "normalize_weights",
        "none",
        "Scale each filter so that its mean activation is 1 (Gatys et al. 2016), over these images: images (content "
        "and style), or a folder of images. none leaves the filters alone.",
        **group,
    )
    flags.DEFINE_enum(
        "precision",
        "float32",
        ["float32", "float64", "bfloat16", "auto"],
        "Of the network's arithmetic. float32 meets the reference values; float64 is for comparing formulas; bfloat16 "
        "is off by about 0.2 % in the loss and several times faster where the processor or GPU has units for it, "
        "and far slower where not; auto takes it where they are.",
        **group,
    )
    flags.DEFINE_enum(
        "convolution",
        "direct",
        ["direct", "winograd"],
        "How float32 and float64 convolve: direct, or by Winograd's tiles, which take two thirds of the time and round "
        "about twice as coarsely. bfloat16 is always direct.",
        **group,
    )
    flags.DEFINE_enum("pooling", "max", ["max", "avg"], "How each block is halved.", **group)
    flags.DEFINE_enum(
        "padding",
        "zeros",
        ["zeros", "replicate"],
        "What lies beyond the border: zeros, as VGG was trained, or the border's own pixels, which leaves no frame.",
        **group,
    )
    flags.DEFINE_enum(
        "taps", "after_relu", ["after_relu", "before_relu"], "Where in a layer features are taken.", **group
    )
    flags.DEFINE_enum(
        "preprocess",
        "caffe",
        ["caffe", "torch"],
        "What the weights expect: caffe (Keras' weights: blue, green, red without ImageNet's mean) or torch "
        "(torchvision's weights: RGB / 255, normalised).",
        **group,
    )


def _define_optimiser(values: flags.FlagValues) -> None:
    group = dict(flag_values=values, module_name="The optimiser")
    flags.DEFINE_string(
        "tile",
        "auto",
        "Evaluate tile by tile, exactly, in about 1.6 times the time: a size in pixels; none takes the image whole; "
        "auto does, where that fits into the free memory, else the largest tiles that fit.",
        **group,
    )
    flags.DEFINE_integer("iterations", 10, "Iterations; 0 measures the start and writes it.", lower_bound=0, **group)
    _define_list(
        _NumberListParser(int, 0),
        "scale_iterations",
        "",
        "Iterations at each of --scales; by default --iterations.",
        group,
    )
    flags.DEFINE_integer(
        "evaluations_per_iteration", 20, "Evaluations of loss and gradient in each iteration.", lower_bound=1, **group
    )
    flags.DEFINE_enum(
        "optimizer", "lbfgs", ["lbfgs", "sgd", "adam", "normalized_gradient"], "What moves the image.", **group
    )
    flags.DEFINE_boolean(
        "restart_each_iteration",
        True,
        "L-BFGS throws its curvature away after each iteration, as Keras' example does; --norestart_each_iteration "
        "keeps it, which gets lower in the same time.",
        **group,
    )
    flags.DEFINE_float(
        "first_step",
        None,
        "Root mean square, in grey levels, of the first move that L-BFGS tries; by default SciPy's, whose length over "
        "all pixels together is 1, or 10 with --norestart_each_iteration.",
        lower_bound=1e-9,
        **group,
    )
    flags.DEFINE_float("learning_rate", 1.0, "Of sgd, adam and normalized_gradient.", lower_bound=0.0, **group)
    flags.DEFINE_float(
        "decay_rate",
        1.0,
        "The learning rate is multiplied by this every --decay_steps moves, smoothly.",
        lower_bound=0.0,
        **group,
    )
    flags.DEFINE_integer("decay_steps", 100, "See --decay_rate.", lower_bound=1, **group)
    flags.DEFINE_boolean("clip", False, "Keep the image in 0..255 at each move.", **group)


def _define_files(values: flags.FlagValues) -> None:
    group = dict(flag_values=values, module_name="The files")
    flags.DEFINE_integer(
        "save_every",
        1,
        "PREFIX_at_iteration_N is written every so many iterations; 0 writes none.",
        lower_bound=0,
        **group,
    )
    flags.DEFINE_integer("output_quality", 95, "Of JPEG and WebP, 1 to 100.", lower_bound=1, upper_bound=100, **group)
    flags.DEFINE_boolean(
        "plots",
        True,
        "Write PREFIX_losses.png (each term over the iterations) and PREFIX_comparison.png (content, style, result).",
        **group,
    )
    flags.DEFINE_enum(
        "preview", "none", ["none", "webp", "gif"], "Write PREFIX_preview, an animation of the iterations.", **group
    )
    flags.DEFINE_string("tensorboard", "", "A folder to write losses and images to, for TensorBoard.", **group)
    flags.DEFINE_boolean(
        "keep_state",
        True,
        "Keep PREFIX.state while the run goes on (some 20 to 200 bytes a pixel), from which --resume continues.",
        **group,
    )
    flags.DEFINE_boolean(
        "resume",
        False,
        "Go on with an interrupted run, from its last iteration, to the same image as without the break; start anew "
        "where there is none, do nothing where the run is complete.",
        **group,
    )
    flags.DEFINE_string(
        "manifest",
        "",
        "A CSV file of runs: columns content, style (several separated by ;), prefix, and any flag. What is complete "
        "is skipped.",
        **group,
    )


def _define_help(values: flags.FlagValues) -> None:
    group = dict(flag_values=values, module_name="Help")
    flags.DEFINE_boolean("help", False, "Show the flags that most people want.", short_name="h", **group)
    flags.DEFINE_boolean("helpfull", False, "Show every flag.", **group)
    flags.DEFINE_boolean("list_recipes", False, "List the recipes.", **group)
    flags.DEFINE_string("show", "", "Show how an image (PNG) or a record (.json) was made.", **group)
    flags.DEFINE_boolean("version", False, "Show the version.", **group)
    flags.DEFINE_string("flagfile", "", "Read flags from this file, one on a line; flags after it win.", **group)
    flags.DEFINE_string("undefok", "", "Flags that may be unknown, separated by commas.", **group)


def _define_list(parser: _NumberListParser, name: str, default: str | None, text: str, group: dict) -> None:
    flags.DEFINE(parser, name, default, text, serializer=flags.CsvListSerializer(","), **group)


def parse(arguments: Sequence[str]) -> tuple[list[str], Options]:
    """Reads a command line, without the program's name.

    Returns:
      The arguments that are no flags, and every flag's value.

    Raises:
      UserError: with exit code 2, where the command line can't be read.
    """
    values = define()
    try:
        positional = values(["neural-style", *recipes.expand(arguments)])[1:]
    except flags.Error as error:
        raise UserError(f"{_one_line(error)} (--help lists the flags)", exit_code=2) from error
    options = Options(**{name: value for name, value in values.flag_values_dict().items() if name not in _NO_OPTIONS})
    checks.check(options)
    return positional, options


def as_text(value: Any) -> str:
    """A flag's value as the command line takes it."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
