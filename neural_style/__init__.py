"""Neural style transfer in Keras and TensorFlow, faithful to Keras' own example."""

__version__ = "0.1.0"
