"""Tensors by a general solver: a second route to polars, gauges and whole problems."""

from fractions import Fraction

import numpy as np
import pytest

import problems
from certify import InputError, Problem, Verdict, check, verify
from certify.atoms import CP
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel.exact import Exact
from certify.losses import Squared
from certify.norms import gauge
from certify.offsets import ModeIntercept
from certify.search.relax import columns, convex
from certify.search.relax._cvxpy import cp
from certify.search.relax.tensor_gauge import tensor_omega
from tests.solver_polars import polar, tensor_polar, tensor_witness
from tests.tensor_cases import best_alike, best_value, proved

SOLVED = 1e-6  # relative: of a general solver, all told
W = np.zeros((2, 2, 2))
W[0, 0, 1] = W[0, 1, 0] = W[1, 0, 0] = 1 / 3**0.5
POLARS = [  # norms, sizes
    (("l2", "l2", "l2"), (3, 3, 2)),
    (("l2+", "l2+", "l2+"), (2, 2, 2)),
    (("l2-", "l2+", "l2"), (2, 2, 2)),
    (("linf", "l2", "l2+"), (2, 2, 2)),
    (("linf+", "linf", "l2"), (2, 2, 2)),
    (("l1", "l2", "l2"), (3, 2, 2)),
    (("l1", "l2+", "l2+"), (2, 2, 2)),
    (("l2+", "l1-", "l2+"), (2, 2, 2)),
    (("l1", "l1", "l2+"), (2, 2, 2)),
    (("l1+", "l1", "l1"), (2, 2, 2)),
    (("l2", "l2", "l2", "l2"), (2, 2, 2, 2)),
    (("l1", "l2+", "l2", "linf"), (2, 2, 2, 2)),
]
each_polar = pytest.mark.parametrize(("norms", "dims"), POLARS, ids=str)


def tensor(dims, seed=0):
    return np.random.default_rng(seed).integers(-16, 17, dims) / 8


@pytest.mark.sampled(5)
@each_polar
def test_the_polar_is_not_below_what_is_attained_and_proved_by_its_witness(norms, dims):
    for seed in range(2):
        T = tensor(dims, seed)
        told, found, truth = tensor_polar(T, norms), tensor_witness(T, norms), best_value(T, norms)
        assert told.status == "optimal"
        assert told.value >= truth - SOLVED * np.abs(T).sum()
        assert found.upper == pytest.approx(told.value, abs=SOLVED * np.abs(T).sum())
        for tier in (Exact, Flint, Rounded):
            bound = proved(tier, T, norms, found.proof)
            assert bound >= truth * (1 - 2.0**-40)
            assert bound <= Fraction(found.upper) * (1 + Fraction(1e-9))
        if all(n in ("l1", "l2") for n in norms) and len(norms) == 3:
            assert told.value == pytest.approx(truth, rel=1e-5)  # tight wherever it was tried


@pytest.mark.parametrize(
    ("norm", "order"), [("l2", 3), ("l2+", 3), ("l2", 4), ("l2-", 4), ("linf", 4), ("l2", 2)]
)
def test_the_polar_of_one_factor_is_proved_by_its_witness(norm, order):
    for seed in range(2):
        T, norms = tensor((2,) * order, 5 + seed), (norm,) * order
        told = tensor_polar(T, norms, symmetric=True)
        truth = best_alike(T, norm)
        assert told.value >= truth - SOLVED * np.abs(T).sum()
        if order == 2:
            continue  # the kernel's rules for matrices have witnesses of their own
        found = tensor_witness(T, norms, symmetric=True)
        assert found.upper == pytest.approx(told.value, abs=SOLVED * np.abs(T).sum())
        for tier in (Exact, Flint, Rounded):
            bound = proved(tier, T, norms, found.proof, symmetric=True)
            assert truth * (1 - 2.0**-40) <= bound <= Fraction(found.upper) * (1 + Fraction(1e-9))


