"""Slices that earn more than lam: local maximizers of <W, phi(x)>."""
