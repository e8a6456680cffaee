"""The loss of Keras' example in PyTorch, channels last, constant rows reused: a contender of `scripts/benchmark`."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from neural_style.images.preprocessing import CAFFE_MEAN
from neural_style.settings import vgg_layers

CONTENT, STYLES = "block5_conv2", [f"block{block}_conv1" for block in range(1, 6)]


def objective(kernels: dict, content: np.ndarray, style: np.ndarray, bfloat16: bool) -> Callable:
    """Maps an RGB image [rows, cols, 3] to loss and gradient, with the example's weights and layers.

    Args:
      kernels: of VGG19, layer → (kernel, bias).
      content, style: RGB [rows, cols, 3] in 0..255.
      bfloat16: whether autocast computes the network and the Gram matrices in bfloat16.
    """
    weights = {
        name: (
            torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()).to(memory_format=torch.channels_last),
            torch.from_numpy(bias),
        )
        for name, (kernel, bias) in kernels.items()
    }
    mean = torch.tensor(CAFFE_MEAN).view(1, 3, 1, 1)

    def network(image: torch.Tensor) -> dict[str, torch.Tensor]:
        x, found, block = image[:, [2, 1, 0]] - mean, {}, 1
        for name in vgg_layers.names_through("vgg19", [CONTENT]):
            if vgg_layers.block_of(name) != block:
                block, x = vgg_layers.block_of(name), F.max_pool2d(x, 2)
            x = found[name] = F.relu(F.conv2d(x, *weights[name], padding=1))
        return found

    def gram(maps: torch.Tensor) -> torch.Tensor:
        flat = maps[0].flatten(1)
        return (flat @ flat.T).float()

    def tensor(image: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]

    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, bfloat16):
        kept = network(tensor(content))[CONTENT].float()
        grams = {layer: gram(maps) for layer, maps in network(tensor(style)).items() if layer in STYLES}
    scale = 1 / (len(STYLES) * 4 * 3**2 * (content.shape[0] * content.shape[1]) ** 2)

    def evaluate(image: np.ndarray) -> tuple[float, np.ndarray]:
        x = tensor(image).contiguous(memory_format=torch.channels_last).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, bfloat16):
            found = network(x)
            loss = 0.025 * (found[CONTENT].float() - kept).square().sum()
            for layer, target in grams.items():
                loss = loss + scale * (gram(found[layer]) - target).square().sum()
        corner = x[:, :, :-1, :-1]
        squares = (corner - x[:, :, 1:, :-1]).square() + (corner - x[:, :, :-1, 1:]).square()
        # The gradient of a power at 0 is infinite times 0 in autograd; the small number is far below a grey level.
        loss = loss + (squares + 1e-12).pow(1.25).sum()
        loss.backward()
        return loss.item(), x.grad[0].permute(1, 2, 0).numpy()

    return evaluate
