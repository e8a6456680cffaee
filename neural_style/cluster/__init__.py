"""Runs on the machines of a Ray cluster. Workers compute, and this process writes the files."""
