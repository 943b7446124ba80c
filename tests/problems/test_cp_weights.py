"""CP tensors as people hold them: weights beside the factors, and none of them lost."""

from types import SimpleNamespace

import numpy as np
import pytest

from certify import InputError, OutOfScopeError, Problem, check, from_model, improve, verify
from certify.atoms import CP, RankOne
from certify.losses import Squared

rng = np.random.default_rng(0)
PARTS = [rng.integers(-4, 5, (n, 2)) / 4 for n in (4, 3, 2)]
WEIGHTS = np.array([3.0, -0.5])
Z = np.einsum("r,ir,jr,kr->ijk", WEIGHTS, *PARTS)
PRODUCT = Problem(Squared(Z), CP(["l2"] * 3), 0.5)
SUM = Problem(Squared(Z), CP(["l2"] * 3, form="sum"), 0.5)
HELD = {
    "pair": (WEIGHTS, PARTS),
    "lists": (WEIGHTS.tolist(), [x.tolist() for x in PARTS]),
    "list of both": [WEIGHTS, tuple(PARTS)],
    "object": SimpleNamespace(weights=WEIGHTS, factors=PARTS),
}


@pytest.mark.parametrize("problem", [PRODUCT, SUM], ids=["product", "sum"])
@pytest.mark.parametrize("name", HELD)
def test_weights_are_in_the_factors(name, problem):
    held = problem.accept(HELD[name])
    assert np.allclose(problem.predict(held).reshape(Z.shape), Z, rtol=1e-12)
    assert problem.loss.value(problem.predict(held)) == pytest.approx(0.0, abs=1e-24)
    sizes = np.abs(WEIGHTS) * np.prod([np.linalg.norm(x, axis=0) for x in PARTS], axis=0)
    if problem is PRODUCT:
        assert problem.atom.theta(held) == pytest.approx(sizes, rel=1e-12)


def test_in_the_sum_form_the_weights_of_normalized_factors_cost_the_least():
    norms = [np.linalg.norm(x, axis=0) for x in PARTS]
    units = [x / n for x, n in zip(PARTS, norms, strict=True)]
    weights = WEIGHTS * np.prod(norms, axis=0)
    held = SUM.accept((weights, units))
    assert SUM.atom.theta(held) == pytest.approx(np.abs(weights), rel=1e-12)
    assert np.allclose(SUM.predict(held).reshape(Z.shape), Z, rtol=1e-12)


def test_without_weights_the_factors_are_as_they_are():
    for none in ((None, PARTS), SimpleNamespace(weights=None, factors=PARTS)):
        assert all(np.array_equal(a, b) for a, b in zip(PRODUCT.accept(none), PARTS, strict=True))
    assert PRODUCT.accept(HELD["pair"])[1] is not PARTS[1]


def test_a_pair_of_matrices_is_no_weights_and_factors():
    matrix = Problem(Squared(np.ones((2, 2))), RankOne("l2", "l2"), 0.5)
    for pair in (([[1.0], [2.0]], [[1.0], [2.0]]), (np.ones((2, 1)), [[1.0], [1.0]])):
        assert [x.shape for x in matrix.accept(pair)] == [(2, 1), (2, 1)]
    held = matrix.accept(([2.0], [np.ones((2, 1)), np.ones((2, 1))]))
    assert np.array_equal(held[0], 2 * np.ones((2, 1)))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (([1.0], PARTS), r"the weights of factors must have shape \(2,\), got \(1,\)"),
        (([1.0, np.nan], PARTS), r"factors\[0\] must be finite"),
        ((WEIGHTS, PARTS[:2]), "factors must be a sequence of 3 arrays, got 2"),
        ((WEIGHTS, []), "factors must be a sequence of 3 arrays, got 0"),
        (([], PARTS), "factors must be a sequence of 3 arrays, got 2"),
        ((1.0, PARTS), "factors must be a sequence of 3 arrays, got 2"),
        (([1.0, 2.0], np.ones(3)), "factors must be a sequence of 3 arrays, got 2"),
    ],
)
def test_weights_that_do_not_fit_are_refused(given, said):
    with pytest.raises(InputError, match=said):
        PRODUCT.accept(given)


def test_a_negative_weight_of_nonnegative_factors_is_refused():
    signed = Problem(Squared(Z), CP(["l2+"] * 3), 0.5)
    with pytest.raises(InputError, match="factors: "):
        signed.accept((WEIGHTS, [np.abs(x) for x in PARTS]))


@pytest.mark.thorough
def test_what_tensorly_returns_is_checked_improved_and_verified(tmp_path):
    tl = pytest.importorskip("tensorly")
    T = rng.standard_normal((4, 3, 2))
    cp = tl.decomposition.parafac(tl.tensor(T), 2, normalize_factors=True, random_state=0)
    assert not np.allclose(cp.weights, 1)
    problem, factors = from_model(cp, T, rejudge=0.5)
    for held in (cp, (cp.weights, cp.factors)):
        assert np.array_equal(from_model(held, T, rejudge=0.5)[1][0], factors[0])
        assert problem.objective(held) == pytest.approx(problem.objective(factors), rel=1e-12)
    result = check(problem, cp, budget=1.0)
    result.certificate.save(tmp_path / "x.cert")
    assert verify(tmp_path / "x.cert", problem, cp).verdict is result.verdict
    assert improve(problem, cp, budget=1.0).objective <= problem.objective(cp)
    gaps = rng.random(T.shape) < 0.8
    masked = from_model(cp, T, mask=gaps, rejudge=0.5)[0]
    assert masked.loss.observed.size == gaps.sum()


def test_a_cp_tensor_without_a_lam_is_one_of_its_rank_and_a_tucker_tensor_is_out_of_scope():
    tl = pytest.importorskip("tensorly")
    problem, factors = from_model((WEIGHTS, PARTS), Z)
    assert problem.lam == 0
    assert problem.objective(factors) == pytest.approx(0.0, abs=1e-24)
    tucker = tl.decomposition.tucker(tl.tensor(Z), [2, 2, 2])
    with pytest.raises(OutOfScopeError, match="fit a CP model"):
        from_model(tucker, Z, rejudge=0.5)
    with pytest.raises(InputError, match="y belongs to a CPRegressor"):
        from_model((WEIGHTS, PARTS), Z, np.ones(4), rejudge=0.5)
