"""Films: each frame painted from the one before it, carried along by the motion (Ruder et al. 2016)."""
