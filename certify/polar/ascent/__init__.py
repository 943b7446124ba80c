"""Lower bounds of the polar: slices that attain them, found by local maximization."""
