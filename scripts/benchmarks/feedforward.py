"""Seconds a picture and images trained a second of trained networks, beside PyTorch: a part of `scripts/benchmark`."""

import functools
import sys
from typing import Any

from universal import in_turns

SIZES = [(512, 512), (1080, 1920)]
ARBITRARY_SIZE = (512, 768)
ARCHITECTURE = "deep"
"""That of whole networks."""
CROP, BATCH, WIDTH = 128, 4, 0.5
PRECISIONS = ("float32", "bfloat16")


def measure(pair: list[str]) -> dict[str, dict[str, float]]:
    """Paints and trains in turns with PyTorch's same network; medians of rounds."""
    painting = measure_painting(pair)
    training = measure_training(pair)
    return {"painting": painting, "training": training, "style": measure_style(pair)}


def measure_painting(pair: list[str]) -> dict[str, float]:
    """Seconds a picture at each size and precision, with everything loaded."""
    import numpy as np
    import tensorflow as tf
    import torch
    from torch_feedforward import TransformerNet, as_torch

    from neural_style.feedforward import network
    from neural_style.feedforward.painter import Painter
    from neural_style.images import geometry, reading

    some, found = network.initialize(ARCHITECTURE, WIDTH, ["one"], 0), {}
    style, theirs = tf.ones((1, 1, 1, 1)), TransformerNet(some.layers, 0).eval()
    painters = {precision: Painter(some, precision) for precision in PRECISIONS}
    print("\n| seconds a picture, half the channels, everything loaded | neural_style | PyTorch | times faster |")
    print("|---|---|---|---|")
    for rows, cols in SIZES:
        image = geometry.resize(reading.load(pair[0]), rows, cols)
        batch = as_torch([image])
        for precision in PRECISIONS:

            def ours(precision=precision, image=image) -> np.ndarray:
                return painters[precision].paint(image, style)

            def torchs(precision=precision, batch=batch) -> np.ndarray:
                with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                    return theirs(batch)[0].permute(1, 2, 0).float().numpy()

            difference = np.abs(ours() - torchs()).mean()
            if difference > (0.01 if precision == "float32" else 1):
                sys.exit(f"benchmark: the pictures differ by {difference:.3f} grey levels: not the same work.")
            seconds = in_turns({"neural_style": ours, "PyTorch": torchs})
            tell(f"{rows} x {cols}, {precision}", seconds)
            found[f"{rows}x{cols} {precision}"] = seconds
    return found


def measure_training(pair: list[str]) -> dict[str, float]:
    """Seconds of a step of training, by precision."""
    import numpy as np
    import tensorflow as tf
    from torch_feedforward import Trainer, TransformerNet, as_torch

    from neural_style.core.cache import Cache
    from neural_style.images import geometry, reading
    from neural_style.settings import recipes
    from neural_style.settings.loss import LossSettings
    from neural_style.settings.network import NetworkSettings
    from neural_style.settings.training import StylesSettings, TrainingSettings
    from neural_style.training import network_setup
    from neural_style.vgg import weights

    recipe = recipes.read("networks")

    def of(cls, **given):
        names = cls.__dataclass_fields__
        return cls(**{name: value for name, value in {**recipe, **given}.items() if name in names})

    loss, vgg = of(LossSettings), of(NetworkSettings, weights="random", precision="float32")
    settings = TrainingSettings(crop=CROP, batch=BATCH, steps=1000)
    how = StylesSettings(architecture=ARCHITECTURE, width=WIDTH, content_energy="crop")
    painting = geometry.resize(reading.load(pair[1]), 256, 320)
    rng = np.random.default_rng(0)
    photograph = geometry.resize(reading.load(pair[0]), 400, 600)
    tops = rng.integers(0, 400 - CROP, BATCH)
    crops = [photograph[top : top + CROP, 2 * top : 2 * top + CROP] for top in tops]
    images, batch = tf.constant(np.stack(crops), tf.float64), as_torch(crops)
    _, kernels = weights.resolve(vgg, 0)
    found = {}
    print(f"\n| a step of training on {BATCH} crops of {CROP} x {CROP} | neural_style | PyTorch | times faster |")
    print("|---|---|---|---|")
    for precision in PRECISIONS:
        made = of(NetworkSettings, weights="random", precision=precision)
        network, ours = network_setup.start_training(settings, how, loss, made, ["one"], [painting], Cache(2e9))
        copied, weight = TransformerNet(network.layers, 0), how.checkerboard_weight
        theirs = Trainer(copied, kernels, loss, weight, painting, precision == "bfloat16")
        theirs.variation_of(painting)
        wanted = sum(float(values.mean()) for values in ours.losses(images, np.zeros(BATCH, int)).values())
        got = float(theirs.loss(batch).detach())
        if abs(got / wanted - 1) > (1e-3 if precision == "float32" else 0.03):
            sys.exit(f"benchmark: the losses are {wanted} and {got}: not the same work.")
        contenders = {
            "neural_style": lambda ours=ours: ours.run(images),
            "PyTorch": lambda theirs=theirs: theirs.step(batch),
        }
        seconds = in_turns(contenders)
        tell(
            f"{precision}: {BATCH / seconds['neural_style']:.1f} and {BATCH / seconds['PyTorch']:.1f} images/s", seconds
        )
        found[precision] = seconds
    return found


