"""Bounds of the polar of a hidden layer from both sides: sup <W, phi(u, v)>, |u| = |v| = 1."""

from ._base import Layer, LayerAsk, Slice
from .ascent import attain
from .propose import propose

__all__ = ["Layer", "LayerAsk", "Slice", "attain", "propose"]
