"""Every atom, found by the registry, keeps the contract of atoms/_base.py."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify import InputError, Problem
from certify.atoms import ATOMS, CP, DeepLinear, DeepReLU, RankOne, ReLU, Symmetric
from certify.atoms.relu import gated
from certify.atoms.symmetric import NORMS
from certify.base.observed import Observed
from certify.losses import Squared
from certify.norms import Elastic
from certify.testing._atoms import takes
from tests.strategies import FORMS, PAIRS, arrays, cone, masks, powers, shapes
from tests.tolerance import EPS, exact_theta, rounding

RANK_ONE = {f"{a}x{b}/{form}": RankOne(a, b, form) for a, b in PAIRS for form in FORMS}
SIGNED = {
    "linf x elastic": RankOne("linf", Elastic(0.25, cone="-")),
    "linf- x l1-": RankOne("linf-", "l1-", "sum"),
}
TENSORS = {
    "l2 l2 l2": CP(),
    "l1+ linf- l2": CP(["l1+", "linf-", "l2"]),
    "symmetric l2+": CP("l2+", symmetric=True, order=3),
}
DATA = np.array([[1.0, 0.5], [-2.0, 0.25], [0.75, -1.5]])
NETWORKS = {
    "l2": ReLU(DATA),
    "leaky l1 sum": ReLU(DATA, right="l1", activation="leaky_relu", slope=0.25, form="sum"),
    "abs linf+": ReLU(DATA, right="linf+", activation="abs"),
    "linear l1": ReLU(DATA, "l1+", activation="linear"),
    "gated": gated(DATA, np.array([[1, 0], [1, 1], [0, 1]])),
    "regularized bias": ReLU(DATA, bias="regularized"),
    "free bias sum": ReLU(DATA, right="l2-", bias="free", form="sum"),
    "pooled": ReLU(DATA, samples=[0, 1, 0]),
}
MADE = {
    "rank_one": RANK_ONE | SIGNED,
    "symmetric": {k: Symmetric(k) for k in NORMS},
    "cp": TENSORS,
    "relu": NETWORKS,
    "deep_linear": {"3 layers": DeepLinear(DATA, (2, 2)), "sum": DeepLinear(DATA, 2, "sum")},
    "deep_relu": {"2 layers": DeepReLU(DATA, 2), "3 leaky": DeepReLU(DATA, (2, 1), slope=0.25)},
}


def numbered(kind):
    """Return an atom's own examples by number, the first without one."""
    tried = (kind.examples(shape) for shape in ((3, 2), (2, 2), (2, 2, 2)))
    return {str(k or ""): atom for k, atom in enumerate(next(filter(None, tried)))}


VARIANTS = {
    f"{name} {k}".strip(): atom
    for name, kind in ATOMS.items()
    for k, atom in (MADE.get(name) or numbered(kind)).items()
}
each_atom = pytest.mark.parametrize("atom", VARIANTS.values(), ids=VARIANTS)


def domain(atom, k, shape):
    """Return arrays in the domain of the k-th part of a slice."""
    if isinstance(atom, RankOne | CP | ReLU):
        return arrays(shape).map(atom.gauges[k].project_cone)
    return cone(atom.norm if isinstance(atom, Symmetric) else "", shape)


def shape_for(atom, shape):
    """Return the shape, or one near it that the atom takes: square, a mode more, or V's rows."""
    m, n = shape[:2]
    near = [shape, (m, m), (m, n, 2), (m, m, m), (len(DATA), n), (2, n)]
    return next(s for s in near if takes(atom, s))


@st.composite
def slices(draw, atom, shape, r):
    """Return factors with r slices, for data of a shape that the atom takes."""
    shape = shape_for(atom, shape)
    parts = enumerate(atom.shapes(shape))
    return tuple(draw(domain(atom, k, (*part, r))) for k, part in parts)


@pytest.mark.sampled(5)
@each_atom
@given(data=st.data(), shape=shapes, e=powers)
def test_phi_and_theta_share_one_degree(atom, data, shape, e):
    x = data.draw(slices(atom, shape, 1))
    scaled = tuple(2.0**e * part for part in x)
    a = 2.0 ** (e * atom.degree)
    assert np.array_equal(atom.phi(column(scaled)), a * atom.phi(column(x)))
    assert np.array_equal(atom.theta(scaled), a * atom.theta(x))
    assert not atom.phi(column(tuple(0 * part for part in x))).any()


