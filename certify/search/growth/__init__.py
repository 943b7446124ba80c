"""Column generation: descend, find components that earn more than lam, append, reweight."""
