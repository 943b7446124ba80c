"""Honest certificates, one for each path through the kernel's rules."""

from array import array
from collections.abc import Mapping
from functools import cache

import numpy as np
import scipy.sparse as sp

from certify import Problem, check, improve
from certify.atoms import RankOne
from certify.kernel.arrays import Array, Arrays
from certify.losses import Squared
from certify.offsets import ColumnIntercept, Intercept, Linear, RowIntercept, Smooth, Sparse
from certify.polar.branching.cones import pack_codes
from certify.search import fixed_rank
from problems import short_side

rng = np.random.default_rng(7)
Y = rng.integers(-8, 9, (6, 5)).astype(float)
POSITIVE = np.abs(Y)
MASK = rng.random((6, 5)) < 0.7
SPARSE = sp.coo_array((Y[MASK], np.nonzero(MASK)), shape=Y.shape)
WEIGHTS = rng.integers(1, 5, (6, 5)) / 4
PATHS = [(0, 1), (1, 2), (4, 3), (4, 5)]  # two components
COVARIATES = np.column_stack([np.arange(6.0), np.ones(6)])


def as_array(x):
    """Return numbers as the kernel holds them."""
    return Array(x.shape, array("d", np.ascontiguousarray(x, dtype=float).reshape(-1)))


def as_tree(codes):
    """Return the arrays of a proof whose tree of cones has these codes."""
    words = pack_codes(codes)
    return Arrays({"tree": Array(words.shape, array("q", words.tolist()))}, "proof")


def zero(problem):
    m, n = problem.loss.shape
    return np.zeros((m, 0)), np.zeros((n, 0))


def truncated(M, r):
    u, s, vt = np.linalg.svd(M, full_matrices=False)
    return u[:, :r] * s[:r], vt[:r].T


def small(problem):
    """A poor candidate: one slice of ones."""
    m, n = problem.loss.shape
    return np.full((m, 1), 0.5), np.full((n, 1), 0.25)


L2, COLUMN = RankOne(), (ColumnIntercept(),)
TWO = (RowIntercept(), ColumnIntercept())
PROBLEMS = {
    "plain": Problem(Squared(Y), L2, 10.0),
    "sum_form": Problem(Squared(Y), RankOne(form="sum"), 4.0),
    "masked": Problem(Squared(SPARSE), L2, 4.0),
    "weighted": Problem(Squared(Y, weights=WEIGHTS), L2, 3.0),
    "rows": Problem(Squared(Y), RankOne("l1", "l2"), 5.0),
    "columns": Problem(Squared(Y), RankOne("l2", "l1"), 5.0),
    "entries": Problem(Squared(Y), RankOne("l1+", "l1"), 3.0),
    "both_signs": Problem(Squared(Y), RankOne("l1", "l2+"), 3.0),
    "masked_rows": Problem(Squared(SPARSE), RankOne("l1", "l1+"), 3.0),
    "nonnegative": Problem(Squared(Y), RankOne("l2+", "l2+"), 4.0),
    "one_sign": Problem(Squared(Y), RankOne("l2", "l2+"), 4.0),
    "cube": Problem(Squared(Y), RankOne("linf", "l2"), 10.0),
    "column": Problem(Squared(Y), L2, 4.0, COLUMN),
    "row": Problem(Squared(Y), L2, 4.0, (RowIntercept(),)),
    "intercept": Problem(Squared(Y), L2, 4.0, (Intercept(),)),
    "two_ways": Problem(Squared(SPARSE), L2, 4.0, TWO),
    "linear": Problem(Squared(Y), L2, 4.0, (Linear(COVARIATES),)),
    "masked_linear": Problem(
        Squared(SPARSE), L2, 4.0, (Linear(COVARIATES[:, :1]), ColumnIntercept())
    ),
    "ridge": Problem(Squared(Y), L2, 4.0, (ColumnIntercept(2.0), Linear(COVARIATES, 1.0))),
    "sparse": Problem(Squared(Y), L2, 4.0, (Sparse(1.5),)),
    "masked_sparse": Problem(Squared(SPARSE), L2, 4.0, (Sparse(1.5), ColumnIntercept())),
    "sparse_linear": Problem(Squared(Y), L2, 4.0, (Sparse(1.5), Linear(COVARIATES))),
    "smooth": Problem(Squared(Y), L2, 4.0, (Smooth(PATHS, 1.5),)),
    "smooth_ridge": Problem(Squared(Y), L2, 4.0, (Smooth(PATHS, 1.5, 0.5, [2.0, 1, 1, 0.25]),)),
    "masked_smooth": Problem(Squared(SPARSE), L2, 4.0, (Smooth(PATHS, 1.5), RowIntercept())),
    "smooth_linear": Problem(Squared(Y), L2, 4.0, (Smooth(PATHS, 1.5), Linear(COVARIATES))),
    "both_parts": Problem(Squared(Y), L2, 4.0, (Smooth(PATHS, 1.5), Sparse(2.0))),
    "rank": Problem(Squared(Y), L2, 0.0),
    "rank_masked": Problem(Squared(SPARSE), L2, 0.0),
    "rank_weighted": Problem(Squared(Y, weights=WEIGHTS), L2, 0.0, TWO),
    "rank_signed": Problem(Squared(Y), RankOne("l2+", "l1"), 0.0, (Intercept(),)),
    "rank_linear": Problem(Squared(SPARSE), L2, 0.0, (Linear(COVARIATES[:, :1]),)),
    "rank_nonnegative": Problem(Squared(Y), RankOne("l2+", "l2+"), 0.0),
    "rank_means": Problem(Squared(Y), L2, 0.0, TWO),
}


def candidates():
    """Yield (name, problem, factors, q)."""
    for name, problem in PROBLEMS.items():
        yield f"{name}/poor", problem, small(problem), None
        if fixed_rank.ky_fan_is_exact(problem) and problem.lam == 0:
            M = problem.loss.data - problem.shift(problem.fit_offsets(np.zeros(Y.shape)))
            yield f"{name}/best", problem, truncated(M, 2), None
    plain = PROBLEMS["plain"]
    yield "zero_model", Problem(Squared(Y), L2, 64.0), zero(plain), None
    yield "given_q", PROBLEMS["column"], small(plain), (np.zeros(5),)
    best = improve(plain, small(plain)).factors
    yield "plain/best", plain, best, None
    yield "plain/short", plain, tuple(x[:, :-1] for x in best), None
    tall = short_side.cases()["zero_model"]  # whose polar is proved by cones
    yield "short_side", tall.problem, tall.factors, None


class Honest(Mapping):
    """{name: (problem, factors, q, result)}; each checked when it is asked for."""

    def __init__(self):
        self.cases = {name: case for name, *case in candidates()}
        self.made = {}

    def __getitem__(self, name):
        if name not in self.made:
            problem, factors, q = self.cases[name]
            self.made[name] = problem, factors, q, check(problem, factors, q=q)
        return self.made[name]

    def __iter__(self):
        return iter(self.cases)

    def __len__(self):
        return len(self.cases)


@cache
def honest():
    """Return the honest cases."""
    return Honest()
