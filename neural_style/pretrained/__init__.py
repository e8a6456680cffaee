"""Finds and describes files of trained networks and decoders, without TensorFlow."""
