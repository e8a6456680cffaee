"""Losses: how far features are from what is wanted."""
