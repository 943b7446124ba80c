"""Bounds of a tensor's polar: every proposal is put to the kernel, every value is attained."""

import math
from fractions import Fraction
from itertools import permutations, product
from time import monotonic

import numpy as np
import pytest

from certify.base.rigor.flint import Flint
from certify.base.rigor.layout import sum_permutations
from certify.kernel.arrays import Arrays
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.patterns import Pattern
from certify.kernel.rules.polar import polar_bound
from certify.kernel.statement import stated_modes
from certify.norms import gauge
from certify.polar.ascent import contract
from certify.polar.ascent import products as ascent
from certify.polar.ascent.products import attain
from certify.polar.product_query import ProductQuery
from certify.polar.products import propose
from certify.polar.proved import as_kernel_array, split, tensor_above
from certify.polar.relaxation import groups
from certify.polar.relaxation.cut import Cut
from certify.polar.relaxation.products import ProductForm

L2 = ("l2",) * 3
NIE_WANG = {
    (0, 0, 0): -0.1281,
    (0, 0, 1): 0.0516,
    (0, 0, 2): -0.0954,
    (0, 1, 1): -0.1958,
    (0, 1, 2): -0.1790,
    (0, 2, 2): -0.2676,
    (1, 1, 1): 0.3251,
    (1, 1, 2): 0.2513,
    (1, 2, 2): 0.1773,
    (2, 2, 2): 0.0338,
}


def gauges(keys):
    return tuple(gauge(k) for k in keys)


def random(shape, seed):
    return np.random.default_rng(seed).standard_normal(shape)


def said(keys, symmetric):
    return {"kind": "cp", "norms": list(keys), "symmetric": symmetric, "form": "product"}


def proved(T, keys, *, symmetric=False, **asked):
    """Return (attained value, the kernel's bound, the proof)."""
    held = gauges(keys)
    value = attain(T, held, symmetric=symmetric)[0]
    found = propose(ProductQuery(T, held, symmetric, **asked))
    upper = tensor_above(T, said(keys, symmetric), found.proof)
    assert abs(upper - found.upper) <= 1e-11 * np.abs(T).sum() + 1e-80
    return value, upper, found.proof


def exactly(T, keys, proof, arithmetic, *, symmetric=False):
    """Return the bound in exact arithmetic."""
    at = Pattern(T.shape[0], math.prod(T.shape[1:]), dims=T.shape)
    text, arrays = split(proof)
    modes = stated_modes(said(keys, symmetric), at)
    w = arithmetic.load(as_kernel_array(T.reshape(-1)))
    return polar_bound(arithmetic, modes, w, Evidence(text, Arrays(arrays, "proof")))


def symmetric_tensor(entries, n, order=3):
    T = np.zeros((n,) * order)
    for index, x in entries.items():
        for where in permutations(index):
            T[where] = x
    return T


def determinant():
    T = np.zeros((3, 3, 3))
    for p in permutations(range(3)):
        T[p] = np.linalg.det(np.eye(3)[list(p)])
    return T


def w_state():
    return symmetric_tensor({(0, 0, 1): 1 / math.sqrt(3)}, 2)


def sphere(key, n, count, seed):
    """Random unit vectors of a gauge's cone."""
    g, rng = gauge(key), np.random.default_rng(seed)
    x = g.project_cone(rng.standard_normal((n, count)))
    sizes = g.value(x)
    return x[:, sizes > 0] / sizes[sizes > 0]


# --- contractions and multi-indices --------------------------------------------------


def test_the_inner_product_is_the_sum_over_all_entries():
    T, xs = random((2, 3, 4, 5), 0), [random((n,), n) for n in (2, 3, 4, 5)]
    expected = float(np.einsum("abcd,a,b,c,d->", T, *xs))
    assert contract.inner_product(T, xs) == pytest.approx(expected, rel=1e-12)


def test_unfolding_and_product_agree():
    T, xs = random((2, 3, 4), 0), [random((n,), n) for n in (2, 3, 4)]
    S = contract.unfold(T, (0, 2))
    value = contract.product([xs[0], xs[2]]) @ S @ xs[1]
    assert value == pytest.approx(contract.inner_product(T, xs), rel=1e-12)


def test_symmetrized_sums_every_order():
    T = random((3, 3, 3), 1)
    total = sum(T[p] for p in permutations((0, 1, 2)))
    assert sum_permutations(T)[0, 1, 2] == pytest.approx(total, rel=1e-14)


