"""The kernel's rules for tensors: no witness bounds below a value that is attained."""

from fractions import Fraction
from functools import cache
from itertools import product
from math import comb, prod

import cvxpy as cp
import numpy as np
import pytest

from certify import RejectedError
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel.arithmetic import Place
from certify.kernel.arrays import Array, Arrays
from certify.kernel.budget import Budget
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.norms import L2, LInf, Weighted
from certify.kernel.patterns import Pattern, split_index
from certify.kernel.rules.polar import polar_bound
from certify.kernel.rules.transpose import Group
from certify.kernel.rules.tree import ROOT, signed_splits, walk
from certify.kernel.scalars import power
from certify.kernel.statement import stated_atom, stated_modes
from certify.polar.proved import as_kernel_array
from certify.polar.proved import split as kernel_split
from tests.tensor_cases import (
    best_alike,
    best_value,
    dense,
    groups_of,
    modes_of,
    multipliers,
    outer,
    proved,
    unfolded,
)

SLACK = 2.0**-40  # relative: what the climbs in floats lose; a rule that errs errs by far more
SOLVED = 1e-4  # relative: what a general solver loses; luck, never truth
TIERS = pytest.mark.parametrize("tier", [Exact, Flint, Rounded])
LISTS = {  # of norms, and the modes of the rows
    "l2": (("l2", "l2", "l2"), (2, 2, 3), (0, 1)),
    "one row": (("l2", "l2", "l2"), (2, 2, 2), (1,)),
    "a mode of one": (("l2", "l2", "l2"), (2, 1, 2), (0, 1)),
    "plus": (("l2+", "l2+", "l2+"), (2, 2, 2), (0, 2)),
    "odd minus": (("l2-", "l2+", "l2+"), (2, 2, 2), (0, 1)),
    "minus": (("l2-", "l2+", "l2-"), (2, 2, 2), (0, 1)),
    "one sign": (("l2+", "l2", "l2"), (2, 2, 2), (0, 1)),
    "two signs": (("l2+", "l2-", "l2"), (2, 2, 2), (1, 2)),
    "cube": (("linf", "l2", "l2"), (2, 2, 2), (0, 1)),
    "cubes": (("linf", "linf+", "linf"), (2, 2, 2), (0, 1)),
    "l1 as a ball": (("l1", "l2+", "linf"), (2, 2, 2), (0, 1)),
    "four": (("l2",) * 4, (2, 2, 2, 2), (0, 1)),
    "four signs": (("l2+", "l2", "l2-", "l2"), (2, 2, 2, 2), (0, 2)),
    "four and cubes": (("linf", "l2+", "l2", "linf+"), (2, 2, 2, 2), (1, 3)),
}
ALIKE = {
    "odd": ("l2", 3),
    "odd plus": ("l2+", 3),
    "even": ("l2", 4),
    "even plus": ("l2+", 4),
    "cube": ("linf", 4),
    "l1": ("l1", 3),
    "two": ("l2", 2),
    "five": ("l2", 5),
}
each_list = pytest.mark.parametrize("name", LISTS)
each_alike = pytest.mark.parametrize("name", [k for k in ALIKE if k != "two"])
FORMS = ("gram", "hat")


def tensor(dims, seed=0):
    return np.random.default_rng(seed).integers(-16, 17, dims) / 8


def ball_cost(keys, dims):
    """Return rows that sum a diagonal over the indices of cubes: the largest is its cost."""
    out = np.ones((1, 1))
    for key, n in zip(keys, dims, strict=True):
        out = np.kron(out, np.ones((1, n)) if key.startswith("linf") else np.eye(n))
    return out


def wide(keys, dims):
    return float(prod(n if k.startswith("linf") else 1 for k, n in zip(keys, dims, strict=True)))


