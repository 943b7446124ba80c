"""The barrier's linear systems: by the matrix itself, and by a smaller one of its rows."""

import numpy as np
import pytest

from certify.search.descent.barrier import Curvature


def curvature(rows, offsets, seed=0):
    """Return a system of four neurons of three weights, and its matrix."""
    rng = np.random.default_rng(seed)
    roots = rng.standard_normal((4, 3, 3))
    blocks = roots @ roots.transpose(0, 2, 1) * 10.0 ** rng.integers(-6, 7, (4, 1, 1))
    B, half = rng.standard_normal((rows, 12 + offsets)), rng.standard_normal((offsets, offsets))
    H, K = B.T @ B, half.T @ half
    H[12:, 12:] += K
    for k, block in enumerate(blocks):
        H[3 * k : 3 * k + 3, 3 * k : 3 * k + 3] += block
    return Curvature(B, blocks, K), H


@pytest.mark.parametrize("offsets", [0, 2])
@pytest.mark.parametrize("rows", [5, 11, 12, 30])
def test_both_solvers_solve_the_system(rows, offsets):
    made, H = curvature(rows, offsets)
    x = np.random.default_rng(1).standard_normal(len(H))
    assert np.allclose(made.times(x), H @ x, rtol=1e-12, atol=0)
    for solve in (made.solver(), made.solver_by_rows()):
        assert np.abs(H @ solve(H @ x) - H @ x).max() <= 1e-9 * np.abs(H @ x).max()


def test_the_smaller_system_is_solved(monkeypatch):
    monkeypatch.setattr(Curvature, "solver_by_rows", lambda _: "rows")
    assert curvature(11, 2)[0].solver() == "rows"
    assert curvature(12, 2)[0].solver() != "rows"


def test_a_number_that_is_not_finite_is_seen():
    made, _ = curvature(5, 1)
    assert made.finite
    for k, part in enumerate(made):
        broken = [x.copy() for x in made]
        broken[k] = np.full_like(part, np.nan)
        assert not Curvature(*broken).finite
