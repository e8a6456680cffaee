"""What a network sees of an image, for arrays and tensors alike."""

import numpy as np

CAFFE_MEAN = (103.939, 116.779, 123.68)
"""Blue, green and red means of ImageNet, which Keras' VGG weights expect to be removed."""
TORCH_MEAN, TORCH_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Red, green and blue means and deviations of ImageNet in 0..1, which torchvision's weights expect."""


def deprocess(image: np.ndarray, mode: str) -> np.ndarray:
    """The RGB image in 0..255 of which `vgg.model.preprocess` makes `image` [..., 3]; its inverse."""
    if mode == "caffe":
        return (image + np.array(CAFFE_MEAN, np.float32))[..., ::-1]
    return (image * np.array(TORCH_STD, np.float32) + np.array(TORCH_MEAN, np.float32)) * 255.0
