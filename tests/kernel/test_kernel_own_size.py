"""At most r slices: the rank and the polar together, and lies about them."""

import math
from array import array
from fractions import Fraction
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import kl_div

from certify import Problem
from certify.atoms import CP, DeepLinear, RankOne, ReLU, Symmetric
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel import statement
from certify.kernel import statement as kernel_statement
from certify.kernel.arrays import Array, Arrays
from certify.kernel.budget import Budget
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.losses import likelihoods as losses
from certify.kernel.patterns import Pattern
from certify.kernel.rules import fixed_rank
from certify.kernel.rules.counts import MORE, divergences, least_over, loss_where
from certify.kernel.rules.counts import reach as reach_of
from certify.kernel.rules.fixed_rank import float_under
from certify.kernel.rules.polar import polar_bound
from certify.kernel.scalars import Bound
from certify.kernel.verdict import prove
from certify.losses import KullbackLeibler, Squared
from certify.norms.l2 import L2
from certify.offsets import ColumnIntercept, Intercept, Linear, ModeIntercept, RowIntercept, Sparse
from certify.pipeline.certificate.file import ask
from certify.polar.methods.spectral import of_matrix
from certify.polar.proved import as_kernel_array, kernel_pair, split
from certify.search.dual.own_size import (
    fan,
    fan_definite,
    fan_parts,
    opposite_signs,
    project_signs,
    sign_field,
    unfoldings,
)
from certify.search.dual.own_size_counts import Below, reach

TIERS = {"exact": Exact, "flint": Flint, "rounded": Rounded}
each_tier = pytest.mark.parametrize("tier", TIERS)
NONNEGATIVE = RankOne("l2+", "l2+")
SPECTRAL = {"rule": "spectral", "axis": 1}
SIGNS = {"rule": "spectral", "axis": 0, "shift": "0"}  # of W + N = 0


def asked(problem, r=1, **changes):
    """State the question about r slices of zeros, and offsets of zeros."""
    shapes = problem.atom.shapes(problem.loss.dims)
    zeros = tuple(np.zeros((*s, r)) for s in shapes)
    q = [np.zeros(o.shape(problem.loss.observed)) for o in problem.offsets]
    said = ask(problem, zeros, q or None, rtol=1e-6, atol=0.0, own_size=True)
    return said.statement | changes, said.given


def arrays(**held):
    return {k: as_kernel_array(np.asarray(v, float)) for k, v in held.items()}


def cancelled(W):
    """Return W and the multipliers of signs that cancel it."""
    return arrays(**{"W": W.reshape(-1), "polar.N": -W.reshape(-1)})


def witness(C, r=1, **more):
    """Return (proof, arrays) of Ky Fan's bound of a matrix."""
    text, held = split(fan(np.asarray(C, float), r)[0])
    return {"ky_fan": text}, held | arrays(**more)


def refused(question, proof, held, tier="exact"):
    with pytest.raises(RejectedError) as caught:
        prove(*question, proof, held, TIERS[tier]())
    return caught.value.where, caught.value.code


def near(value, expected):
    """Whether a proved bound is at most the true one, and hardly less."""
    return expected * (1 - 2.0**-30) <= value <= expected


# --- lam = 0: entries that earn nothing ---------------------------------------------------

OUT = np.array([[2.0, -1.0], [-1.0, 2.0]])  # nonnegative rank one keeps a 2 and leaves 3
W_OUT = np.array([[0.0, -1.0], [-1.0, 0.0]])  # plain rank one leaves 1/2


def nonnegative(W=W_OUT, atom=NONNEGATIVE, **changes):
    """Return the question of OUT, and the evidence that W gives."""
    proof, held = witness(OUT - W)
    held |= cancelled(W)
    return asked(Problem(Squared(OUT), atom, 0.0), **changes), proof | {"polar": SIGNS}, held


@each_tier
def test_entries_that_earn_nothing_raise_the_bound_at_lam_0(tier):
    question, proof, held = nonnegative()
    found = prove(*question, proof, held, TIERS[tier]())
    assert near(found.lower, 3)
    assert found.rules == ("spectral", "ky_fan")
    plain = prove(*question, *witness(OUT), TIERS[tier]())
    assert near(plain.lower, Fraction(1, 2))


def in_one_block(W=W_OUT, **changes):
    """Return the evidence of `nonnegative`, with all rows and columns as a block."""
    question, proof, held = nonnegative(W)
    block = {"K0": held["K"]} | cancelled(W) | ({"L0": held["L"]} if "L" in held else {})
    block |= {k: Array((2,), array("q", [0, 1])) for k in ("rows0", "cols0")}
    return question, {"blocks": [proof["ky_fan"]], "polar": SIGNS} | changes, block


@each_tier
def test_blocks_beside_a_dual_point_keep_what_it_leaves(tier):
    question, proof, held = in_one_block()
    assert near(prove(*question, proof, held, TIERS[tier]()).lower, 3)
    moved = in_one_block(W_OUT / 2)  # leaves [[2, -1/2], [-1/2, 2]]: d(W) + e = 1 - 1/4 + 9/8
    assert near(prove(*moved[0], *moved[1:], TIERS[tier]()).lower, Fraction(3, 4) + Fraction(9, 8))


def test_a_scale_is_the_largest_float_that_is_no_larger():
    for s in (Fraction(1, 3), Fraction(2, 3), Fraction(1), Fraction(0), 1 - Fraction(1, 2**60)):
        x = float_under(s)
        assert x <= s
        assert x == s or Fraction(math.nextafter(float(x), 1.0)) > s


def test_corrections_of_the_dual_point_lower_what_is_left(monkeypatch):
    monkeypatch.setattr(fixed_rank, "ky_fan", lambda *_: Bound(Fraction(8), ("ky_fan",)))
    for stray, wanted in ((0, 8), (1, Fraction(49, 8)), (8, 0), (100, 0)):
        by = SimpleNamespace(stray=Fraction(stray)), Fraction(1, 2)  # (4 - stray / 2)^2 / 2
        plain = SimpleNamespace(weights=None)
        found = fixed_rank.excess(None, plain, Evidence({}, Arrays({}, "proof")), by)
        assert found.value <= wanted <= found.value + Fraction(1, 2**60)


@each_tier
@pytest.mark.parametrize("pair", [*product(["l1+", "l2+", "linf-", "l2-"], repeat=2)])
def test_any_norms_with_signs_do(tier, pair):
    flip = (-1.0) ** ((pair[0][-1] == "-") + (pair[1][-1] == "-"))
    problem = Problem(Squared(flip * OUT), RankOne(*pair), 0.0)
    proof, held = witness(flip * (OUT - W_OUT))
    held |= cancelled(flip * W_OUT)
    proof["polar"] = SIGNS
    assert near(prove(*asked(problem), proof, held, TIERS[tier]()).lower, 3)
    lie = held | cancelled(-flip * W_OUT)
    assert refused(asked(problem), proof, lie, tier) == ("proof.N", "sign")


LIES = {
    "one entry that earns": (np.array([[0.0, -1.0], [2.0**-60, 0.0]]), NONNEGATIVE, "sign"),
    "a factor is free": (W_OUT, RankOne("l2+", "l2"), "wrong_rule"),
    "both factors are free": (W_OUT, RankOne("l2", "l2"), "wrong_rule"),
}


