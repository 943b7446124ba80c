"""TensorLy's models are read with the objective each one minimized, or refused with a cure."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import tensorly as tl
from hypothesis import given
from hypothesis import strategies as st
from tensorly.cp_tensor import CPTensor
from tensorly.decomposition import (
    CP,
    CP_NN,
    CP_NN_HALS,
    ConstrainedCP,
    CPPower,
    Parafac2,
    RandomizedCP,
    SymmetricCP,
    Tucker,
    parafac2,
    tucker,
)
from tensorly.regression import CPRegressor

from certify import InputError, OutOfScopeError, Problem, Verdict, atoms, check
from certify.adapters._cp import multiples
from certify.adapters.tensorly import (
    Modes,
    cp_regressor,
    from_model,
    non_negative_parafac,
    parafac,
    start,
)
from certify.atoms import RankOne
from certify.losses import Huber, Squared

TIGHT = 1e-12  # two float64 sums of a few hundred terms
LAM = 0.3
rng = np.random.default_rng(0)
T = rng.standard_normal((5, 4, 3))
POSITIVE = np.abs(T)
M = rng.standard_normal((6, 4))
SEEN = rng.random(T.shape) < 0.8
HOLES = np.where(SEEN, T, np.nan)
FACTORS = [rng.standard_normal((n, 3)) for n in T.shape]
WEIGHTS = np.array([2.0, -0.5, 0.0])
SETTLED = {"n_iter_max": 4000, "tol": 1e-14, "random_state": 0}


def test_weights_and_one_factor_are_no_list_of_factors():
    x, w = np.eye(3)[:, :2], np.ones(2)
    with pytest.raises(InputError, match=r"only one factor: pass \(weights, \[factor\] \* K\)"):
        from_model((w, x), np.ones((3, 3, 3)))
    assert from_model((w, [x] * 3), np.ones((3, 3, 3)))  # as it says


def fitted(estimator, data=T):
    estimator.fit_transform(data)
    return estimator


def penalized(T, cp, lam, mask=None):
    """Return 1/2 |T - Z|^2 + lam sum |w| |a| |b| ..., a loop over entries and slices."""
    weights, factors = cp
    seen = np.ones(T.shape, bool) if mask is None else np.asarray(mask) == 1
    total = 0.0
    for at in np.ndindex(T.shape):
        z = sum(
            w * np.prod([f[i, k] for f, i in zip(factors, at, strict=True)])
            for k, w in enumerate(weights)
        )
        total += 0.5 * (T[at] - z) ** 2 if seen[at] else 0.0
    sizes = [
        abs(w) * np.prod([np.linalg.norm(f[:, k]) for f in factors]) for k, w in enumerate(weights)
    ]
    return total + lam * sum(sizes)


# --- rejudged at a lam --------------------------------------------------------------------


@pytest.mark.parametrize("fold", ["tensor", "pair", "no weights", "by hand"])
def test_weights_may_be_folded_or_not(fold):
    by_hand = [FACTORS[0], FACTORS[1] * WEIGHTS, FACTORS[2]]
    given = {
        "tensor": CPTensor((WEIGHTS, FACTORS)),
        "pair": (WEIGHTS, FACTORS),
        "no weights": (None, by_hand),
        "by hand": by_hand,
    }[fold]
    problem, factors = parafac(given, T, rejudge=LAM)
    wanted = penalized(T, (WEIGHTS, FACTORS), LAM)
    assert problem.objective(factors) == pytest.approx(wanted, rel=TIGHT)
    assert (problem.atom, problem.lam) == (atoms.CP(("l2",) * 3), LAM)
    assert factors.q is None


@pytest.mark.parametrize("mask", [SEEN, SEEN.astype(float)], ids=["booleans", "zeros and ones"])
def test_a_mask_counts_what_is_observed(mask):
    problem, factors = parafac((WEIGHTS, FACTORS), HOLES, mask=mask, rejudge=LAM)
    wanted = penalized(np.nan_to_num(HOLES), (WEIGHTS, FACTORS), LAM, SEEN)
    assert problem.objective(factors) == pytest.approx(wanted, rel=TIGHT)
    assert problem.loss.observed.size == SEEN.sum()


@pytest.mark.parametrize(
    "estimator",
    [
        CP(3, random_state=0),
        CP(3, l2_reg=0.2, random_state=0),
        CP(3, normalize_factors=True, random_state=0),
        CP(3, linesearch=True, n_iter_max=30, random_state=0),
        CP(2, mask=SEEN, random_state=0),
        CP(2, mask=SEEN, init="svd", svd_mask_repeats=9, random_state=0),
        RandomizedCP(2, n_samples=20, random_state=0),
        CPPower(2, 5, 5),
    ],
    ids=["plain", "l2", "normalized", "line search", "mask", "imputed start", "random", "power"],
)
def test_a_fitted_model_is_judged_as_it_is(estimator):
    model = fitted(estimator)
    problem, factors = from_model(model, T, rejudge=LAM)
    mask = getattr(model, "mask", None)
    wanted = penalized(T, tuple(model.decomposition_), LAM, mask)
    assert problem.objective(factors) == pytest.approx(wanted, rel=TIGHT)
    if mask is None:
        rebuilt = tl.cp_to_tensor(model.decomposition_)
        assert problem.predict(factors).reshape(T.shape) == pytest.approx(rebuilt, abs=TIGHT)


@pytest.mark.sampled(1000)
@pytest.mark.parametrize(
    ("estimator", "norms"),
    [
        (CP(2, random_state=0), ("l2", "l2", "l2")),
        (CP_NN(2, random_state=0), ("l2+", "l2+", "l2+")),
        (CP_NN_HALS(2, nn_modes=[0], random_state=0), ("l2+", "l2", "l2")),
        (SymmetricCP(2), ("l2",) * 3),
    ],
)
def test_without_a_penalty_the_question_is_that_of_its_size(estimator, norms):
    data = POSITIVE if not isinstance(estimator, SymmetricCP) else np.ones((3, 3, 3))
    problem, factors = from_model(fitted(estimator, data), data)
    assert problem.lam == 0
    assert [g.nonneg for g in problem.atom.gauges] == [n == "l2+" for n in norms]
    result = check(problem, factors, budget=2.0)
    assert result.verdict is result.own_size.verdict
    assert result.certificate is not None
    assert 0 <= result.lower <= result.upper
    assert result.explained_variance.yours <= result.explained_variance.at_most


@pytest.mark.parametrize(
    ("estimator", "norms"),
    [
        (CP_NN(2, random_state=0), ("l2+", "l2+", "l2+")),
        (CP_NN(2, mask=SEEN, random_state=0), ("l2+", "l2+", "l2+")),
        (CP_NN(2, normalize_factors=True, random_state=0), ("l2+", "l2+", "l2+")),
        (CP_NN_HALS(2, random_state=0), ("l2+", "l2+", "l2+")),
        (CP_NN_HALS(2, nn_modes=[0, 2], random_state=0), ("l2+", "l2", "l2+")),
        (CP_NN_HALS(2, nn_modes=None, random_state=0), ("l2", "l2", "l2")),
    ],
    ids=["updates", "mask", "normalized", "hals", "two modes", "no mode"],
)
def test_nonnegative_models_have_nonnegative_modes(estimator, norms):
    model = fitted(estimator, POSITIVE)
    problem, factors = from_model(model, POSITIVE, rejudge=LAM)
    assert problem.atom.norms == norms
    wanted = penalized(POSITIVE, tuple(model.decomposition_), LAM, getattr(model, "mask", None))
    assert problem.objective(factors) == pytest.approx(wanted, rel=TIGHT)
    modes = getattr(model, "nn_modes", "all")
    again, same = non_negative_parafac(
        model.decomposition_,
        POSITIVE,
        nn_modes=modes,
        mask=getattr(model, "mask", None),
        rejudge=LAM,
    )
    assert again.objective(same) == problem.objective(factors)


def test_a_tensor_without_negative_entries_is_told_what_judges_nonnegative_fits():
    nonnegative = fitted(CP_NN(2, random_state=0), POSITIVE)
    tensor = nonnegative.decomposition_
    told = "after a nonnegative fit, ask certify.adapters.tensorly.non_negative_parafac"
    for cp in (tensor, (tensor.weights, tensor.factors)):
        problem, factors = from_model(cp, POSITIVE)
        assert problem.atom.norms == ("l2",) * 3
        assert check(problem, factors, budget=0).reason.endswith(told)
    signed = (-tensor.weights, tensor.factors)
    for quiet in (from_model(signed, -POSITIVE), from_model(nonnegative, POSITIVE)):
        assert not quiet[1].note


def test_sparsity_of_hals_is_judged_at_a_lam_only():
    with pytest.warns(UserWarning, match="Sparsity"):
        model = fitted(CP_NN_HALS(2, sparsity_coefficients=[0.1] * 3, random_state=0), POSITIVE)
    with pytest.raises(OutOfScopeError, match="degree 1 on a product: pass rejudge=lam"):
        from_model(model, POSITIVE)
    assert from_model(model, POSITIVE, rejudge=LAM)[0].lam == LAM


@pytest.mark.parametrize("order", [3, 4])
def test_symmetric_weights_go_into_the_factor(order):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((3, 2))
    weights = np.array([2.0, -3.0 if order % 2 else 0.5])
    whole = sum(w * outer([x[:, k]] * order) for k, w in enumerate(weights))
    model = SymmetricCP(2)
    model.decomposition_ = (weights, x)
    problem, factors = from_model(model, whole, rejudge=LAM)
    assert problem.atom == atoms.CP("l2", symmetric=True, order=order)
    sizes = np.abs(weights) * np.linalg.norm(x, axis=0) ** order
    assert problem.objective(factors) == pytest.approx(LAM * sizes.sum(), rel=TIGHT)


def test_a_negative_weight_of_even_order_has_no_real_factor():
    model = SymmetricCP(1)
    model.decomposition_ = (np.array([-1.0]), np.ones((2, 1)))
    with pytest.raises(OutOfScopeError, match="negative weight at even order 4"):
        from_model(model, -np.ones((2, 2, 2, 2)), rejudge=LAM)


def outer(vectors):
    out = np.ones(())
    for v in vectors:
        out = np.multiply.outer(out, v)
    return out


def test_a_fitted_symmetric_model_is_read():
    rng = np.random.default_rng(1)
    x = np.linalg.qr(rng.standard_normal((3, 2)))[0]
    whole = sum(w * outer([x[:, k]] * 3) for k, w in enumerate([3.0, 2.0]))
    np.random.seed(0)  # noqa: NPY002  the package draws from it
    problem, factors = from_model(fitted(SymmetricCP(2), whole), whole, rejudge=LAM)
    assert problem.objective(factors) == pytest.approx(LAM * 5.0, rel=1e-6)


# --- its own objective --------------------------------------------------------------------


def ridge(T, factors, c):
    """Return 1/2 |T - Z|^2 + c/2 sum |A_k|^2."""
    residual = T - tl.cp_to_tensor((None, factors))
    return 0.5 * (residual**2).sum() + 0.5 * c * sum((f**2).sum() for f in factors)


def slopes(f, factors, h=1e-6):
    """Return central differences in every entry of every factor."""
    out = []
    for x in factors:
        for at in np.ndindex(x.shape):
            kept = x[at]
            x[at] = kept + h
            high = f(factors)
            x[at] = kept - h
            low = f(factors)
            x[at] = kept
            out.append((high - low) / (2 * h))
    return np.array(out)


@pytest.mark.parametrize("data", [M, T], ids=["order 2", "order 3"])
def test_l2_reg_is_a_ridge_on_each_factor(data):
    """The formula of the docstring: its gradient vanishes where the package stops."""
    model = fitted(CP(2, l2_reg=0.5, **SETTLED), data)
    factors = [np.array(f) for f in model.decomposition_.factors]
    assert np.abs(slopes(lambda x: ridge(data, x, 0.5), factors)).max() < 1e-5
    assert np.abs(slopes(lambda x: ridge(data, x, 1.0), factors)).max() > 1e-2


def test_a_ridge_at_order_2_is_a_matrix_problem():
    model = fitted(CP(4, l2_reg=0.5, **SETTLED), M)
    problem, factors = from_model(model, M)
    assert (problem.atom, problem.lam) == (RankOne("l2", "l2", "sum"), 0.5)
    wanted = ridge(M, model.decomposition_.factors, 0.5)
    assert problem.objective(factors) == pytest.approx(wanted, rel=TIGHT)
    assert check(problem, factors).verdict is Verdict.CERTIFIED


def test_the_least_ridge_over_rescalings_is_concave_at_order_3():
    """c K/2 theta^(2/K), the reason of the refusal: halving a slice in two costs more."""
    a = [np.full((2, 1), s) for s in (0.5, 2.0, 1.0)]
    theta = np.prod([np.linalg.norm(x) for x in a])
    cost = min(
        0.5 * sum((s * x**2).sum() for s, x in zip((p, q, 1 / (p * q)), a, strict=True))
        for p in np.geomspace(0.05, 20, 200)
        for q in np.geomspace(0.05, 20, 200)
    )
    assert cost == pytest.approx(1.5 * theta ** (2 / 3), rel=1e-3)
    assert 2 * (theta / 2) ** (2 / 3) > theta ** (2 / 3)


@pytest.mark.parametrize(
    ("estimator", "why"),
    [
        (
            CP(2, l2_reg=0.1),
            "l2_reg=0.1 at order 3 has a penalty of degree 2 on a product of degree 3",
        ),
        (CP(2, l2_reg=0.1, normalize_factors=True), "normalize_factors and l2_reg"),
        (CP(2, l2_reg=0.1, fixed_modes=[0]), r"fixed_modes=\[0\] minimizes over the others only"),
    ],
    ids=["degree", "normalized", "fixed"],
)
def test_what_the_theory_does_not_cover_names_the_cure(estimator, why):
    with pytest.raises(OutOfScopeError, match=why) as caught:
        from_model(fitted(estimator, POSITIVE), POSITIVE)
    assert "pass rejudge=lam to judge these factors by" in str(caught.value)


@pytest.mark.parametrize(
    "estimator", [CP(2, mask=SEEN, random_state=0), CP_NN(2, mask=SEEN, random_state=0)], ids=repr
)
def test_missing_entries_without_a_penalty_have_a_bracket_at_their_size(estimator):
    model = fitted(estimator, POSITIVE)
    problem, factors = from_model(model, POSITIVE)
    assert problem.lam == 0
    wanted = penalized(POSITIVE, tuple(model.decomposition_), 0.0, SEEN)
    assert problem.objective(factors) == pytest.approx(wanted, rel=TIGHT)
    result = check(problem, factors, budget=2.0)
    assert result.verdict is not Verdict.OUT_OF_SCOPE
    assert 0 < result.lower <= result.upper


def test_weights_beside_l2_reg_tell_of_normalized_factors():
    with pytest.raises(OutOfScopeError, match="normalize_factors and l2_reg"):
        parafac((WEIGHTS, FACTORS), T, l2_reg=0.1)


@pytest.mark.parametrize(
    ("estimator", "why"),
    [
        (Tucker([2, 2, 2]), "not a sum of components"),
        (ConstrainedCP(2, non_negative=True), "which is not a minimum of a stated objective"),
        (Parafac2(2), "not a sum of rank-one components"),
    ],
    ids=["tucker", "constrained", "parafac2"],
)
@pytest.mark.parametrize("rejudge", [None, LAM])
def test_other_decompositions_are_refused_at_any_lam(estimator, why, rejudge):
    with pytest.raises(OutOfScopeError, match=why):
        from_model(estimator, T, rejudge=rejudge)


@pytest.mark.parametrize("read", [parafac, non_negative_parafac])
def test_tensors_of_other_decompositions_are_not_taken_for_cp(read):
    square = np.random.default_rng(1).standard_normal((4, 3, 5))  # 3 slices of 3 rows: shapes fit
    for found, why in (
        (
            parafac2(list(square), 3, random_state=0, n_iter_max=3),
            "not a sum of rank-one components",
        ),
        (tucker(square, [2, 2, 2]), "not a sum of components"),
    ):
        with pytest.raises(OutOfScopeError, match=f"{type(found).__name__} is .*{why}"):
            read(found, square, rejudge=LAM)


def test_constrained_parafac_is_not_stationary_for_its_penalty():
    """The reason of the refusal, measured: l2_square_reg = c, no multiple of which fits."""
    model = fitted(ConstrainedCP(2, l2_square_reg=0.5, n_iter_max=200, random_state=0))
    factors = [np.array(f) for f in model.decomposition_.factors]
    for c in (0.25, 0.5, 1.0):
        assert np.abs(slopes(lambda x, c=c: ridge(T, x, c), factors)).max() > 1e-2


def test_sparsity_is_refused_with_the_way_around():
    model = fitted(CP(2, random_state=0))
    model.sparsity = 5
    with pytest.raises(OutOfScopeError, match="pass T - S and its CPTensor to parafac"):
        from_model(model, T, rejudge=LAM)


# --- regression ---------------------------------------------------------------------------


def regression(model, X, y):
    """Return 1/2 |y - <X, W>|^2 + c/2 sum |W_k|^2, a loop over samples."""
    weights, factors = model.cp_weight_
    W = np.einsum("r,ir,jr->ij", weights, *factors)
    pairs = zip(X, y, strict=True)
    parts = [((b - (a @ W if a.ndim == 1 else (a * W).sum())) ** 2).sum() for a, b in pairs]
    return 0.5 * sum(parts) + 0.5 * model.reg_W * sum((f**2).sum() for f in factors)


def regressor(X, y, rank=3, **settings):
    settings = {
        "reg_W": 0.5,
        "verbose": 0,
        "n_iter_max": 4000,
        "tol": 1e-15,
        "random_state": 0,
    } | settings
    return CPRegressor(rank, **settings).fit(X, y)


@pytest.mark.parametrize("n", [20, 3], ids=["tall", "wide"])
def test_a_regression_on_vectors_is_a_weighted_matrix_problem(n):
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((n, 5)), rng.standard_normal((n, 3))
    model = regressor(X, y)
    problem, factors = from_model(model, X, y)
    P = np.linalg.svd(X, full_matrices=False)[0]
    unreached = 0.5 * ((y - P @ (P.T @ y)) ** 2).sum()
    wanted = regression(model, X, y) - unreached
    assert problem.objective(factors) == pytest.approx(wanted, rel=1e-9)
    assert check(problem, factors, rtol=1e-5).verdict is Verdict.CERTIFIED
    worse = regressor(X, y, rank=1)
    assert check(*from_model(worse, X, y)).verdict is Verdict.RANK_LIMITED


def test_a_regression_on_matrices_is_judged_in_floats():
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((20, 5, 3)), rng.standard_normal(20)
    model = regressor(X, y)
    problem, factors = cp_regressor(model, X, y)
    assert problem.objective(factors) == pytest.approx(regression(model, X, y), rel=TIGHT)
    found = check(problem, factors)
    assert found.verdict is Verdict.NUMERICAL
    assert found.lower == pytest.approx(found.upper, rel=1e-6)
    assert check(problem, (0.9 * factors[0], factors[1])).verdict is Verdict.UNDECIDED


def test_weights_of_a_regression_are_folded_in():
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((20, 5, 3)), rng.standard_normal(20)
    model = regressor(X, y)
    weights, (A, B) = model.cp_weight_
    plain = cp_regressor(model, X, y)
    model.cp_weight_ = (4 * weights, [A / 4, B])
    problem, factors = cp_regressor(model, X, y)
    assert problem.objective(factors) == plain[0].objective(plain[1])


def test_the_regression_objective_is_stationary_where_the_package_stops():
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((20, 5, 3)), rng.standard_normal(20)
    problem, factors = cp_regressor(regressor(X, y), X, y)
    held = [np.array(f) for f in factors]
    assert np.abs(slopes(lambda f: problem.objective(tuple(f)), held)).max() < 1e-5


def test_a_measured_polar_dominates_and_is_attained():
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((7, 5, 3)), rng.standard_normal(7)
    atom = cp_regressor(regressor(X, y), X, y)[0].atom
    w = rng.standard_normal((7, 1))
    bound = atom.polar(w)
    a, b = bound.witness
    assert np.vdot(w, atom.phi((a, b))) == pytest.approx(bound.upper, rel=TIGHT)
    assert atom.theta((a[:, None], b[:, None]))[0] == pytest.approx(1.0, rel=TIGHT)
    for _ in range(50):
        u, v = rng.standard_normal(5), rng.standard_normal(3)
        value = np.vdot(w, atom.phi((u, v))) / (np.linalg.norm(u) * np.linalg.norm(v))
        assert value <= bound.upper * (1 + TIGHT)


@pytest.mark.parametrize(
    ("X", "y", "modes"), [((8, 3, 2), (8, 2), 3), ((8, 3, 2, 2), (8,), 3)], ids=["y", "X"]
)
def test_three_weight_modes_are_out_of_scope(X, y, modes):
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal(X), rng.standard_normal(y)
    with pytest.raises(OutOfScopeError, match=f"{modes} weight modes has a penalty of degree 2"):
        from_model(regressor(X, y, n_iter_max=3), X, y)


def test_what_is_wrong_with_a_regression():
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((8, 3, 2)), rng.standard_normal(8)
    model, free = (regressor(X, y, n_iter_max=3) for _ in range(2))
    free.reg_W = 0
    with pytest.raises(OutOfScopeError, match="reg_W=0"):
        from_model(free, X, y)
    with pytest.raises(InputError, match="an unfitted"):
        from_model(CPRegressor(2), X, y)
    with pytest.raises(InputError, match=r"modes \(3, 2\) after the first"):
        from_model(model, X[:, :2], y)
    with pytest.raises(InputError, match=r"modes \(3, 2\) after the first"):
        from_model(model, X, y[:5])
    with pytest.raises(InputError, match="leave rejudge out"):
        from_model(model, X, y, rejudge=LAM)
    with pytest.raises(InputError, match="y must be finite"):
        from_model(model, X, y * np.nan)


# --- start --------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1))
def test_multiples_solve_their_convex_problem(seed):
    r = np.random.default_rng(seed)
    A, c = r.standard_normal((6, 4)), r.standard_normal(4)
    G = A.T @ A
    b = multiples(G, c)
    slope = G @ b - c
    assert b.min() >= 0
    assert slope.min() > -1e-6 * np.abs(c).max()
    assert abs(slope @ b) < 1e-6


@pytest.mark.parametrize("mask", [None, SEEN], ids=["full", "masked"])
@pytest.mark.parametrize("weights", [None, np.abs(T) + 0.1], ids=["plain", "weighted"])
def test_a_start_is_better_balanced_and_no_multiple_improves_it(mask, weights):
    model = fitted(CP(3, mask=mask, random_state=0))
    problem, factors = from_model(model, T, rejudge=LAM)
    problem = replace(problem, loss=Squared(T, weights=weights, mask=mask))
    found = start(problem, factors)
    value = problem.objective(found)
    assert value < problem.objective(factors)
    norms = np.array([np.linalg.norm(x, axis=0) for x in found])
    assert norms == pytest.approx(np.broadcast_to(norms[0], norms.shape), rel=TIGHT)
    for k in range(found[0].shape[1]):
        for s in (0.99, 1.01):
            scaled = np.ones(found[0].shape[1])
            scaled[k] = s
            assert problem.objective((found[0] * scaled, *found[1:])) > value


def test_a_start_drops_slices_that_do_not_pay():
    problem, factors = parafac((np.ones(3), FACTORS), T, rejudge=1e6)
    assert start(problem, factors)[0].shape == (5, 0)
    problem, factors = parafac((WEIGHTS, FACTORS), T, rejudge=LAM)  # one of weight 0
    assert start(problem, factors)[0].shape[1] <= 2


def test_a_start_of_a_symmetric_problem_keeps_one_factor():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((3, 1))
    problem = Problem(
        Squared(outer([2 * x[:, 0]] * 3)), atoms.CP("l2", symmetric=True, order=3), 1e-6
    )
    (found,) = start(problem, (x,))
    assert found == pytest.approx(2 * x, rel=1e-3)


def test_a_start_is_for_least_squares():
    problem = Problem(Huber(M, 1.0), RankOne("l2", "l2"), 1.0)
    with pytest.raises(InputError, match="start knows least squares, not Huber"):
        start(problem, (np.ones((6, 1)), np.ones((4, 1))))


# --- bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cp", "said"),
    [
        ((WEIGHTS, FACTORS[:1]), "at least 2 modes, got 1"),
        ((WEIGHTS[:2], FACTORS), r"weights must have shape \(3,\), got \(2,\)"),
        ((WEIGHTS * np.nan, FACTORS), "weights must be finite"),
        ([FACTORS[0], FACTORS[1][:, :2], FACTORS[2]], "must have the same number of columns"),
        ([FACTORS[0], FACTORS[1] * np.inf, FACTORS[2]], r"factors\[1\] must be finite"),
        ([FACTORS[0], FACTORS[1][0], FACTORS[2]], r"factors\[1\] must"),
        (FACTORS[:2], r"T must have shape \(5, 4\) as the factors"),
        (FACTORS[::-1], r"T must have shape \(3, 4, 5\) as the factors"),
        (3, "a CPTensor, .* got int"),
        (
            (CPTensor((WEIGHTS, FACTORS)), [0.5, 0.1]),
            "got a tuple of 2: pass its first element: return",
        ),
    ],
)
def test_what_is_wrong_with_factors_is_told(cp, said):
    with pytest.raises(InputError, match=said):
        parafac(cp, T, rejudge=LAM)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rejudge": 0.0}, "rejudge must be a finite number > 0"),
        ({"rejudge": -1.0}, "rejudge must be a finite number > 0"),
        ({"mask": SEEN[:2]}, r"mask must have shape \(5, 4, 3\)"),
        ({"mask": 2.0 * SEEN}, "mask must hold booleans, or 0 and 1"),
    ],
)
def test_what_is_wrong_with_the_question_is_told(changed, said):
    with pytest.raises(InputError, match=said):
        parafac((WEIGHTS, FACTORS), T, **{"rejudge": LAM, **changed})


def test_nan_without_a_mask_names_the_mask():
    with pytest.raises(InputError, match=r"T has \d+ NaN entries: give mask="):
        parafac((WEIGHTS, FACTORS), HOLES, rejudge=LAM)


def test_negative_weights_of_nonnegative_modes_are_refused():
    positive = [np.abs(f) for f in FACTORS]
    with pytest.raises(InputError, match=r"weights must be >= 0 where all modes are, got -0\.5"):
        non_negative_parafac((WEIGHTS, positive), POSITIVE, rejudge=LAM)
    problem, _ = non_negative_parafac((abs(WEIGHTS), positive), POSITIVE, rejudge=LAM)
    with pytest.raises(InputError, match="must be >= 0"):
        check(problem, FACTORS)
    with pytest.raises(InputError, match=r"modes in 0\.\.2, got \['3'\]"):
        non_negative_parafac((abs(WEIGHTS), positive), POSITIVE, nn_modes=[3], rejudge=LAM)


@pytest.mark.parametrize("estimator", [CP(2, random_state=0), CP_NN(2, random_state=0)])
def test_another_tensor_than_that_of_the_fit_is_refused_with_both_figures(estimator):
    model = fitted(estimator, POSITIVE)
    for other in (POSITIVE * 1.01, POSITIVE + 0.01 * T):
        with pytest.raises(InputError, match=r"reports a relative error .* on this T give"):
            from_model(model, other, rejudge=LAM)


def test_a_tensor_whose_squares_overflow_is_refused_with_the_cure():
    model = fitted(CP(2, random_state=0), POSITIVE)
    with np.errstate(all="ignore"):
        said = r"the sum of the squares of T overflows float64: scale the data by a power of two"
        with pytest.raises(InputError, match=said):
            from_model(model, POSITIVE * 2.0**520, rejudge=LAM)


def test_another_mask_than_that_of_the_fit_is_refused():
    model = fitted(CP(2, mask=SEEN, random_state=0))
    with pytest.raises(InputError, match="fitted with another mask"):
        from_model(model, T, mask=~SEEN, rejudge=LAM)
    assert from_model(model, HOLES, mask=SEEN, rejudge=LAM)[0].loss.observed.size == SEEN.sum()


def test_what_is_no_model_of_the_package_is_refused():
    with pytest.raises(OutOfScopeError, match=r"from_model knows CP, .*, not ndarray"):
        from_model(T, T)
    with pytest.raises(InputError, match="unfitted CP"):
        from_model(CP(2), T)
    with pytest.raises(InputError, match="y belongs to a CPRegressor, not to CP"):
        from_model(fitted(CP(2)), T, T)


def test_tensors_of_other_backends_are_converted():
    class Elsewhere:
        """As torch: off its graph, on the host, then an array."""

        def __init__(self, a):
            self.a = a

        def detach(self):
            return self

        cpu = detach

        def numpy(self):
            return self.a

    given = (Elsewhere(WEIGHTS), [Elsewhere(f) for f in FACTORS])
    problem, factors = parafac(given, Elsewhere(T), mask=Elsewhere(SEEN), rejudge=LAM)
    wanted = penalized(T, (WEIGHTS, FACTORS), LAM, SEEN)
    assert problem.objective(factors) == pytest.approx(wanted, rel=TIGHT)
    assert isinstance(factors, Modes)


def test_single_precision_fits_are_compared_at_their_precision():
    model = fitted(CP(2, random_state=0), T.astype(np.float32))
    assert from_model(model, T.astype(np.float32), rejudge=LAM)[0].lam == LAM


def test_without_tensorly_the_extra_is_named(monkeypatch):
    model = fitted(CP(2))
    for name in [k for k in sys.modules if k.split(".")[0] == "tensorly"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"pip install 'certifact\[models\]'"):
        from_model(model, T, rejudge=LAM)
    assert parafac(FACTORS, T, rejudge=LAM)[0].lam == LAM  # arrays need no package
