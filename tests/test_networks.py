import numpy as np
import pytest
import tensorflow as tf

from neural_style.settings import vgg_layers
from neural_style.settings.network import NetworkSettings
from neural_style.vgg import model


@pytest.mark.parametrize("layer", ["block2_conv1", "block3_conv1", "block4_conv1", "block5_conv2"])
def test_the_reach_is_half_the_receptive_field(vgg19, layer):
    """The rows by which one position's features have a gradient lie within the reach, and to its edge."""
    network, stride = model.build(NetworkSettings(pooling="avg"), vgg19, [layer], "float64"), vgg_layers.stride(layer)
    image = tf.constant(np.random.default_rng(0).uniform(0, 255, (1, 256, 16, 3)))
    with tf.GradientTape() as tape:
        tape.watch(image)
        seen_from = tf.reduce_sum(network(image)[layer][0, 128 // stride])
    rows = np.flatnonzero(np.abs(tape.gradient(seen_from, image)[0]).sum(axis=(1, 2)))
    reach = max(128 - rows.min(), rows.max() - (128 + stride - 1))
    assert reach <= vgg_layers.reach("vgg19", [layer]) <= reach + stride