@each_tier
@pytest.mark.parametrize(("W", "atom", "code"), LIES.values(), ids=LIES)
def test_entries_that_may_earn_are_not_cancelled(tier, W, atom, code):
    assert refused(*nonnegative(W, atom), tier) == ("proof.N", code)


@each_tier
def test_an_entry_that_is_not_cancelled_is_worth_nothing_at_lam_0(tier):
    question, proof, held = nonnegative()
    lie = held | arrays(**{"polar.N": np.array([0.0, 1.0, 1 - 2.0**-40, 0.0])})
    assert prove(*question, proof, lie, TIERS[tier]()).lower <= Fraction(1, 2)  # s = 0


@each_tier
def test_a_positive_polar_is_worth_nothing_at_lam_0(tier):
    question, proof, held = nonnegative()
    del held["polar.N"]
    polar = SPECTRAL | {"shift": "4"}
    found = prove(*question, proof | {"polar": polar}, held, TIERS[tier]())
    assert found.lower <= Fraction(1, 2)  # s = 0
    mine = prove(*question, witness(OUT)[0] | {"polar": polar}, held | witness(OUT)[1])
    assert near(mine.lower, Fraction(1, 2))


def polar_of(tier, W, left, right):
    """Return the polar that multipliers of these signs prove which cancel W."""
    W = np.asarray(W, float)
    pair, ar = kernel_pair(Pattern(*W.shape), (L2(cone=left), L2(cone=right))), TIERS[tier]()
    proof = Evidence(SIGNS, Arrays(arrays(N=-W.reshape(-1)), "proof"))
    return polar_bound(ar, pair, ar.load(as_kernel_array(W.reshape(-1))), proof)


@each_tier
def test_each_coordinate_has_its_own_sign(tier):
    assert polar_of(tier, [[-1.0, 1.0, 0.0, 5.0], [1.0, -1.0, 0.0, -5.0]], "+-", "+-*0") == 0
    for i, j in product(range(2), range(3)):
        W = np.zeros((2, 4))
        for x in (1.0, -1.0):
            W[i, j] = x
            earns = j == 2 or (x > 0) == ((i, j) in ((0, 0), (1, 1)))
            if earns:
                with pytest.raises(RejectedError, match="sign"):
                    polar_of(tier, W, "+-", "+-*0")
            else:
                assert polar_of(tier, W, "+-", "+-*0") == 0


# --- lam > 0 ------------------------------------------------------------------------------

DIAG = np.diag([3.0, 2.0])


def thresholded(lam=0.5, **changes):
    """Return the question of diag(3, 2) at 1/2, and the evidence that W = lam I gives."""
    W = lam * np.eye(2)
    proof, held = witness(DIAG - W, W=W.reshape(-1))
    text, polar = split(of_matrix(W).proof)
    proof["polar"] = text
    held |= {f"polar.{k}": a for k, a in polar.items()}
    return asked(Problem(Squared(DIAG), RankOne("l2", "l2"), 0.5), **changes), proof, held


@each_tier
def test_the_rank_raises_the_bound_of_any_size(tier):
    """One slice: 3 costs 1/8 + 5/4 at the threshold, and 2 is left: 2. Any size: 2.25."""
    found = prove(*thresholded()[0], *thresholded()[1:], TIERS[tier]())
    assert 3.375 * (1 - 2.0**-20) <= found.lower <= 3.375
    question, proof, held = thresholded()
    bare = {k: v for k, v in proof.items() if k != "ky_fan"}
    whole = {k: v for k, v in held.items() if k not in ("K", "L")}
    any_size = prove(*question, bare, whole, TIERS[tier]())
    assert 2.25 * (1 - 2.0**-20) <= any_size.lower <= 2.25
    assert any_size.rules == ("spectral", "weak_duality")


@each_tier
def test_a_large_polar_scales_the_dual_point(tier):
    question, proof, held = thresholded(1.0)
    found = prove(*question, proof, held, TIERS[tier]())
    assert 3.25 <= found.lower <= 3.375  # Ky Fan's witness was for W, not W / 2


@each_tier
def test_as_many_slices_as_the_rank_leave_the_bound_of_any_size(tier):
    problem = Problem(Squared(DIAG), RankOne("l2", "l2"), 0.5)
    _, proof, held = thresholded()
    fan2, arrays2 = witness(DIAG - 0.5 * np.eye(2), 2)
    found = prove(*asked(problem, 2), proof | fan2, held | arrays2, TIERS[tier]())
    assert 2.25 * (1 - 2.0**-20) <= found.lower <= 2.25


@each_tier
def test_the_polars_own_arrays_have_their_own_names(tier):
    """W earns 6, but 1 with 5 added where nothing is lost; the other 5 are Ky Fan's gain."""
    W, N = np.array([[1.0, -5.0], [-5.0, 1.0]]), np.array([[0.0, 5.0], [5.0, 0.0]])
    question = asked(Problem(Squared(W + 2 * np.eye(2)), NONNEGATIVE, 1.0))
    proof, held = witness(2 * np.eye(2), W=W.reshape(-1))
    proof["polar"] = SPECTRAL | {"shift": "1"}
    own = held | {"polar.N": as_kernel_array(N.reshape(-1))}
    assert near(prove(*question, proof, own, TIERS[tier]()).lower, 32)  # <W, Y> - |W|^2 / 2 + 2
    shadow = held | {"N": as_kernel_array(N.reshape(-1))}
    assert prove(*question, proof, shadow, TIERS[tier]()).lower < 24
    lie = held | {"polar.N": as_kernel_array(-N.reshape(-1))}
    assert refused(question, proof, lie, tier) == ("proof.N", "sign")


@pytest.mark.parametrize("claim", ["any size", "rank"])
def test_a_negative_lam_is_refused(claim):
    question, proof, held = thresholded(lam=0.5)
    statement = question[0] | {"lam": (-0.5).hex(), "claim": claim}
    assert refused((statement, question[1]), proof, held) == ("statement.lam", "sign")


def test_lam_0_bounds_no_size_but_the_candidates():
    question, proof, held = nonnegative()
    any_size = question[0] | {"claim": "any size"}
    assert refused((any_size, question[1]), proof, held) == ("statement.lam", "sign")


@each_tier
def test_masks_weights_and_other_losses_have_no_such_bound(tier):
    proof, held = witness(DIAG)
    weighted = Problem(Squared(DIAG, weights=np.ones((2, 2))), RankOne(), 0.5)
    assert refused(asked(weighted), proof, held, tier) == ("proof.K", "wrong_rule")
    masked = Problem(Squared(DIAG, mask=np.eye(2) > 0), RankOne(), 0.5)
    assert refused(asked(masked), proof, held, tier) == ("proof.K", "wrong_rule")


@each_tier
def test_a_part_that_fits_anything_has_no_such_bound(tier):
    proof, held = witness(DIAG)
    problem = Problem(Squared(DIAG), RankOne(), 0.5, (Sparse(1.0),))
    assert refused(asked(problem), proof, held, tier) == ("statement.offsets", "scope")


