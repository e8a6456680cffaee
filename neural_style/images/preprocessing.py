"""The numbers that VGG networks expect instead of RGB, and back."""

import numpy as np

CAFFE_MEAN = (103.939, 116.779, 123.68)
"""ImageNet's means of blue, green and red, which are subtracted for Keras' VGG weights."""
TORCH_MEAN, TORCH_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's means and deviations of red, green and blue in 0..1, which normalise inputs for torchvision's weights."""


def deprocess(image: np.ndarray, mode: str) -> np.ndarray:
    """Inverts `vgg.model.preprocess`: returns `image` [..., 3] as RGB in 0..255."""
    if mode == "caffe":
        return (image + np.array(CAFFE_MEAN, np.float32))[..., ::-1]
    return (image * np.array(TORCH_STD, np.float32) + np.array(TORCH_MEAN, np.float32)) * 255.0
