"""Optimisation of one image: objective, evaluator, optimisers, loop."""
