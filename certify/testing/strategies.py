"""Hypothesis strategies for the parts of a problem; they shrink to few small entries and zeros."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from certify.atoms import ATOMS, CP, Atom, DeepLinear, DeepReLU, Factors, RankOne, ReLU, Symmetric
from certify.atoms import symmetric as squares
from certify.atoms.relu import gated
from certify.base.arrays import Array, short
from certify.base.errors import InputError
from certify.losses import LOSSES, Loss
from certify.norms import KEYS, NORMS, Gauge
from certify.norms._base import MARKS, SIGNS, takes_parameters
from certify.problem import Problem

Shape = tuple[int, ...]
L = TypeVar("L", bound=Loss)
Draw = st.DrawFn
EIGHTH = 8  # dyadic numbers are multiples of 1/8
TINY, HUGE = 2.0**-1074, 2.0**500
FEW = 4  # rows and columns at most
MATRIX = 2  # dimensions
FORMS = ("product", "sum")
shapes = st.tuples(st.integers(1, FEW), st.integers(1, FEW))


def dyadics(low: int = -32, high: int = 32) -> st.SearchStrategy[float]:
    """Return multiples of 1/8 from low / 8 to high / 8: sums and products of a few are exact."""
    return st.integers(low, high).map(lambda k: k / EIGHTH)


RANGES = {
    "zero": st.just(0.0),
    "tied": st.integers(-1, 1).map(float),
    "dyadic": dyadics(),
    "denormal": st.integers(-(2**20), 2**20).map(lambda k: k * TINY),
    "huge": st.integers(-32, 32).map(lambda k: k / EIGHTH * HUGE),
}


def numbers(*ranges: str) -> st.SearchStrategy[float]:
    """Return finite floats of one or more ranges, "dyadic" if none is named.

    "zero"      0                       "tied"    -1, 0, 1: many entries are equal
    "dyadic"    k / 8, |k| <= 32: sums and products of a few are exact
    "denormal"  k 2^-1074, |k| <= 2^20: products of two are 0
    "huge"      k / 8 2^500, |k| <= 32: products of two are finite, of three are not

    Raises InputError for another name.
    """
    for name in ranges:
        if name not in RANGES:
            raise InputError(f"ranges must be of {', '.join(RANGES)}, got {short(name)}")
    return st.one_of([RANGES[name] for name in ranges or ("dyadic",)])


def arrays(
    shape: int | Shape, elements: st.SearchStrategy[float] | None = None
) -> st.SearchStrategy[Array]:
    """Return float64 arrays with independent entries: dyadic, or of `numbers(...)`."""
    entries = dyadics() if elements is None else elements
    return hnp.arrays(np.float64, shape, elements=entries, fill=st.nothing())


def masks(shape: Shape) -> st.SearchStrategy[npt.NDArray[np.bool_]]:
    """Return masks with at least one observed entry."""
    booleans = hnp.arrays(np.bool_, shape, fill=st.nothing())
    return booleans.filter(lambda mask: bool(mask.any()))


def stored(x: Array, mask: npt.NDArray[np.bool_]) -> sparse.csr_array:
    """Return the entries of a mask as a sparse matrix; their zeros are stored."""
    rows, cols = np.nonzero(mask)
    return sparse.csr_array(sparse.coo_array((x[rows, cols], (rows, cols)), shape=x.shape))


def factors(
    atom: Atom, shape: Shape, r: int, elements: st.SearchStrategy[float] | None = None
) -> st.SearchStrategy[Factors]:
    """Return factors with r slices in the atom's domain, for data of a shape."""
    parts = [arrays((*part, r), elements) for part in atom.shapes(shape)]
    return st.tuples(*parts).map(lambda x: tuple(np.asarray(p) for p in atom.project(x)))


def data_of(loss: Any) -> st.SearchStrategy[float] | None:  # noqa: ANN401  a class of losses
    """Return a strategy for the numbers that a loss takes as data; None: multiples of 1/8."""
    if loss.labels:
        return st.sampled_from(loss.labels)
    return dyadics(0) if loss.counts else None


def parameter(ends: tuple[float, float]) -> st.SearchStrategy[float]:
    """Return multiples of 1/8 in an open interval, at most 2 above its lower end."""
    low, high = (int(8 * x) for x in (ends[0], min(ends[1], ends[0] + 2.125)))
    return dyadics(low + 1, high - 1)


def fields(
    loss: Loss, elements: st.SearchStrategy[float] | None = None
) -> st.SearchStrategy[Array]:
    """Return fields over the observed entries at which a loss is finite."""
    inside = dyadics(1) if loss.positive else None
    at = loss.observed
    size = (at.m, at.n) if at.full else (at.size,)
    return arrays(size, inside if elements is None else elements)


@st.composite
def one_hot(draw: Draw, loss: Any, shape: Shape) -> Any:  # noqa: ANN401  a loss
    """Return a loss over one-hot rows, perhaps with a weight for each."""
    m, n = shape
    classes = draw(st.lists(st.integers(0, n - 1), min_size=m, max_size=m))
    return loss(np.eye(n)[classes], weights=draw(st.none() | arrays(m, dyadics(1))))


