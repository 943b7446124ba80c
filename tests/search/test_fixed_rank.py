"""lam = 0 beyond plain data: blocks without missing entries, and lies about them."""

from array import array
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify import Problem, Verdict, check, verify
from certify.atoms import CP, RankOne, Symmetric
from certify.base.clock import Clock
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel import verdict
from certify.kernel.arrays import Array, filled
from certify.kernel.errors import RejectedError
from certify.kernel.exact import Exact
from certify.losses import Absolute, Quantile, Squared
from certify.offsets import ColumnIntercept, Intercept, Linear, RowIntercept
from certify.pipeline.certificate.file import as_numpy
from certify.polar.proved import as_kernel_array
from certify.search import fixed_rank
from certify.search.candidate import evaluate
from certify.search.observed_blocks import disjoint
from tests.kernel_cases import honest
from tests.strategies import arrays, dyadics, masks

CASES = honest()
TIERS = {"exact": Exact, "flint": Flint, "rounded": Rounded}
each_tier = pytest.mark.parametrize("tier", TIERS)
NAMES = ("rank_masked/poor", "rank_weighted/poor", "rank_linear/poor")


def certificate(name):
    return CASES[name][3].certificate


def prove(cert, ar=None, **changes):
    parts = ("statement", "given", "proof", "witness")
    held = [getattr(cert, k) | changes.get(k, {}) for k in parts]
    return verdict.prove(*held, ar)


def tail(M, r):
    """Return the sum of squares of all but the r largest singular values, 30 digits."""
    if min(M.shape) <= r:
        return Fraction(0)
    with mpmath.workdps(30):
        values = sorted(mpmath.svd_r(mpmath.matrix(M.tolist()), compute_uv=False))
        total = mpmath.fsum(v * v for v in values[: len(values) - r])
        return Fraction(float(total))


# --- the bound ----------------------------------------------------------------------------


def test_each_way_has_blocks():
    for name in NAMES:
        assert prove(certificate(name)).rules == ("blocks",)
        assert prove(certificate(name)).lower > 0


def test_a_whole_block_gives_the_least_weight_times_the_tail():
    problem, factors, _, result = CASES["rank_weighted/poor"]
    Y, weights = problem.loss.data, problem.loss.scale
    centred = Y - Y.mean(axis=0) - Y.mean(axis=1)[:, None] + Y.mean()
    rows = as_numpy(result.certificate.witness["rows0"])
    assert len(rows) == len(Y)
    expected = Fraction(weights.min()) * tail(centred, factors[0].shape[1]) / 2
    assert abs(Fraction(result.lower) - expected) <= expected / 2**40


@st.composite
def seen(draw):
    """Return masked data with at least two rows and columns."""
    shape = draw(st.tuples(st.integers(2, 4), st.integers(2, 4)))
    return draw(arrays(shape)), draw(masks(shape)), draw(arrays(shape, dyadics(1, 32)))


