"""One image downhill: objective, evaluator, optimisers, loop."""
