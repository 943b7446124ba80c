"""check_atom passes our atoms, and names the clause that somebody's wrong one breaks."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from certify import InputError
from certify.atoms import CP, Atom, DeepLinear, DeepReLU, RankOne, ReLU, Symmetric
from certify.atoms.relu import gated
from certify.atoms.symmetric import NORMS
from certify.norms import KEYS
from certify.polar import Proposal
from certify.testing import ContractError, check_atom
from certify.testing._climb import Climb, climb_starts
from certify.testing._exact import column, scale_of
from tests.norm_cases import IDS as NORM_IDS
from tests.norm_cases import VARIANTS as NORM_VARIANTS
from tests.norm_cases import made

FEW = 8  # examples of each of many variants; two W each
DATA = np.array([[1.0, 0.5], [-2.0, 0.25], [0.75, -1.5]])
GATES = np.array([[1, 0], [1, 1], [0, 1]])


def centred(W):
    """Return W with columns that sum to zero exactly."""
    return np.vstack([W[:-1], -W[:-1].sum(axis=0)])


ATOMS = {
    "l2 x l2": RankOne(),
    "l2+ x l2+ sum": RankOne("l2+", "l2+", "sum"),
    **{f"symmetric {k}": Symmetric(k) for k in NORMS},
    "cp": CP(),
    "cp sum": CP(["l1+", "linf-", "l2"], form="sum"),
    "cp matrix": CP(["l2", "l1"]),
    "cp symmetric": CP("l2+", symmetric=True, order=3),
    "cp even": CP("l2", symmetric=True, order=4, form="sum"),
    "relu": ReLU(DATA),
    "relu leaky": ReLU(DATA, right="l1", activation="leaky_relu", slope=0.25, form="sum"),
    "relu abs": ReLU(DATA, activation="abs"),
    "relu linear": ReLU(DATA, "l1+", activation="linear"),
    "relu bias": ReLU(DATA, bias="regularized"),
    "relu pooled": ReLU(DATA, samples=[0, 1, 0]),
    "gated": gated(DATA, GATES),
    "gated sum": gated(DATA, GATES, "l1", "sum"),
    "deep linear": DeepLinear(DATA, (2, 2)),
    "deep linear sum": DeepLinear(DATA, 2, "sum"),
    "deep relu": DeepReLU(DATA, (2, 1), slope=0.25),
    "deep relu sum": DeepReLU(DATA, (2,), form="sum"),
}


SLOW = {"relu bias": [(3, 1)], "relu abs": [(3, 1)], "relu pooled": [(2, 1)]}  # polars branch


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("name", ATOMS)
def test_our_atoms_keep_the_contract(name):
    report = check_atom(ATOMS[name], shapes=SLOW.get(name), examples=40)
    assert report["polar from above"].examples >= 15
    assert report["homogeneity of phi"].examples == 40
    assert report["statement"].how == "in floats, slack from the count of operations"
    assert report["domination"].how == "exactly, by the kernel"


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("pair", list(product(KEYS, KEYS)), ids="x".join)
def test_our_pairs_of_norms_keep_the_contract(pair):
    check_atom(RankOne(*pair), examples=FEW)


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("norm", NORM_VARIANTS, ids=NORM_IDS)
def test_our_norms_keep_the_contract(norm):
    check_atom(RankOne("l2", made(*norm, 3)), shapes=[(2, 3)], examples=FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", ATOMS)
def test_our_atoms_keep_the_contract_on_many_examples(name):
    check_atom(ATOMS[name], shapes=SLOW.get(name), examples=200, seed=1)


@pytest.mark.thorough
def test_an_unpriced_bias_keeps_the_contract_where_its_polar_is_finite():
    atom = ReLU(DATA, bias="free", form="sum")
    assert check_atom(atom, dual=centred, shapes=[(3, 1)], examples=40)["domination"].examples >= 20


@pytest.mark.thorough
@pytest.mark.parametrize("theta", ["l1", "l2"])
def test_somebodys_own_atom_keeps_it_and_the_report_says_what_was_not_covered(theta):
    report = check_atom(Own(theta), examples=40)
    assert report["statement"].how.startswith("not covered")
    assert report["sum = product"].examples == 0
    exact = theta == "l1"
    assert (report["polar from above"].how == "exactly, in rationals") is exact
    assert "Own: the contract holds" in str(report)
    assert "<W, phi(x)> <= upper theta(x) at climbed x" in str(report)


# --- atoms that are wrong, each in one way ------------------------------------------------


@dataclass(frozen=True)
class Own(Atom):
    """phi(u, v) = u v^T, theta(u, v) = |u|_norm |v|_norm; an override is one lie."""

    norm: str = "l1"
    degree = 2
    kind = "own"

    def shapes(self, data_shape):
        return (data_shape[0],), (data_shape[1],)

    def phi(self, x):
        return np.outer(*x)

    def theta(self, factors):
        if self.norm == "l1":
            return np.abs(factors[0]).sum(axis=0) * np.abs(factors[1]).sum(axis=0)
        return np.linalg.norm(factors[0], axis=0) * np.linalg.norm(factors[1], axis=0)

    def propose(self, W, target, seed, deadline):
        del target, deadline
        return Proposal(self.attain(W, seed)[0])

    def attain(self, W, seed):
        del seed
        held = W.toarray() if sparse.issparse(W) else W
        if self.norm == "l2":
            u, s, v = np.linalg.svd(held)
            return float(s[0]), (u[:, 0], v[0])
        i, j = np.unravel_index(np.abs(held).argmax(), held.shape)
        sign = -1.0 if held[i, j] < 0 else 1.0
        return float(abs(held[i, j])), (np.eye(held.shape[0])[i], sign * np.eye(held.shape[1])[j])


class Cheap(Own):
    def theta(self, factors):
        return np.sqrt(super().theta(factors))


class Misdeclared(Own):
    degree = 3


class Sigmoid(Own):
    def phi(self, x):
        return np.outer(np.tanh(x[0]), x[1])


class Nearly(Own):
    def phi(self, x):
        return super().phi(x) * (1 + 1e-9 * np.abs(np.tanh(x[0])).max())


class Negative(Own):
    def theta(self, factors):
        return -super().theta(factors)


class Fee(Own):
    def theta(self, factors):
        return super().theta(factors) + (np.abs(factors[0]).max(axis=0) == 0)


class Seminorm(Own):
    def theta(self, factors):
        return np.abs(factors[0][:1]).sum(axis=0) * np.abs(factors[1]).sum(axis=0)


class Endless(Own):
    def propose(self, W, target, seed, deadline):
        del W, target, seed, deadline
        return Proposal(np.inf)


class Honest(Endless):
    """Free at the border u_1 = 0 alone, and it says that its polar is infinite."""

    def theta(self, factors):
        return np.where(factors[0][0] == 0, 0.0, super().theta(factors))


class Mixing(Own):
    def theta(self, factors):
        prices = super().theta(factors)
        return prices if len(prices) < 2 else prices[::-1]


class Transposed(Own):
    def phi(self, x):
        return np.outer(x[1], x[0])


class Scalar(Own):
    def theta(self, factors):
        return super().theta(factors).sum()


class Predicting(Own):
    def predict(self, factors, observed):
        return 2 * super().predict(factors, observed)


class Earning(Own):
    def inner_products(self, W, factors, observed):
        value, size = super().inner_products(W, factors, observed)
        return value, size * (1 + 1e-9)


class Crowded(Own):
    def theta(self, factors):
        if not factors[0].shape[-1]:
            raise ValueError("no slices")
        return super().theta(factors)


class Wandering(Own):
    def project(self, factors):
        return tuple(x + 1.0 for x in factors)


class Forbidding(Own):
    def wrong_sign(self, factors):
        return "V must be >= 0" if factors[1].min(initial=0.0) < 0 else ""


class Boastful(Own):
    def attain(self, W, seed):
        value, x = super().attain(W, seed)
        return value * (1 + 1e-9), x


class Pricey(Own):
    def attain(self, W, seed):
        value, (u, v) = super().attain(W, seed)
        return value * (1 + 1e-9), (u * (1 + 1e-9), v)


class Misshapen(Own):
    def attain(self, W, seed):
        value, (u, v) = super().attain(W, seed)
        return value, (u[:, None], v)


class Hopeful(Own):
    def polar(self, W, *, budget=None, seed=0):
        bound = super().polar(W, budget=budget, seed=seed)
        high = bound.lower * (1 + 1e-9)
        return type(bound)(high, high, bound.witness, bound.proof)


class Small(Own):
    def propose(self, W, target, seed, deadline):
        found = super().propose(W, target, seed, deadline)
        return Proposal(found.upper * (1 - 1e-9))


class Nan(Own):
    def propose(self, W, target, seed, deadline):
        del W, target, seed, deadline
        return Proposal(np.nan)


class Dense(Own):
    def attain(self, W, seed):
        return super().attain(np.abs(W) * np.sign(W) + np.zeros(W.shape), seed)

    def propose(self, W, target, seed, deadline):
        if sparse.issparse(W):
            raise TypeError("W must be dense")
        return super().propose(W, target, seed, deadline)


@dataclass(frozen=True)
class Formed(Own):
    """The form "sum" without its factor 1/2."""

    form: str = "product"
    half: float = 1.0

    def theta(self, factors):
        a, b = (np.abs(x).sum(axis=0) for x in factors)
        return a * b if self.form == "product" else self.half * (a * a + b * b)


class Forgetful(Formed):
    def propose(self, W, target, seed, deadline):
        found = super().propose(W, target, seed, deadline)
        return Proposal(found.upper * (2.0 if self.form == "sum" else 1.0))

    def attain(self, W, seed):
        value, x = super().attain(W, seed)
        return (2 * value, x) if self.form == "sum" else (value, x)


class Lying(Own):
    def statement(self):
        return {"kind": "rank_one", "left": "l1", "right": "l2", "form": "product"}


WRONG = {
    "theta of degree 1 with phi of degree 2": (Cheap(), "homogeneity of theta"),
    "another degree than declared": (Misdeclared(), "homogeneity of phi"),
    "a sigmoid": (Sigmoid(), "homogeneity of phi"),
    "not homogeneous by 1e-9": (Nearly(), "homogeneity of phi"),
    "a negative price": (Negative(), "theta >= 0"),
    "a price for nothing": (Fee(), "zero slice"),
    "a price that is 0 where phi is not": (Seminorm(), "nothing is free"),
    "the same with an infinite polar": (Honest(), "nothing is free"),
    "prices of other slices": (Mixing(), "slice by slice"),
    "a transposed phi": (Transposed(), "shapes"),
    "one price for all": (Scalar(), "shapes"),
    "another prediction": (Predicting(), "prediction"),
    "another size by 1e-9": (Earning(), "inner products"),
    "no price without slices": (Crowded(), "no slices"),
    "a projection that moves on": (Wandering(), "domain"),
    "a projection outside": (Forbidding(), "domain"),
    "attained too much by 1e-9": (Boastful(), "attainment"),
    "attained at a price above 1 by 1e-9": (Pricey(), "attainment"),
    "attained by another shape": (Misshapen(), "attainment"),
    "a lower bound that is not earned": (Hopeful(), "polar from below"),
    "a polar below its own attained value": (Small(), "polar"),
    "a polar that is no number": (Nan(), "polar"),
    "no sparse W": (Dense(), "sparse W"),
    "a sum of squares without 1/2": (Formed(), "sum = product"),
    "a sum with a polar of its own": (Forgetful(half=0.5), "polar of both forms"),
    "other words": (Lying(), "statement"),
}


@pytest.mark.thorough
@pytest.mark.parametrize(("atom", "clause"), WRONG.values(), ids=WRONG)
def test_a_wrong_atom_is_caught_by_the_clause_it_breaks(atom, clause):
    with pytest.raises(ContractError) as error:
        check_atom(atom)
    found = error.value
    assert found.clause.name == clause
    assert found.instance
    assert clause in str(found)
    assert found.clause.formula in str(found)
    assert found.clause.source in str(found)


@pytest.mark.thorough
def test_an_infinite_bound_counts_as_not_tried():
    report = check_atom(Endless(), examples=40)
    for name in ("polar from above", "domination"):
        assert report[name].examples == 0
        assert report[name].how == "not covered: every bound that was returned is infinite"
    assert report["nothing is free"].examples == 3 * 40


@pytest.mark.thorough
def test_a_seminorm_is_asked_where_its_polar_is_finite():
    report = check_atom(ReLU(DATA, bias="free"), dual=centred, shapes=[(3, 1)], examples=16)
    assert report["nothing is free"].examples == 0
    assert report["nothing is free"].how.startswith("not covered: some W")


@pytest.mark.thorough
def test_a_sum_of_squares_with_its_half_is_right():
    assert check_atom(Formed(half=0.5), examples=40)["sum = product"].examples >= 40


@pytest.mark.thorough
def test_a_failure_is_small_and_has_both_figures():
    with pytest.raises(ContractError) as error:
        check_atom(Cheap())
    found = error.value
    assert found.instance["shape"] == (1, 1)
    assert found.instance["a"] != 1
    assert found.left != found.right
    assert abs(found.instance["x1"]).max() <= 1
    assert f"{found.left!r}" in str(found)


# --- a polar too small by 1e-9, told by nobody but the search ------------------------------


@dataclass(frozen=True)
class Shaved(Atom):
    """An atom of ours whose polar, and all that it attains, is too small by a share."""

    inner: Any
    share: float
    kind = "shaved"

    @property
    def degree(self):
        return self.inner.degree

    def check(self, data_shape):
        self.inner.check(data_shape)

    def shapes(self, data_shape):
        return self.inner.shapes(data_shape)

    def phi(self, x):
        return self.inner.phi(x)

    def theta(self, factors):
        return self.inner.theta(factors)

    def project(self, factors):
        return self.inner.project(factors)

    def inner_products(self, W, factors, observed):
        return self.inner.inner_products(W, factors, observed)

    def propose(self, W, target, seed, deadline):
        del target, deadline
        bound = self.inner.polar(W, seed=seed)
        low = max(bound.lower, 0.0)
        return Proposal(low * (1 - self.share) if self.share else bound.upper)

    def attain(self, W, seed):
        value, x = self.inner.attain(W, seed)
        if not self.share:
            return value, x
        by = 1 - 2 * self.share
        return value * by, tuple(p * by ** (1 / self.degree) for p in x)


SHAVED = {
    "l2 x l2": RankOne(),
    "l1 x l2": RankOne("l1", "l2"),
    "linf x l1": RankOne("linf", "l1"),
    "linf x linf": RankOne("linf", "linf"),
    "l2+ x l2+": RankOne("l2+", "l2+"),
    "sum": RankOne("l2", "linf", "sum"),
    "symmetric": Symmetric(),
    "cp": CP(),
    "cp symmetric": CP("l2", symmetric=True, order=3),
    "relu": ReLU(DATA),
    "gated": gated(DATA, GATES),
    "deep linear": DeepLinear(DATA, 2),
}


TRIED = {"cp": [(2, 2, 2)], "cp symmetric": [(2, 2, 2)], "relu": [(3, 1)], "gated": [(3, 1)]}


def tried(name):
    """Return small data that the atom takes."""
    return TRIED.get(name, [(3, 2)] if name == "deep linear" else [(2, 2)])


@pytest.mark.thorough
@pytest.mark.parametrize("name", SHAVED)
def test_a_polar_too_small_by_1e_9_is_caught_by_the_search(name):
    with pytest.raises(ContractError) as error:
        check_atom(Shaved(SHAVED[name], 1e-9), shapes=tried(name), examples=48)
    assert error.value.clause.name in ("polar from above", "domination")
    assert error.value.left > error.value.right


@pytest.mark.sampled(6)
@pytest.mark.parametrize("name", SHAVED)
def test_the_search_finds_what_attains_the_polar_by_itself(name):
    atom, shape = SHAVED[name], tried(name)[0]
    draws = np.random.default_rng(3)
    scale = scale_of(atom, shape)
    for _ in range(4):
        W = draws.integers(-16, 17, shape) / 8
        start = atom.project(tuple(np.ones((*s, 1)) for s in atom.shapes(shape)))
        found = climb_starts(atom, W, column(start), 0)
        best = max(
            scale.inner_product(W, x).lo / scale.price(x).hi for x in found if any(map(np.any, x))
        )
        lower = atom.polar(W).lower
        assert best >= lower - 1e-10 * abs(lower)


@pytest.mark.sampled(6)
@pytest.mark.parametrize("name", SHAVED)
def test_the_same_polar_is_accepted_as_it_is(name):
    report = check_atom(Shaved(SHAVED[name], 0.0), shapes=tried(name), examples=24)
    assert report["polar from above"].examples > 0


@pytest.mark.parametrize(("given", "said"), [(0, "got 0"), (True, "got True"), (2.0, "got 2.0")])
def test_examples_are_counted(given, said):
    with pytest.raises(InputError, match=said):
        check_atom(RankOne(), examples=given)


def test_shapes_that_the_atom_does_not_take_are_named():
    with pytest.raises(InputError, match=r"CP takes none of the shapes \[\(2, 2\)\]"):
        check_atom(CP(), shapes=[(2, 2)])
    with pytest.raises(InputError, match="atom must be an Atom, got 'l2'"):
        check_atom("l2")


def test_parts_that_cost_apart_are_balanced_without_a_change_of_their_products():
    climb = Climb(RankOne("l2", "l1", "sum"), np.ones((2, 3)))
    X = np.array([[3.0, 0.0], [4.0, 0.0], [0.25, 1.0], [0.0, 2.0], [0.25, 0.0]])
    out = climb.project(X)
    left, right = (climb.alone(x) for x in (X, out))
    assert left[0, 0] > 9 * left[1, 0]
    assert right[0, 0] == pytest.approx(right[1, 0])
    u, v = (x[:, 0] for x in climb.parts(out))
    np.testing.assert_allclose(np.outer(u, v), np.outer(X[:2, 0], X[2:, 0]))
    np.testing.assert_array_equal(out[:2, 1], 0.0)  # a part of zeros has no balance