@each_tier
def test_means_and_covariates_beside_a_dual_point(tier):
    """Y = a slice of 3 in the rows that sum to zero, and a mean of 7: half 1 * 5 + (2 left)."""
    Y = 7.0 + np.outer([3.0, -3.0], [1.0, 0.0]) + np.outer([1.0, 1.0], [0.0, 4.0])
    for offsets in ((ColumnIntercept(),), (Linear(np.ones((2, 1))),)):
        problem = Problem(Squared(Y), RankOne(), 1.0, offsets)
        C = Y - Y.mean(axis=0)
        W = C / np.linalg.norm(C)
        W = np.round(W * 2**20) / 2**20
        r = 1 + (offsets[0].name == "linear")
        proof, held = witness(C - W, r, W=W.reshape(-1))
        held["mu.q0"] = as_kernel_array(Y.mean(axis=0) if r == 1 else Y.mean(axis=0)[None])
        text, polar = split(of_matrix(W).proof)
        proof["polar"] = text
        held |= {f"polar.{k}": a for k, a in polar.items()}
        size = np.linalg.norm(C)
        found = prove(*asked(problem), proof, held, TIERS[tier]())
        assert size - 0.5 >= found.lower >= (size - 0.5) * (1 - 2.0**-16)
        lie = held | {"W": as_kernel_array(W.reshape(-1) + np.array([2.0**-20, 0, 0, 0]))}
        assert refused(asked(problem), proof, lie, tier) == ("proof.W", "orthogonal")


# --- blocks with weights -------------------------------------------------------------------

WEIGHTS = np.array([[4.0, 8.0], [8.0, 16.0]])  # (1, 2) x (1, 2), squared: a b y = diag(6, 8)
PLAIN = np.diag([3.0, 2.0])


def weighted(W=None, weights=WEIGHTS, r=1, offsets=(), atom=None, **lies):
    """Return the question of diag(3, 2) with weights, and the evidence of one block."""
    a, b = np.array([2.0, 2.0 * 2.0**0.5]) * (1 - 2.0**-20), np.array([1.0, 2.0**0.5])
    rest = weights - np.outer(a, b) ** 2 - 2.0**-40
    w = np.zeros((2, 2)) if W is None else W
    G = -w / np.outer(a, b)  # then v = 0, and ab y + G = (c y - w) / ab
    M = np.outer(a, b) * PLAIN + G
    text, held = split(fan(M, r + len({o.name for o in offsets}))[0])
    held = {f"{k}0": x for k, x in held.items()}
    held |= {"rows0": ROWS, "cols0": ROWS}
    made = {"left0": a, "right0": b, "rest0": rest.reshape(-1), "G0": G.reshape(-1)} | lies
    held |= {k: as_kernel_array(np.asarray(x)) for k, x in made.items()}
    proof = {"blocks": [text]}
    if W is not None:
        held, proof["polar"] = held | cancelled(w), SIGNS
    problem = Problem(Squared(PLAIN, weights=weights), atom or RankOne(), 0.0, offsets)
    return asked(problem, r), proof, held


ROWS = Array((2,), array("q", [0, 1]))


@each_tier
def test_weights_that_are_products_make_a_plain_matrix(tier):
    """sqrt(c) y = diag(6, 8): rank one leaves 18."""
    question, proof, held = weighted()
    assert 18 * (1 - 2.0**-16) <= prove(*question, proof, held, TIERS[tier]()).lower <= 18
    plain = {"blocks": [proof["blocks"][0]]}, {k: held[k] for k in ("rows0", "cols0", "K0", "L0")}
    assert prove(*question, *plain, TIERS[tier]()).lower <= 8  # the least weight, 4


@each_tier
def test_weights_above_a_product_are_linearized(tier):
    more = WEIGHTS + np.array([[0.0, 1.0], [1.0, 0.0]])  # of entries that are fitted by 0
    question, proof, held = weighted(weights=more)
    assert 18 * (1 - 2.0**-16) <= prove(*question, proof, held, TIERS[tier]()).lower <= 18


@each_tier
def test_a_dual_point_counts_in_a_block_with_weights(tier):
    """Nonnegative rank one of data with -1 aside: the plain weighted one and what -1 costs."""
    W = np.array([[0.0, -4.0], [0.0, 0.0]])
    question, proof, held = weighted(W, atom=NONNEGATIVE)
    lower = prove(*question, proof, held, TIERS[tier]()).lower
    assert 0 < lower <= 18
    flat = {"blocks": [proof["blocks"][0]], "polar": SIGNS}
    bare = {k: x for k, x in held.items() if k[:-1] not in ("left", "right", "rest", "G")}
    assert refused(question, flat, bare, tier) == ("proof.W", "wrong_rule")


@each_tier
def test_a_block_of_plain_weights_may_lie_beside_a_dual_point(tier):
    """W is 0 on the block of least weight 4, and -1 in the entry outside it: 4 * 2 + d(W)."""
    Y, weights = np.zeros((3, 3)), np.full((3, 3), 4.0)
    Y[:2, :2], Y[2, 2] = PLAIN, -1.0
    W = np.zeros((3, 3))
    W[2, 2] = -4.0
    text, held = split(fan(PLAIN, 1)[0])
    held = {f"{k}0": x for k, x in held.items()} | {"rows0": ROWS, "cols0": ROWS}
    held |= cancelled(W)
    problem = Problem(Squared(Y, weights=weights), NONNEGATIVE, 0.0)
    proof = {"blocks": [text], "polar": SIGNS}
    assert near(prove(*asked(problem), proof, held, TIERS[tier]()).lower, 10)
    W[0, 1] = -(2.0**-40)
    lie = held | cancelled(W)
    assert refused(asked(problem), proof, lie, tier) == ("proof.W", "wrong_rule")


@each_tier
@pytest.mark.parametrize("seed", range(4))
def test_no_factors_are_below_the_bound_of_a_block_with_weights(tier, seed):
    """Any G and any W <= 0: the kernel proves the formula, and random factors are not below."""
    rng = np.random.default_rng(seed)
    Y, c = rng.integers(-4, 5, (3, 3)) / 2.0, rng.integers(1, 9, (3, 3)) / 4.0
    a, b = np.full(3, 0.5) * rng.uniform(0.5, 0.99, 3), np.full(3, 0.5) * rng.uniform(0.5, 0.99, 3)
    rest = c - np.outer(a, b) ** 2 - 2.0**-40
    W, G = -rng.integers(0, 3, (3, 3)) / 8.0, rng.integers(-2, 3, (3, 3)) / 16.0
    M = np.outer(a, b) * Y + G
    text, held = split(fan(M, 1)[0])
    held = {f"{k}0": x for k, x in held.items()}
    rows = Array((3,), array("q", [0, 1, 2]))
    made = {
        "left0": a,
        "right0": b,
        "rest0": rest.reshape(-1),
        "G0": G.reshape(-1),
    }
    held |= cancelled(W)
    held |= {k: as_kernel_array(x.reshape(-1)) for k, x in made.items()} | {
        "rows0": rows,
        "cols0": rows,
    }
    problem = Problem(Squared(Y, weights=c), NONNEGATIVE, 0.0)
    lower = prove(*asked(problem), {"blocks": [text], "polar": SIGNS}, held, TIERS[tier]()).lower
    v, high = W + np.outer(a, b) * G, np.outer(a, b) * Y
    s = np.linalg.svd(M, compute_uv=False)
    expected = (0.5 * high**2 + v * Y - v**2 / (2 * rest)).sum() - 0.5 * s[0] ** 2
    expected = max(expected, (W * Y - W**2 / (2 * c)).sum(), 0.0)
    assert expected * (1 - 1e-7) - 1e-12 <= lower <= expected * (1 + 1e-9)
    for u, w in rng.uniform(0.0, 2.0, (200, 2, 3)):
        assert lower <= problem.objective((u[:, None], w[:, None]))


