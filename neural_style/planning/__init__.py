"""Decides how a run is carried out before TensorFlow is loaded: sizes, precision, tiles, memory."""
