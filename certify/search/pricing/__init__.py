"""Slices that earn more than their price: local maximizers of <W, phi(x)>."""