def partner(a, b, symmetric):
    if symmetric:
        held = sorted(a + b)
        return tuple(held[: len(a)]), tuple(held[len(a) :])
    both = list(zip(a, b, strict=True))
    return tuple(map(min, both)), tuple(map(max, both))


GROUPS = [((3, 4), False), ((2, 3, 2), False), ((5,), False), ((3, 3), True), ((2, 2, 2), True)]


def index_pairs(dims, signed, *, symmetric=False):
    names = [0] * len(dims) if symmetric else range(len(dims))
    return groups.index_pairs(dims, [signed] * len(dims), names)


@pytest.mark.parametrize(("dims", "symmetric"), GROUPS)
def test_multipliers_are_the_brute_force_ones(dims, symmetric):
    at = index_pairs(dims, True, symmetric=symmetric)
    K, P = random(int(at.null.sum()), 0), np.abs(random(int(at.signed.sum()), 1))
    J = np.zeros((math.prod(dims),) * 2)
    every = list(product(*map(range, dims)))
    flat = {index: k for k, index in enumerate(every)}
    left, right = list(K), list(P)
    for i, a in enumerate(every):
        for b in every[i:]:
            c, d = partner(a, b, symmetric)
            at_, to = (flat[a], flat[b]), (flat[c], flat[d])
            if at_ != to:
                k = left.pop(0)
                spread = k * (0.5 if at_[0] == at_[1] else 2.0 if c == d else 1.0)
                spread = k if at_[0] == at_[1] and c == d else spread
                for x, (p, q) in ((k, at_), (-spread, to)):
                    J[p, q] += x
                    J[q, p] = J[p, q]
            elif a != b:
                p = right.pop(0)
                J[at_] += p
                J[at_[::-1]] = J[at_]
    assert not left
    assert not right
    assert np.allclose(groups.assemble(at, K, P), J, atol=1e-14)


@pytest.mark.parametrize(("dims", "symmetric"), GROUPS)
def test_null_multipliers_vanish_on_products(dims, symmetric):
    at = index_pairs(dims, False, symmetric=symmetric)
    K = random(int(at.null.sum()), 0)
    J = groups.assemble(at, K)
    x = random((dims[0],), 5)
    z = contract.product([x] * len(dims) if symmetric else [random((n,), n) for n in dims])
    assert abs(z @ J @ z) <= 1e-12 * (1 + np.abs(z) @ np.abs(J) @ np.abs(z))
    assert np.array_equal(groups.decompose(at, J)[0], K)


def test_two_modes_have_a_null_multiplier_for_each_pair_of_pairs():
    at = index_pairs((3, 4), False)
    a, b = at.a[at.null], at.b[at.null]
    assert len(a) == math.comb(3, 2) * math.comb(4, 2)
    i, k = np.unravel_index(a, (3, 4)), np.unravel_index(b, (3, 4))
    assert (i[0] < k[0]).all()
    assert (i[1] > k[1]).all()


def test_signed_pairs_ask_a_sign_of_each_mode_that_differs():
    at = groups.index_pairs((2, 2), [True, False], (0, 1))
    kept = {(int(a), int(b)) for a, b in zip(at.a[at.signed], at.b[at.signed], strict=True)}
    assert kept == {(0, 2), (1, 3)}  # the second mode's index agrees


# --- values that are attained --------------------------------------------------------


@pytest.mark.parametrize("keys", [L2, ("l2+",) * 3, ("linf", "l2-", "l1"), ("l1+", "linf+", "l2")])
def test_attained_values_are_honest(keys):
    T = random((3, 4, 5), 2)
    value, xs = attain(T, gauges(keys), seed=1)
    assert value == contract.inner_product(T, xs)
    for g, x in zip(gauges(keys), xs, strict=True):
        assert g.admits(x)
        assert float(g.value(x)) == pytest.approx(1.0, abs=1e-14)
    samples = [sphere(k, n, 300, s) for s, (k, n) in enumerate(zip(keys, T.shape, strict=True))]
    count = min(x.shape[1] for x in samples)
    u, v, w = (x[:, :count] for x in samples)
    assert value >= np.einsum("ijk,ia,ja,ka->a", T, u, v, w).max()


def test_given_starts_are_climbed_from():
    T = random((6, 6, 6), 3)
    value, xs = attain(T, gauges(L2))
    assert attain(T, gauges(L2), seed=7, starts=[xs])[0] >= value * (1 - 1e-14)
    first = next(iter(ascent.first(T, gauges(L2), 7, [xs])))
    assert all(np.array_equal(x, y) for x, y in zip(first, xs, strict=True))


