"""Bounds of sup <T, x1 o ... o xK> over unit balls of the modes' norms, from both sides."""

from ._base import Slice, TensorAsk
from .ascent import attain
from .propose import propose

__all__ = ["Slice", "TensorAsk", "attain", "propose"]