OFFSETS = {
    "none": (),
    "row": (RowIntercept(),),
    "column": (ColumnIntercept(0.5),),
    "intercept": (Intercept(),),
    "both": (RowIntercept(), ColumnIntercept()),
    "linear": (Linear([[1.0], [2.0], [3.0], [4.0]]),),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", OFFSETS)
@given(held=seen(), data=st.data())
def test_no_factors_of_the_rank_are_below_the_bound(name, held, data):
    Y, mask, weights = held
    m, n = Y.shape
    offsets = tuple(Linear(o.A[:m]) if isinstance(o, Linear) else o for o in OFFSETS[name])
    pair = data.draw(st.sampled_from([("l2", "l2"), ("l2+", "l2"), ("l1", "l2+")]))
    r = data.draw(st.integers(0, 2))
    problem = Problem(Squared(Y, mask=mask, weights=weights), RankOne(*pair), 0.0, offsets)
    shapes = ((m, r), (n, r))
    factors = tuple(
        np.abs(data.draw(arrays(s))) if key.endswith("+") else data.draw(arrays(s))
        for s, key in zip(shapes, pair, strict=True)
    )
    epsilon = {"rtol": 1e-6, "atol": 2.0**-20}  # the rounded tier has no room at an optimum of 0
    result = check(problem, factors, **epsilon)
    known = problem.objective(factors, result.q)
    slack = 2.0**-40 * (1 + known)
    assert 0 <= result.lower <= known + slack
    if name in ("none", "linear"):  # descents from there are competitors too
        start = fixed_rank.evaluate(problem, factors)
        steps = fixed_rank.steps(problem, start, fixed_rank.Clock(), 7)
        assert all(result.lower <= s.value + slack for _, s in steps)
    verify(result.certificate, problem, factors, tier="rounded", **epsilon)


def test_completable_data_have_the_bound_zero_and_are_not_certified():
    Y = np.array([[1.0, 2.0], [2.0, 0.0]])
    mask = np.array([[True, True], [True, False]])
    problem = Problem(Squared(Y, mask=mask), RankOne(), 0.0)  # [[1, 2], [2, 4]] has rank 1
    result = check(problem, (np.ones((2, 1)), np.ones((2, 1))))
    assert (result.lower, result.verdict) == (0.0, Verdict.REFUTED)
    cert = result.certificate
    empty = verdict.prove(cert.statement, cert.given, {"blocks": []}, {})
    assert (empty.lower, empty.rules) == (0, ("blocks",))


def test_the_dual_less_lam_times_the_candidates_size_is_no_bound():
    """One entry y = 4, lam = 1: d = 3.5, and the candidate 0 has size 0; the least is 0."""
    problem = Problem(Squared([[4.0]]), RankOne(), 0.0)
    zero, fit = (np.zeros((1, 1)),) * 2, (np.array([[4.0]]), np.array([[1.0]]))
    with_lam = check(Problem(Squared([[4.0]]), RankOne(), 1.0), (np.array([[3.0]]), fit[1]))
    wrong = with_lam.lower - 1.0 * float(RankOne().theta(zero).sum())
    assert wrong >= 3.5 * (1 - 2.0**-40) > problem.objective(fit) == 0.0
    assert check(problem, zero).lower == 0.0


def test_blocks_are_searched_until_time_is_spent():
    seen = np.random.default_rng(0).random((30, 20)) < 0.8
    every, asked = disjoint(seen, 1), []

    def expired():
        asked.append(None)
        return len(asked) > 48 + 1  # once a seed, in both directions, and after the first block

    some = disjoint(seen, 1, expired)
    one = disjoint(seen, 1, lambda: True)
    assert len(every) > len(some) > len(one) == 1
    assert np.array_equal(some[0].rows, every[0].rows)
    assert 0 < one[0].score <= every[0].score


@pytest.mark.parametrize("ridge", [0.0, 1.0])
@pytest.mark.parametrize("lam", [0.0, 0.5])
def test_one_mean_of_all_entries_is_bounded_by_the_means_of_the_columns(ridge, lam):
    rng = np.random.default_rng(1)
    Y = rng.standard_normal((20, 2)) @ rng.standard_normal((2, 8)) + 3
    Y += 0.2 * rng.standard_normal(Y.shape)
    factors = rng.standard_normal((20, 2)), rng.standard_normal((8, 2))
    own = check(Problem(Squared(Y), RankOne(), lam, (Intercept(ridge),)), factors, budget=3.0).own
    least = tail(Y - Y.mean(axis=0), 2) / 2
    assert least * (1 - Fraction(1, 2**30)) <= Fraction(own.lower) <= Fraction(own.upper)
    assert Fraction(own.lower) <= least or lam


# --- tensors ------------------------------------------------------------------------------

DIAGONAL = np.zeros((2, 2, 2))
DIAGONAL[0, 0, 0], DIAGONAL[1, 0, 1] = 2.0, 1.0
OF_ONE_COLUMN = np.zeros((2, 2, 2), dtype=bool)
OF_ONE_COLUMN[:, 0] = True  # all that is observed is diag(2, 1)


@pytest.mark.parametrize("tier", ["exact", "rounded"])
def test_a_tensor_with_holes_is_certified_by_a_block_of_an_unfolding(tier):
    problem = Problem(Squared(DIAGONAL, mask=OF_ONE_COLUMN), CP(("l2",) * 3), 0.0)
    first = np.array([[1.0], [0.0]])
    best, worse = (2 * first, first, first), (first, first, first)
    result = check(problem, best)
    assert (result.verdict, result.upper) == (Verdict.CERTIFIED, 0.5)
    assert 0.5 * (1 - 1e-6) <= result.lower <= 0.5
    proof = verify(result.certificate, problem, best, tier=tier)
    assert (proof.verdict, proof.rules) == (Verdict.CERTIFIED, ("blocks",))
    refuted = check(problem, worse)
    assert (refuted.verdict, refuted.better_upper) == (Verdict.REFUTED, pytest.approx(0.5))


def alternating(T, C, r, seed, *, nonneg):
    """Return the least objective of a few hundred projected steps from a random start."""
    rng = np.random.default_rng(seed)
    X = [np.abs(rng.standard_normal((d, r))) for d in T.shape]
    for _ in range(60):
        for k in range(3):
            rest = np.einsum("ir,jr->ijr", *(X[j] for j in range(3) if j != k)).reshape(-1, r)
            for i in range(len(X[k])):
                y, c = (np.moveaxis(A, k, 0)[i].reshape(-1) for A in (T, C))
                hess, pull = (rest.T * c) @ rest + 1e-9 * np.eye(r), (rest.T * c) @ y
                if nonneg:
                    for _ in range(4):
                        X[k][i] = np.maximum(X[k][i] - (hess @ X[k][i] - pull) / np.trace(hess), 0)
                else:
                    X[k][i] = np.linalg.solve(hess, pull)
    return 0.5 * float((C * (T - np.einsum("ir,jr,kr->ijk", *X)) ** 2).sum())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("norm", ["l2", "l2+"])
@pytest.mark.parametrize("seed", range(3))
def test_no_tensor_of_so_few_slices_is_below_the_bound(seed, norm, weighted):
    rng = np.random.default_rng(seed)
    dims, r = (5, 4, 6), 2
    T, mask = np.abs(rng.standard_normal(dims)), rng.random(dims) < 0.9
    weights = rng.uniform(0.5, 2.0, dims) if weighted else None
    problem = Problem(Squared(T, mask=mask, weights=weights), CP((norm,) * 3), 0.0)
    start = tuple(np.abs(rng.standard_normal((d, r))) for d in dims)
    result = check(problem, start, budget=5.0)
    C = mask * (1.0 if weights is None else weights)
    known = min(alternating(T, C, r, s, nonneg=norm == "l2+") for s in range(3))
    assert 0.05 * known < result.lower <= known
    assert result.verdict is Verdict.REFUTED
    assert result.better_upper <= known * (1 + 1e-3)
    low = verify(result.certificate, problem, start, tier="rounded").lower
    assert float(low) == pytest.approx(result.lower, rel=1e-8)


def test_symmetric_factors_of_a_matrix_with_holes_have_a_bound():
    rng = np.random.default_rng(4)
    A = rng.standard_normal((8, 8))
    mask = np.ones((8, 8), dtype=bool)
    mask[2, 5] = mask[5, 2] = False
    problem = Problem(Squared(A + A.T, mask=mask), Symmetric("l2"), 0.0)
    result = check(problem, (rng.standard_normal((8, 1)),), budget=5.0)
    assert result.verdict is Verdict.REFUTED
    assert 0 < result.lower <= result.better_upper
    rows, cols = full_block(result.certificate)[1:]
    values = np.linalg.svd((A + A.T)[np.ix_(rows, cols)], compute_uv=False)
    assert result.lower >= 0.5 * float((values[1:] ** 2).sum()) * (1 - 1e-9)


# --- a dual point beside blocks -----------------------------------------------------------


@pytest.mark.parametrize("lam", [0.0, 0.6])
@pytest.mark.parametrize("seed", [1, 2, 4, 8])
@pytest.mark.parametrize("holes", [True, False])
def test_rounded_arithmetic_proves_what_exact_does_beside_a_dual_point(holes, seed, lam):
    rng = np.random.default_rng(seed)
    U, V = np.abs(rng.normal(size=(12, 2))), np.abs(rng.normal(size=(9, 2)))
    Y, mask = U @ V.T + 0.6 * rng.normal(size=(12, 9)), rng.random((12, 9)) >= 0.05 * holes
    norm = "l2" if lam else "l2+"
    problem = Problem(Squared(Y, mask=mask), RankOne(norm, norm), lam)
    result = check(problem, (U, V), budget=2.0)
    cert = result.own_certificate if lam else result.certificate
    exact, rounded = (
        verify(cert, problem, (U, V), tier=tier, own_size=lam > 0) for tier in ("exact", "rounded")
    )
    assert exact.rules[1] == rounded.rules[1] == ("blocks" if holes else "ky_fan")
    assert float(rounded.lower) == pytest.approx(float(exact.lower), rel=1e-8)


# --- lies ---------------------------------------------------------------------------------


def indices(*values):
    return Array((len(values),), array("q", values))


def full_block(cert, t=0):
    """Return a proof with the t-th block only."""
    rows, cols = (as_numpy(cert.witness[f"{k}{t}"]) for k in ("rows", "cols"))
    return {"blocks": [cert.proof["blocks"][t]]}, rows, cols


def unseen(cert):
    """Return an entry that is not observed."""
    m, n = cert.statement["shape"]
    rows, cols = (as_numpy(cert.given[k]) for k in ("rows", "cols"))
    held = set(zip(rows.tolist(), cols.tolist(), strict=True))
    return next((i, j) for i in range(m) for j in range(n) if (i, j) not in held)


def refused(cert, tier, **changes):
    with pytest.raises(RejectedError) as caught:
        prove(cert, TIERS[tier](), **changes)
    return caught.value.where, caught.value.code


def one_entry(i, j):
    """Return the witness of a block of one entry."""
    return {
        "rows0": indices(i),
        "cols0": indices(j),
        "K0": filled((1, 0), 0.0),
        "L0": filled((1,), 0.0),
    }


ONE = {"axis": 1, "shift": "0/1"}


@each_tier
def test_a_block_with_an_entry_that_is_not_observed_is_refused(tier):
    cert = certificate("rank_masked/poor")
    rows, cols = (as_numpy(cert.given[k]) for k in ("rows", "cols"))
    seen_block = one_entry(int(rows[3]), int(cols[3]))
    assert prove(cert, TIERS[tier](), proof={"blocks": [ONE]}, witness=seen_block).lower >= 0
    lie = one_entry(*unseen(cert))
    assert refused(cert, tier, proof={"blocks": [ONE]}, witness=lie) == (
        "proof.blocks",
        "unobserved",
    )


@each_tier
def test_blocks_that_overlap_are_refused(tier):
    cert = certificate("rank_masked/poor")
    rows, cols = (as_numpy(cert.given[k]) for k in ("rows", "cols"))
    first, other = (one_entry(int(rows[k]), int(cols[k])) for k in (3, 4))
    both = {"blocks": [ONE, ONE]}
    apart = first | {f"{k[:-1]}1": a for k, a in other.items()}
    assert prove(cert, TIERS[tier](), proof=both, witness=apart).lower >= 0
    twice = first | {f"{k[:-1]}1": a for k, a in first.items()}
    assert refused(cert, tier, proof=both, witness=twice) == ("proof.blocks", "overlap")


@each_tier
def test_blocks_of_more_entries_than_are_observed_are_refused(tier):
    cert = certificate("rank_masked/poor")
    lie = {"rows0": indices(*range(6)), "cols0": indices(*range(5))}
    proof = full_block(cert)[0]
    assert refused(cert, tier, proof=proof, witness=lie) == ("proof.blocks", "unobserved")


SIDES = {
    "outside": ({"rows0": indices(0, 6)}, "proof.rows0", "outside"),
    "negative": ({"rows0": indices(-1, 2)}, "proof.rows0", "outside"),
    "not rising": ({"cols0": indices(2, 1, 3)}, "proof.cols0", "order"),
    "twice": ({"cols0": indices(1, 1)}, "proof.cols0", "order"),
    "empty": ({"cols0": indices()}, "proof.cols0", "shape"),
    "floats": ({"rows0": filled((2,), 0.0)}, "proof.rows0", "dtype"),
    "tall K": ({"K0": filled((9, 1), 0.0)}, "proof.K0", "shape"),
    "long L": ({"L0": filled((99,), 0.0)}, "proof.L0", "shape"),
}


@each_tier
@pytest.mark.parametrize(("lie", "where", "code"), SIDES.values(), ids=SIDES)
def test_a_lie_about_the_sides_of_a_block_is_refused(tier, lie, where, code):
    assert refused(certificate("rank_masked/poor"), tier, witness=lie) == (where, code)


PROOFS = {
    "no list": ({"blocks": {}}, "proof.blocks", "list"),
    "no object": ({"blocks": [3]}, "proof.blocks[0]", "json"),
    "wrong axis": ({"blocks": [{"axis": 2, "shift": "0/1"}]}, "proof.ky_fan0.axis", "axis"),
    "a third": ({"blocks": [{"axis": 2, "shift": "1/3"}]}, "proof.ky_fan0.axis", "axis"),
}


@each_tier
@pytest.mark.parametrize(("lie", "where", "code"), PROOFS.values(), ids=PROOFS)
def test_a_lie_about_a_block_is_refused(tier, lie, where, code):
    assert refused(certificate("rank_masked/poor"), tier, proof=lie) == (where, code)


@each_tier
def test_a_shift_that_is_not_dyadic_is_refused(tier):
    cert = certificate("rank_masked/poor")
    lie = {"blocks": [b | {"shift": "1/3"} for b in cert.proof["blocks"]]}
    assert refused(cert, tier, proof=lie) == ("proof.ky_fan0.shift", "dyadic")


@each_tier
@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_witness_of_a_block_weakens_the_bound(tier, name):
    cert = certificate(name)
    best = prove(cert, TIERS[tier]()).lower
    lies = {"K0": np.zeros_like, "mu0.row": np.ones_like, "mu0.column": np.ones_like}
    for key, made in lies.items():
        if key in cert.witness:
            lie = as_kernel_array(made(as_numpy(cert.witness[key])))
            assert prove(cert, TIERS[tier](), witness={key: lie}).lower <= best * (1 + 2.0**-30)
    bare = {k: a for k, a in cert.witness.items() if not k.startswith("L")}
    weaker = verdict.prove(cert.statement, cert.given, cert.proof, bare, TIERS[tier]())
    assert weaker.lower <= best * (1 + 2.0**-30)


@each_tier
def test_means_that_no_offset_fits_are_not_removed(tier):
    cert = certificate("rank_masked/poor")
    rows = as_numpy(cert.witness["rows0"])
    lie = {"mu0.row": as_kernel_array(np.full(len(rows), 1e3))}
    assert prove(cert, TIERS[tier](), witness=lie) == prove(cert, TIERS[tier]())


@each_tier
@pytest.mark.parametrize("name", ["rank_masked/poor", "rank_weighted/poor"])
def test_the_whole_matrix_is_no_block_of_masked_or_weighted_data(tier, name):
    cert = certificate(name)
    proof = {k: v for k, v in cert.proof.items() if k != "blocks"}
    witness = cert.witness | {"K": filled((5, 0), 0.0)}
    with pytest.raises(RejectedError) as caught:
        verdict.prove(cert.statement, cert.given, proof, witness, TIERS[tier]())
    assert (caught.value.where, caught.value.code) == ("proof.K", "wrong_rule")


@pytest.mark.parametrize("name", ["sparse/poor", "smooth/poor"])
def test_a_rank_claim_with_a_part_that_has_no_bound_is_refused(name):
    cert = certificate(name)
    lie = {"statement": {"claim": "rank", "lam": "0x0p0"}, "proof": {"ky_fan": ONE}}
    lie["witness"] = {"K": filled((5, 0), 0.0)}
    assert refused(cert, "exact", **lie) == ("statement.offsets", "scope")


# --- the search ---------------------------------------------------------------------------


@given(data=st.data(), r=st.integers(0, 2))
def test_blocks_are_disjoint_and_seen(data, r):
    shape = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    seen = data.draw(arrays(shape, dyadics(0, 8))) > 0
    taken = np.zeros(shape, dtype=int)
    for b in disjoint(seen, r):
        assert min(len(b.rows), len(b.cols)) > r
        assert (np.diff(b.rows) > 0).all()
        assert (np.diff(b.cols) > 0).all()
        assert seen[np.ix_(b.rows, b.cols)].all()
        taken[np.ix_(b.rows, b.cols)] += 1
    assert taken.max(initial=0) <= 1


def test_a_planted_block_is_found():
    seen = np.zeros((12, 10), dtype=bool)
    seen[np.ix_([1, 4, 5, 9, 11], [0, 2, 3, 7])] = True
    seen[0, :] = True
    found = disjoint(seen, 1)
    assert found[0].rows.tolist() in ([0, 1, 4, 5, 9, 11], [1, 4, 5, 9, 11])
    assert found[0].cols.tolist() == [0, 2, 3, 7]


@pytest.mark.parametrize(("norm", "seed"), [("l2", 4), ("l1", 0)])
def test_descents_under_kinks_end_at_outliers(norm, seed):
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(8, 1)) @ rng.normal(size=(6, 1)).T
    data[2, 3] += 4
    data[5, 1] -= 4
    loss = Quantile(data, 0.25) if norm == "l2" else Absolute(data)
    problem = Problem(loss, RankOne(norm, "l2"), 0.0)
    start = evaluate(problem, (rng.normal(size=(8, 1)), rng.normal(size=(6, 1))))
    found = fixed_rank.descend(problem, start, Clock())
    assert found.value == pytest.approx(4.0 if norm == "l2" else 8.0, rel=1e-9)


def test_a_saddle_is_left():
    problem = Problem(Squared(np.diag([3.0, 2.0, 1.0]), weights=np.full((3, 3), 2.0)), RankOne(), 0)
    second = np.array([[0.0], [2.0], [0.0]]), np.array([[0.0], [1.0], [0.0]])
    result = check(problem, second)
    assert result.verdict is Verdict.REFUTED
    assert np.abs(result.better[0] @ result.better[1].T)[0, 0] > 2.9
