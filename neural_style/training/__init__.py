"""Training of networks that paint and of decoders, from a folder of photographs."""
