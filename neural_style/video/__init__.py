"""Films: each frame is painted from the one before it, warped by the motion (Ruder et al. 2016)."""
