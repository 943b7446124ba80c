"""Hypothesis strategies shared by the tests, and the profile they run under."""

from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from certify import Problem
from certify.atoms import RankOne
from certify.losses import Squared
from certify.offsets import Linear, ModeIntercept, Smooth, Sparse

settings.register_profile("suite", deadline=None, derandomize=True, max_examples=25, database=None)
settings.load_profile("suite")

PAIRS = list(product(("l1", "l1+", "l2", "l2+"), repeat=2))  # others: norms.py
FORMS = ("product", "sum")
shapes = st.tuples(st.integers(1, 4), st.integers(1, 4))
powers = st.integers(-20, 20)
REACH = {1: 4, 2: 4, 3: 3, 4: 2}  # largest entry of the test vectors, by length


def dyadics(low=-32, high=32):
    """Return multiples of 1/8: sums and products of a few are exact."""
    return st.integers(low, high).map(lambda k: k / 8)


def arrays(shape, elements=None):
    """Return arrays of dyadic numbers, each entry drawn by itself."""
    held = dyadics() if elements is None else elements
    return hnp.arrays(np.float64, shape, elements=held, fill=st.nothing())


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


DATA = {  # the data a loss accepts; multiples of 1/8 for the others
    "logistic": st.sampled_from([0.0, 1.0]),
    "hinge": st.sampled_from([-1.0, 1.0]),
    "squared_hinge": st.sampled_from([-1.0, 1.0]),
    "kullback_leibler": dyadics(0),
    "poisson": dyadics(0),
}
PARAMETERS = {"huber": ("delta", dyadics(1, 16)), "quantile": ("tau", dyadics(1, 7))}


def fields(held, elements=None):
    """Return fields where the loss is finite."""
    inside = dyadics(1) if held.name == "kullback_leibler" else None
    return arrays(held.data.shape, inside if elements is None else elements)


@st.composite
def one_hot(draw, loss, shape):
    """Return a loss over one-hot rows, perhaps with a weight for each."""
    m, n = shape
    classes = draw(st.lists(st.integers(0, n - 1), min_size=m, max_size=m))
    return loss(np.eye(n)[classes], weights=draw(st.none() | arrays(m, dyadics(1))))


@st.composite
def losses(draw, loss, shape):
    """Return a loss over data seen fully, by a mask, by weights, or as stored entries."""
    if loss.name == "softmax":
        return draw(one_hot(loss, shape))
    Y = draw(arrays(shape, DATA.get(loss.name)))
    if loss.name in PARAMETERS:
        name, numbers = PARAMETERS[loss.name]
        loss = partial(loss, **{name: draw(numbers)})
    kind = draw(st.sampled_from(["full", "masked", "weighted", "stored"]))
    if kind == "full":
        return loss(Y)
    if kind == "weighted":
        return loss(Y, weights=draw(arrays(shape, dyadics(1))))
    mask = draw(masks(shape))
    if kind == "masked":
        return loss(Y, mask=mask)
    return loss(stored(Y, mask), weights=draw(arrays(int(mask.sum()), dyadics(1))))


def masks(shape):
    """Return masks with something observed."""
    return hnp.arrays(np.bool_, shape, fill=st.nothing()).filter(np.any)


def stored(x, mask):
    """Return the masked entries as a sparse matrix; zeros among them are stored."""
    rows, cols = np.nonzero(mask)
    return sparse.csr_array(sparse.coo_array((x[rows, cols], (rows, cols)), shape=x.shape))


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
    return offset(ridge=rho)


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
