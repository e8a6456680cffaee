"""VGG: an image to named features."""
