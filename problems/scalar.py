"""A matrix of one entry, under every pair of norms."""

from itertools import product

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared
from certify.norms import KEYS

from . import Instance

WHY = (
    "all norms of a number are its size, so this is min 1/2 (z + 5)^2 + |z| = 9/2 at z = -4 "
    "where the factors may have two signs, and 25/2 at z = 0 where both must have one"
)


def cases() -> dict[str, Instance]:
    """Return the optimum and a wrong number for each pair."""
    out = {}
    for left, right, form in product(KEYS, KEYS, ("product", "sum")):
        problem = Problem(Squared([[-5.0]]), RankOne(left, right, form), 1.0)
        signs = [-1.0 if key.endswith("-") else 1.0 for key in (left, right)]
        both = left[-1] in "+-" and right[-1] in "+-"
        if not both:  # the free one takes the sign of the other
            signs = [-signs[1], signs[1]] if left[-1] not in "+-" else [signs[0], -signs[0]]
        u, v = (np.array([[s]]) for s in signs)
        held = both and signs[0] == signs[1]
        best, optimum = ((0 * u, 0 * v), 12.5) if held else ((2 * u, 2 * v), 4.5)
        wrong = (u, v) if held else (u, 2 * v)
        key = f"{left}_{right}_{form}"
        out[f"{key}_optimal"] = Instance(problem, best, None, optimum, Verdict.CERTIFIED, WHY)
        out[f"{key}_wrong"] = Instance(problem, wrong, None, optimum, Verdict.REFUTED, WHY)
    return out