def test_the_value_of_a_solver_may_be_below_the_truth_and_its_witness_is_not():
    told, found = tensor_polar(W, ("l2",) * 3), tensor_witness(W, ("l2",) * 3)
    assert abs(told.value - 2 / 3) <= 1e-7
    assert Fraction(2, 3) * (1 - Fraction(1e-15)) <= proved(Flint, W, ("l2",) * 3, found.proof)
    assert proved(Flint, W, ("l2",) * 3, found.proof) <= Fraction(2, 3) + Fraction(1e-7)


def test_an_odd_power_reaches_both_signs_and_an_even_one_does_not():
    for order, other in ((3, 3.0), (4, 1.0)):
        T = np.zeros((3,) * order)
        for k, value in enumerate((3.0, 2.0, -1.0)):
            T[(k,) * order] = value
        values = [tensor_polar(s * T, ("l2",) * order, symmetric=True).value for s in (1, -1)]
        assert values == pytest.approx([3.0, other], abs=1e-5)


def test_the_published_value_of_nie_and_wang():
    T = problems.load("published_tensor")["zero"].problem.loss.data.reshape(3, 3, 3)
    for symmetric in (False, True):
        told = tensor_polar(T, ("l2",) * 3, symmetric=symmetric)
        assert told.value == pytest.approx(0.87298514, abs=1e-7)


# --- gauges and whole problems --------------------------------------------------------------

TRUE = [  # cases of the zoo where the relaxation was found to be exact
    ("w_tensor", "eighth_optimal"),
    ("w_tensor", "third_optimal"),
    ("phases", "3_angles"),
    ("phases", "4_angles"),
    ("phases", "alike"),
    ("determinant", "optimal"),
    ("symmetric_tensor", "l2_3_optimal"),
    ("symmetric_tensor", "l2+_3_optimal"),
    ("symmetric_tensor", "l2_4_optimal"),
    ("symmetric_tensor", "l2+_4_optimal"),
    ("symmetric_tensor", "l2_2_optimal"),
    ("signed_tensor", "optimal"),
    ("signed_tensor", "half_optimal"),
    ("signed_tensor", "negative_data"),
    ("masked_tensor", "diagonal_optimal"),
    ("masked_tensor", "slice_optimal"),
    ("tensor_slices", "0_optimal"),
    ("tensor_slices", "2_optimal"),
    ("tensor_slices", "rows_optimal"),
    ("cube_tensor", "l1_linf+_l2+_optimal"),
    ("cube_tensor", "l2_l2_linf_optimal"),
    ("cube_tensor", "scalar_l1_linf+_l2+_optimal"),
    ("cube_tensor", "scalar_l2+_l2+_linf+_optimal"),
]


@pytest.mark.parametrize(("name", "key"), TRUE, ids=str)
def test_the_relaxed_problem_has_the_known_optimum(name, key):
    case = problems.load(name)[key]
    told = convex(case.problem)
    assert told.value == pytest.approx(case.optimum, rel=SOLVED)
    assert told.W.shape == case.problem.loss.gradient(told.W).shape


@pytest.mark.parametrize(("name", "key"), TRUE[1:4] + TRUE[11:12] + TRUE[15:17], ids=str)
def test_the_relaxed_dual_point_certifies_an_optimum(name, key):
    case = problems.load(name)[key]
    result = check(case.problem, case.factors, method="cvxpy")
    assert result.verdict is Verdict.CERTIFIED
    assert result.lower <= case.optimum * (1 + 2.0**-50)
    assert verify(result.certificate, case.problem, case.factors).lower == result.lower


@pytest.mark.parametrize(
    "norms",
    [
        ("l2", "l2", "l2"),
        ("l2+", "l2", "linf"),
        ("l1", "l2+", "l2-"),
        ("l1-", "l2+", "linf+"),
        ("l2-", "l2+", "linf+"),
    ],
)
def test_gauge_and_polar_are_each_others_bound(norms):
    T, Y = tensor((2, 2, 3), 9), tensor((2, 2, 3), 10)
    z = cp.Variable(T.size)
    price, cone = tensor_omega(z, T.shape, [gauge(n) for n in norms], symmetric=False)
    earned = cp.Problem(cp.Maximize(Y.reshape(-1) @ z), [*cone, price <= 1])
    earned.solve(solver="CLARABEL")  # sup <Y, Z> over Omega(Z) <= 1 is the polar of Y
    assert earned.value == pytest.approx(tensor_polar(Y, norms).value, rel=1e-5)