@pytest.mark.parametrize("key", ["l2", "l2+", "linf", "l1", "l2-"])
@pytest.mark.parametrize("order", [3, 4])
def test_symmetric_values_are_honest(key, order):
    T = contract.symmetric_part(random((3,) * order, 4))
    value, (x,) = attain(T, (gauge(key),) * order, symmetric=True)
    assert gauge(key).admits(x)
    assert float(gauge(key).value(x)) == pytest.approx(1.0, abs=1e-14)
    assert value == pytest.approx(contract.inner_product(T, [x] * order), rel=1e-12)
    points = sphere(key, 3, 2000, 0)
    powers = np.einsum(
        "ijk,ia,ja,ka->a" if order == 3 else "ijkl,ia,ja,ka,la->a", T, *[points] * order
    )
    assert value >= powers.max()
    if order == 3 and gauge(key).free:
        assert value >= np.abs(powers).max()


def test_the_symmetric_value_is_found_to_the_last_digits():
    value, _ = attain(w_state(), gauges(L2), symmetric=True)
    assert value == pytest.approx(2 / 3, rel=1e-14)


def test_even_order_keeps_its_sign():
    T = -np.einsum("ij,kl->ijkl", np.eye(2), np.eye(2))
    value, _ = attain(contract.symmetric_part(T), (gauge("l2"),) * 4, symmetric=True)
    assert value == pytest.approx(-1.0)
    _, upper, _ = proved(T, ("l2",) * 4, symmetric=True)
    assert upper <= 1e-11


# --- proved bounds -------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_brute_force_over_angles(n, seed):
    T = random((2, 2, n), seed)
    angle = np.linspace(0, np.pi, 600)
    u = np.stack([np.cos(angle), np.sin(angle)])
    best = np.linalg.norm(np.einsum("ijk,ia,jb->abk", T, u, u), axis=2).max()
    value, upper, _ = proved(T, L2)
    assert best <= value * (1 + 1e-14) <= upper * (1 + 1e-13)
    assert upper <= best * (1 + 2e-5)