def measure_style(pair: list[str]) -> dict[str, dict[str, float]]:
    """Measure a step of the training of a style of one's own, by precision: two crops of 224 pixels."""
    import tensorflow as tf
    from torch_feedforward import StyleTrainer, TransformerNet, as_torch

    from neural_style.core.cache import Cache
    from neural_style.images import geometry, reading
    from neural_style.pretrained import style_networks
    from neural_style.settings.loss import LossSettings
    from neural_style.settings.network import NetworkSettings
    from neural_style.settings.training import StylesSettings, TrainingSettings
    from neural_style.training import network_setup, style_job
    from neural_style.training.crops import Crops
    from neural_style.training.job import read_settings
    from neural_style.vgg import weights

    flags = {**style_job.defaults(["one", "model"]), "add_to": str(style_networks.by_name()["painters"])}
    flags |= {"weights": "random", "only_styles": "true"}
    training, styles_settings, loss = (
        read_settings(group, flags) for group in (TrainingSettings, StylesSettings, LossSettings)
    )
    painting = geometry.resize(reading.load(pair[1]), 256, 320)
    photographs = sorted(style_job.PHOTOGRAPHS.glob("*.jpg"))
    crops = Crops(photographs, training.crop, training.batch, 0, of_one_photograph=True)
    images, seconds = tf.constant(crops.batch(0)), {}
    print("\n| a step of the training of a style of one's own | neural_style | PyTorch | times faster |")
    print("|---|---|---|---|")
    for precision in PRECISIONS:
        vgg = read_settings(NetworkSettings, flags | {"precision": precision})
        network, ours = network_setup.start_style_training(
            training, styles_settings, loss, vgg, ["one"], [painting], None, Cache(2e9)
        )
        contents = ours.contents(images, [0, 0])
        copied, (_, kernels) = TransformerNet(network.layers, 0), weights.resolve(vgg, 0)
        theirs = StyleTrainer(
            copied, kernels, loss, styles_settings.checkerboard_weight, painting, precision == "bfloat16"
        )
        our_loss = sum(float(values.mean()) for values in ours.losses(images, [0, 0]).values())
        their_loss = float(theirs.loss(as_torch(images.numpy()), as_torch(contents)).detach())
        if abs(their_loss / our_loss - 1) > (1e-3 if precision == "float32" else 0.03):
            sys.exit(f"benchmark: the losses are {our_loss} and {their_loss}: not the same work.")
        batch = as_torch(images.numpy())
        contenders = {
            "neural_style": lambda ours=ours: ours.run(images),
            "PyTorch": lambda theirs=theirs, batch=batch: theirs.step(batch),
        }
        seconds[precision] = in_turns(contenders)
        tell(precision, seconds[precision])
    return seconds


def measure_arbitrary(pair: list[str]) -> dict[str, dict[str, float]]:
    """Seconds of the arbitrary style network: its transformer beside two others', and all of instant."""
    import numpy as np
    import tensorflow as tf
    from torch_feedforward import TransformerNet, as_torch

    from neural_style.feedforward import published
    from neural_style.feedforward.arbitrary import ArbitraryPainter
    from neural_style.feedforward.painter import Painter
    from neural_style.images import geometry, reading

    rows, cols = ARBITRARY_SIZE
    image, seen = geometry.resize(reading.load(pair[0]), rows, cols), geometry.resize(reading.load(pair[1]), 256, 256)
    whole, style = {kind: ArbitraryPainter(published.read(), 1, kind) for kind in PRECISIONS}, tf.ones((1, 1, 1, 1))
    vector = whole["float32"].style_vector(seen)
    for painter in whole.values():
        painter.set_styles([vector])
    alone = Painter(whole["float32"].network, "float32")
    theirs, batch = TransformerNet(alone.network.layers, 0).eval(), as_torch([image])
    session = onnx_session(theirs, batch)
    contenders = {
        "neural_style": lambda: alone.paint(image, style),
        "PyTorch": lambda: torch_painted(theirs, batch),
        "onnxruntime": lambda: session.run(None, {"image": batch.numpy()})[0][0].transpose(1, 2, 0),
    }
    wanted = contenders["neural_style"]()
    for name, paint in contenders.items():
        if np.abs(paint() - wanted).mean() > 0.01:
            sys.exit(f"benchmark: the picture of {name} differs: not the same work.")
    seconds = {"transformer, float32": in_turns(contenders)}
    seconds["with margin, without lattice"] = in_turns(
        {kind: functools.partial(painter.paint, image, style) for kind, painter in whole.items()}
    )
    print(f"\n| arbitrary, {rows} x {cols}, everything loaded | seconds |\n|---|---|")
    for what, each in seconds.items():
        for name, value in each.items():
            print(f"| {what}, {name} | {value:.3f} |", flush=True)
    return seconds


def torch_painted(network: Any, batch: Any) -> Any:
    """PyTorch's picture [rows, cols, 3]."""
    import torch

    with torch.inference_mode():
        return network(batch)[0].permute(1, 2, 0).numpy()


def onnx_session(network: Any, batch: Any) -> Any:
    """PyTorch's network as a session of onnxruntime, in float32."""
    import io

    import onnxruntime
    import torch

    file = io.BytesIO()
    torch.onnx.export(network, (batch,), file, input_names=["image"], dynamo=False)
    return onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])


def tell(what: str, seconds: dict[str, float]) -> None:
    """Prints a row of a table."""
    ours, theirs = seconds["neural_style"], seconds["PyTorch"]
    print(f"| {what} | {ours:.3f} s | {theirs:.3f} s | {theirs / ours:.2f} |", flush=True)
