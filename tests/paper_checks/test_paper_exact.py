"""The exact helpers of the statements: elimination, linear programs, rays, fits, nets."""

from fractions import Fraction
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_checks import _linear, _lp, _nuclear
from paper_checks._cells import cells, regions
from paper_checks._draw import matrices, rationals, vectors
from paper_checks._exact import dot, l1
from paper_checks._fit import below, enumerated, fit, orthogonal
from paper_checks._linear import (
    combine,
    dependences,
    exact,
    outer,
    plus,
    rank,
    solve,
    transposed,
)
from paper_checks._models import linear, network, times
from paper_checks._nets import (
    hidden,
    polar_l1_by_cells,
    polar_l2_by_arcs,
    polar_l2_by_cells,
    response,
    root,
)
from paper_checks._rays import edges, entries, hexagon, relu, rows, signs
from tests.strategies import examples

QUICK = settings(max_examples=examples(60), database=None)
SMALL = st.integers(-3, 3).map(Fraction)
V = tuple(map(exact, ((1, 2), (-1, 1), (2, -1))))


def tuples(m, n, entries=SMALL):
    return matrices(m, n, entries).map(lambda a: tuple(map(tuple, a)))


def least(c, a, b):
    """Return min c.x : A x = b, x >= 0 over all vertices; None without a vertex."""
    columns, found = transposed(a), []
    for size in range(len(b) + 1):
        for chosen in combinations(range(len(c)), size):
            if size and rank([columns[j] for j in chosen]) < size:
                continue
            x = solve(transposed([columns[j] for j in chosen]), b) if size else ()
            if x is not None and (size or not any(b)) and all(v >= 0 for v in x):
                found.append(dot([c[j] for j in chosen], x))
    return min(found, default=None)


@given(tuples(3, 4), vectors(3))
@QUICK
def test_a_solution_solves_and_none_means_none(a, b):
    x = solve(a, b)
    columns = transposed(a)
    if x is None:
        assert rank([*columns, tuple(b)]) == rank(columns) + 1
    else:
        assert [dot(row, x) for row in a] == b


@given(tuples(5, 3))
@QUICK
def test_dependences_vanish_and_are_as_many_as_the_rank_leaves(columns):
    found = list(dependences(columns))
    assert len(found) == 5 - rank(columns)
    assert rank(found) == len(found)
    assert all(not any(combine(beta, columns, 3)) for beta in found)


@given(tuples(3, 5), vectors(3), vectors(5, rationals(1)))
@QUICK
def test_a_linear_program_is_the_least_vertex(a, b, c):
    expected = least(c, a, b)
    if expected is None:
        with pytest.raises(ValueError, match="no optimum"):
            _lp.minimize(c, a, b)
        return
    found = _lp.minimize(c, a, b)
    assert found.value == expected == dot(found.y, b)
    assert [dot(row, found.x) for row in a] == b
    assert min(found.x) >= 0
    assert all(dot(found.y, column) <= t for column, t in zip(transposed(a), c, strict=True))


def test_an_unbounded_program_has_no_optimum():
    with pytest.raises(ValueError, match="no optimum"):
        _lp.minimize(exact([-1, -1]), (exact([1, -1]),), exact([0]))


PROGRAM = exact([1, 1, 3]), (exact([1, 0, 1]), exact([0, 1, 1])), exact([1, 2])


@pytest.mark.parametrize(
    ("basis", "reason"),
    [
        ((0, 2), "not optimal: column 1"),
        ((1, 2), "not optimal: column 0"),
        ((-1, 1), "not feasible: entry -1 is 1"),
        ((0, 0), "no basis"),
        ((0,), "no basis"),
    ],
)
def test_a_wrong_basis_is_rejected(basis, reason):
    assert _lp.resolve(*PROGRAM, (0, 1)).value == 3
    costs, a, b = PROGRAM
    if reason.endswith("column 1"):
        b = exact([2, 1])  # where (0, 2) is feasible
    with pytest.raises(_lp.BasisError, match=reason):
        _lp.resolve(costs, a, b, basis)


