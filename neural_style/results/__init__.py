"""The output files of a run: images, record, state, plots."""
