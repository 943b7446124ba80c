"""An offset is known by the kind of the kernel that it states, or by its operator, not by name."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from certify import Problem, check
from certify.atoms import RankOne
from certify.losses import Absolute, Squared
from certify.offsets import OFFSETS, ColumnIntercept, Linear, Offset, RowIntercept
from certify.offsets._base import placement_matrix
from certify.offsets._means import GroupMeans, LineMeans
from certify.pipeline.prove import offset_witnesses
from certify.problem.best_offsets import least_squares
from certify.search.dual.orthogonal import Orthogonal, orthogonalize

Y = np.array([[3.0, -1.0, 2.0], [0.0, 4.0, -2.0], [1.0, 1.0, 5.0], [-3.0, 2.0, 0.0]])
START = np.ones((4, 1)), np.ones((3, 1))


@dataclass(frozen=True, eq=False)
class Slope(Offset):
    """(A q)_ij = i q_j: Linear with one covariate."""

    name = "slope"
    at_fixed_rank = True

    def covariates(self, m):
        return np.arange(float(m))[:, None]

    def shape(self, observed):
        return 1, observed.n

    def factors(self, q, observed):
        return self.covariates(observed.m), np.ascontiguousarray(q.T)

    def solve(self, target, weights, observed):
        return Linear(self.covariates(observed.m)).solve(target, weights, observed)

    def statement_fields(self):
        return {"kind": "linear"}

    def arrays(self, k):
        return {f"A{k}": self.covariates(4)}


@dataclass(frozen=True, eq=False)
class Parity(GroupMeans, Offset):
    """(A q)_ij = q[(i + j) % 2], a kind that nothing else knows."""

    name = "parity"

    def shape(self, observed):
        del observed
        return (2,)

    def operator(self, observed):
        return placement_matrix(sum(observed.listed) % 2, 2)

    def factors(self, q, observed):
        i, j = (np.arange(d) % 2 for d in (observed.m, observed.n))
        return np.eye(2)[i], q[(np.arange(2)[:, None] + j) % 2].T


@dataclass(frozen=True, eq=False)
class Level(LineMeans, Offset):
    """One number for each column: the kernel's "column" by another name."""

    axis = 1
    name = "level"

    def statement_fields(self):
        return {"kind": "column"}


@pytest.mark.parametrize("weights", [None, 1 + np.arange(12.0).reshape(4, 3) % 3])
@pytest.mark.parametrize("lam", [0.0, 1.0])
def test_a_special_case_has_the_bounds_of_its_kind(lam, weights, monkeypatch):
    monkeypatch.setitem(OFFSETS, "slope", Slope)
    own, known = (
        check(Problem(Squared(Y, weights), RankOne(), lam, (o, ColumnIntercept())), START)
        for o in (Slope(), Linear(np.arange(4.0)[:, None]))
    )
    assert own.lower == known.lower > 0
    assert own.own_size.lower == known.own_size.lower
    assert own.explained_variance == known.explained_variance


def test_an_intercept_by_another_name_is_fitted_with_the_other_at_once():
    at = Squared(Y).observed
    for other in (RowIntercept(), RowIntercept(0.5)):
        known, found = (
            least_squares((other, o), Y, np.ones(Y.shape), at) for o in (ColumnIntercept(), Level())
        )
        assert all(map(np.array_equal, known, found))


@pytest.mark.parametrize("others", [(), (ColumnIntercept(),), (RowIntercept(), ColumnIntercept())])
@pytest.mark.parametrize("loss", [Squared(Y), Squared(Y, mask=np.eye(4, 3) == 0), Absolute(Y)])
def test_any_free_offset_has_an_orthogonal_dual_point(loss, others):
    problem = Problem(loss, RankOne(), 1.0, (Parity(), *others))
    W = np.random.default_rng(0).integers(-8, 9, loss.observed.field_shape) / 16
    found = orthogonalize(problem, W)
    flat = [x.as_integer_ratio() for x in found.W.reshape(-1).tolist()]
    exact = [Fraction(*x) for x in flat]
    for k, c in found.corrections:
        exact[k] += c
    for o in problem.offsets:
        design = o.operator(loss.observed).toarray()
        sums = [sum(x for x, a in zip(exact, column, strict=True) if a) for column in design.T]
        assert not any(sums)
    assert np.abs(found.W).max() > 0


def test_an_offset_writes_its_own_witness():
    @dataclass(frozen=True, eq=False)
    class Witnessed(Parity):
        def witness(self, W, observed):
            return {"half": W / 2, "sums": self.adjoint(W, observed)}

    problem = Problem(Squared(Y), RankOne(), 1.0, (ColumnIntercept(), Witnessed(1.0)))
    found = offset_witnesses(problem, Orthogonal(Y), "floor.")
    assert list(found) == ["floor.half1", "floor.sums1"]
    assert np.array_equal(found["floor.half1"], Y / 2)
    assert found["floor.sums1"].tolist() == [
        Y[::2, ::2].sum() + Y[1::2, 1::2].sum(),
        Y[::2, 1::2].sum() + Y[1::2, ::2].sum(),
    ]
