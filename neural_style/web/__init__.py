"""The page: a photograph and a painting are dropped on it, and the picture appears while it is painted."""