def test_a_negative_coefficient_is_rejected():
    costs, a, _ = PROGRAM
    with pytest.raises(_lp.BasisError, match="not feasible: entry 1 is -2"):
        _lp.resolve(costs, a, exact([1, -2]), (0, 1))


def test_false_floats_of_the_solver_prove_nothing(monkeypatch):
    def lying(_cost, method, **_program):
        dual = SimpleNamespace(marginals=np.array([1.0, 2.0]))
        return SimpleNamespace(status=0, x=np.array([0.0, 1.0, 1.0]), eqlin=dual, message=method)

    monkeypatch.setattr(_lp, "linprog", lying)
    with pytest.raises(_lp.BasisError, match="not optimal"):
        _lp.minimize(*PROGRAM)


MODELS = (
    linear(("l1", "l1"), (2, 2)),
    linear(("linf", "linf"), (2, 2)),
    linear(("l1", "linf"), (2, 3)),
    linear(("l1", "linf", "l1"), (1, 2, 2)),
    linear(("linf", "linf", "linf"), (2, 2, 2)),
    network(V),
)


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("model", MODELS, ids=repr)
@given(st.data())
@QUICK
def test_no_slice_is_cheaper_than_the_rays(model, data):
    x = tuple(exact(data.draw(vectors(n))) for n in model.lengths)
    W = exact(data.draw(vectors(len(model.phi(x)))))
    assert dot(W, model.phi(x)) <= model.rays.polar(W) * model.theta(x)
    assert model.rays.omega(model.phi(x)).value <= model.theta(x)
    assert model.phi(times(Fraction(5, 2), x)) == tuple(Fraction(5, 2) * z for z in model.phi(x))
    assert model.theta(times(Fraction(5, 2), x)) == Fraction(5, 2) * model.theta(x)


@pytest.mark.parametrize(
    ("model", "rays"),
    [
        (MODELS[0], entries(2, 2)),
        (MODELS[1], signs(2)),
        (MODELS[2], rows(2, 3)),
        (MODELS[4], signs(3)),
        (MODELS[5], relu(V)),
    ],
    ids=repr,
)
def test_models_and_families_have_the_same_rays(model, rays):
    def pairs(found):
        return set(zip(found.phi, found.theta, strict=True))

    assert pairs(model.rays) == pairs(rays)


@given(st.sampled_from((entries(2, 2), signs(2), signs(3))), st.data(), rationals(1, 4))
@QUICK
def test_a_fit_ends_at_the_soft_thresholds(rays, data, lam):
    y = exact(data.draw(vectors(rays.size)))
    whole = fit(rays, y, lam)
    c = whole.minimum()
    assert whole.value(c) == orthogonal(rays, y, lam) == below(rays, whole.residual(c), y, lam)


@given(st.sampled_from((entries(1, 3), hexagon(), rows(1, 3))), st.data(), rationals(1, 4))
@QUICK
def test_enumeration_finds_the_minimum(rays, data, lam):
    y = exact(data.draw(vectors(rays.size)))
    whole = fit(rays, y, lam)
    assert enumerated(rays, y, lam) == whole.value(whole.minimum())
    if rays.phi == entries(1, 3).phi:
        assert enumerated(rays, y, lam) == orthogonal(rays, y, lam)


@given(
    st.sampled_from((hexagon(), rows(1, 3))), st.data(), vectors(8, rationals(0)), rationals(1, 4)
)
@QUICK
def test_a_descent_never_rises_and_ends_where_no_slice_falls(rays, data, start, lam):
    y = exact(data.draw(vectors(rays.size)))
    whole, c = fit(rays, y, lam), exact(start[: len(rays.phi)])
    for lower in whole.descend(c):
        assert whole.value(lower) <= whole.value(c)
        assert min(lower) >= 0
        c = lower
    W = whole.residual(c)
    assert all(whole.gain(j, W) == 0 for j, x in enumerate(c) if x)
    kept = whole.independent(c)
    assert whole.residual(kept) == W
    assert whole.value(kept) == whole.value(c)
    assert rank([p for p, x in zip(rays.phi, kept, strict=True) if x]) == sum(map(bool, kept))


IN_SPACE = st.sampled_from((2, 3)).flatmap(lambda d: st.tuples(tuples(4, d), vectors(d)))


