"""WCT and AdaIN in PyTorch with the same kernels and decoders: a contender of `scripts/benchmark universal`."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from neural_style.images.preprocessing import CAFFE_MEAN
from neural_style.settings import vgg_layers
from neural_style.universal.decoder import Decoder


class Painter:
    """Paints with VGG16 (replicated borders, max pooling) and its decoders, channels last, in float32."""

    def __init__(self, kernels: Mapping, decoders: Mapping[int, Decoder]):
        """
        Args:
          kernels: of VGG16, layer → (kernel, bias).
          decoders: by level.
        """
        self._encoder = _loaded(kernels)
        self._decoders = {level: (decoder.unit, _loaded(decoder.weights)) for level, decoder in decoders.items()}

    @torch.inference_mode()
    def paint(self, content: np.ndarray, style: np.ndarray, levels: Sequence[int], method: str) -> np.ndarray:
        """The picture [rows, cols, 3] of a content and a style, RGB [rows, cols, 3] in 0..255."""
        image, painting = (torch.from_numpy(one).permute(2, 0, 1)[None] for one in (content, style))
        wanted, transform = self._encode(painting, levels), {"wct": _wct, "adain": _adain}[method]
        for level in levels:
            image = self._decode(transform(self._encode(image, [level])[level], wanted[level]), level).clip(0, 255)
        return image[0].permute(1, 2, 0).numpy()

    def _encode(self, image: torch.Tensor, levels: Sequence[int]) -> dict[int, torch.Tensor]:
        x, found, block = image[:, [2, 1, 0]] - torch.tensor(CAFFE_MEAN).view(1, 3, 1, 1), {}, 1
        x = x.contiguous(memory_format=torch.channels_last)
        for name in vgg_layers.names_through("vgg16", map(vgg_layers.level_layer, levels)):
            if vgg_layers.block_of(name) != block:
                block, x = vgg_layers.block_of(name), F.max_pool2d(x, 2)
            x = F.relu(_convolved(x, *self._encoder[name]))
            if name == vgg_layers.level_layer(block):
                found[block] = x
        return found

    def _decode(self, x: torch.Tensor, level: int) -> torch.Tensor:
        unit, weights = self._decoders[level]
        x = x / unit
        for name, pair in weights.items():
            x = _convolved(x, *pair)
            if name != vgg_layers.level_layer(1):
                x = F.relu(x)
                if name.endswith("conv1"):
                    x = F.interpolate(x, scale_factor=2, mode="nearest")
        return 255 * x


def _loaded(weights: Mapping) -> dict:
    return {
        name: (
            torch.from_numpy(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))).to(memory_format=torch.channels_last),
            torch.from_numpy(bias),
        )
        for name, (kernel, bias) in weights.items()
    }


def _convolved(x: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), kernel, bias)


def _wct(content: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
    def measured(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        flat = features[0].flatten(1).double()
        mean = flat.mean(1, keepdim=True)
        return mean, torch.cov(flat - mean)

    def root(covariance: torch.Tensor, exponent: float) -> torch.Tensor:
        values, vectors = torch.linalg.eigh(covariance)
        kept = values > 1e-7 * values[-1]
        return (vectors[:, kept] * values[kept] ** exponent) @ vectors[:, kept].T

    (own_mean, own), (mean, wanted) = measured(content), measured(style)
    matrix = root(wanted, 0.5) @ root(own, -0.5)
    kernel = matrix.float()[..., None, None].to(memory_format=torch.channels_last)
    return F.conv2d(content, kernel, (mean - matrix @ own_mean)[:, 0].float())


def _adain(content: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
    (own_std, own), (std, mean) = (torch.std_mean(x, (2, 3), keepdim=True) for x in (content, style))
    return (content - own) * (std / own_std.clamp(min=1e-5)) + mean
