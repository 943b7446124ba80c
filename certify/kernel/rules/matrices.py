"""The rules for the polar of a matrix: sup <W, u v^T> over theta(u, v) <= 1."""

from collections.abc import Callable
from fractions import Fraction

from .cones import cones
from .conic import conic
from .corners import corners
from .lines import lines
from .spectral import spectral

POLAR_RULES: dict[str, Callable[..., Fraction]] = {
    "cones": cones,
    "conic": conic,
    "corners": corners,
    "lines": lines,
    "spectral": spectral,
}