WEIGHED = {
    "too much": ({"rest0": WEIGHTS.reshape(-1)}, "proof.rest0", "weights"),
    "a little too much": ({"left0": [2.0, 2.0 * 2.0**0.5 + 2.0**-30]}, "proof.rest0", "weights"),
    "a weight of 0": ({"rest0": [1e-6, 0.0, 1e-6, 1e-6]}, "proof.rest0", "sign"),
    "negative": ({"left0": [-2.0, 2.0]}, "proof.left0", "sign"),
    "0 on the right": ({"right0": [1.0, 0.0]}, "proof.right0", "sign"),
    "short": ({"G0": [0.0]}, "proof.G0", "shape"),
    "long": ({"left0": [1.0, 1.0, 1.0]}, "proof.left0", "shape"),
}


@each_tier
@pytest.mark.parametrize(("lie", "where", "code"), WEIGHED.values(), ids=WEIGHED)
def test_a_lie_about_weights_is_refused(tier, lie, where, code):
    assert refused(*weighted(**lie), tier) == (where, code)


@each_tier
def test_means_beside_weights_are_ranks(tier):
    question, proof, held = weighted(offsets=(ColumnIntercept(),), r=0)
    assert 18 * (1 - 2.0**-16) <= prove(*question, proof, held, TIERS[tier]()).lower <= 18
    question, *rest = weighted(offsets=(ColumnIntercept(), RowIntercept()), r=0)
    assert prove(*question, *rest, TIERS[tier]()).lower <= 2.0**-10


@each_tier
def test_masked_data_have_a_dual_point_in_their_blocks(tier):
    Y, W = np.zeros((3, 3)), np.zeros((3, 3))
    Y[:2, :2], W[:2, :2] = OUT, W_OUT
    mask = np.ones((3, 3)) > 0
    mask[2, 2] = False
    problem = Problem(Squared(Y, mask=mask), NONNEGATIVE, 0.0)
    text, held = split(fan(OUT - W_OUT, 1)[0])
    held = {f"{k}0": x for k, x in held.items()} | {"rows0": ROWS, "cols0": ROWS}
    held |= cancelled(W[mask])
    proof = {"blocks": [text], "polar": SIGNS}
    assert near(prove(*asked(problem), proof, held, TIERS[tier]()).lower, 3)
    lie = held | cancelled(-W[mask])
    assert refused(asked(problem), proof, lie, tier) == ("proof.N", "sign")


# --- tensors ------------------------------------------------------------------------------

CUBE = np.zeros((2, 2, 2))
CUBE[0, 0, 0], CUBE[1, 1, 1] = 3.0, 2.0


def tensor(T=CUBE, parts=None, groups=((0,), (1,), (2,)), r=1, **more):
    """Return the question of a tensor at lam = 0, and its evidence by some unfoldings."""
    text, held = split(fan_parts(T, groups, r, parts)[0])
    proof = {"ky_fan": text}
    problem = Problem(Squared(T), CP(("l2",) * 3), 0.0)
    return asked(problem, r), proof, held | arrays(**more)


@each_tier
def test_one_unfolding_bounds_a_tensor(tier):
    question, proof, held = tensor()
    assert near(prove(*question, proof, held, TIERS[tier]()).lower, 2)


@each_tier
def test_a_split_bounds_a_tensor_by_the_sum_of_its_parts(tier):
    rng = np.random.default_rng(3)
    T = rng.integers(-4, 5, (3, 2, 3)).astype(float)
    parts = [np.round(rng.standard_normal(T.shape) * 8) / 8 for _ in range(2)]
    parts.append(T - sum(parts))
    for r in (1, 2):
        question, proof, held = tensor(T, parts, r=r)
        sizes = [
            np.linalg.svd(np.moveaxis(p, k, 0).reshape(len(np.moveaxis(p, k, 0)), -1))[1]
            for k, p in enumerate(parts)
        ]
        total = sum(np.linalg.norm(s[:r]) for s in sizes)
        expected = max(0.5 * (np.sum(T**2) - total**2), 0.0)
        found = float(prove(*question, proof, held, TIERS[tier]()).lower)
        assert expected * (1 - 1e-9) <= found <= expected * (1 + 1e-12)


GROUPS = {
    "no list": ({}, "proof.ky_fan.groups", "list"),
    "empty": ([], "proof.ky_fan.groups", "list"),
    "more than there are": ([{}] * 8, "proof.ky_fan.groups", "list"),
    "no object": ([3], "proof.ky_fan.groups[0]", "json"),
    "no modes": ([{"rows": []}], "proof.ky_fan.groups[0].rows", "axis"),
    "all modes": ([{"rows": [0, 1, 2]}], "proof.ky_fan.groups[0].rows", "axis"),
    "a mode that is not there": ([{"rows": [3]}], "proof.ky_fan.groups[0].rows", "axis"),
    "falling": ([{"rows": [1, 0]}], "proof.ky_fan.groups[0].rows", "order"),
    "twice": ([{"rows": [1, 1]}], "proof.ky_fan.groups[0].rows", "order"),
    "a word": ([{"rows": ["0"]}], "proof.ky_fan.groups[0].rows", "axis"),
    "larger side": ([{"rows": [0], "axis": 1}], "proof.ky_fan0.axis", "axis"),
}


@each_tier
@pytest.mark.parametrize(("lie", "where", "code"), GROUPS.values(), ids=GROUPS)
def test_a_lie_about_the_unfoldings_is_refused(tier, lie, where, code):
    question, _, held = tensor()
    assert refused(question, {"ky_fan": {"groups": lie}}, held, tier) == (where, code)


@each_tier
def test_a_part_that_is_missing_or_of_another_shape_is_refused(tier):
    parts = [CUBE / 2, CUBE / 4, CUBE / 4]
    question, proof, held = tensor(parts=parts)
    assert prove(*question, proof, held, TIERS[tier]()).lower > 0
    bare = {k: a for k, a in held.items() if k != "T1"}
    assert refused(question, proof, bare, tier) == ("proof.T1", "missing")
    short = held | arrays(T1=np.zeros(7))
    assert refused(question, proof, short, tier) == ("proof.T1", "shape")


@each_tier
def test_a_part_that_is_not_the_split_leaves_the_last_one_larger(tier):
    question, proof, held = tensor(parts=[CUBE / 2, CUBE / 4, CUBE / 4])
    best = prove(*question, proof, held, TIERS[tier]()).lower
    lie = held | arrays(T0=4 * CUBE.reshape(-1))
    assert prove(*question, proof, lie, TIERS[tier]()).lower < best


