"""What every part uses: errors, steps, the cache, files at URLs."""