@given(IN_SPACE)
@QUICK
def test_every_direction_lies_in_a_listed_cell_and_all_are_counted(drawn):
    data, u = drawn
    values = [dot(v, u) for v in data]
    assert len(cells(data)) == regions(data)
    if all(values):
        assert tuple(1 if x > 0 else -1 for x in values) in cells(data)


def test_every_listed_cell_holds_a_direction():
    data = tuple(map(exact, ((1, 2, -1), (-1, 1, 2), (2, -1, 1), (1, 1, 1), (1, 0, 0))))
    draws = np.random.default_rng(0).standard_normal((2**16, 3))
    met = {tuple(s) for s in np.where(draws @ np.array(data, dtype=float).T >= 0, 1, -1).tolist()}
    assert set(cells(data)) == met
    assert len(met) == regions(data) == 22  # general position: 2 (1 + 4 + 6)


def test_degenerate_planes_cut_fewer_cells():
    pencil = tuple(map(exact, ((1, 0, 0), (0, 1, 0), (1, 1, 0), (2, 2, 0), (0, 0, 0))))
    assert len(cells(pencil)) == regions(pencil) == 6
    assert {cell[4] for cell in cells(pencil)} == {1}
    assert len(edges(tuple(map(exact, ((1, 0, 0), (0, 1, 0)))))) == 3


@given(tuples(6, 15, st.sampled_from((0, 0, 1, -2)).map(Fraction)), vectors(6))
@QUICK
def test_large_systems_have_the_solutions_of_small_ones(a, b):
    assert _linear.large(a)
    fast = _linear.solve(a, b), _linear.independent(transposed(a))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_linear, "LARGE", 10**9)
        assert fast == (_linear.solve(a, b), _linear.independent(transposed(a)))


@given(
    st.sampled_from((2, 3)).flatmap(
        lambda d: st.tuples(tuples(3, d).filter(lambda a: all(map(any, a))), vectors(d))
    ),
    vectors(3),
)
@QUICK
def test_polars_of_a_network_bound_every_neuron(drawn, W):
    data, u = drawn
    if any(u):
        square = polar_l2_by_arcs(data, W)
        assert square == polar_l2_by_cells(data, W)
        assert response(data, W, u) ** 2 <= square * dot(u, u)
        assert response(data, W, u) <= polar_l1_by_cells(data, W) * l1(u)


def test_a_network_polar_is_reached_inside_a_cell_or_at_its_edge():
    identity = tuple(map(exact, ((1, 0), (0, 1))))
    assert polar_l2_by_arcs(identity, exact([3, 4])) == 25
    assert polar_l2_by_arcs(identity, exact([3, -4])) == 16
    assert polar_l1_by_cells(identity, exact([3, 4])) == 4
    assert len(cells(identity)) == 4


@given(st.fractions(0, 10**6, max_denominator=10**6))
@QUICK
def test_roots_are_bracketed_and_squares_exact(q):
    low, high = root(q)
    assert low * low <= q <= high * high
    assert high - low <= Fraction(1, 2**90)
    assert root(q * q) == (q, q)


def test_outer_products_run_their_last_index_fastest():
    u, v = exact([1, 2]), exact([3, 5, 7])
    assert outer(u, v) == exact([3, 5, 7, 6, 10, 14])
    assert plus(u, exact([1, 1]), Fraction(1, 2)) == exact([Fraction(3, 2), Fraction(5, 2)])
    assert hidden(V, exact([1, 0])) == exact([1, 0, 2])


@given(vectors(4).filter(any))
@QUICK
def test_nuclear_slices_sum_to_the_matrix_and_cost_the_closed_form(Z):
    found, M = _nuclear.slices(Z), _nuclear.orthogonal(Z)
    assert combine([Fraction(1)] * len(found), [outer(u, v) for u, v in found], 4) == tuple(Z)
    square = _nuclear.square(Z)
    assert _nuclear.spectral(M) == square == _nuclear.cost_times(square, found)
    singular = np.linalg.svd(np.array(Z, dtype=float).reshape(2, 2), compute_uv=False)
    assert float(square) == pytest.approx(singular.sum() ** 2, rel=2**-40)
