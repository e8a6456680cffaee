"""The loss of Keras' example in PyTorch: a contender of `scripts/benchmark evaluation`.

Channels last; the features of content and style are computed once.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from neural_style.images.preprocessing import CAFFE_MEAN
from neural_style.settings import vgg_layers

CONTENT = "block5_conv2"
STYLES = [f"block{block}_conv1" for block in range(1, 6)]


class Network:
    """VGG19 up to the content layer."""

    def __init__(self, kernels: dict):
        """
        Args:
          kernels: layer → (kernel [rows, cols, channels in, channels out], bias).
        """
        self._mean = torch.tensor(CAFFE_MEAN).view(1, 3, 1, 1)
        self._weights = {
            name: (
                torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()).to(memory_format=torch.channels_last),
                torch.from_numpy(bias),
            )
            for name, (kernel, bias) in kernels.items()
        }

    def features(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Compute layer → features of an RGB image [1, 3, rows, cols]."""
        x = image[:, [2, 1, 0]] - self._mean
        features, block = {}, 1
        for name in vgg_layers.names_through("vgg19", [CONTENT]):
            if vgg_layers.block_of(name) != block:
                block, x = vgg_layers.block_of(name), F.max_pool2d(x, 2)
            x = F.relu(F.conv2d(x, *self._weights[name], padding=1))
            features[name] = x
        return features


def objective(kernels: dict, content: np.ndarray, style: np.ndarray, bfloat16: bool) -> Callable:
    """Return a function from an RGB image [rows, cols, 3] to loss and gradient, with the example's weights and layers.

    Args:
      kernels: of VGG19, layer → (kernel, bias).
      content, style: RGB [rows, cols, 3] in 0..255.
      bfloat16: whether autocast computes the network and the Gram matrices in bfloat16.
    """
    network = Network(kernels)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, bfloat16):
        content_features = network.features(to_tensor(content))[CONTENT].float()
        style_features = network.features(to_tensor(style))
        targets = {layer: gram_matrix(style_features[layer]) for layer in STYLES}
    scale = 1 / (len(STYLES) * 4 * 3**2 * (content.shape[0] * content.shape[1]) ** 2)

    def evaluate(image: np.ndarray) -> tuple[float, np.ndarray]:
        x = to_tensor(image).contiguous(memory_format=torch.channels_last).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, bfloat16):
            features = network.features(x)
            loss = 0.025 * (features[CONTENT].float() - content_features).square().sum()
            for layer, target in targets.items():
                loss = loss + scale * (gram_matrix(features[layer]) - target).square().sum()
        loss = loss + total_variation(x)
        loss.backward()
        return loss.item(), x.grad[0].permute(1, 2, 0).numpy()

    return evaluate


def gram_matrix(features: torch.Tensor) -> torch.Tensor:
    """Compute the Gram matrix [channels, channels] of features [1, channels, rows, cols]."""
    flat = features[0].flatten(1)
    return (flat @ flat.T).float()


def total_variation(image: torch.Tensor) -> torch.Tensor:
    """Compute the example's total variation of an image [1, 3, rows, cols]."""
    corner = image[:, :, :-1, :-1]
    squares = (corner - image[:, :, 1:, :-1]).square() + (corner - image[:, :, :-1, 1:]).square()
    # The gradient of a power at 0 is infinite times 0 in autograd; the small number is far below a grey level.
    return (squares + 1e-12).pow(1.25).sum()


def to_tensor(image: np.ndarray) -> torch.Tensor:
    """Return an image [rows, cols, 3] as a batch [1, 3, rows, cols] in float32."""
    return torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
