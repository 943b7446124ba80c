"""Branch and bound on the polar: one tree, and the splits of each family."""