@each_tier
@pytest.mark.parametrize("offset", [ModeIntercept(0, 1.0), Intercept(), RowIntercept()])
def test_a_tensor_with_offsets_has_no_such_bound(tier, offset):
    _, proof, held = tensor()
    question = asked(Problem(Squared(CUBE), CP(("l2",) * 3), 0.0, (offset,)))
    assert refused(question, proof, held, tier) == ("statement.offsets", "scope")


@pytest.mark.parametrize("held", [{}, {"left0": Array((1,), array("d", [1.0]))}])
def test_corrections_beside_weights_have_no_bound(monkeypatch, held):
    monkeypatch.setattr(fixed_rank, "ky_fan", lambda *_: Bound(Fraction(8), ("ky_fan",)))
    by = SimpleNamespace(stray=Fraction(1)), Fraction(1)
    weighted = SimpleNamespace(weights=None if held else Array((1,), array("d", [2.0])))
    with pytest.raises(RejectedError) as caught:
        fixed_rank.excess(None, weighted, Evidence({}, Arrays(held, "proof")), by)
    told = caught.value.where, caught.value.code
    assert told == ("proof.W.corrections", "wrong_rule")


@each_tier
def test_a_nonnegative_tensor_has_its_signs(tier):
    T = CUBE.copy()
    T[0, 0, 1] = -2.0
    W = np.minimum(T, 0.0)
    problem = Problem(Squared(T), CP(("l2+",) * 3), 0.0)
    _, proof, held = tensor(CUBE)
    held |= cancelled(W)
    node = {"leaf": 0, "shift": "0"}
    proof["polar"] = {"rule": "transpose", "rows": [0], "form": "gram", "nodes": [node]}
    assert near(prove(*asked(problem), proof, held, TIERS[tier]()).lower, 4)
    lie = held | cancelled(-W)
    assert refused(asked(problem), proof, lie, tier) == ("proof.N", "sign")
    free = asked(Problem(Squared(T), CP(("l2+", "l2", "l2+")), 0.0))
    assert refused(free, proof, held, tier) == ("proof.N", "wrong_rule")


def test_unfoldings_have_more_rows_and_columns_than_the_rank():
    assert unfoldings((4, 5), 3) == ((0,),)
    assert unfoldings((2, 3, 4), 2) == ((1,), (2,))
    assert set(unfoldings((3, 3, 3, 3), 3)) == {(0, 1), (0, 2), (0, 3)}
    assert unfoldings((2, 2, 2), 2) == ((0,),)


# --- blocks of a tensor --------------------------------------------------------------------

HOLED = np.random.default_rng(8).integers(-8, 9, (3, 4, 5)) / 4.0
HOLE = (2, 1, 3)
SEEN = np.ones(HOLED.shape, dtype=bool)
SEEN[HOLE] = False
EACH = ([0], [1], [2], [0, 1], [0, 2], [1, 2])


def flat(T, modes):
    """Return the rows over some modes, the columns over the others."""
    rest = [k for k in range(T.ndim) if k not in modes]
    rows = int(np.prod([T.shape[k] for k in modes]))
    return T.transpose([*modes, *rest]).reshape(rows, -1)


def holed(*blocks, r=1, offsets=(), weights=None):
    """Return the question of a tensor with a hole, and blocks: each (modes, rows, columns)."""
    loss = Squared(HOLED, mask=SEEN, weights=weights)
    question = asked(Problem(loss, CP(("l2",) * 3), 0.0, offsets), r)
    listed, held = [], {}
    for t, (modes, rows, cols) in enumerate(blocks):
        text, arrays_of = split(fan(flat(HOLED, modes)[np.ix_(rows, cols)], r)[0])
        listed.append(text | {"modes": modes})
        held |= {f"{k}{t}": x for k, x in arrays_of.items()}
        for name, side in ((f"rows{t}", rows), (f"cols{t}", cols)):
            held[name] = Array((len(side),), array("q", side))
    return question, {"blocks": listed}, held


def whole(modes):
    """Return the block of all columns and the rows without the hole."""
    seen = flat(SEEN, modes)
    return modes, np.nonzero(seen.all(axis=1))[0].tolist(), [*range(seen.shape[1])]


def beyond(block, r=1):
    """Return half of the squares that a block keeps beyond its r largest singular values."""
    values = np.linalg.svd(flat(HOLED, block[0])[np.ix_(*block[1:])], compute_uv=False)
    return float(0.5 * (values[r:] ** 2).sum())


def close(value, expected):
    return expected * (1 - 1e-9) <= value <= expected * (1 + 1e-12)


@each_tier
@pytest.mark.parametrize("modes", EACH, ids=str)
def test_a_block_of_an_unfolding_bounds_a_tensor_with_a_hole(tier, modes):
    for r in (1, 2):
        question, proof, held = holed(whole(modes), r=r)
        found = prove(*question, proof, held, TIERS[tier]())
        assert found.rules == ("blocks",)
        assert close(float(found.lower), beyond(whole(modes), r))
        assert r == 2 or found.lower > 0


APART = ([0], [0, 1], [*range(20)]), ([2], [0, 1, 2], [8, 9, 10, 11])  # row 2 of mode 0


@each_tier
def test_blocks_of_several_unfoldings_add_up(tier):
    question, proof, held = holed(*APART)
    expected = sum(map(beyond, APART))
    assert beyond(APART[1]) > 0
    assert close(float(prove(*question, proof, held, TIERS[tier]()).lower), expected)
    overlap = holed(APART[0], ([2], [0, 1, 2], [7, 8, 9, 10]))  # a column of row 1 of mode 0
    assert refused(*overlap, tier) == ("proof.blocks", "overlap")


@each_tier
def test_a_block_of_a_tensor_is_bounded_by_its_least_weight(tier):
    weights = np.full(HOLED.shape, 4.0)
    weights[0, 0, 0] = 0.5
    question, proof, held = holed(whole([1]), weights=weights)
    expected = 0.5 * beyond(whole([1]))
    assert close(float(prove(*question, proof, held, TIERS[tier]()).lower), expected)


@each_tier
@pytest.mark.parametrize("modes", EACH, ids=str)
def test_a_block_of_an_unfolding_with_a_hole_is_refused(tier, modes):
    rows = np.nonzero(~flat(SEEN, modes).all(axis=1))[0].tolist()
    cols = np.nonzero(~flat(SEEN, modes).all(axis=0))[0].tolist()
    assert refused(*holed((modes, rows, cols)), tier) == ("proof.blocks", "unobserved")


UNFOLDED = {
    "none": ({"modes": []}, {}, "proof.blocks[0].modes", "axis"),
    "all": ({"modes": [0, 1, 2]}, {}, "proof.blocks[0].modes", "axis"),
    "not there": ({"modes": [3]}, {}, "proof.blocks[0].modes", "axis"),
    "falling": ({"modes": [1, 0]}, {}, "proof.blocks[0].modes", "order"),
    "a row outside": ({}, {"rows0": [0, 3]}, "proof.rows0", "outside"),
    "a column outside": ({}, {"cols0": [0, 20]}, "proof.cols0", "outside"),
    "of other modes": ({"modes": [1]}, {}, "proof.cols0", "outside"),
}


