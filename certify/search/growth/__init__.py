"""Column generation: descend, price, append, reweight."""