KNOWN = {
    "W": (w_state(), 2 / 3, False),
    "W symmetric": (w_state(), 2 / 3, True),
    "GHZ": (symmetric_tensor({(0, 0, 0): 2**-0.5, (1, 1, 1): 2**-0.5}, 2), 2**-0.5, False),
    "half": (symmetric_tensor({(0, 0, 1): 0.5, (1, 1, 1): -0.5}, 2), 0.5, False),
    "determinant": (determinant(), 1.0, False),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_spectral_norms(name):
    T, truth, symmetric = KNOWN[name]
    value, upper, _ = proved(T, L2, symmetric=symmetric)
    assert truth - 1e-9 <= value
    assert truth * (1 - 1e-15) <= upper <= truth + 1e-7


@pytest.mark.parametrize("arithmetic", [Exact, Flint])
def test_exact_arithmetic_proves_two_thirds(arithmetic):
    _, _, proof = proved(w_state(), L2)
    bound = exactly(w_state(), L2, proof, arithmetic())
    assert Fraction(2, 3) - Fraction(1, 10**15) <= bound <= Fraction(2, 3) + Fraction(1, 10**9)


def test_published_symmetric_value():
    T = symmetric_tensor(NIE_WANG, 3)
    value, upper, _ = proved(T, L2, symmetric=True)
    assert value == pytest.approx(0.87298514, abs=5e-9)
    assert upper == pytest.approx(0.87298514, abs=5e-9)


@pytest.mark.thorough
def test_a_symmetric_cone_and_the_l1_ball_are_tight():
    T = symmetric_tensor(NIE_WANG, 3)
    value, upper, proof = proved(T, ("l2+",) * 3, symmetric=True)
    assert upper <= value * (1 + 1e-9)
    assert proof["rule"] == "cones"
    value, upper, proof = proved(T, ("l1",) * 3, symmetric=True)
    assert value == pytest.approx(0.3251, rel=1e-14)
    assert upper <= value * (1 + 1e-12)
    assert proof["rule"] == "slices"


@pytest.mark.parametrize("shape", [(3, 3, 3), (6, 6, 6), (8, 8, 8), (3, 50, 4), (4, 4, 4, 4)])
def test_random_tensors_are_tight(shape):
    value, upper, _ = proved(random(shape, 5), ("l2",) * len(shape))
    assert value <= upper <= value * (1 + 1e-9)


@pytest.mark.thorough
def test_twelve_cubed_is_tight():
    value, upper, _ = proved(random((12, 12, 12), 0), L2)
    assert value <= upper <= value * (1 + 1e-8)


CONES = [
    ("l2+", "l2+", "l2+"),
    ("l2-", "l2+", "l2+"),
    ("l2+", "l2", "l2-"),
    ("linf", "l2", "l2"),
    ("linf", "linf", "linf"),
    ("linf+", "l2-", "linf"),
    ("l1", "l2", "l2"),
    ("l1", "l2+", "l2-"),
    ("l1-", "l1+", "linf+"),
    ("l2", "linf", "l1+"),
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("keys", CONES)
def test_bounds_hold_for_every_norm(keys):
    T = random((2, 3, 4), 11)
    value, upper, _ = proved(T, keys)
    assert value <= upper * (1 + 1e-14)
    assert upper <= value * 1.3
    points = [sphere(k, n, 20_000, s) for s, (k, n) in enumerate(zip(keys, T.shape, strict=True))]
    count = min(x.shape[1] for x in points)
    values = np.einsum("ijk,ia,ja,ka->a", T, *(x[:, :count] for x in points))
    assert values.max() <= upper


@pytest.mark.parametrize("keys", [("l2+",) * 3, ("l2-", "l2+", "l2+"), ("l2+", "l2", "l2+")])
def test_small_cones_are_tight(keys):
    value, upper, _ = proved(random((3, 3, 3), 6), keys)
    assert upper <= value * (1 + 1e-8)


@pytest.mark.sampled(6)
@pytest.mark.parametrize("key", ["l2", "l2+", "linf", "l1"])
@pytest.mark.parametrize("order", [2, 3, 4])
def test_symmetric_bounds_hold(key, order):
    T = random((3,) * order, 8)  # not symmetric: only its mean over the orders counts
    value, upper, _ = proved(T, (key,) * order, symmetric=True)
    points = sphere(key, 3, 20_000, 1)
    text = ("ij", "ijk", "ijkl")[order - 2]
    ends = [f"{c}a" for c in text]
    values = np.einsum(f"{text},{','.join(ends)}->a", T, *[points] * order, optimize=True)
    assert max(values.max(), value) <= upper * (1 + 1e-13)


@pytest.mark.thorough
def test_a_long_mode_costs_nothing():
    value, upper, proof = proved(random((438, 3, 4), 9), L2)
    assert upper <= value * (1 + 1e-9)
    assert proof["form"] == "gram"
    assert proof["rows"] == [1, 2]
    assert proof["K0.rows"].size == math.comb(3, 2) * math.comb(4, 2)
    assert proof["L0"].size == 12 * 13 // 2


def test_the_best_known_slices_start_the_search():
    T = random((5, 5, 5), 10)
    held = gauges(L2)
    value, xs = attain(T, held)
    scaled = tuple(3.0 * x for x in xs)  # columns of factors are not of norm 1
    empty = tuple(0.0 * x for x in xs)
    found = propose(ProductQuery(T, held, starts=[scaled, empty]))
    assert value <= tensor_above(T, said(L2, symmetric=False), found.proof) <= value * (1 + 1e-9)


def test_starts_are_brought_to_norm_one():
    T, keys = random((3, 3, 3), 10), ("l2", "linf", "l2+")
    value, xs = attain(T, gauges(keys))
    scaled = tuple(s * x for s, x in zip((3.0, 0.5, 7.0), xs, strict=True))
    X, Y = (
        ProductForm(ProductQuery(T, gauges(keys), starts=[s]), (0, 1), "hat").start()
        for s in (xs, scaled)
    )
    assert np.allclose(X, Y, atol=1e-14)
    assert np.allclose(X, np.outer(X[0], X[0]) / X[0, 0])
    S = contract.unfold(T, (0, 1))
    assert float((X[:9, 9:] * S).sum()) == pytest.approx(value, rel=1e-12)


def test_squares_of_monomials_need_no_multiplier():
    T = contract.symmetric_part(random((3,) * 4, 10))
    form = ProductForm(ProductQuery(T, gauges(("l2+",) * 4), symmetric=True), (0, 1), "square")
    labels, signed = form.classes()
    assert not signed[labels.diagonal()].any()
    assert signed[labels[0, 1]]  # x_0^3 x_1


def test_a_target_ends_the_search_early():
    T = random((8, 8, 8), 12)
    value, upper, _ = proved(T, L2)
    _, easy, _ = proved(T, L2, target=1.05 * value)
    assert upper < easy <= 1.05 * value


@pytest.mark.parametrize("symmetric", [False, True])
def test_no_time_still_gives_a_bound(symmetric):
    T = random((5, 5, 5), 13)
    value, upper, _ = proved(T, L2, symmetric=symmetric, deadline=monotonic() - 1.0)
    norm = np.linalg.norm(contract.symmetric_part(T) if symmetric else T)
    assert value <= upper <= norm * (1 + 1e-12)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 4, 1), (2, 1, 3)])
