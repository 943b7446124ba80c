"""Arrays of other packages' models are read with the objective each one minimized."""

import numpy as np
import pytest
from scipy import sparse

from certify import InputError, Verdict, check, improve, verify
from certify.adapters import _implicit
from certify.adapters.arrays import (
    cornac_mf,
    cornac_nmf,
    implicit_als,
    soft_impute,
    surprise_svd,
    weighted_model,
)

TIGHT = 1e-12  # two float64 sums of a few hundred terms
M, N, R = 12, 9, 3

rng = np.random.default_rng(0)
MASK = rng.random((M, N)) < 0.6
MASK[np.arange(M), np.arange(M) % N] = True
DATA = np.round(rng.random((M, N)) * 4) + 1
USERS, ITEMS = np.nonzero(MASK)
VALUES = DATA[MASK]
RATINGS = (USERS, ITEMS, VALUES)
MEAN = VALUES.mean()
P, Q = rng.standard_normal((M, R)), rng.standard_normal((N, R))
B, C = rng.standard_normal(M), rng.standard_normal(N)
REGS = {"user": 0.3, "item": 0.2, "user_bias": 0.5, "item_bias": 0.7}
COUNTS = sparse.csr_array(np.where(MASK, DATA, 0))
HOLES = np.where(MASK, DATA, np.nan)
FILLED = np.where(MASK, DATA, 2.0)


def paid(P, Q, reg, biases=None, mean=0.0):
    """Return the objective of stochastic gradient descent, a loop over ratings."""
    b, c = biases or (np.zeros(M), np.zeros(N))
    total = 0.0
    for u, i, r in zip(*RATINGS, strict=True):
        total += 0.5 * (r - mean - b[u] - c[i] - P[u] @ Q[i]) ** 2
        total += 0.5 * reg["user"] * P[u] @ P[u] + 0.5 * reg["item"] * Q[i] @ Q[i]
        total += 0.5 * reg["user_bias"] * b[u] ** 2 + 0.5 * reg["item_bias"] * c[i] ** 2
    return total


def objective(problem, factors):
    return problem.objective(tuple(factors), factors.q or ())


READERS = pytest.mark.parametrize("reader", [weighted_model, surprise_svd, cornac_mf])


@READERS
def test_every_rating_pays_for_its_factors_and_biases(reader):
    for reg in (0.25, REGS):
        each = dict.fromkeys(REGS, reg) if isinstance(reg, float) else reg
        problem, factors = reader((P, Q), RATINGS, reg, (B, C), MEAN)
        wanted = paid(P, Q, each, (B, C), MEAN)
        assert objective(problem, factors) == pytest.approx(wanted, rel=TIGHT)
        problem, factors = reader((P, Q), RATINGS, reg)
        assert factors.q is None
        assert objective(problem, factors) == pytest.approx(paid(P, Q, each), rel=TIGHT)


def test_a_nonnegative_model_pays_per_rating_too():
    problem, factors = cornac_nmf((abs(P), abs(Q)), RATINGS, REGS, (B, C), MEAN)
    wanted = paid(abs(P), abs(Q), REGS, (B, C), MEAN)
    assert objective(problem, factors) == pytest.approx(wanted, rel=TIGHT)
    assert [g.cone for g in problem.atom.gauges] == ["+", "+"]
    with pytest.raises(InputError, match=r"must be >= 0"):
        check(*cornac_nmf((P, Q), RATINGS, REGS))


def test_a_sparse_matrix_and_three_arrays_are_one_model():
    stored = sparse.coo_array((VALUES[::-1], (USERS[::-1], ITEMS[::-1])), shape=(M, N))
    first, second = (
        surprise_svd((P, Q), given, 0.1, (B, C), MEAN) for given in (RATINGS, stored.tocsr())
    )
    assert objective(*first) == objective(*second)


def test_implicit_weighs_every_entry():
    reg, alpha = 0.75, 0.5
    problem, factors = implicit_als((P, Q), COUNTS, reg, alpha)
    total = 0.0
    for u in range(M):
        for i in range(N):
            r = COUNTS[u, i]
            total += (alpha * r if r > 0 else 1.0) * (float(r > 0) - P[u] @ Q[i]) ** 2
    total += reg * ((P**2).sum() + (Q**2).sum())
    assert objective(problem, factors) == pytest.approx(total, rel=TIGHT)
    assert problem.lam == 2 * reg


