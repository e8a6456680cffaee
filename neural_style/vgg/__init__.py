"""VGG: the network that maps an image to named features."""
