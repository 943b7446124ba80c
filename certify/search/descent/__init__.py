"""Descent on the factors at a fixed number of slices."""