def test_columns_fill_up_to_the_optimum():
    case = problems.load("signed_tensor")["optimal"]
    found = columns(case.problem, rounds=10)
    assert found.value == pytest.approx(case.optimum, rel=SOLVED)
    assert case.problem.objective(found.factors) == found.value
    alike = problems.load("symmetric_tensor")["l2_4_optimal"]
    assert columns(alike.problem, rounds=10).value == pytest.approx(alike.optimum, rel=SOLVED)


def test_offsets_stand_beside_the_tensor():
    q = np.array([4.0, -2.0, 1.0])
    T = np.zeros((2, 3, 2))
    T[0, 0, 0] = 3.0
    problem = Problem(Squared(T + q[None, :, None]), CP(("l2",) * 3), 8.0, ModeIntercept(1))
    told = convex(problem)  # lam is large: the means are all there is
    rest = T - T.mean(axis=(0, 2), keepdims=True)
    assert told.value == pytest.approx(0.5 * (rest**2).sum(), rel=SOLVED)
    assert told.q[0] == pytest.approx(q + T.mean(axis=(0, 2)), abs=1e-4)


def test_a_matrix_is_left_to_the_matrix_program():
    T = tensor((3, 4), 11)
    for norms in (("l2", "l2"), ("l2+", "l2+"), ("l1", "l2+")):
        assert tensor_polar(T, norms).value == polar(T, *norms).value
        z = cp.Variable(12)
        price, cone = tensor_omega(z, (3, 4), [gauge(n) for n in norms], symmetric=False)
        program = cp.Problem(cp.Minimize(price), [*cone, z == np.abs(T).reshape(-1)])
        assert program.solve(solver="CLARABEL") > 0


def test_a_failing_solver_is_a_status(monkeypatch):
    def raising(_, **options):
        raise cp.SolverError(f"failed with {options}")

    monkeypatch.setattr(cp.Problem, "solve", raising)
    assert tensor_polar(W, ("l2",) * 3).value is None
    assert tensor_polar(W, ("l2",) * 3).status == "solver_error"
    assert tensor_polar(W, ("l1", "l2", "l2")).value is None
    assert tensor_witness(W, ("l2",) * 3) is None
    assert tensor_witness(tensor((2, 2, 2, 2)), ("l1", "l2", "l2", "l2")) is None


def test_powers_of_two_change_nothing_but_the_units():
    first, second = (tensor_polar(np.ldexp(W, e), ("l2", "l2+", "l2")) for e in (0, 400))
    assert second.value == np.ldexp(first.value, 400)


WRONG = {
    "a norm short": (
        lambda: tensor_polar(W, ("l2", "l2")),
        r"2 axes, two or more, got .*\(2, 2, 2\)",
    ),
    "one mode": (lambda: tensor_polar(np.ones(2), ("l2",)), "two or more"),
    "empty": (lambda: tensor_polar(np.ones((2, 0, 2)), ("l2",) * 3), r"\(2, 0, 2\)"),
    "nan": (lambda: tensor_polar(W * np.nan, ("l2",) * 3), "nan"),
    "a norm": (
        lambda: tensor_polar(W, ("l2", "l2", gauge("l2").__class__(cone="+-"))),
        "l1, l2, linf",
    ),
    "one factor of two norms": (
        lambda: tensor_polar(W, ("l2", "l2", "l2+"), symmetric=True),
        "one size and one norm",
    ),
    "one factor of two sizes": (
        lambda: tensor_witness(np.ones((2, 3, 2)), ("l2",) * 3, symmetric=True),
        r"\(2, 3, 2\)",
    ),
    "a solver": (lambda: tensor_polar(W, ("l2",) * 3, solver="NONE"), "NONE"),
}


@pytest.mark.parametrize(("made", "said"), WRONG.values(), ids=WRONG)
def test_wrong_questions_are_refused_with_the_wrong_value(made, said):
    with pytest.raises(InputError, match=said):
        made()