def test_modes_of_size_one(shape):
    T = random(shape, 14)
    value, upper, _ = proved(T, L2)
    norm = float(np.linalg.norm(T.reshape(shape[0] * shape[1], -1), 2))  # a matrix in truth
    assert value == pytest.approx(norm, rel=1e-12)
    assert upper == pytest.approx(norm, rel=1e-9)


@pytest.mark.parametrize("keys", [L2, ("l2+", "l1", "linf"), ("l2+",) * 3])
def test_zero_tensors(keys):
    value, upper, _ = proved(np.zeros((2, 3, 4)), keys)
    assert value == 0.0
    assert upper <= 1e-80


def test_matrices_take_the_rules_of_matrices():
    T = random((4, 6), 15)
    value, upper, proof = proved(T, ("l2", "l2"))
    top = float(np.linalg.norm(T, 2))
    assert proof["rule"] == "spectral"
    assert value == pytest.approx(top, rel=1e-12)
    assert top <= upper <= top * (1 + 1e-10)


def test_slices_of_a_free_mode_among_signed_ones_take_both_signs():
    T = random((2, 3, 3), 16)
    keys = ("l1", "l2+", "l2+")
    value, upper, proof = proved(T, keys)
    best = max(attain(s * T[i], gauges(keys[1:]))[0] for i in range(2) for s in (1, -1))
    assert len(proof["each"]) == 4
    assert value == pytest.approx(best, rel=1e-12)
    assert best <= upper <= best * (1 + 1e-9)


# --- cases ---------------------------------------------------------------------------


@pytest.mark.thorough
def test_cases_close_what_one_part_leaves(monkeypatch):
    monkeypatch.setattr("certify.polar.products.few_factors", lambda *_, **__: False)  # no cones
    T = contract.symmetric_part(random((4,) * 4, 2))
    keys = ("l2+",) * 4
    value, upper, proof = proved(T, keys, symmetric=True)
    splits = [n for n in proof["nodes"] if "split" in n]
    assert splits
    assert len(splits) == len(proof["splits"])
    assert value <= upper <= value * (1 + 2e-7)
    alone = {
        k: x for k, x in proof.items() if not k.startswith(("F", "L"))
    }  # no multipliers of cases
    assert tensor_above(T, said(keys, symmetric=True), alone) > 1.05 * value


@pytest.mark.thorough
def test_cases_of_a_cube_are_exactly_proved():
    T, keys = random((4, 4, 4), 0), ("linf", "l2", "l2")
    value, upper, proof = proved(T, keys)
    assert len(proof["nodes"]) > 1
    bound = exactly(T, keys, proof, Flint())
    assert value <= float(bound) <= value * (1 + 1e-3)
    assert abs(float(bound) - upper) <= 1e-9 * upper


def test_a_cut_and_its_multiplier_are_adjoint():
    Q = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]) / math.sqrt(2)
    cut = Cut(Q, -1, 0, 2, (2, 3, 4))
    X, H = random((26, 26), 0), random((8, 8), 1)
    X, H = X + X.T, H + H.T
    inner = float((cut.lift(H) * X[2:26, 2:26]).sum())
    assert inner == pytest.approx(float((H * cut.reduce(X)).sum()), rel=1e-12)
    assert np.linalg.eigvalsh(cut.reduce(cut.part(X)))[0] >= -1e-12


def test_a_cut_reads_the_sign_of_its_mode():
    Q = np.diag([1.0, -1.0]) / math.sqrt(2)
    x, y = np.array([2.0, 1.0]), np.array([1.0, 3.0, 1.0])
    z = contract.product([y, x])
    for sign in (1, -1):
        cut = Cut(Q, sign, 1, 0, (3, 2, 1))
        expected = sign * float(x @ Q @ x) * np.outer(y, y)
        assert np.allclose(cut.reduce(np.outer(z, z)), expected)
