"""Settings: every setting once, with its default, bounds and help; no TensorFlow."""
