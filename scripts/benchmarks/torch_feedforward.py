"""A trained network in PyTorch, painting and in training: a contender of `scripts/benchmark feedforward`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from neural_style.feedforward.architectures import Deep, Dumoulin, Ghiasi, Johnson
from neural_style.feedforward.layers import GAIN, GREY
from neural_style.images.preprocessing import CAFFE_MEAN
from neural_style.losses.terms import CELL, WINDOW
from neural_style.settings import vgg_layers
from neural_style.settings.loss import LossSettings

LAST = torch.channels_last


class TransformerNet(nn.Module):
    """pytorch/examples' network, our deeper one, or the arbitrary network's transformer, with the weights of ours."""

    def __init__(self, network: Johnson | Dumoulin | Ghiasi, style: int):
        """
        Args:
          network: whose weights are taken.
          style: whose γ and β are.
        """
        super().__init__()
        self._blocks, self._before = network.BLOCKS, network.BLOCKS
        self._sigmoid = isinstance(network, Dumoulin | Ghiasi)
        self._steps, self._deeper = self._made(network.parts, style, ""), None
        if isinstance(network, Deep):
            self._before, self._deeper = network.BLOCKS_BEFORE, self._made(network.deep_parts, style, "deep_")
        self.to(memory_format=LAST)

    def _made(self, parts: Sequence[tuple], style: int, prefix: str) -> list[tuple]:
        """Each convolution of `parts` with its normalisation, and whether it is of a doubled map and a ReLU follows."""
        steps = []
        for number, (convolution, norm) in enumerate(parts):
            kernel = np.ascontiguousarray(np.transpose(convolution.kernel.numpy(), (3, 2, 0, 1)))
            size = convolution.size
            made = nn.Conv2d(kernel.shape[1], kernel.shape[0], size, convolution.stride)
            made.weight.data, made.bias.data = torch.from_numpy(kernel), torch.from_numpy(convolution.bias.numpy())
            self.add_module(f"{prefix}convolution_{number}", made)
            normal = None
            if norm is not None:
                normal = nn.InstanceNorm2d(kernel.shape[0], affine=True)
                normal.weight.data = torch.from_numpy(norm.gamma.numpy()[style].copy())
                normal.bias.data = torch.from_numpy(norm.beta.numpy()[style].copy())
                self.add_module(f"{prefix}normalization_{number}", normal)
            relu = convolution.relu if norm is None else norm.relu
            steps.append((made, normal, convolution.doubled, relu))
        return steps

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """RGB [batch, 3, rows, cols] in 0..255 to the painting."""
        following = _following(self._steps)
        x = _residual(following(following(following(image))), following, self._before)
        if self._deeper:
            deeper = _following(self._deeper)
            rows, cols = x.shape[2:]
            x = x + deeper(_residual(deeper(x), deeper, self._blocks))[:, :, :rows, :cols]
        x = _residual(x, following, self._blocks - self._before)
        x = following(following(following(x)))
        return 255 * torch.sigmoid(x) if self._sigmoid else GAIN * x + GREY


def _following(steps: Sequence[tuple]) -> Callable[[torch.Tensor], torch.Tensor]:
    waiting = iter(steps)

    def following(x: torch.Tensor) -> torch.Tensor:
        convolution, norm, doubled, relu = next(waiting)
        x = F.interpolate(x, scale_factor=2.0, mode="nearest") if doubled else x
        x = convolution(F.pad(x, [convolution.kernel_size[0] // 2] * 4, mode="reflect"))
        x = x if norm is None else norm(x)
        return F.relu(x) if relu else x

    return following


def _residual(x: torch.Tensor, following: Callable[[torch.Tensor], torch.Tensor], blocks: int) -> torch.Tensor:
    for _ in range(blocks):
        x = x + following(following(x))
    return x


class Trainer:
    """One step after the other with Adam, on the loss of `neural-style train --content_energy=crop`."""

    def __init__(
        self,
        network: TransformerNet,
        kernels: Mapping,
        loss: LossSettings,
        checkerboard: float,
        style: np.ndarray,
        bfloat16: bool,
    ):
        """
        Args:
          network: that is trained.
          kernels: of VGG16, layer → (kernel, bias).
          loss: the layers and weights; Gram matrices, normalised by scale.
          checkerboard: --checkerboard_weight.
          style: RGB [rows, cols, 3] in 0..255.
          bfloat16: whether convolutions are autocast.
        """
        self._network, self._loss, self._bfloat16 = network, loss, bfloat16
        self._checkerboard = checkerboard
        self._layers = vgg_layers.names_through("vgg16", loss.layers)
        self._kernels = {
            name: tuple(
                torch.from_numpy(np.ascontiguousarray(part.T if part.ndim == 1 else np.transpose(part, (3, 2, 0, 1))))
                for part in kernels[name]
            )
            for name in self._layers
        }
        with torch.no_grad():
            painting = torch.from_numpy(style).permute(2, 0, 1)[None].contiguous(memory_format=LAST)
            features = self._features(painting)
            self._targets = {name: _gram(features[name]) / features[name][0, 0].numel() for name in loss.style_layers}
        self._adam = torch.optim.Adam(network.parameters(), 1e-3)

    def loss(self, images: torch.Tensor) -> torch.Tensor:
        """The mean loss of a batch, RGB [batch, 3, side, side] in 0..255."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
            with torch.no_grad():
                contents = self._features(images)
            painted = self._network(images)
            found = self._features(painted)
        total = self._variation(painted.float(), images) + self._checkerboard * _checkerboard(painted.float()).mean()
        for name, weight in self._loss.layer_weights("content").items():
            a, b = found[name].float(), contents[name].float()
            energy = ((b - b.mean((2, 3), keepdim=True)) ** 2).sum((1, 2, 3))
            total = total + self._loss.content_weight * weight * (((a - b) ** 2).sum((1, 2, 3)) / energy).mean()
        for name, weight in self._loss.layer_weights("style").items():
            count = found[name][0, 0].numel()
            wanted = self._targets[name] * count
            a, b = (((_gram(each[name]) - wanted) ** 2).sum((1, 2)) for each in (found, contents))
            total = total + self._loss.style_weight * weight * (a / b).mean()
        return total

    def step(self, images: torch.Tensor) -> float:
        """One step; returns its loss."""
        self._adam.zero_grad()
        loss = self.loss(images)
        loss.backward()
        self._adam.step()
        return float(loss.detach())

    def variation_of(self, style: np.ndarray) -> None:
        """Takes the style's part of what total variation is divided by."""
        image = torch.from_numpy(style).permute(2, 0, 1)[None]
        self._per_pixel = _variation(image, self._loss.tv_exponent)[0] / image[0, 0].numel()

    def _variation(self, painted: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        exponent, pixels = self._loss.tv_exponent, images[0, 0].numel()
        own = _variation(images, exponent) + self._per_pixel * pixels
        return self._loss.tv_weight * (_variation(painted, exponent) / own).mean()

    def _features(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        x, found, block = image[:, [2, 1, 0]] - torch.tensor(CAFFE_MEAN).view(1, 3, 1, 1), {}, 1
        for name in self._layers:
            if vgg_layers.block_of(name) != block:
                block, x = vgg_layers.block_of(name), F.max_pool2d(x, 2)
            x = F.relu(F.conv2d(F.pad(x, [1, 1, 1, 1], mode="replicate"), *self._kernels[name]))
            found[name] = x
        return found


class StyleTrainer(Trainer):
    """The same on the loss of a style of one's own, which updates γ and β alone."""

    def __init__(self, network: TransformerNet, *arguments: Any):
        """See `Trainer`."""
        super().__init__(network, *arguments)
        for parameter in network.parameters():
            parameter.requires_grad_(parameter.dim() == 1)
        for name, module in network.named_modules():
            if name.startswith("convolution"):
                module.bias.requires_grad_(False)
        self._adam = torch.optim.Adam([each for each in network.parameters() if each.requires_grad], 3e-2)

    def loss(self, images: torch.Tensor, contents: torch.Tensor | None = None) -> torch.Tensor:
        """The mean loss of a batch of one photograph; `contents` are its crops in the painting's colours."""
        contents = images if contents is None else contents
        with torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
            with torch.no_grad():
                wanted = self._features(contents)
            painted = self._network(images)
            found = self._features(painted)
        image, loss = painted.float(), self._loss
        down, across = (image[:, :, 1:] - image[:, :, :-1]).abs(), (image[..., 1:] - image[..., :-1]).abs()
        total = loss.tv_weight * (down.mean() + across.mean()) / 255
        total = total + self._checkerboard * _checkerboard(image).mean()
        for name, weight in loss.layer_weights("content").items():
            a, b = found[name].float(), wanted[name].float()
            total = total + loss.content_weight * weight * ((a - b) ** 2).mean() / b.var((0, 2, 3), correction=0).mean()
        for name, weight in loss.layer_weights("style").items():
            gram, target = _gram(found[name]).mean(0) / found[name][0, 0].numel(), self._targets[name][0]
            total = total + loss.style_weight * weight * ((gram - target) ** 2).sum() / (target**2).sum()
        return total


def _gram(features: torch.Tensor) -> torch.Tensor:
    flat = features.float().flatten(2)
    return flat @ flat.transpose(1, 2)


def _variation(image: torch.Tensor, exponent: float) -> torch.Tensor:
    corner = image[:, :, :-1, :-1]
    dy, dx = corner - image[:, :, 1:, :-1], corner - image[:, :, :-1, 1:]
    squares = dy**2 + dx**2
    return (squares**exponent if exponent >= 1 else (squares + 1) ** exponent - 1).sum((1, 2, 3))


def _checkerboard(image: torch.Tensor) -> torch.Tensor:
    half = CELL // 2
    kernel = torch.tensor([0.5, *[1.0] * (CELL - 1), 0.5]) / CELL
    smooth = F.conv2d(image, torch.outer(kernel, kernel).expand(3, 1, -1, -1), groups=3)
    wave, count = image[..., half:-half, half:-half] - smooth, (image.shape[-1] // CELL - 1) // WINDOW
    size = (image.shape[-1] // CELL - 1) // count
    wave = wave[..., : count * size * CELL, : count * size * CELL]
    cells = wave.unflatten(3, (count, size, CELL)).unflatten(2, (count, size, CELL))  # batch, 3, rows…, cols…
    mean, variance = cells.mean((3, 6)), cells.var((3, 6), correction=1) / size**2
    return F.relu((mean**2 - variance).mean((3, 5))).mean((1, 2, 3))


def as_torch(images: Sequence[np.ndarray]) -> torch.Tensor:
    """Images [rows, cols, 3] as a batch [batch, 3, rows, cols] float32, channels last."""
    stacked = np.stack(images).astype(np.float32)
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous(memory_format=LAST)