@each_tier
@pytest.mark.parametrize(
    ("fields", "sides", "where", "code"), UNFOLDED.values(), ids=list(UNFOLDED)
)
def test_a_lie_about_the_unfolding_of_a_block_is_refused(tier, fields, sides, where, code):
    question, proof, held = holed(whole([0]))
    lie = {"blocks": [proof["blocks"][0] | fields]}
    held |= {k: Array((len(x),), array("q", x)) for k, x in sides.items()}
    assert refused(question, lie, held, tier) == (where, code)


@each_tier
@pytest.mark.parametrize("offset", [ModeIntercept(0, 1.0), Intercept(), RowIntercept()])
def test_blocks_of_a_tensor_with_offsets_are_refused(tier, offset):
    asked_with = holed(whole([0]), offsets=(offset,))
    assert refused(*asked_with, tier) == ("statement.offsets", "scope")


# --- other atoms --------------------------------------------------------------------------


@each_tier
def test_a_slice_of_a_parallel_network_has_the_rank_of_its_last_layer(tier):
    Y = np.diag([4.0, 3.0, 2.0, 1.0])
    for hidden, left in (((2,), 2.5), ((3, 1), 7.0), ((1, 3), 0.5)):
        problem = Problem(Squared(Y), DeepLinear(np.eye(4), hidden), 0.25)
        proof, held = witness(Y, hidden[-1])
        assert near(prove(*asked(problem), proof, held, TIERS[tier]()).lower, Fraction(left))


@each_tier
def test_a_hidden_layer_has_the_rank_of_its_width(tier):
    Y = np.diag([3.0, 2.0, 1.0])
    problem = Problem(Squared(Y), ReLU(np.eye(3)), 0.25)
    assert near(prove(*asked(problem), *witness(Y), TIERS[tier]()).lower, Fraction(5, 2))


@each_tier
def test_a_symmetric_slice_has_rank_one(tier):
    problem = Problem(Squared(DIAG), Symmetric("l2"), 0.25)
    assert near(prove(*asked(problem), *witness(DIAG), TIERS[tier]()).lower, 2)


# --- counts --------------------------------------------------------------------------------

COUNTS = np.array([[5.0, 0.0, 1.0], [1.0, 4.0, 0.0], [0.0, 1.0, 3.0]])


def counted(Y=COUNTS, r=1, upper=None, atom=NONNEGATIVE, **changes):
    """Return the question of counts, and the evidence of one block of the squares below them."""
    problem = Problem(KullbackLeibler(Y, **changes.pop("loss", {})), atom, **{"lam": 0.0} | changes)
    shapes = problem.atom.shapes(problem.loss.dims)
    factors = tuple(np.full((*s, r), (Y.mean() / r) ** 0.5) for s in shapes)
    q = [np.zeros(o.shape(problem.loss.observed)) for o in problem.offsets]
    said = ask(problem, factors, q or None, rtol=1e-6, atol=0.0, own_size=True)
    high = kl_div(Y, np.full_like(Y, Y.mean())).sum() if upper is None else upper
    most, b = reach(Y, high * (1 + 1e-9))
    below = Below(Y, b, r, lambda: False)
    found = below.squares(*below.tangents(Y))
    text, held = split(found.block)
    held = {f"{k}0": x for k, x in held.items()} | arrays(**found.arrays, most=most.reshape(-1))
    for name, n in zip(("rows0", "cols0"), Y.shape, strict=True):
        held[name] = Array((n,), array("q", range(n)))
    return (said.statement, said.given), {"blocks": [text]}, held


def fitted_counts(Y, r, seed):
    """Return nonnegative factors by multiplicative steps."""
    rng = np.random.default_rng(seed)
    U, V = rng.uniform(0.5, 1.5, (len(Y), r)), rng.uniform(0.5, 1.5, (Y.shape[1], r))
    for _ in range(300):
        U *= (Y / np.maximum(U @ V.T, 1e-300)) @ V / np.maximum(V.sum(axis=0), 1e-300)
        V *= (Y / np.maximum(U @ V.T, 1e-300)).T @ U / np.maximum(U.sum(axis=0), 1e-300)
    return U, V


@pytest.mark.parametrize("seed", range(30))
def test_the_divergence_is_above_its_square_up_to_the_end(seed):
    rng = np.random.default_rng(seed)
    y, s = np.exp(rng.uniform(-5, 5)) * (seed % 5 > 0), np.exp(rng.uniform(-8, 5))
    c, b = rng.uniform(-500, 500), max(np.exp(rng.uniform(-5, 6)), y)
    t = rng.uniform() * (y / s) ** 0.5
    low = float(least_over(*entry(y, s, c, t, b)))
    z = np.linspace(b / 4096 if y else 0.0, b, 4096)
    far = s / 2 * (c - z) ** 2
    assert (kl_div(y, z) - far - low >= -1e-12 * (kl_div(y, z) + far + abs(low))).all()


def test_a_square_that_is_steeper_than_the_divergence_at_the_tangent_is_refused():
    at_end = entry(2.0, 0.5, 1.0, 2.0, 9.0)
    assert least_over(*at_end) < 1
    with pytest.raises(RejectedError) as error:
        least_over(*entry(2.0, 0.5, 1.0, math.nextafter(2.0, 3.0), 9.0))
    assert (error.value.where, error.value.code) == ("proof.touch", "curvature")


def test_an_entry_reaches_the_smaller_of_its_sums():
    (stated, held), _, _ = counted()
    asked = kernel_statement.question(stated, held, Budget())
    sums = np.minimum.outer(COUNTS.sum(axis=1), COUNTS.sum(axis=0)).reshape(-1)
    most = np.where(np.arange(9) % 2, 2.5, 0.0)
    wanted = [min(x, 2.5) if x and k % 2 else x for k, x in enumerate(sums)]
    assert reach_of(asked, most) == [x if x == 2.5 else Fraction(x) * MORE for x in wanted]


def loses(Y, at, end):
    """Return what the kernel says the rest of the row, and of the column, of an entry lose."""
    (stated, held), _, _ = counted(Y)
    asked = kernel_statement.question(stated, held, Budget())
    ends = [Fraction(end)] * Y.size
    found = loss_where(asked, losses.KullbackLeibler(), ends)
    return [float(x[at[0] * Y.shape[1] + at[1]]) for x in found]


@pytest.mark.parametrize("seed", range(8))
def test_the_rest_of_a_row_and_of_a_column_lose_what_their_sums_do(seed):
    rng = np.random.default_rng(seed)
    Y = rng.poisson(4.0, (3, 4)) + (seed % 2) * 0.5
    Y[0] += 1
    Y[:, 0] += 1
    rest = Y[0, 1:], Y[1:, 0]
    end = Y[0, 0] + 0.75 * min(x.sum() for x in rest)
    wanted = [kl_div(x.sum(), x.sum() + Y[0, 0] - end) for x in rest]
    assert loses(Y, (0, 0), end) == pytest.approx(wanted, rel=1e-6)
    for part, low in zip(rest, loses(Y, (0, 0), end), strict=True):
        room = part.sum() + Y[0, 0] - end
        for share in (*rng.dirichlet(np.ones(part.size), 20), part / part.sum()):
            assert kl_div(part, room * share).sum() >= low