class Adversary:
    """The lowest bound that the kernel's own multipliers can reach, by a convex solver.

    Were one of them not nonnegative on products, the bound would fall below what is attained.
    """

    def __init__(self, T, keys, rows, form, *, symmetric=False):
        self.T, self.keys, self.rows, self.form, self.symmetric = T, keys, rows, form, symmetric
        self.S = unfolded(T, rows, symmetric=symmetric)
        self.grouped([])

    def grouped(self, copies):
        """Put the factors of these modes among the rows once more."""
        told = {"symmetric": self.symmetric, "copies": copies}
        both = groups_of(self.T, self.keys, self.rows, **told)
        self.groups = both if self.form == "hat" else both[:1]
        self.copies, self.k = copies, sum(g.count for g in self.groups)
        return self

    def base(self, N=0.0):
        S = self.S + N
        if self.form == "gram":
            one = np.eye(prod(self.T.shape[m] for m in self.copies))
            return np.kron(self.S @ self.S.T, one)
        if self.form == "square":
            return (S + S.T) / 2
        p, q = self.S.shape
        return cp.bmat([[np.zeros((p, p)), S], [S.T, np.zeros((q, q))]])

    def leaf(self, path=(), t=0):
        """Return the arrays of leaf t; the path has (Q, the split's mode, sign) for each split."""
        found, J = {}, []
        for g in self.groups:
            for letter in "KP":
                held = multipliers(g, self.k, canonical=letter == "P")
                if held:
                    x = cp.Variable(len(held), nonneg=letter == "P")
                    found[f"{letter}{t}.{g.name}"] = x
                    J.append(sum(held[i] * x[i] for i in range(len(held))))
        halves = []
        for s, (Q, mode, sign) in enumerate(path):
            group = next(g for g in self.groups if mode in g.modes)
            M, part = self.split(group, mode, sign * Q)
            halves.append((s, M))
            J.append(part)
        d = cp.Variable(self.k, nonneg=True)
        N = self.signed()
        level = cp.Variable(nonneg=True)
        G = self.base() if N is None else self.base(N)
        psd = cp.Variable((self.k, self.k), PSD=True)
        cone = [cp.diag(d) + level * np.eye(self.k) - G - sum(J) == psd]
        cost, first = 0.0, 0
        for g in self.groups:
            keys = [self.keys[m] for m in g.modes]
            rows = ball_cost(keys, g.sizes)
            cost += cp.max(rows @ d[first : first + g.count]) + level * wide(keys, g.sizes)
            first += g.count
        cp.Problem(cp.Minimize(cost), cone).solve(solver="CLARABEL")
        arrays = {
            k: np.round(np.maximum(x.value, 0.0 if k[0] == "P" else -np.inf) * 2**30) / 2**30
            for k, x in found.items()
        }
        for s, M in halves:
            values, vectors = np.linalg.eigh(M.value)
            arrays[f"F{t}.{s}"] = vectors * np.sqrt(np.maximum(values, 0.0))
        arrays[f"D{t}"] = np.round(np.maximum(d.value, 0.0) * 2**30) / 2**30
        if N is not None:
            arrays["N"] = self.folded(np.round(N.value * 2**30) / 2**30)
        return arrays

    def split(self, group, mode, Q):
        """Return M >= 0 and Q (x) M in its place, entry by entry."""
        at = group.modes.index(mode)
        rest = group.count // group.sizes[at]
        M = cp.Variable((rest, rest), PSD=True)
        rows = [split_index(i, group.sizes, at) for i in range(group.count)]
        own, other = np.array(rows).T
        block = cp.multiply(Q[np.ix_(own, own)], M[other][:, other])
        place = np.eye(self.k)[group.first : group.first + group.count]
        return M, place.T @ block @ place

    def signed(self):
        if self.symmetric or self.form != "hat" or any(k[-1] not in "+-" for k in self.keys):
            return None
        sign = (-1) ** sum(k[-1] == "-" for k in self.keys)
        return sign * cp.Variable(self.S.shape, nonneg=True)

    def folded(self, N):
        """Return N in the order of the field."""
        order = [*self.rows, *(k for k in range(self.T.ndim) if k not in self.rows)]
        held = N.reshape([self.T.shape[k] for k in order])
        return np.transpose(held, np.argsort(order)).reshape(-1)

    def proof(self, arrays, nodes=({"leaf": 0},), splits=()):
        """Return a proof with the lowest shifts for these arrays, and factors that show them.

        What is to be bounded is read off the kernel's own arithmetic.
        """
        told = {"rule": "transpose", "rows": list(self.rows), "form": self.form}
        told |= {"splits": list(splits)} | ({"copies": self.copies} if self.copies else {})
        told["nodes"] = [n | {"shift": "0"} if "leaf" in n else n for n in nodes]
        seen = Recorder()
        w = seen.load(as_kernel_array(self.T.reshape(-1)))
        modes = modes_of(self.T, self.keys, symmetric=self.symmetric)
        held = Arrays({k: as_kernel_array(a) for k, a in arrays.items()}, "proof")
        polar_bound(seen, modes, w, Evidence(told, held))
        walked = walk(Budget(), told, signed_splits(len(splits)), ROOT)
        order = [node["leaf"] for node, _ in walked]
        shifts = {}
        for t, G in zip(order, map(dense, seen.matrices), strict=True):
            size, one = np.abs(G).max() + 1.0, np.eye(len(G))
            shifts[t] = max(0.0, float(np.linalg.eigvalsh(G)[-1])) + 1e-13 * size * len(G)
            L = np.linalg.cholesky((shifts[t] + 1e-14 * size) * one - G)
            arrays = arrays | {f"L{t}": L[np.tril_indices(len(G))]}
        closed = [n | {"shift": Fraction(shifts[n["leaf"]])} if "leaf" in n else n for n in nodes]
        return told | {"nodes": closed} | arrays


class Recorder(Exact):
    """Exact arithmetic that keeps the matrices it was asked to bound."""

    def __init__(self):
        self.matrices = []

    def top(self, g, shift, factor):
        self.matrices.append(g)
        return super().top(g, shift, factor)


# --- what the multipliers are ----------------------------------------------------------

GROUPS = {
    "two": (("l2", "l2", "l2"), (2, 3, 2), (0, 1), False),
    "three": (("l2+", "l2", "l2-", "l2"), (2, 2, 2, 2), (0, 1, 2), False),
    "signs": (("l2+", "l2-", "l2+"), (2, 3, 2), (0, 1), False),
    "one": (("linf", "l2+", "l2"), (3, 2, 2), (0,), False),
    "alike": (("l2",) * 4, (3,) * 4, (0, 1), True),
    "alike plus": (("l2-",) * 5, (2,) * 5, (0, 1), True),
    "alike one": (("l2",) * 3, (3,) * 3, (0,), True),
}


@pytest.mark.parametrize("name", GROUPS)
def test_multipliers_vanish_or_have_a_sign_on_products_exactly(name):
    keys, dims, rows, symmetric = GROUPS[name]
    rng = np.random.default_rng(3)
    for group in groups_of(np.zeros(dims), keys, rows, symmetric=symmetric):
        k = group.first + group.count
        nulls, lifts = (multipliers(group, k, canonical=c) for c in (False, True))
        assert all(np.array_equal(J, J.T) and J.any() for J in (*nulls, *lifts))
        for _ in range(40):
            each = [rng.integers(-8, 9, n).astype(float) for n in group.sizes]
            signs = [{"+": 1, "-": -1}.get(keys[m][-1], 0) for m in group.modes]
            each = [s * np.abs(x) if s else x for s, x in zip(signs, each, strict=True)]
            each = each[:1] * len(each) if symmetric else each
            z = np.concatenate([np.zeros(group.first), outer(each).reshape(-1)])
            assert all(z @ J @ z == 0 for J in nulls)
            assert all(z @ J @ z >= 0 for J in lifts)


