"""Images: any file, Pillow image or array to RGB and back, framed, recoloured, masked; no TensorFlow."""