@st.composite
def losses(draw: Draw, loss: Any, shape: Shape) -> Any:  # noqa: ANN401  a class of losses
    """Return a loss of a class over data of a shape: full, masked, weighted or stored."""
    if loss.rowwise:
        return draw(one_hot(loss, shape))
    Y = draw(arrays(shape, data_of(loss)))
    loss = partial(loss, **{name: draw(parameter(ends)) for name, ends in loss.intervals.items()})
    kinds = ["full", "masked", "weighted", "stored"]
    kind = draw(st.sampled_from(kinds if len(shape) == MATRIX else kinds[:3]))
    if kind == "full":
        return loss(Y)
    if kind == "weighted":
        return loss(Y, weights=draw(arrays(shape, dyadics(1))))
    mask = draw(masks(shape))
    if kind == "masked":
        return loss(Y, mask=mask)
    return loss(stored(Y, mask), weights=draw(arrays(int(mask.sum()), dyadics(1))))


@st.composite
def norms(draw: Draw, d: int) -> Gauge:
    """Return a norm of certify for vectors of length d: any kind, with any signs."""
    entries = sorted(NORMS.values(), key=takes_parameters)  # shrinks to a norm without any
    norm = draw(st.sampled_from([x for entry in entries for x in entry.examples(d).values()]))
    marks = st.lists(st.sampled_from(MARKS), min_size=d, max_size=d).map("".join)
    cone = draw(st.sampled_from(SIGNS) | marks.filter(lambda each: set(each) != {"0"}))
    return replace(norm, cone=cone)


@st.composite
def atoms(draw: Draw, shape: Shape, kinds: Sequence[str] = ()) -> Atom:
    """Return an atom of certify for data of a shape, of any kind or of `kinds`.

    Kinds: the names of the atoms, such as "rank_one", "cp" or "relu", and "gated".
    Networks have dyadic data V with one or two columns.
    """
    others = {k: x for k, entry in ATOMS.items() if k not in KINDS and (x := entry.examples(shape))}
    known = [*(k for k, (takes, _) in KINDS.items() if takes(shape)), *others]
    kind = draw(st.sampled_from([k for k in known if not kinds or k in kinds]))
    if kind in others:
        return draw(st.sampled_from(others[kind]))
    return draw(KINDS[kind][1](shape, draw(st.sampled_from(FORMS))))


def tensors(shape: Shape, form: str) -> st.SearchStrategy[Atom]:
    """Return a CP model with any plain norm on each mode."""
    return st.tuples(*[st.sampled_from(KEYS)] * len(shape)).map(partial(CP, form=form))


@st.composite
def networks(draw: Draw, kind: str, shape: Shape, form: str) -> Atom:
    """Return a network of a kind over dyadic data with a row for each row of the outputs."""
    rows = shape[0]
    V = draw(arrays((rows, draw(st.integers(1, 2)))))
    right = draw(st.sampled_from(["l2", "l1", "linf", "l2+"]))
    if kind == "gated":
        gates = draw(arrays((rows, 2), st.sampled_from([0.0, 1.0])))
        return gated(V, gates, right, form)
    if kind == "relu":
        slope = draw(st.sampled_from(["relu", "leaky_relu", "abs", "linear"]))
        return ReLU(V, right=right, activation=slope, form=form)
    hidden = draw(st.sampled_from([(1,), (2,), (2, 1)]))
    if kind == "deep_linear":
        return DeepLinear(V, hidden, form)
    return DeepReLU(V, hidden, draw(st.sampled_from([0.0, 0.25])), form)


def is_matrix(shape: Shape) -> bool:
    """Whether the data are a matrix."""
    return len(shape) == MATRIX


Drawer = Callable[[Shape, str], st.SearchStrategy[Atom]]
NETWORKS = ("relu", "gated", "deep_linear", "deep_relu")
KINDS: dict[str, tuple[Callable[[Shape], bool], Drawer]] = {  # which data, and how to draw
    "rank_one": (
        is_matrix,
        lambda shape, form: st.builds(RankOne, *map(norms, shape), form=st.just(form)),
    ),
    "symmetric": (
        lambda shape: is_matrix(shape) and shape[0] == shape[1],
        lambda *_: st.sampled_from(squares.NORMS).map(Symmetric),
    ),
    "cp": (lambda shape: not is_matrix(shape), tensors),
    **{kind: (is_matrix, partial(networks, kind)) for kind in NETWORKS},
}


@st.composite
def problems(draw: Draw, shape: Shape | None = None, kinds: Sequence[str] = ()) -> Problem:
    """Return a small problem: a loss of certify over data, an atom of `atoms`, lam > 0."""
    dims = draw(shapes) if shape is None else shape
    known = [v for v in LOSSES.values() if not v.rowwise or len(dims) == MATRIX]
    loss = draw(losses(draw(st.sampled_from(known)), dims))
    lam = draw(st.sampled_from([0.125, 0.5, 1.0, 2.0, 8.0]))
    return Problem(loss, draw(atoms(dims, kinds)), lam)
