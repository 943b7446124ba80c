"""Dual points, and the lower bounds that they give."""
