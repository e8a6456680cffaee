"""Deep image analogy: what corresponds to what in two images, which then swap their looks."""