def test_a_rest_that_need_not_shrink_loses_nothing():
    assert loses(COUNTS, (0, 0), 5.0) == [0.0, 0.0]  # the sums of the rest are those of Y
    assert loses(COUNTS, (0, 1), 5.5)[1] == 0.0  # nothing is left of the column
    assert loses(COUNTS, (0, 1), 4.5)[1] > 0.0


@each_tier
@pytest.mark.parametrize("k", [0, 3])  # beside a 0, and beside a 1
def test_a_row_and_a_column_keep_an_entry_below_what_it_alone_allows(tier, k):
    Y = np.array([[0.0, 8.0], [8.0, 1.0]])
    question, proof, held = counted(Y)
    upper = kl_div(Y, np.full_like(Y, Y.mean())).sum()
    most = np.array(held["most"].data)
    assert 0 < kl_div(Y.reshape(-1)[k], most[k]) < 0.6 * upper
    assert 0 < prove(*question, proof, held, TIERS[tier]()).lower <= upper
    most[k] *= 1 - 2.0**-20
    assert refused(question, proof, held | arrays(most=most), tier) == ("proof.most", "divergence")


def entry(y, s, c, t, b):
    """Return what `least_over` takes."""
    loss = losses.KullbackLeibler()
    (at_t,), (at_b,) = (divergences(loss, [y], [x]) for x in (t, b))
    return y, (s, c), (t, at_t), (Fraction(b), at_b)


@pytest.mark.parametrize(
    "given",
    [
        (2.0, 0.25, 2.0, 2.0, 4.0),  # the least is at the tangent, whose slope is 0
        (1.0, 0.5, 6.0, 4 - 14**0.5, 9.0),  # at the end
        (0.0, 0.5, -1.0, 0.0, 2.0),  # without a count: at the start
        (0.0, 0.5, 1.5, 0.0, 3.0),  # and at the end
    ],
)
def test_the_square_below_an_entry_is_as_high_as_it_can_be(given):
    y, s, c, _, b = given
    z = np.linspace(1e-6 if y else 0.0, b, 100_001)
    least = (kl_div(y, z) - s / 2 * (c - z) ** 2).min()
    assert least - 1e-6 <= float(least_over(*entry(*given))) <= least + 1e-9


def test_the_bound_of_counts_is_at_most_the_candidates_value(monkeypatch):
    question, proof, held = counted(np.array([[5.0, 0.0, 2.0], [1.0, 3.0, 9.0]]))
    monkeypatch.setattr(fixed_rank, "excess", lambda *_: Bound(Fraction(10**9), ("blocks",)))
    found = prove(*question, proof, held)
    assert found.lower == found.upper


@each_tier
@pytest.mark.parametrize("seed", range(4))
def test_no_fit_of_counts_is_below_the_bound(tier, seed):
    rng = np.random.default_rng(seed)
    Y = rng.poisson(4.0, tuple(rng.integers(3, 6, 2))).astype(float)
    r = int(rng.integers(1, 3))
    question, proof, held = counted(Y, r)
    found = prove(*question, proof, held, TIERS[tier]())
    problem = Problem(KullbackLeibler(Y), NONNEGATIVE, 0.0)
    best = min(problem.objective(fitted_counts(Y, r, k)) for k in range(4))
    assert 0 < found.lower <= best
    assert found.rules == ("blocks", "counts")


@each_tier
def test_an_entry_reaches_as_far_as_the_candidates_value(tier):
    Y = np.array([[40.0, 44.0, 37.0], [45.0, 41.0, 30.0], [36.0, 40.0, 43.0]])
    question, proof, held = counted(Y, upper=1e9)
    assert not any(held["most"].data)
    plain = prove(*question, proof, held, TIERS[tier]())
    question, proof, held = counted(Y)
    most = np.reshape(held["most"].data, (3, 3))
    assert most.all()
    tight = prove(*question, proof, held, TIERS[tier]())
    assert 1.2 * plain.lower < tight.lower <= tight.upper
    for wrong in (
        most * (1 - 2.0**-20),
        np.where(most == most[0, 0], 2.0**-9, most),  # below y: far on that side
    ):
        lie = held | arrays(most=wrong.reshape(-1))
        assert refused(question, proof, lie, tier) == ("proof.most", "divergence")
    far = prove(*question, proof, held | arrays(most=np.zeros(9)), TIERS[tier]())
    assert far.lower < tight.lower  # the same squares, as far as the sums reach


@pytest.mark.parametrize("tier", ["exact", "rounded"])
def test_rows_and_columns_without_counts_are_zero(tier):
    Y = np.array([[5.0, 0.0, 1.0], [0.0, 0.0, 0.0], [2.0, 0.0, 3.0]])
    question, proof, held = counted(Y)
    found = prove(*question, proof, held, TIERS[tier]())
    assert 0 < found.lower <= found.upper


LIES = {
    "a weight of 0": ("curve", 0.0, "sign"),
    "a weight below 0": ("curve", -1.0, "sign"),
    "a tangent at 0": ("touch", 0.0, "sign"),
    "a tangent beyond the curvature": ("touch", 2.0**20, "curvature"),
    "a reach below 0": ("most", -1.0, "sign"),
    "no centre": ("centre", None, "missing"),
}


@each_tier
@pytest.mark.parametrize(("name", "value", "code"), LIES.values(), ids=LIES)
def test_lies_about_the_squares_below_counts_are_refused(tier, name, value, code):
    question, proof, held = counted()
    changed = np.array(held[name].data)
    lie = {k: x for k, x in held.items() if k != name}
    if value is not None:
        changed[0] = value
        lie |= arrays(**{name: changed})
    assert refused(question, proof, lie, tier) == (f"proof.{name}", code)


@each_tier
def test_where_nothing_is_counted_no_tangent_counts(tier):
    question, proof, held = counted()
    touch = np.where(COUNTS.reshape(-1) > 0, held["touch"].data, 7.0)
    wanted = prove(*question, proof, held, TIERS[tier]()).lower
    found = prove(*question, proof, held | arrays(touch=touch), TIERS[tier]())
    assert found.lower == wanted


@each_tier
def test_a_bound_of_counts_is_not_below_0(tier):
    question, proof, held = counted()
    held |= arrays(touch=np.full(9, 5e-324))
    assert prove(*question, proof, held, TIERS[tier]()).lower == 0


@each_tier
def test_a_heavier_square_than_the_blocks_room_is_needed(tier):
    question, proof, held = counted()
    lie = held | arrays(curve=np.array(held["curve"].data) / 2)
    assert refused(question, proof, lie, tier) == ("proof.rest0", "weights")


@each_tier
@pytest.mark.parametrize("name", ["centre", "touch", "curve"])
def test_other_squares_below_counts_prove_no_more(tier, name):
    rng = np.random.default_rng(0)
    Y = rng.poisson(4.0, (4, 3)).astype(float)
    question, proof, held = counted(Y)
    best = min(
        Problem(KullbackLeibler(Y), NONNEGATIVE, 0.0).objective(fitted_counts(Y, 1, k))
        for k in range(4)
    )
    for scale in (1.01, 1.5, 30.0):
        moved = held | arrays(**{name: np.array(held[name].data) * scale})
        try:
            found = prove(*question, proof, moved, TIERS[tier]())
        except RejectedError as error:
            assert error.where == "proof.touch"  # noqa: PT017  the other outcome is a bound
            continue
        assert found.lower <= best


