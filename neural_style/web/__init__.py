"""A web page that paints: visitors drop a photograph and a painting, and watch the picture appear."""
