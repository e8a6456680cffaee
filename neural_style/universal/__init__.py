"""Universal style transfer: features take a style's statistics, and trained decoders turn them into an image again."""