def column(x):
    """Return the one slice of factors of size 1."""
    return tuple(part[..., 0] for part in x)


@pytest.mark.sampled(5)
@each_atom
@given(data=st.data(), shape=shapes)
def test_theta_is_nonnegative_and_prices_slices_one_by_one(atom, data, shape):
    x = data.draw(slices(atom, shape, 3))
    each = [float(atom.theta(tuple(part[..., k : k + 1] for part in x))[0]) for k in range(3)]
    assert atom.theta(x).tolist() == each
    assert min(each) >= 0


@pytest.mark.sampled(7)
@each_atom
@given(data=st.data(), shape=shapes)
def test_the_prediction_is_the_sum_of_the_slices(atom, data, shape):
    shape = shape_for(atom, shape)
    x, mask = data.draw(slices(atom, shape, 3)), data.draw(masks(shape))
    total = sum(atom.phi(tuple(part[..., k] for part in x)) for k in range(3))
    m, n = total.shape
    assert np.array_equal(atom.predict(x, Observed(m, n, dims=shape)), total)
    rows, cols = np.nonzero(mask.reshape(m, n))
    assert np.array_equal(atom.predict(x, Observed(m, n, rows, cols, shape)), total[rows, cols])


@pytest.mark.sampled(3)
@pytest.mark.parametrize("atom", RANK_ONE.values(), ids=RANK_ONE)
@given(data=st.data(), shape=shapes)
def test_theta_is_the_price_of_its_definition(atom, data, shape):
    u, v = x = data.draw(slices(atom, shape, 1))
    low, high = exact_theta(atom, u[:, 0], v[:, 0])
    value = Fraction(float(atom.theta(x)[0]))
    assert low * (1 - Fraction(32 * EPS)) <= value <= high * (1 + Fraction(32 * EPS))


@pytest.mark.parametrize(("left", "right"), PAIRS)
@given(data=st.data(), shape=shapes)
def test_the_sum_form_is_never_cheaper_and_equal_when_balanced(left, right, data, shape):
    product, total = (RankOne(left, right, form) for form in FORMS)
    x = data.draw(slices(product, shape, 1))
    slack = rounding(total.theta(x), flops=16)
    assert float(total.theta(x)[0]) >= float(product.theta(x)[0]) - slack
    a, b = (float(g.value(part)[0]) for g, part in zip(product.gauges, x, strict=True))
    if a and b:
        balanced = (x[0] * (b / a) ** 0.5, x[1] * (a / b) ** 0.5)
        found = float(total.theta(balanced)[0])
        assert abs(found - float(product.theta(x)[0])) <= rounding(found, flops=32)


@pytest.mark.parametrize("atom", RANK_ONE.values(), ids=RANK_ONE)
def test_a_negative_entry_is_refused_where_the_factor_has_a_sign(atom):
    problem = Problem(Squared(np.zeros((2, 2))), atom, 1.0)
    good, bad = np.array([[1.0], [0.0]]), np.array([[1.0], [-0.5]])
    for k, (name, key) in enumerate(zip("UV", (atom.left, atom.right), strict=True)):
        factors = [good, good]
        factors[k] = bad
        if key.endswith("+"):
            with pytest.raises(InputError, match=rf"{name} must be >= 0 .*got -0\.5 at \[1, 0\]"):
                problem.accept(factors)
        else:
            assert problem.accept(factors)[k][1, 0] == -0.5


WRONG = {
    "left": (lambda: RankOne("l7", "l2"), "'l7'"),
    "right": (lambda: RankOne("l2", "l9"), "'l9'"),
    "form": (lambda: RankOne("l2", "l2", "half"), "'half'"),
    "no matrix": (lambda: RankOne().polar([1.0]), r"shape \(1,\)"),
    "nan": (lambda: RankOne().polar([[np.nan]]), "nan"),
    "empty": (lambda: RankOne().polar(np.zeros((0, 2))), r"\(0, 2\)"),
    "complex": (lambda: RankOne().polar([[1j]]), "complex128"),
}


@pytest.mark.parametrize(("made", "said"), WRONG.values(), ids=WRONG)
def test_wrong_atoms_and_matrices_are_refused_with_the_wrong_value(made, said):
    with pytest.raises(InputError, match=said):
        made()
