"""Neural style transfer in Keras and TensorFlow, faithful to Keras' own example."""

__version__ = "0.1.0"

from neural_style.errors import UserError
from neural_style.python import stylize

__all__ = ["UserError", "__version__", "stylize"]
