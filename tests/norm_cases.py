"""Every norm with every kind of cone, for tests that run over all of them."""

from dataclasses import replace
from itertools import product

from certify.norms import NORMS

MIXED = "*+-0"
CONES = ("", "+", "-", MIXED)  # the last one repeated to the length


def cone_of(cone, d):
    """Return the cone of d coordinates; one coordinate of the mixed cone is free."""
    return (MIXED * d)[:d] if cone == MIXED else cone


MAKERS = tuple(name for entry in NORMS.values() for name in entry.examples(3))
VARIANTS = list(product(MAKERS, CONES))
IDS = [f"{name}{cone}" for name, cone in VARIANTS]


def made(name, cone, d):
    """Return a gauge for vectors of length d; variation needs two coordinates."""
    norms = {k: norm for entry in NORMS.values() for k, norm in entry.examples(d).items()}
    norm = replace(norms[name], cone=cone_of(cone, d))
    norm.check(d)
    return norm