@pytest.mark.parametrize("name", GROUPS)
def test_the_null_multipliers_are_all_there_are(name):
    keys, dims, rows, symmetric = GROUPS[name]
    for group in groups_of(np.zeros(dims), keys, rows, symmetric=symmetric):
        held = multipliers(group, group.first + group.count, canonical=False)
        pairs = group.count * (group.count + 1) // 2
        n, g = group.sizes[0], len(group.sizes)
        squares = [comb(m + 1, 2) for m in group.sizes]  # monomials of degree two in each mode
        monomials = comb(n + 2 * g - 1, 2 * g) if symmetric else prod(squares)
        rank = np.linalg.matrix_rank(np.array([J.reshape(-1) for J in held])) if held else 0
        assert len(held) == rank == pairs - monomials
    if name == "two":
        assert len(held) == 0
        assert len(multipliers(groups_of(np.zeros(dims), keys, rows)[0], 6, canonical=False)) == 3


@TIERS
@pytest.mark.parametrize("mode", [0, 1, 2])
def test_a_split_is_a_product_of_two_forms(tier, mode):
    rng, sizes, first = np.random.default_rng(4), (2, 3, 2), 2
    n, k = sizes[mode], first + 12 + 1
    A = rng.integers(-4, 5, (n, n)).astype(float)
    Q, F = A + A.T, rng.integers(-4, 5, (12 // n, 2)).astype(float)
    ar = tier()
    f = ar.load(as_kernel_array(F))
    found = ar.kronecker(
        ar.load(as_kernel_array(Q)), ar.multiply(f, f), Place(mode, sizes, first, k)
    )
    J = found.mid if tier is Rounded else dense(found)
    for _ in range(20):
        each = [rng.integers(-4, 5, m).astype(float) for m in sizes]
        z = np.concatenate([rng.integers(-4, 5, 2), outer(each).reshape(-1), [3.0]])
        rest = outer([x for j, x in enumerate(each) if j != mode]).reshape(-1)
        v = each[mode]
        assert z @ J @ z == (v @ Q @ v) * np.square(F.T @ rest).sum()


# --- the lowest bounds ----------------------------------------------------------------


@pytest.mark.sampled(5)
@pytest.mark.parametrize("form", FORMS)
@each_list
def test_no_multipliers_bound_below_what_is_attained(name, form):
    keys, dims, rows = LISTS[name]
    for seed in range(2):
        T = tensor(dims, seed)
        truth = best_value(T, keys)
        adversary = Adversary(T, keys, rows, form)
        proof = adversary.proof(adversary.leaf())
        bounds = [float(proved(tier, T, keys, proof)) for tier in (Exact, Flint, Rounded)]
        assert min(bounds) >= truth * (1 - SLACK)
        assert bounds[0] == bounds[1]
        assert abs(bounds[2] - bounds[0]) <= 1e-9 * (bounds[0] + np.abs(T).sum())
        if set(keys) == {"l2"} and (len(keys), len(rows)) == (3, 2):
            assert bounds[0] <= truth * (1 + SOLVED)  # or the multipliers would be idle


@each_alike
def test_no_multipliers_of_one_factor_bound_below_what_is_attained(name):
    key, order = ALIKE[name]
    keys, rows = (key,) * order, tuple(range(order // 2))
    for seed in range(2):
        T = tensor((2,) * order, 10 + seed)
        truth = best_alike(T, key)
        for form in ("square",) * (order % 2 == 0) + FORMS:
            adversary = Adversary(T, keys, rows, form, symmetric=True)
            proof = adversary.proof(adversary.leaf())
            bounds = [
                float(proved(tier, T, keys, proof, symmetric=True))
                for tier in (Exact, Flint, Rounded)
            ]
            assert min(bounds) >= truth * (1 - SLACK)
            assert bounds[0] == bounds[1]
            assert abs(bounds[2] - bounds[0]) <= 1e-9 * (bounds[0] + np.abs(T).sum())
            if form == "square" and key == "l2":
                assert bounds[0] <= truth + SOLVED * np.abs(T).sum()


COPIED = {  # norms, sizes, rows, copies of modes of the rows
    "l2": (("l2", "l2", "l2"), (2, 2, 3), (0, 1), [0]),
    "both": (("l2", "l2", "linf"), (2, 2, 2), (0, 1), [1, 0]),
    "twice": (("l2", "l2", "l2"), (2, 2, 2), (0,), [0, 0]),
    "signs": (("l2+", "l2+", "l2+"), (2, 2, 2), (0, 1), [0]),
    "minus": (("l2-", "linf", "l2"), (2, 2, 2), (0, 1), [0]),
    "four": (("l2",) * 4, (2, 2, 2, 2), (0, 1), [1]),
    "alike": (("l2",) * 3, (2, 2, 2), (0,), [0]),
    "alike plus": (("l2+",) * 4, (2, 2, 2, 2), (0, 1), [0]),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", COPIED)
def test_no_copies_of_a_factor_bound_below_what_is_attained(name):
    keys, dims, rows, copies = COPIED[name]
    told = {"symmetric": name.startswith("alike")}
    for seed in range(2):
        T = tensor(dims, 60 + seed)
        truth = best_alike(T, keys[0]) if told["symmetric"] else best_value(T, keys)
        both = (Adversary(T, keys, rows, "gram", **told).grouped(c) for c in ([], copies))
        plain, proof = (a.proof(a.leaf()) for a in both)
        least = float(proved(Flint, T, keys, plain, **told))
        bounds = [float(proved(t, T, keys, proof, **told)) for t in (Exact, Flint, Rounded)]
        assert min(bounds) >= truth * (1 - SLACK)
        assert bounds[0] == bounds[1] <= least * (1 + SOLVED)
        assert abs(bounds[2] - bounds[0]) <= 1e-9 * (bounds[0] + np.abs(T).sum())


def test_a_copy_closes_most_of_what_plain_multipliers_leave_open():
    keys, T = ("l2+", "l2", "l2"), tensor((2, 2, 2), 3)
    plain, more = (Adversary(T, keys, (0, 1), "gram").grouped(c) for c in ([], [0]))
    first, second = (float(proved(Flint, T, keys, a.proof(a.leaf()))) for a in (plain, more))
    truth = best_value(T, keys)
    assert truth * (1 - SLACK) <= second <= truth + (first - truth) / 4
    assert first >= truth * 1.01


@pytest.mark.parametrize("order", [3, 4])
def test_an_even_power_cannot_change_the_sign_of_a_tensor(order):
    T = np.zeros((2,) * order)
    T[(0,) * order] = -1.0
    keys, form = ("l2",) * order, "square" if order == 4 else "hat"
    adversary = Adversary(T, keys, tuple(range(order // 2)), form, symmetric=True)
    bound = proved(Flint, T, keys, adversary.proof(adversary.leaf()), symmetric=True)
    assert float(bound) == pytest.approx(1.0 if order == 3 else 0.0, abs=1e-6)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["one sign", "cube", "cubes", "four"])
def test_no_tree_of_cases_bounds_below_what_is_attained(name, form):
    keys, dims, rows = LISTS[name]
    rng = np.random.default_rng(5)
    for mode in range(len(dims)) if form == "hat" else rows:
        T, A = tensor(dims, 20 + mode), rng.integers(-8, 9, (2, 2)) / 8
        adversary, Q = Adversary(T, keys, rows, form), A + A.T
        arrays = {"Q0": Q, **adversary.leaf([(Q, mode, 1)], 0)}
        arrays |= adversary.leaf([(Q, mode, -1)], 1)
        if "N" in arrays:
            arrays["N"] = adversary.leaf([(Q, mode, 1)], 0)["N"]  # one for all leaves
        proof = adversary.proof(arrays, TREE, [mode])
        truth = best_value(T, keys)
        whole = float(proved(Flint, T, keys, adversary.proof(adversary.leaf())))
        for tier in (Exact, Flint, Rounded):
            bound = float(proved(tier, T, keys, proof))
            assert truth * (1 - SLACK) <= bound <= whole * (1 + SOLVED)


TREE = [{"split": 0, "plus": 1, "minus": 2}, {"leaf": 0}, {"leaf": 1}]


def test_a_split_closes_what_multipliers_leave_open():
    T, keys = tensor((2, 2, 2), 2), ("linf",) * 3
    adversary, Q = Adversary(T, keys, (0, 1), "hat"), np.diag([1.0, -1.0])
    arrays = {"Q0": Q, **adversary.leaf([(Q, 1, 1)], 0), **adversary.leaf([(Q, 1, -1)], 1)}
    root = float(proved(Flint, T, keys, adversary.proof(adversary.leaf())))
    split = float(proved(Flint, T, keys, adversary.proof(arrays, TREE, [1])))
    truth = max(np.abs(np.einsum("ijk,i,j,k", T, *v)) for v in np.array(SIGNS))
    assert truth == 6.125
    assert truth <= split <= truth * (1 + SOLVED) < root - 0.25


SIGNS = list(product(list(product([1.0, -1.0], repeat=2)), repeat=3))  # vertices of three cubes


# --- random proofs ----------------------------------------------------------------------


def random_proof(keys, dims, rng, *, symmetric=False):
    """Return a proof with any arrays: wrong ones must be refused, right ones prove little."""
    order = len(dims)
    rows = sorted(rng.choice(order, rng.integers(1, order), replace=False).tolist())
    form = str(rng.choice(["gram", "hat", "square"] if symmetric else ["gram", "hat"]))
    groups = groups_of(np.zeros(dims), keys, rows, symmetric=symmetric)
    held = groups if form == "hat" else groups[:1]
    k = sum(g.count for g in held)
    nodes, splits = [{"leaf": 0, "shift": some(rng)}], []
    if rng.integers(2):
        splits = [int(rng.choice([m for g in held for m in g.modes]))]
        nodes = [TREE[0], *({"leaf": t, "shift": some(rng)} for t in (0, 1))]
    arrays = {"Q0": symmetrized(rng.integers(-4, 5, (dims[0], dims[0])) / 4)}
    for t in range(len(nodes)):
        for g in held:
            for letter, canonical in (("K", False), ("P", True)):
                count = len(g.pairs(canonical=canonical).a)
                part = rng.integers(0 if canonical else -8, 9, count) / 8
                arrays[f"{letter}{t}.{g.name}"] = part * rng.integers(2, size=count)
        arrays[f"D{t}"] = rng.integers(-2, 9, k) / 4
        home = next((g for g in held if splits and splits[0] in g.modes), held[0])
        arrays[f"F{t}.0"] = rng.integers(-2, 3, (home.count // dims[0], 2)) / 2
        arrays[f"L{t}"] = rng.integers(-4, 5, k * (k + 1) // 2) / 2
    if all(key[-1] in "+-" for key in keys):
        sign = (-1) ** sum(key[-1] == "-" for key in keys)
        arrays["N"] = sign * rng.integers(0, 5, prod(dims)) / 4
    drop = [name for name in arrays if name[0] != "Q" and rng.integers(3) == 0]
    arrays = {name: a for name, a in arrays.items() if name not in drop}
    return {
        "rule": "transpose",
        "rows": rows,
        "form": form,
        "splits": splits,
        "nodes": nodes,
        **arrays,
    }


def some(rng):
    return Fraction(int(rng.integers(-8, 40)), 8)


def symmetrized(a):
    return a + a.T


@pytest.mark.sampled(5)
@TIERS
@each_list
def test_no_random_proof_bounds_below_what_is_attained(tier, name):
    keys, dims, _ = LISTS[name]
    if len(set(dims)) > 1:
        dims = (2,) * len(dims)
    T = tensor(dims, 30)
    truth, rng, accepted = best_value(T, keys), np.random.default_rng(6), 0
    for _ in range(30):
        proof = random_proof(keys, dims, rng)
        assert float(proved(tier, T, keys, proof)) >= truth * (1 - SLACK)
        accepted += 1
    assert accepted == 30


@TIERS
@each_alike
def test_no_random_proof_of_one_factor_bounds_below_what_is_attained(tier, name):
    key, order = ALIKE[name]
    T, rng, refused = tensor((2,) * order, 31), np.random.default_rng(7), 0
    truth = best_alike(T, key)
    for _ in range(20):
        proof = random_proof((key,) * order, (2,) * order, rng, symmetric=True)
        unequal = proof["form"] == "square" and 2 * len(proof["rows"]) != order
        if unequal:
            with pytest.raises(RejectedError) as told:
                proved(tier, T, (key,) * order, proof, symmetric=True)
            assert told.value.code == "wrong_rule"
            refused += 1
            continue
        bound = proved(tier, T, (key,) * order, proof, symmetric=True)
        assert float(bound) >= truth * (1 - SLACK)
    assert 0 < refused < 20


@TIERS
def test_a_flipped_bit_bounds_nothing_lower_than_the_truth(tier):
    keys, dims, rows = LISTS["plus"]
    T, rng = tensor(dims, 32), np.random.default_rng(8)
    truth = best_value(T, keys)
    adversary = Adversary(T, keys, rows, "hat")
    proof, accepted = adversary.proof(adversary.leaf()), 0
    for name in [k for k, v in proof.items() if isinstance(v, np.ndarray)]:
        for _ in range(12):
            part = proof[name].copy()
            bits = part.view(np.int64).reshape(-1)
            bits[rng.integers(bits.size)] ^= np.int64(1) << int(rng.integers(63))
            try:
                bound = proved(tier, T, keys, proof | {name: part})
            except RejectedError:
                continue
            assert bound >= Fraction(truth * (1 - SLACK))
            accepted += 1
    assert accepted > 40


# --- slices -----------------------------------------------------------------------------


def sliced(T, keys, axis, signs):
    """Return the proof by slices: each by its own adversary, or its closed matrix rule."""
    rest, each, arrays = [k for j, k in enumerate(keys) if j != axis], [], {}
    for n, part in enumerate([s * x for s in signs for x in np.moveaxis(T, axis, 0)]):
        if part.ndim == 2:
            own = {"rule": "lines"} if "l1" in (rest[0][:2], rest[1][:2]) else spectral(part)
        else:
            adversary = Adversary(part, rest, (0, 1), "gram")
            own = adversary.proof(adversary.leaf())
        each.append({k: v for k, v in own.items() if not isinstance(v, np.ndarray)})
        arrays |= {f"s{n}.{k}": v for k, v in own.items() if isinstance(v, np.ndarray)}
    return {"rule": "slices", "axis": axis, "each": each, **arrays}


def spectral(S):
    g = S.T @ S
    shift = float(np.linalg.eigvalsh(g)[-1]) + 1e-12
    L = np.linalg.cholesky(shift * np.eye(len(g)) - g + 1e-14 * np.eye(len(g)))
    return {
        "rule": "spectral",
        "axis": 1,
        "shift": Fraction(shift),
        "L": L[np.tril_indices(len(g))],
    }


SLICED = {  # norms, sizes, the l1 mode, the signs its unit vectors need
    "free": (("l1", "l2", "l2"), (3, 2, 2), 0, (1,)),
    "in the middle": (("l2", "l1+", "l2"), (2, 3, 2), 1, (1,)),
    "minus": (("l2", "l2", "l1-"), (2, 2, 2), 2, (-1,)),
    "both signs": (("l1", "l2+", "l2+"), (2, 2, 2), 0, (1, -1)),
    "one sign": (("l2+", "l1+", "l2-"), (2, 2, 2), 1, (1,)),
    "fibres": (("l1", "l2", "l1"), (2, 2, 2), 2, (1,)),
    "signed fibres": (("l1+", "l2+", "l1"), (2, 2, 2), 2, (1, -1)),
    "of four": (("l2", "l2", "l1", "l2+"), (2, 2, 2, 2), 2, (1,)),
    "of one coordinate": (("l2-", "l2", "l2"), (1, 3, 2), 0, (-1,)),
    "of one, both signs": (("l2+", "linf", "l2+"), (2, 1, 2), 1, (1, -1)),
    "of four, signs": (("l2+", "l2+", "l1", "l2-"), (2, 2, 2, 2), 2, (1, -1)),
}
each_sliced = pytest.mark.parametrize("name", SLICED)


@pytest.mark.sampled(3)
@each_sliced
def test_slices_bound_what_is_attained_and_little_more(name):
    keys, dims, axis, signs = SLICED[name]
    for seed in range(2):
        T = tensor(dims, 40 + seed)
        truth, proof = best_value(T, keys), sliced(T, keys, axis, signs)
        for tier in (Exact, Flint, Rounded):
            bound = float(proved(tier, T, keys, proof))
            assert bound >= truth * (1 - SLACK)
            if keys[axis] == "l1" and all(k in ("l1", "l2") for k in keys):
                assert bound <= truth * (1 + SOLVED)


@pytest.mark.parametrize("name", [n for n, case in SLICED.items() if len(case[3]) == 2])
def test_a_free_mode_before_signed_ones_needs_both_signs(name):
    keys, dims, axis, _ = SLICED[name]
    T = -np.abs(tensor(dims, 43)) * (-1.0) ** sum(k[-1] == "-" for k in keys)
    assert best_value(T, keys) > 0.5  # by a unit vector with a minus
    with pytest.raises(RejectedError) as refused:
        proved(Flint, T, keys, sliced(T, keys, axis, (1,)))
    assert refused.value.code == "list"


def test_slices_of_one_factor_are_those_of_the_sum_over_all_orders():
    T = tensor((2, 2, 2), 44)
    whole = sum(
        np.transpose(T, p)
        for p in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
    )
    bound = proved(
        Flint,
        T,
        ("l1",) * 3,
        {"rule": "slices", "axis": 0, "each": [{"rule": "lines"}] * 2},
        symmetric=True,
    )
    assert bound == Fraction(np.abs(whole).max()) / 6
    assert float(bound) >= best_alike(T, "l1")


# --- rejecting twins --------------------------------------------------------------------

PLUS = Adversary(tensor((2, 2, 2), 50), ("l2+",) * 3, (0, 1), "hat")
FREE = Adversary(tensor((2, 2, 2), 51), ("l2", "l2", "l2+"), (0, 1), "hat")
GRAM = Adversary(tensor((2, 2, 2), 58), ("l2",) * 3, (0, 1), "gram")
CUBE = Adversary(tensor((2, 2, 2), 59), ("linf", "l2", "l2"), (0, 1), "gram")
EVEN = Adversary(tensor((2,) * 4, 52), ("l2",) * 4, (0, 1), "square", symmetric=True)


FOUR = Adversary(tensor((2,) * 4, 57), ("l2",) * 4, (0, 1), "gram")


@cache
def honest_proof(adversary):
    """Return the proof without splits."""
    return adversary.proof(adversary.leaf())


@cache
def split_of(adversary):
    """Return the proof by a split at one mode."""
    Q = np.array([[0.5, 1.0], [1.0, -0.25]])
    arrays = {"Q0": Q, **adversary.leaf([(Q, 0, 1)], 0), **adversary.leaf([(Q, 0, -1)], 1)}
    return adversary.proof(arrays, TREE, [0])


def with_entry(name, value):
    """Return a change of one number of an array."""

    def change(proof):
        part = proof[name].copy()
        part.reshape(-1)[-1] = value
        return proof | {name: part}

    return change


def longer(name):
    return lambda proof: proof | {name: np.append(proof[name], 0.0)}


def shorter(name):
    return lambda proof: proof | {name: proof[name].reshape(-1)[:-1]}


def said(**changes):
    return lambda proof: {k: v for k, v in (proof | changes).items() if v is not None}


def node(at, **changes):
    """Return a change of one node."""

    def change(proof):
        nodes = [dict(n) for n in proof["nodes"]]
        nodes[at] = {k: v for k, v in (nodes[at] | changes).items() if v is not None}
        return proof | {"nodes": nodes}

    return change


TWINS = {  # the honest proof, what is changed, the reason that is named
    "no rule": (PLUS, said(rule=None), "unknown"),
    "a rule of matrices": (PLUS, said(rule="spectral"), "unknown"),
    "no form": (PLUS, said(form=None), "unknown"),
    "form": (PLUS, said(form="gram "), "unknown"),
    "square of many factors": (PLUS, said(form="square"), "wrong_rule"),
    "square of two halves": (FOUR, said(form="square"), "wrong_rule"),
    "square of a quarter": (EVEN, said(rows=[0]), "wrong_rule"),
    "rows missing": (PLUS, said(rows=None), "axis"),
    "rows empty": (PLUS, said(rows=[]), "axis"),
    "rows all": (PLUS, said(rows=[0, 1, 2]), "axis"),
    "rows twice": (PLUS, said(rows=[0, 0]), "order"),
    "rows unsorted": (PLUS, said(rows=[1, 0]), "order"),
    "rows outside": (PLUS, said(rows=[0, 3]), "axis"),
    "rows negative": (PLUS, said(rows=[-1, 0]), "axis"),
    "rows truth": (PLUS, said(rows=[False, True]), "axis"),
    "rows text": (PLUS, said(rows="01"), "axis"),
    "other rows": (PLUS, said(rows=[0]), "shape"),
    "copies no list": (GRAM, said(copies=0), "axis"),
    "copies outside": (GRAM, said(copies=[2]), "axis"),
    "copies truth": (GRAM, said(copies=[False]), "axis"),
    "copies of a cube": (CUBE, said(copies=[0]), "wrong_rule"),
    "copies in a hat": (PLUS, said(copies=[0]), "wrong_rule"),
    "copies without their multipliers": (GRAM, said(copies=[0]), "shape"),
    "K longer": (PLUS, longer("K0.rows"), "shape"),
    "K empty": (PLUS, said(**{"K0.rows": np.zeros(0)}), "shape"),
    "K of one mode": (PLUS, said(**{"K0.cols": np.ones(1)}), "shape"),
    "K nan": (PLUS, with_entry("K0.rows", np.nan), "finite"),
    "K infinite": (PLUS, with_entry("K0.rows", -np.inf), "finite"),
    "P longer": (PLUS, longer("P0.cols"), "shape"),
    "P shorter": (PLUS, shorter("P0.rows"), "shape"),
    "P negative": (PLUS, with_entry("P0.rows", -(2.0**-60)), "sign"),
    "P of free modes": (FREE, said(**{"P0.rows": np.ones(5)}), "shape"),
    "N negative": (PLUS, with_entry("N", -(2.0**-60)), "sign"),
    "N shorter": (PLUS, shorter("N"), "shape"),
    "N nan": (PLUS, with_entry("N", np.nan), "finite"),
    "N of a free mode": (FREE, said(N=np.zeros(8)), "wrong_rule"),
    "D shorter": (PLUS, shorter("D0"), "shape"),
    "D nan": (PLUS, with_entry("D0", np.nan), "finite"),
    "L longer": (PLUS, longer("L0"), "shape"),
    "L square": (PLUS, said(L0=np.eye(6)), "shape"),
    "no nodes": (PLUS, said(nodes=[]), "list"),
    "nodes missing": (PLUS, said(nodes=None), "list"),
    "nodes text": (PLUS, said(nodes="leaf"), "list"),
    "a node is no object": (PLUS, said(nodes=[0]), "json"),
    "no leaf": (PLUS, node(0, leaf=None), "tree"),
    "leaf and split": (PLUS, node(0, split=0), "tree"),
    "leaf negative": (PLUS, node(0, leaf=-1), "outside"),
    "leaf truth": (PLUS, node(0, leaf=False), "outside"),
    "leaf text": (PLUS, node(0, leaf="0"), "outside"),
    "no shift": (PLUS, node(0, shift=None), "number"),
    "shift nan": (PLUS, node(0, shift="nan"), "number"),
    "shift of thirds": (PLUS, node(0, shift="1/3"), "dyadic"),
    "shift without a denominator": (PLUS, node(0, shift="1/0"), "number"),
    "a node not met": (PLUS, lambda p: p | {"nodes": [*p["nodes"], *p["nodes"]]}, "tree"),
    "splits no list": (PLUS, said(splits=1), "list"),
    "plus missing": (split_of, node(0, plus=None), "tree"),
    "one child": (split_of, node(0, plus=2), "tree"),
    "a child before": (split_of, node(0, plus=0), "tree"),
    "a child outside": (split_of, node(0, minus=3), "tree"),
    "split outside": (split_of, node(0, split=1), "outside"),
    "split negative": (split_of, node(0, split=-1), "outside"),
    "split truth": (split_of, node(0, split=False), "outside"),
    "mode outside": (split_of, said(splits=[3]), "axis"),
    "mode truth": (split_of, said(splits=[False]), "axis"),
    "mode text": (split_of, said(splits=["0"]), "axis"),
    "mode missing": (split_of, said(splits=[None]), "axis"),
    "Q missing": (split_of, said(Q0=None), "missing"),
    "Q unsymmetric": (split_of, said(Q0=np.array([[0.5, 1.0], [0.5, -0.25]])), "symmetric"),
    "Q nan": (split_of, with_entry("Q0", np.nan), "finite"),
    "Q of another size": (split_of, said(Q0=np.eye(3)), "shape"),
    "F of another mode": (split_of, lambda p: p | {"F0.0": np.ones((3, 1))}, "shape"),
    "F flat": (split_of, lambda p: p | {"F0.0": np.ones(2)}, "shape"),
    "F infinite": (split_of, with_entry("F1.0", np.inf), "finite"),
}


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_of_an_accepted_proof_is_refused_by_name(name):
    honest, change, code = TWINS[name]
    adversary = honest if isinstance(honest, Adversary) else PLUS
    proof = split_of(adversary) if honest is split_of else honest_proof(adversary)
    asked = (adversary.T, adversary.keys)
    for tier in (Exact, Flint, Rounded):
        assert proved(tier, *asked, proof, symmetric=adversary.symmetric) > 0
        with pytest.raises(RejectedError) as refused:
            proved(tier, *asked, change(proof), symmetric=adversary.symmetric)
        assert refused.value.code == code


def test_a_split_names_a_mode_of_a_group_that_is_bounded():
    gram = Adversary(tensor((2, 2, 2), 53), ("l2",) * 3, (0, 1), "gram")
    proof = split_of(gram)
    assert proved(Flint, gram.T, gram.keys, proof) > 0
    with pytest.raises(RejectedError) as refused:
        proved(Flint, gram.T, gram.keys, proof | {"splits": [2]})
    assert refused.value.code == "axis"


def test_single_precision_is_read_as_it_is():
    proof = PLUS.proof(PLUS.leaf())
    single = {k: v.astype(np.float32) if k[0] in "KPN" else v for k, v in proof.items()}
    for tier in (Exact, Flint, Rounded):
        bound = float(proved(tier, PLUS.T, PLUS.keys, single))
        assert bound >= best_value(PLUS.T, PLUS.keys) * (1 - SLACK)
    with pytest.raises(RejectedError) as refused:
        proved(Flint, PLUS.T, PLUS.keys, proof | {"K0.rows": proof["K0.rows"].astype(np.int64)})
    assert refused.value.code == "dtype"


SLICE_TWINS = {
    "axis missing": (said(axis=None), "axis"),
    "axis of l2": (said(axis=1), "wrong_rule"),
    "axis outside": (said(axis=3), "axis"),
    "axis negative": (said(axis=-3), "axis"),
    "axis truth": (said(axis=False), "axis"),
    "each missing": (said(each=None), "list"),
    "each text": (said(each="no"), "list"),
    "a slice short": (lambda p: p | {"each": p["each"][:-1]}, "list"),
    "a slice more": (lambda p: p | {"each": [*p["each"], p["each"][0]]}, "list"),
    "a slice is no object": (lambda p: p | {"each": [*p["each"][:-1], 0]}, "json"),
    "a slice without a rule": (lambda p: p | {"each": [*p["each"][:-1], {}]}, "unknown"),
    "a rule of tensors": (
        lambda p: p | {"each": [*p["each"][:-1], {"rule": "transpose"}]},
        "unknown",
    ),
    "another rule": (lambda p: p | {"each": [*p["each"][:-1], {"rule": "lines"}]}, "wrong_rule"),
    "L of a slice": (longer("s1.L"), "shape"),
    "nan in a slice": (with_entry("s2.L", np.nan), "finite"),
}


@pytest.mark.parametrize("name", SLICE_TWINS)
def test_a_twin_of_accepted_slices_is_refused_by_name(name):
    keys, dims, axis, signs = SLICED["free"]
    T, (change, code) = tensor(dims, 54), SLICE_TWINS[name]
    proof = sliced(T, keys, axis, signs)
    for tier in (Exact, Flint, Rounded):
        assert proved(tier, T, keys, proof) > 0
        with pytest.raises(RejectedError) as refused:
            proved(tier, T, keys, change(proof))
        assert refused.value.code == code


def test_a_slice_whose_arrays_are_missing_is_bounded_all_the_same():
    keys, dims, axis, signs = SLICED["free"]
    T = tensor(dims, 55)
    proof = {k: v for k, v in sliced(T, keys, axis, signs).items() if k[:2] != "s1"}
    assert float(proved(Flint, T, keys, proof)) >= best_value(T, keys) * (1 - SLACK)


STATED = {
    "norms missing": ({"norms": None}, "norms"),
    "a norm short": ({"norms": ["l2", "l2"]}, "norms"),
    "a norm is no text": ({"norms": ["l2", "l2", 2]}, "norms"),
    "norm": ({"norms": ["l2", "l2", "l3"]}, "unknown"),
    "two signs": ({"norms": ["l2", "l2", "l2+-"]}, "unknown"),
    "symmetric text": ({"symmetric": "no"}, "unknown"),
    "symmetric of two norms": ({"symmetric": True, "norms": ["l2", "l2", "l2+"]}, "symmetric"),
    "another field": ({"left": "l2"}, "fields"),
}


@pytest.mark.parametrize("name", STATED)
def test_an_unknown_statement_is_refused_by_name(name):
    change, code = STATED[name]
    at = Pattern(2, 4, dims=(2, 2, 2))
    said = {"kind": "cp", "norms": ["l2"] * 3, "symmetric": False, "form": "product"}
    none = Arrays({}, "statement")
    assert len(stated_atom(said, none, at).norms) == 3
    with pytest.raises(RejectedError) as refused:
        stated_atom(said | change, none, at)
    assert refused.value.code == code


def test_one_factor_needs_equal_sizes_and_six_modes_at_most():
    said = {"kind": "cp", "norms": ["l2"] * 3, "symmetric": True, "form": "product"}
    for dims in ((2, 3, 2), (2,) * 7):
        told, at = (
            said | {"norms": ["l2"] * len(dims)},
            Pattern(2, prod(dims[1:]), dims=dims),
        )
        with pytest.raises(RejectedError) as refused:
            stated_modes(told, at)
        assert refused.value.code == "symmetric"


def test_the_solvers_value_of_the_w_tensor_is_no_bound():
    T, keys = np.zeros((2, 2, 2)), ("l2",) * 3
    T[0, 0, 1] = T[0, 1, 0] = T[1, 0, 0] = 1 / 3**0.5
    adversary = Adversary(T, keys, (0, 1), "gram")
    proof = adversary.proof(adversary.leaf())
    low = Fraction(0.666666662) ** 2
    for tier in (Exact, Flint, Rounded):
        honest = proved(tier, T, keys, proof)
        lying = proved(tier, T, keys, proof | {"nodes": [{"leaf": 0, "shift": low}]})
        assert (
            Fraction(2, 3) * (1 - Fraction(1e-15))
            <= honest
            <= Fraction(2, 3) * (1 + Fraction(1e-6))
        )
        assert lying >= Fraction(2, 3) * (1 - Fraction(1e-15))


def test_a_masked_tensor_is_zero_where_nothing_is_seen():
    keys, dims = ("l2", "l2+", "l2"), (2, 2, 2)
    full = tensor(dims, 56)
    seen = np.array([[[1, 0], [1, 1]], [[0, 1], [1, 1]]], bool)
    held = np.where(seen, full, 0.0)
    rows, cols = (k.astype(np.int64) for k in np.nonzero(seen.reshape(2, 4)))
    adversary = Adversary(held, keys, (0, 1), "hat")
    text, arrays = kernel_split(adversary.proof(adversary.leaf()))
    said = {"kind": "cp", "norms": list(keys), "symmetric": False, "form": "product"}
    at = Pattern(2, 4, rows.data, cols.data, dims)
    for tier in (Exact, Flint, Rounded):
        ar = tier()
        w, given = ar.load(as_kernel_array(full[seen])), Arrays(arrays, "proof")
        listed = polar_bound(ar, stated_modes(said, at), w, Evidence(text, given))
        assert listed == proved(tier, held, keys, adversary.proof(adversary.leaf()))


@pytest.mark.parametrize("name", ["cube", "cubes", "l1 as a ball", "four and cubes"])
def test_the_cost_of_a_diagonal_is_what_extreme_squares_earn(name):
    keys, dims, rows = LISTS[name]
    rng = np.random.default_rng(9)
    for group in groups_of(np.zeros(dims), keys, rows):
        ends = [
            [*product((0.0, 1.0), repeat=n.size)] if n.name == "linf" else np.eye(n.size)
            for n in group.norms
        ]
        for _ in range(10):
            d = rng.integers(-8, 9, group.count) / 4
            earned = max(outer(x).reshape(-1) @ d for x in product(*map(np.array, ends)))
            assert group.cost([*map(Fraction, d)]) >= max(earned, 0.0)
            d = np.abs(d)
            earned = max(outer(x).reshape(-1) @ d for x in product(*map(np.array, ends)))
            assert group.cost([*map(Fraction, d)]) == earned


@TIERS
def test_a_model_without_slices_is_zero(tier):
    at = Pattern(2, 6, dims=(2, 3, 2))
    none = [Array((n, 0), as_kernel_array(np.zeros((n, 0))).data) for n in at.dims]
    los, his, e = tier().spans(tier().outer_sum(none, at))
    assert len(los) == 12
    for low, high in zip(los, his, strict=True):
        assert low <= 0 <= high
        assert (high - low) * power(e) <= Fraction(2) ** -500  # what underflows


def test_the_cost_of_a_diagonal_grows_with_a_ball_wider_than_the_l2_ball():
    wide = Weighted(2, "*", weights=[0.25, 0.25])  # squares sum to 4
    costs = [Group("rows", (0, 1), (LInf(2), n), 0, one=False) for n in (L2(2), wide)]
    assert [group.cost([*map(Fraction, (1, 2, 3, 0))]) for group in costs] == [4, 16]
