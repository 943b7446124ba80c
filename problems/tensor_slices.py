"""A mode under l1: the tensor's slices part, each a matrix or a row of numbers by itself."""

import mpmath
import numpy as np

from certify import Problem, Verdict
from certify.atoms import CP
from certify.losses import Squared

from . import Instance
from ._tensors import Factors, kept
from ._truth import DIGITS, Pair, denoised, huber, thresholded

WHY = (
    "the extreme points of the l1 ball are unit vectors, so the gauge adds over the slices: each "
    "is denoised alone, its singular values lowered by lam (Von Neumann)"
)
ROWS = (
    "two l1 modes leave the rows of every slice, the vectors along the last mode: each one's "
    "length is lowered by lam, if it is longer"
)
ONE = (
    "of one coordinate every norm is the modulus: the one slice is denoised as a matrix, its "
    "singular values lowered by lam (Von Neumann)"
)
LAM = 0.75
Y = np.array(
    [
        [[3.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 1.0]],
        [[1.0, 0.0, -2.0], [0.5, 0.5, 0.0], [0.0, 0.0, 0.25]],
    ]
)


def stacked(parts: list[Pair], front: int) -> Factors:
    """Return each part's slices with the unit vector of its place in front."""
    first = np.hstack(
        [np.outer(np.eye(front)[k], np.ones(p[0].shape[1])) for k, p in enumerate(parts)]
    )
    return (first, *(np.hstack([p[k] for p in parts]) for k in (0, 1)))


def rows() -> tuple[Factors, float]:
    """Return the optimum under l1, l1, l2: one slice for every row that is long enough."""
    each, values = [], []
    for at in np.ndindex(*Y.shape[:2]):
        with mpmath.workdps(DIGITS):
            size = mpmath.norm(mpmath.matrix(Y[at].tolist()))
            values.append(huber(size, LAM))
        if size > LAM:
            short = Y[at] * (1 - LAM / float(size))
            each.append((np.eye(2)[at[0]], np.eye(3)[at[1]], short))
    with mpmath.workdps(DIGITS):
        return tuple(np.array(x).T for x in zip(*each, strict=True)), float(mpmath.fsum(values))


def cases() -> dict[str, Instance]:
    """Return optima where a mode is l1, or two, or has one coordinate, and a slice left out."""
    matrices = stacked([thresholded(part, LAM) for part in Y], 2)
    optimum = float(mpmath.fsum(denoised(part, LAM) for part in Y))
    vectors, other = rows()
    out = {}
    for k in (0, 2):
        norms = ["l2", "l2"]
        norms.insert(k, "l1")
        problem = Problem(Squared(np.moveaxis(Y, 0, k)), CP(norms), LAM)
        found = [*matrices[1:]]
        found.insert(k, matrices[0])
        out[f"{k}_optimal"] = Instance(problem, tuple(found), None, optimum, Verdict.CERTIFIED, WHY)
        out[f"{k}_one_short"] = Instance(
            problem, kept(tuple(found), found[0].shape[1] - 1), None, optimum, SHORT, WHY
        )
    lines = Problem(Squared(Y), CP(("l1", "l1", "l2")), LAM)
    less = kept(vectors, vectors[0].shape[1] - 1)
    out["rows_optimal"] = Instance(lines, vectors, None, other, Verdict.CERTIFIED, ROWS)
    out["rows_one_short"] = Instance(lines, less, None, other, SHORT, ROWS)
    alone, single = Problem(Squared(Y[:1]), CP(("linf+", "l2", "l2")), LAM), thresholded(Y[0], LAM)
    whole = np.ones((1, single[0].shape[1])), *single
    least = denoised(Y[0], LAM)
    out["one_coordinate"] = Instance(alone, whole, None, least, Verdict.CERTIFIED, ONE)
    fewer = kept(whole, whole[0].shape[1] - 1)
    out["one_coordinate_short"] = Instance(alone, fewer, None, least, Verdict.RANK_LIMITED, ONE)
    return out


SHORT = Verdict.REFUTED  # as many slices do better if two of a slice share their vectors
