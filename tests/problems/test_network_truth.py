"""The zoo's hidden layers: their optima follow from exact polars over every cell."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest

import problems
from certify.base.rigor.rounded import Rounded
from certify.kernel.errors import RejectedError
from certify.kernel.verdict import prove
from certify.polar.proved import as_kernel_array, split
from certify.problem import Problem
from certify.search.relax import Using, dual_point, network_witness
from problems import network_biases, network_line, network_plane, network_slopes, network_space
from problems._networks import cells, dot, faces, free_steepest, rational, root, sign, steepest
from tests.network_cases import asked_of, made, truth, value
from tests.tolerance import exact_objective, rounding

BUILT = {
    "plane": network_plane.BUILT,
    "six": network_space.SIX,
    "twelve": network_space.TWELVE,
    "leaky": network_slopes.LEAKY,
    "absolute value": network_slopes.ABS,
    "pooled": network_slopes.POOLED,
    "priced bias": network_biases.PRICED,
    "free bias": network_biases.LINE,
    "free bias in the plane": network_biases.PLANE,
}
ZOO = {
    f"{n}/{k}": case
    for n in problems.names()
    if n.startswith("network")
    for k, case in problems.load(n).items()
}
BEST = {k: c for k, c in ZOO.items() if c.verdict.name == "CERTIFIED"}


# --- cells and polars in rational arithmetic -------------------------------------------


def drawn(seed, rows, d):
    """Return small whole numbers: repeated, parallel and zero rows among them."""
    return np.random.default_rng(seed).integers(-2, 3, (rows, d)).astype(float)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_cells_are_those_that_samples_meet(seed, d):
    F = drawn(seed, 5, d)
    found = cells(rational(F), d)
    for signs, x in found.items():
        assert signs == tuple(sign(dot(f, x)) for f in rational(F))
    U = np.random.default_rng(1).standard_normal((d, 20_000))
    met = {tuple(s) for s in np.sign(F @ U).astype(int).T.tolist()}
    assert met == set(found)


@pytest.mark.parametrize(("rows", "d"), [(3, 1), (6, 2), (7, 3), (5, 4)])
def test_cells_of_rows_in_general_position_are_counted(rows, d):
    F = np.array([[float(t**k) for k in range(d)] for t in range(1, rows + 1)])
    assert len(cells(rational(F), d)) == 2 * sum(comb(rows - 1, k) for k in range(d))


def test_faces_of_parallel_rows_are_met_once_each():
    rows = rational(np.array([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    sizes = [len(basis) for basis in faces(rows, 3)]
    assert sizes == [3, 2, 2, 2, 1, 1]


@pytest.mark.parametrize("slope", [0.0, 0.25, -1.0, -2.0])
@pytest.mark.parametrize("sizes", [(5, 1), (5, 2), (4, 3)])
def test_the_exact_polar_is_the_enumerations(sizes, slope):
    atom, W = made(11, (*sizes, 1), activation="leaky_relu", slope=slope)
    F = atom.layer.features
    found = [steepest(F, s * W, slope) for s in (1, -1)]
    best = max(found, key=lambda f: f.square)
    assert abs(float(best.square) ** 0.5 - truth(atom, W)) <= rounding(W, F, flops=64)
    for u in best.directions:
        held = np.array(list(map(float, u)))[:, None]
        size = value(atom, W, held / np.linalg.norm(held))[0]
        assert abs(size - truth(atom, W)) <= rounding(W, F, flops=64)


@pytest.mark.parametrize("slope", [0.0, -1.0])
def test_the_exact_polar_of_a_free_bias_is_the_enumerations(slope):
    atom, W = made(11, (4, 2, 1), activation="leaky_relu", slope=slope, bias="free")
    found = max(free_steepest(atom.V, s * W, slope).square for s in (1, -1))
    assert abs(float(found) ** 0.5 - truth(atom, W)) <= rounding(W, atom.V, flops=256)


@pytest.mark.parametrize("name", BUILT)
def test_lam_is_the_exact_polar_and_the_neurons_attain_it(name):
    built = BUILT[name]
    if built.free:
        found = {s: free_steepest(built.F[:, :-1], s * built.w, built.slope) for s in (1, -1)}
        assert built.w.sum() == 0
    else:
        found = {s: steepest(built.F, s * built.w, built.slope) for s in (1, -1)}
    assert max(f.square for f in found.values()) == Fraction(built.lam) ** 2
    for n in built.neurons:
        best = found[n.sign]
        assert best.square == Fraction(built.lam) ** 2
        assert tuple(map(Fraction, n.u)) in best.directions
        assert root(dot(*[map(Fraction, n.u[:-1] if built.free else n.u) for _ in "ab"])) > 0


def test_the_toy_has_ten_cells_and_newton_found_its_optimum():
    F = np.column_stack([network_line.V, np.ones(5)])
    assert len(cells(rational(F), 2)) == 10
    (U, V), optimum = network_line.solved(0.1)
    z = np.maximum(F @ U, 0.0) @ V.T
    polar = max(steepest(F, s * (network_line.Y - z)).square for s in (1, -1))
    allowed = Fraction(0.1) + Fraction(rounding(F, z, flops=64))
    assert polar <= allowed**2
    assert float(f"{optimum:.6g}") == 0.891447  # published to six digits


@pytest.mark.parametrize("z", [(1.5, -0.75), (0.5, 0.25), (-1.0, 2.0), (-0.5, -0.5)])
def test_the_polar_on_the_identity_is_the_larger_part(z):
    parts = [sum(max(s * x, 0.0) ** 2 for x in z) for s in (1, -1)]
    found = [steepest(np.eye(2), s * np.array(z)).square for s in (1, -1)]
    assert found == [Fraction(p) if p else found[k] for k, p in enumerate(parts)]
    assert max(found) == Fraction(max(parts))


# --- the instances ------------------------------------------------------------------------


@pytest.mark.parametrize("name", BEST)
def test_the_optimum_is_the_candidates_objective(name):
    case = BEST[name]
    q = case.q
    if q is None:
        q = [np.full(1, network_biases.SHIFT)] * len(case.problem.offsets)
    low, high = exact_objective(case.problem, case.factors, q)
    slack = Fraction(rounding(case.optimum, flops=16))
    assert low - slack <= Fraction(case.optimum) <= high + slack


def written(problem, q, W):
    """Return a proof by W and the relaxation's bound of its polar, and its arrays."""
    found = network_witness(W, problem.atom.layer, Using())
    text, arrays = split(found.proof)
    sums = [sum(map(Fraction, column)) for column in W.T.tolist()]
    listed = [[j, f"{-s.numerator:x}/{s.denominator:x}"] for j, s in enumerate(sums)]
    proof = {"polar": text, "corrections": listed if problem.offsets else []}
    return proof, q | arrays | {"W": as_kernel_array(W.reshape(-1))}


