"""Images: read from files, Pillow images or arrays, resized, recoloured, masked and written; without TensorFlow."""
