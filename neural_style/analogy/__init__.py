"""Deep image analogy: find the correspondence between two images, which then swap their looks."""