def test_soft_impute_is_one_step_from_the_filled_data():
    problem, (U, V) = soft_impute(FILLED, HOLES, 2.0)
    left, values, right = np.linalg.svd(FILLED, full_matrices=False)
    shrunk = np.maximum(values - 2.0, 0)
    Z = (left * shrunk) @ right
    assert np.abs(U @ V.T - Z).max() <= TIGHT * values[0]
    wanted = 0.5 * ((Z - DATA)[MASK] ** 2).sum() + 2.0 * shrunk.sum()
    assert problem.objective((U, V)) == pytest.approx(wanted, rel=TIGHT)
    chosen, _ = soft_impute(FILLED, HOLES)
    zeros = np.where(MASK, DATA, 0)
    assert chosen.lam == pytest.approx(np.linalg.norm(zeros, 2) / 50, rel=TIGHT)


def test_the_filled_matrix_taken_as_the_fit_costs_more():
    problem, factors = soft_impute(FILLED, HOLES, 2.0)
    left, values, right = np.linalg.svd(FILLED, full_matrices=False)
    trap = left * np.sqrt(values), right.T * np.sqrt(values)
    assert problem.objective(trap) > problem.objective(tuple(factors))


CERTIFIABLE = {
    "biased": lambda: surprise_svd((P, Q), RATINGS, 0.25, (B, C), MEAN),
    "unbiased": lambda: surprise_svd((P, Q), RATINGS, {"user": 0.75, "item": 0.25}),
    "cornac": lambda: cornac_mf((P, Q), RATINGS, REGS, (B, C), MEAN),
    "implicit": lambda: implicit_als((P, Q), COUNTS, 2.0, 0.5),
    "soft": lambda: soft_impute(FILLED, HOLES, 2.0),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", CERTIFIABLE)
def test_an_optimum_of_every_layout_is_certified(name):
    problem, factors = CERTIFIABLE[name]()
    first = check(problem, factors, q=factors.q, budget=5)
    assert first.verdict is not Verdict.CERTIFIED
    best = improve(problem, factors, q=factors.q)
    assert best.result.verdict is Verdict.CERTIFIED
    q = best.q if problem.offsets else None
    again = verify(best.result.certificate, problem, best.factors, q=q)
    assert (again.verdict, again.tier) == (Verdict.CERTIFIED, "exact")
    assert best.objective < objective(problem, factors)


@pytest.mark.thorough
def test_a_nonnegative_model_gets_a_bracket():
    problem, factors = cornac_nmf((abs(P), abs(Q)), RATINGS, REGS)
    result = check(problem, factors, budget=3)
    assert 0 < result.lower < result.upper


# --- what is not the model --------------------------------------------------------------


@READERS
def test_transposed_factors_are_named(reader):
    with pytest.raises(
        InputError, match=r"must have the same number of columns, .* is one transposed"
    ):
        reader((P.T, Q), RATINGS, 1.0)
    with pytest.raises(InputError, match=r"ids must lie in 0..2, got 3: give inner ids"):
        reader((P.T, np.ones((N, M))), RATINGS, 1.0)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((USERS + 100, ITEMS, VALUES), r"user ids must lie in 0..11, got 100: give inner ids"),
        ((USERS, ITEMS - 1, VALUES), r"item ids must lie in 0..8, got -1: give inner ids"),
        ((USERS.astype(str), ITEMS, VALUES), r"users must be integers, .*to_inner_uid"),
        ((USERS, ITEMS.astype(float), VALUES), r"items must be integers, got dtype float64"),
        ((USERS[1:], ITEMS, VALUES), r"users must have shape \(\d+,\), got \(\d+,\)"),
        ((USERS, ITEMS, VALUES * np.nan), r"ratings must be finite, got nan"),
        ((USERS[:0], ITEMS[:0], VALUES[:0]), "there is no rating"),
        (
            (np.r_[USERS, 0], np.r_[ITEMS, ITEMS[0]], np.r_[VALUES, 1]),
            "rated item . more than once",
        ),
        ((USERS[USERS > 0], ITEMS[USERS > 0], VALUES[USERS > 0]), "user 0 has no rating: drop"),
        (DATA, r"ratings must be \(users, items, ratings\)"),
        (COUNTS.T.tocsr(), r"ratings must have shape \(12, 9\), got \(9, 12\): users are its rows"),
    ],
)
def test_wrong_ratings_are_named(given, told):
    with pytest.raises(InputError, match=told):
        surprise_svd((P, Q), given, 0.1)


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda: surprise_svd((P, Q), RATINGS, 0.1, (B, C)), "also has a global mean: pass mean="),
        (
            lambda: surprise_svd((P, Q), RATINGS, 0.1, (B, C), 0.0),
            "mean is 0, but that of the rati",
        ),
        (lambda: surprise_svd((P, Q), RATINGS, 0.1, None, MEAN), "leave mean out"),
        (lambda: surprise_svd((P, Q), RATINGS, 0.1, (C, B), MEAN), r"user biases must have shape"),
        (lambda: surprise_svd((P, Q), RATINGS, 0.1, B, MEAN), "biases must be a pair"),
        (lambda: surprise_svd((P, Q), RATINGS, 0.1, (B, C), [1.0, 2.0]), "mean must be one number"),
        (lambda: surprise_svd(P, RATINGS), r"factors must be a pair \(pu, qi\)"),
        (lambda: surprise_svd((P * np.inf, Q), RATINGS), "pu must be finite"),
        (lambda: cornac_mf((P, Q), RATINGS, {"user": 1.0}), "reg must be a number or have"),
        (
            lambda: cornac_mf((P, Q), RATINGS, {"user": 1.0, "item": 2.0}, (B, C), MEAN),
            "reg must have user_bias for a model with biases",
        ),
        (lambda: implicit_als((P, Q), DATA), "counts must be a scipy.sparse matrix"),
        (lambda: implicit_als((P, Q), COUNTS.T.tocsr()), r"counts must have shape \(12, 9\)"),
        (lambda: implicit_als((P, Q), -COUNTS), "stored counts must be > 0, got -"),
        (lambda: soft_impute(FILLED.T, HOLES), r"filled must have shape \(12, 9\) as X"),
        (lambda: soft_impute(FILLED + 1, HOLES), "filled must be X where X is observed"),
        (lambda: soft_impute(FILLED, HOLES * np.nan), "X has no observed entry"),
        (lambda: soft_impute(FILLED, np.where(MASK, np.inf, np.nan)), "X must be finite"),
        (lambda: implicit_als((P, Q), COUNTS, 1.0, 0), "alpha must be a finite number > 0"),
        (lambda: soft_impute(FILLED, HOLES, 0.0), "shrinkage_value must be a finite number > 0"),
    ],
)
def test_wrong_input_is_one_sentence(ask, told):
    with pytest.raises(InputError, match=told) as error:
        ask()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("ask", "note"),
    [
        (lambda: surprise_svd((P, Q), RATINGS, 0), ""),
        (lambda: implicit_als((P, Q), COUNTS, 0.0), ""),
        (
            lambda: cornac_mf((P, Q), RATINGS, REGS | {"item": 0}, (B, C), MEAN),
            "with item=0 the penalty of user=0.3 does not change the optimum",
        ),
    ],
)
def test_without_a_penalty_on_both_factors_the_question_is_that_of_its_size(ask, note):
    problem, factors = ask()
    assert problem.lam == 0
    assert [np.array_equal(*x) for x in zip(factors, (P, Q), strict=True)] == [True, True]
    assert factors.note.startswith(note)
    assert bool(factors.note) == bool(note)


def test_biases_without_a_penalty_are_free():
    biased = surprise_svd((P, Q), RATINGS, REGS | {"user_bias": 0}, (B, C), MEAN)[0]
    assert [o.free for o in biased.offsets] == [True, False]


def test_permuted_ids_are_another_model():
    other = (np.roll(np.arange(M), 1)[USERS], ITEMS, VALUES)
    problem, factors = surprise_svd((P, Q), RATINGS, 0.25)
    shuffled, same = surprise_svd((P, Q), other, 0.25)
    assert objective(shuffled, same) != pytest.approx(objective(problem, factors))


def test_more_entries_than_fit_are_refused_before_they_are_made(monkeypatch):
    monkeypatch.setattr(_implicit, "DENSE", M * N)
    implicit_als((P, Q), COUNTS)
    monkeypatch.setattr(_implicit, "DENSE", M * N - 1)
    with pytest.raises(InputError, match="all 12 x 9 entries have a weight, which is too many"):
        implicit_als((P, Q), COUNTS)
