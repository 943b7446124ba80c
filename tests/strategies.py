"""Hypothesis strategies shared by the tests, and the profile they run under."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from certify import Problem
from certify.atoms import RankOne
from certify.losses import Squared
from certify.offsets import Linear, ModeIntercept, Smooth, Sparse
from certify.testing.strategies import FORMS, arrays, dyadics, fields, losses, masks, shapes, stored

__all__ = [
    "FORMS",
    "PAIRS",
    "Question",
    "arrays",
    "cone",
    "dyadics",
    "examples",
    "fields",
    "graphs",
    "losses",
    "masks",
    "offsets",
    "powers",
    "questions",
    "shapes",
    "stored",
    "vectors",
]

settings.register_profile("suite", deadline=None, derandomize=True, max_examples=20, database=None)
FRESH = not settings().derandomize  # the profile of --fresh, of conftest.py
if not FRESH:
    settings.load_profile("suite")


def examples(fast, fresh=None):
    """Return how many examples a test draws: `fast` in each run, more with --fresh."""
    if not FRESH:
        return fast
    return fresh or max(25, 10 * fast)


PAIRS = list(product(("l1", "l1+", "l2", "l2+"), repeat=2))  # others: norms.py
powers = st.integers(-20, 20)
REACH = {1: 4, 2: 4, 3: 3, 4: 2}  # largest entry of the test vectors, by length


def cone(key, shape):
    """Return arrays in the domain of a gauge."""
    return arrays(shape, dyadics(0)) if key.endswith("+") else arrays(shape)


def vectors(key, d):
    """Return all vectors of a cone with small integer entries, and their squared norms."""
    k = REACH[d]
    low = 0 if key.endswith("+") else -k
    found = np.array([x for x in product(range(low, k + 1), repeat=d) if any(x)], dtype=float)
    size = np.abs(found).sum(axis=1) ** 2 if key[:2] == "l1" else (found**2).sum(axis=1)
    return found, size


@st.composite
def offsets(draw, offset, m, ridge=None):
    """Return an offset for m rows, with a ridge or without."""
    rho = draw(st.sampled_from([0.0, 0.5, 2.0])) if ridge is None else ridge
    if offset is Sparse:
        return Sparse(draw(dyadics(1, 32)))
    if offset is Smooth:
        return draw(graphs(m, rho))
    if offset is ModeIntercept:
        return ModeIntercept(draw(st.integers(0, 1)), rho)
    if offset is Linear:
        return Linear(draw(arrays((m, draw(st.integers(1, 2))))), rho)
    return draw(st.sampled_from(offset.examples(m, rho)))


@st.composite
def graphs(draw, m, ridge):
    """Return a smooth part on m rows: any graph, with weights or without."""
    pairs = [(i, j) for i in range(m) for j in range(i)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    weights = draw(st.none() | arrays(len(edges), dyadics(1, 32)))
    return Smooth(np.array(edges).reshape(-1, 2), draw(dyadics(1, 32)), ridge, weights)


@dataclass(frozen=True)
class Question:
    """A problem and a candidate as plain arrays, easy to transform and to build in any form."""

    Y: np.ndarray
    U: np.ndarray
    V: np.ndarray
    pair: tuple[str, str]
    lam: float
    form: str = "product"
    weights: np.ndarray | None = None
    mask: np.ndarray | None = None
    offsets: tuple = ()
    q: tuple | None = None

    @property
    def seen(self):
        """Which entries are observed."""
        return np.ones(self.Y.shape, dtype=bool) if self.mask is None else self.mask

    def loss(self, *, storage="dense"):
        """Return the loss over dense or stored data."""
        if storage == "dense":
            return Squared(self.Y, weights=self.weights, mask=self.mask)
        weights = None if self.weights is None else stored(self.weights, self.seen)
        return Squared(stored(self.Y, self.seen), weights=weights)

    def problem(self, *, storage="dense"):
        """Return the problem."""
        loss = self.loss(storage=storage)
        return Problem(loss, RankOne(*self.pair, self.form), self.lam, self.offsets)

    def asked(self, *, storage="dense"):
        """Return what check() takes: ((problem, factors), {"q": q})."""
        return (self.problem(storage=storage), (self.U, self.V)), {"q": self.q}

    def but(self, **changes):
        """Return a changed copy."""
        return replace(self, **changes)


@st.composite
def questions(draw, pairs=tuple(PAIRS), *, seen=True, offset=None, least=0):
    """Return a small question: full, masked or weighted; with one kind of offset or none."""
    shape, r = draw(shapes), draw(st.integers(least, 3))
    pair = draw(st.sampled_from(pairs))
    held = () if offset is None else (draw(offsets(offset, shape[0])),)
    made = Question(
        Y=draw(arrays(shape)),
        U=draw(cone(pair[0], (shape[0], r))),
        V=draw(cone(pair[1], (shape[1], r))),
        pair=pair,
        lam=draw(st.sampled_from([0.125, 0.5, 1.0, 2.0, 8.0])),
        form=draw(st.sampled_from(FORMS)),
        weights=draw(st.none() | arrays(shape, dyadics(1))) if seen else None,
        mask=draw(st.none() | masks(shape)) if seen else None,
        offsets=held,
    )
    observed = made.loss().observed
    return made.but(q=tuple(draw(arrays(o.shape(observed))) for o in held) or None)
