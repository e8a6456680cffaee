"""Runs on the machines of a Ray cluster: what is painted there is written here."""
