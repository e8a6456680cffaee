"""The loss: how far an image's features are from those of its content and its styles."""
