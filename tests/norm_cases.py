"""Every norm with every kind of cone, for tests that run over all of them."""

from functools import partial
from itertools import product

import numpy as np

from certify.norms import GAUGES, PLAIN, Elastic, Group, Variation, Weighted

MIXED = "*+-0"
CONES = ("", "+", "-", MIXED)  # the last one repeated to the length


def cone_of(cone, d):
    """Return the cone of d coordinates; one coordinate of the mixed cone is free."""
    return (MIXED * d)[:d] if cone == MIXED else cone


def halves(d):
    """Return a partition into even and odd coordinates."""
    return [g for g in (list(range(0, d, 2)), list(range(1, d, 2))) if g]


def path(d):
    """Return the edges of a path; a chord too where there are three coordinates or more."""
    return [(i, i + 1) for i in range(d - 1)] + ([(0, d - 1)] if d > 2 else [])


def of_cone(norm, d, cone):
    """Return a norm without parameters."""
    del d
    return norm(cone=cone)


MAKERS = {
    **{name: partial(of_cone, GAUGES[name]) for name in PLAIN},
    "elastic": lambda _, cone: Elastic(0.25, cone=cone),
    "elastic_l1": lambda _, cone: Elastic(1.0, cone=cone),
    "elastic_l2": lambda _, cone: Elastic(0.0, cone=cone),
    "group": lambda d, cone: Group(halves(d), cone=cone),
    "group_linf": lambda d, cone: Group(halves(d), "linf", cone=cone),
    "weighted": lambda d, cone: Weighted(np.arange(1, d + 1) / 2, cone=cone),
    "variation": lambda d, cone: Variation(path(d), 0.5, cone=cone),
}
VARIANTS = list(product(MAKERS, CONES))
IDS = [f"{name}{cone}" for name, cone in VARIANTS]


def made(name, cone, d):
    """Return a gauge for vectors of length d; variation needs two coordinates."""
    norm = MAKERS[name](d, cone_of(cone, d))
    norm.check(d)
    return norm