OPEN = ("network_biases/line_optimal", "network_biases/plane_optimal", "network_line/optimal")


@pytest.mark.sampled(5)
@pytest.mark.parametrize("name", [k for k in BEST if "given" not in k and "tiled" not in k])
def test_two_relaxations_prove_nearly_the_optimum(name):
    case = BEST[name]
    asked, q = asked_of(case.problem, case.factors, case.q)
    proof, witness = written(case.problem, q, dual_point(case.problem))
    found = prove(asked.statement, asked.given, proof, witness)
    assert found.lower <= Fraction(case.optimum) * (1 + Fraction(1, 2**50))
    assert found.lower >= Fraction(case.optimum) * (1 - Fraction(1, 2**12))
    assert found.verdict == "CERTIFIED" or name in OPEN


def test_the_wrong_convention_of_beta_is_a_factor_of_two():
    """1/2 beta (|u|^2 + |v|^2) is beta times the sum form: with lam = beta/2 it is another."""
    case = ZOO["network_identity/weak"]
    half = Problem(case.problem.loss, case.problem.atom, 0.05)
    assert exact_objective(half, case.factors)[1] < Fraction(case.optimum) * Fraction(7, 10)
    prices = [float(p.lam * p.atom.theta(case.factors).sum()) for p in (case.problem, half)]
    assert abs(prices[0] - 2 * prices[1]) <= rounding(prices, flops=4)


# --- lies about the instances ------------------------------------------------------------------


def lied(rng, proof, witness):
    """Return a proof with some of its numbers changed, each perhaps to its own advantage."""
    nodes = [dict(node) for node in proof["polar"]["nodes"]]
    for node in nodes:
        for name in ("level", "bias", "radial", "tau", "shift"):
            if name in node and not rng.integers(3):
                node[name] = lesser(rng, node[name])
    arrays = {k: np.array(a.data).reshape(a.shape) for k, a in witness.items() if k[:1] != "q"}
    for name, x in arrays.items():
        kind = rng.integers(5)
        if kind == 0:
            np.multiply(x, rng.choice([0.0, 0.5, 0.99, 1.01, 2.0, 64.0]), out=x)
        elif kind == 1:
            x[rng.integers(x.size)] += rng.choice([-1.0, 0.25, 8.0])
        elif kind == 2 and name[:1] == "L":
            x[:] = 8 * rng.standard_normal(x.shape)
        elif kind == 3 and name[:1] == "N":
            x[:] = np.abs(x) * rng.choice([0.0, 4.0], x.shape)
    kept = {k: a for k, a in witness.items() if k[:1] == "q"}
    polar = proof["polar"] | {"nodes": nodes}
    return proof | {"polar": polar}, kept | {k: as_kernel_array(x) for k, x in arrays.items()}


def lesser(rng, text):
    """Return another number in the same notation."""
    if "0x" in text:
        return (float.fromhex(text) * float(rng.choice([0.0, 0.25, 0.5, -1.0, 2.0]))).hex()
    p, _, q = text.partition("/")
    return f"{int(p, 16) // 2:x}/{q or 1}"


LIED = ("network_plane/optimal", "network_biases/line_optimal", "network_space/six_optimal")
LIED += ("network_slopes/abs_optimal", "network_plane/two_outputs_l2")


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("name", LIED)
def test_no_lie_about_an_instance_proves_more_than_its_optimum(name):
    case, rng = BEST[name], np.random.default_rng(0)
    asked, q = asked_of(case.problem, case.factors, case.q)
    proof, witness = written(case.problem, q, dual_point(case.problem))
    honest = prove(asked.statement, asked.given, proof, witness).lower
    tried, refused = 0, 0
    for _ in range(60):
        told = lied(rng, proof, witness)
        try:
            found = prove(asked.statement, asked.given, *told, Rounded())
        except RejectedError:
            refused += 1
            continue
        tried += 1
        assert found.lower <= Fraction(case.optimum) * (1 + Fraction(1, 2**40))
    assert tried > 10
    assert honest > 0
    assert refused or not case.problem.offsets  # an intercept's W must keep its sums