SCOPE = {
    "a penalty": ({"lam": 0.5}, "statement.lam", "scope"),
    "weights": ({"loss": {"weights": np.full((3, 3), 2.0)}}, "proof.blocks", "wrong_rule"),
    "a hole": ({"loss": {"mask": np.eye(3) < 1}}, "proof.blocks", "wrong_rule"),
    "an offset": ({"offsets": (ColumnIntercept(),)}, "statement.offsets", "scope"),
    "one factor": ({"atom": Symmetric("l2+")}, "statement.atom", "scope"),
    "a tensor of two modes": ({"atom": CP(("l2+", "l2+"))}, "statement.atom", "scope"),
}


@pytest.mark.parametrize(("change", "where", "code"), SCOPE.values(), ids=SCOPE)
def test_other_questions_of_counts_have_no_such_bound(change, where, code):
    question, proof, held = counted(**change)
    assert refused(question, proof, held) == (where, code)


# --- sums of x x^T -------------------------------------------------------------------------


def definite(Y, r=1, W=None, norm="l2", lam=0.0, **changes):
    """Return the question of x x^T, and the evidence of its positive eigenvalues."""
    W = np.zeros_like(Y) if W is None else W
    text, held = split(fan_definite(Y - W, r)[0])
    proof = {"ky_fan": text | changes}
    if W.any():
        proof["polar"], held = SIGNS, held | cancelled(W)
    return asked(Problem(Squared(Y), Symmetric(norm), lam), r), proof, held


@each_tier
@pytest.mark.parametrize("r", [1, 2])
def test_negative_eigenvalues_are_left_of_x_x_t(tier, r):
    Y = np.diag([3.0, -2.0])
    assert near(prove(*definite(Y, r)[0], *definite(Y, r)[1:], TIERS[tier]()).lower, 2)
    if r == 2:
        question = definite(Y, r)[0]
        assert prove(*question, *witness(Y, r), TIERS[tier]()).lower <= 2.0**-30


@each_tier
@pytest.mark.parametrize("seed", range(3))
def test_the_bound_of_x_x_t_is_the_formula_and_no_factors_are_below(tier, seed):
    rng = np.random.default_rng(seed)
    Y, r = rng.integers(-3, 4, (4, 4)).astype(float), int(rng.integers(1, 4))
    W = -rng.integers(0, 3, (4, 4)) / 4.0
    question, proof, held = definite(Y, r, W, "l2+")
    lower = prove(*question, proof, held, TIERS[tier]()).lower
    C = Y - W
    top = np.maximum(np.linalg.eigvalsh((C + C.T) / 2)[4 - r :], 0.0)
    expected = 0.5 * (Y**2).sum() - 0.5 * (top**2).sum()
    assert expected * (1 - 1e-8) <= lower <= expected * (1 + 1e-12)
    problem = Problem(Squared(Y), Symmetric("l2+"), 0.0)
    for X in rng.uniform(0.0, 1.0, (100, 4, r)):
        assert lower <= problem.objective((X,))
    lie = held | cancelled(-W)
    assert refused(question, proof, lie, tier) == ("proof.N", "sign")


@each_tier
def test_a_lie_about_positive_eigenvalues_is_refused_or_weaker(tier):
    Y = np.diag([3.0, -2.0])
    question, proof, held = definite(Y, 2)
    best = prove(*question, proof, held, TIERS[tier]()).lower
    short = held | {"K": as_kernel_array(np.diag([0.75**0.5, 0.0]))}
    assert prove(*question, proof, short, TIERS[tier]()).lower < best
    low = {"ky_fan": proof["ky_fan"] | {"shift": "0"}}
    assert prove(*question, low, short, TIERS[tier]()).lower < best
    pair = asked(Problem(Squared(Y), RankOne(), 0.0))
    assert refused(pair, proof, held, tier) == ("proof.ky_fan.definite", "wrong_rule")
    beside = asked(Problem(Squared(Y), Symmetric("l2"), 0.0, (ColumnIntercept(),)))
    assert refused(beside, proof, held, tier) == ("statement.offsets", "scope")
    for wrong, code in ((False, "unknown"), (1, "unknown"), ("yes", "unknown")):
        _, lie, _ = definite(Y, 2, definite=wrong)
        assert refused(question, lie, held, tier) == ("proof.ky_fan.definite", code)


@each_tier
def test_row_and_column_means_go_first(tier):
    Y = DIAG + 5.0 + np.outer([1.0, 2.0], [1.0, 1.0])
    problem = Problem(Squared(Y), RankOne(), 0.25, (RowIntercept(), ColumnIntercept()))
    C = Y - Y.mean(0) - Y.mean(1)[:, None] + Y.mean()
    proof, held = witness(C, 0)
    held |= {"mu.q0": as_kernel_array(Y.mean(1) - Y.mean()), "mu.q1": as_kernel_array(Y.mean(0))}
    found = prove(*asked(problem, 0), proof, held, TIERS[tier]())
    assert near(found.lower, Fraction(float((C**2).sum() / 2)))


EARNING_NOTHING = {  # of each: the atom, the sizes, what is not observed, the rule
    "matrix": (RankOne("l2+", "l1-"), (2, 3), None, "spectral"),
    "with a hole": (RankOne("l2+", "l2+"), (3, 2), (2, 1), "spectral"),
    "some signs": (RankOne(L2(cone="+-"), L2(cone="+-*0")), (2, 4), None, "spectral"),
    "a free factor": (RankOne("l2", L2(cone="+0*")), (2, 3), None, "conic"),
    "x x^T": (Symmetric("l2+"), (3, 3), None, "spectral"),
    "two modes": (CP(("l2+", "linf+")), (2, 3), None, "spectral"),
    "tensor": (CP(("l2+", "l1-", "linf+")), (3, 2, 2), (1, 1, 0), "transpose"),
    "x o x o x": (CP("l2-", symmetric=True, order=3), (2, 2, 2), None, "transpose"),
}


@each_tier
@pytest.mark.parametrize("name", EARNING_NOTHING)
def test_a_field_that_earns_nothing_has_a_polar_of_zero(tier, name):
    atom, dims, hole, rule = EARNING_NOTHING[name]
    seen = np.ones(dims) > 0
    if hole:
        seen[hole] = False
    problem = Problem(Squared(np.zeros(dims), mask=seen), atom, 0.0)
    M = np.random.default_rng(1).integers(-8, 9, dims) / 4
    W = problem.loss.observed.field(project_signs(M, sign_field(problem)))
    assert W.any()
    proposal = opposite_signs(problem, W)
    assert (proposal.upper, proposal.proof["rule"]) == (0.0, rule)
    text, held = split(proposal.proof)
    space, ar = statement.question(*asked(problem)).space, TIERS[tier]()
    bound = polar_bound(ar, space, ar.load(as_kernel_array(W.reshape(-1))), of(text, held))
    assert bound == 0 or (tier, name) == ("rounded", "x o x o x")  # its sums are rounded


def of(text, held):
    return Evidence(text, Arrays(held, "proof"))


def test_the_rule_of_signs_is_unknown():
    question, proof, held = nonnegative()
    old = proof | {"polar": {"rule": "signs"}}
    assert refused(question, old, held) == ("proof.polar.rule", "unknown")
