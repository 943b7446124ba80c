"""Parallel deep networks: linear ones are closed, those with kinks are bracketed."""

from fractions import Fraction

import numpy as np
import pytest

from certify import InputError, Problem, RejectedError, Verdict, check, verify
from certify.atoms import DeepLinear, DeepReLU, ReLU
from certify.atoms import _layers as layers
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel import statement
from certify.kernel.arrays import Arrays
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.patterns import Pattern
from certify.kernel.rules.polar import polar_bound
from certify.kernel.scalars import power
from certify.kernel.spaces import Deep
from certify.kernel.statement import stated_atom
from certify.losses import Absolute, Squared
from certify.offsets import ColumnIntercept
from certify.pipeline.certificate.file import ask
from certify.polar.proved import as_kernel_array, split

TIERS = (Exact, Flint, Rounded)
RNG = np.random.default_rng(3)
V, Y = RNG.normal(size=(9, 4)), RNG.normal(size=(9, 3))
HIDDEN = (5, 6)
Q = np.linalg.qr(V)[0]  # whitened data: the optimum is closed
LAM = 0.5


def shrunk(scale=1.0):
    """The optimum for whitened data: singular values of Q^T Y less lam, a network each."""
    U, s, W = np.linalg.svd(Q.T @ Y)
    nets = []
    for k, value in enumerate(s[s > LAM]):
        c = (scale * (value - LAM)) ** (1 / 3)
        nets.append([c * x for x in layers.thread(U[:, k], W[k], HIDDEN)])
    return tuple(np.stack(parts, axis=-1) for parts in zip(*nets, strict=True))


def optimum():
    s = np.linalg.svd(Q.T @ Y)[1]
    kept = np.maximum(s - LAM, 0.0)
    rest = np.sum(Y * Y) - np.sum(s * s)
    return 0.5 * rest + np.sum(0.5 * (s - kept) ** 2 + LAM * kept)


@pytest.mark.parametrize("form", ["product", "sum"])
def test_a_linear_deep_network_is_certified(form):
    problem = Problem(Squared(Y), DeepLinear(Q, HIDDEN, form=form), LAM)
    result = check(problem, shrunk())
    assert result.verdict is Verdict.CERTIFIED
    assert abs(result.upper - optimum()) <= 1e-12 * optimum()
    for tier in ("exact", "rounded"):
        assert verify(result.certificate, problem, shrunk(), tier=tier).verdict is Verdict.CERTIFIED


def test_perturbed_weights_are_not_certified():
    problem = Problem(Squared(Y), DeepLinear(Q, HIDDEN), LAM)
    result = check(problem, shrunk(1.1))
    assert result.verdict is Verdict.REFUTED
    assert result.lower <= optimum() * (1 + 1e-12) <= result.upper
    with pytest.raises(RejectedError, match="question"):
        verify(check(problem, shrunk()).certificate, problem, shrunk(1.1))


def test_an_intercept_is_fitted_beside():
    problem = Problem(Squared(Y), DeepLinear(Q, HIDDEN), LAM, [ColumnIntercept()])
    result = check(problem, shrunk())
    assert 0 <= result.lower <= result.upper
    verify(result.certificate, problem, shrunk())


@pytest.mark.parametrize("kind", [DeepLinear, DeepReLU])
@pytest.mark.parametrize("hidden", [(5, 6), (4, 4), (1, 2)])
def test_an_l1_penalty_counts_every_weight_once(kind, hidden):
    rng, atom, l1 = np.random.default_rng(7), kind(V, hidden), (0.25, 0.0, 0.5)
    factors = tuple(rng.normal(size=(*shape, 2)) for shape in atom.shapes(Y.shape))
    penalized, plain = (Problem(Squared(Y), atom, LAM, l1=x) for x in (l1, None))
    added = sum(a * np.abs(x).sum() for a, x in zip(l1, factors, strict=True))
    value = penalized.objective(factors)
    assert value == pytest.approx(plain.objective(factors) + added, rel=1e-12)
    result = check(penalized, factors, budget=1)
    assert result.lower <= result.upper == pytest.approx(value, rel=1e-12)


def test_the_linear_polar_is_the_spectral_norm_at_any_scale():
    sigma = np.linalg.svd(V.T @ Y)[1][0]
    for e in (-400, 0, 400):
        bound = DeepLinear(V, HIDDEN).polar(np.ldexp(Y, e))
        assert bound.lower <= np.ldexp(sigma, e) * (1 + 1e-14)
        assert np.ldexp(sigma, e) * (1 - 1e-14) <= bound.upper <= bound.lower * (1 + 1e-9)


@pytest.mark.parametrize("slope", [0.0, 0.25, -1.0, -3.0])
def test_the_polar_of_kinks_is_bracketed(slope):
    atom = DeepReLU(V, HIDDEN, slope=slope)
    bound = atom.polar(Y)
    steep = max(1.0, abs(slope)) ** 2
    product = np.linalg.norm(Y, 2) * np.linalg.norm(V, 2) * steep
    assert bound.upper == pytest.approx(product, rel=1e-9)
    rng = np.random.default_rng(0)
    for _ in range(300):
        x = tuple(rng.normal(size=s) for s in atom.shapes(Y.shape))
        price = np.prod([np.linalg.norm(w) for w in x])
        assert np.vdot(Y, atom.phi(x)) <= bound.upper * price
    value = np.vdot(Y, atom.phi(bound.witness))
    price = np.prod([np.linalg.norm(w) for w in bound.witness])
    assert bound.lower <= value / price * (1 + 1e-12)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("slope", [0.0, 0.5, -1.0, 1.0])
@pytest.mark.parametrize("listed", [False, True])
def test_the_outputs_are_enclosed(tier, slope, listed):
    rng = np.random.default_rng(1)
    F = rng.integers(-3, 4, (4, 2)) / 4.0
    x = [rng.integers(-3, 4, s) / 4.0 for s in ((2, 3, 2), (3, 2, 2), (2, 3, 2))]
    rows, cols = np.array([0, 1, 3, 3]), np.array([2, 0, 1, 2])
    at = Pattern(4, 3, rows.data, cols.data) if listed else Pattern(4, 3)
    net = Deep(at, as_kernel_array(F), (2, 3, 2, 3), Fraction(slope))
    ar = tier()
    field = ar.deep(net, [as_kernel_array(w.reshape(-1, 2)) for w in x])
    lows, highs, e = ar.spans(field)
    truth = sum(layers.outputs(F, tuple(w[..., k] for w in x), slope) for k in range(2))
    truth = truth[rows, cols] if listed else truth.reshape(-1)
    for low, high, t in zip(lows, highs, truth.tolist(), strict=True):
        assert low * power(e) <= Fraction(t) <= high * power(e)
        assert (high - low) * power(e) <= Fraction(1e-12)


def bound_of(atom, proof, tier=Exact):
    at = Pattern(*Y.shape)
    given = Arrays({k: as_kernel_array(a) for k, a in atom.arrays().items()}, "statement")
    net = stated_atom(atom.statement(), given, at)
    text, arrays = split(proof)
    ar = tier()
    w = ar.load(as_kernel_array(Y.reshape(-1)))
    return polar_bound(ar, net, w, Evidence(text, Arrays(arrays, "proof")))


@pytest.mark.parametrize("tier", TIERS)
def test_a_rule_for_linear_networks_is_refused_with_kinks(tier):
    proof = DeepLinear(V, HIDDEN).propose(Y, None, 0, None).proof
    assert float(bound_of(DeepLinear(V, HIDDEN), proof, tier)) < np.linalg.norm(V.T @ Y)
    with pytest.raises(RejectedError, match="wrong_rule"):
        bound_of(DeepReLU(V, HIDDEN), proof, tier)
    with pytest.raises(RejectedError, match="unknown"):
        bound_of(DeepReLU(V, HIDDEN), proof | {"rule": "network"}, tier)


@pytest.mark.parametrize("tier", TIERS)
def test_a_spectral_norm_is_proved_not_believed(tier):
    atom = DeepReLU(V, HIDDEN)
    proof = atom.propose(Y, None, 0, None).proof
    true = np.linalg.norm(Y, 2) * np.linalg.norm(V, 2)
    for name in ("W", "F"):
        low = {k: v for k, v in proof.items() if k != f"{name}.L"}
        low[name] = proof[name] | {"shift": proof[name]["shift"] / 4}
        assert float(bound_of(atom, low, tier)) >= true
        with pytest.raises(RejectedError, match="axis: None"):
            bound_of(atom, {k: v for k, v in proof.items() if k != name}, tier)
        with pytest.raises(RejectedError, match="json"):
            bound_of(atom, proof | {name: "none"}, tier)
        with pytest.raises(RejectedError, match="axis"):
            bound_of(atom, proof | {name: proof[name] | {"axis": 2}}, tier)


@pytest.mark.parametrize("hidden", [[], [0], [2.5], "ab", [True], None, [1 << 30]])
def test_wrong_widths_are_refused(hidden):
    for kind in (DeepLinear, DeepReLU):
        with pytest.raises(InputError, match="hidden must be widths"):
            kind(V, hidden)
    atom = DeepReLU(V, 3)
    assert atom.degree == atom.parts == 2


def test_wrong_parts_are_refused():
    for wrong in (np.inf, np.nan, True, "1"):
        with pytest.raises(InputError, match="slope must be a finite number, got"):
            DeepReLU(V, 3, slope=wrong)
    for kind in (DeepLinear, DeepReLU):
        with pytest.raises(InputError, match="form must be one of"):
            kind(V, 3, form="max")
        with pytest.raises(InputError, match="V must not be empty"):
            kind(V[:0], 3)
        with pytest.raises(InputError, match="V has 9 rows, but the data have 4"):
            Problem(Squared(Y[:4]), kind(V, 3), 1.0)


@pytest.mark.parametrize("hidden", [[], [0], "3", [3, -1], [True]])
def test_the_kernel_refuses_wrong_widths(hidden):
    said = DeepLinear(V, HIDDEN).statement() | {"hidden": hidden}
    given = Arrays({"features": as_kernel_array(V)}, "statement")
    with pytest.raises(RejectedError, match="shape"):
        stated_atom(said, given, Pattern(*Y.shape))


@pytest.mark.parametrize("atom", [DeepLinear(V, HIDDEN), DeepReLU(V, HIDDEN, slope=-3.0)])
def test_corrections_are_paid_for_at_most_as_much_as_outputs_can_be(atom):
    rng = np.random.default_rng(5)
    x = [rng.normal(size=(*s, 2)) for s in atom.shapes(Y.shape)]
    asked = ask(Problem(Squared(Y), atom, LAM), x, None, rtol=0.0, atol=0.0)
    question = statement.question(asked.statement, asked.given)
    sizes = []
    for _ in range(50):
        net = tuple(rng.normal(size=s) for s in atom.shapes(Y.shape))
        sizes.append(np.linalg.norm(atom.phi(net)) / np.prod([np.linalg.norm(w) for w in net]))
    assert 0 < max(sizes) <= float(question.wide)


@pytest.mark.parametrize("tier", TIERS)
def test_one_output_of_a_pooled_linear_layer_is_closed(tier):
    rng = np.random.default_rng(6)
    F, samples = rng.normal(size=(6, 3)), [0, 1, 0, 2, 2, 2]
    atom, W = ReLU(F, activation="linear", samples=samples), rng.normal(size=(3, 1))
    proof = atom.propose(W, None, 0, None).proof
    at = Pattern(3, 1)
    given = Arrays({k: as_kernel_array(a) for k, a in atom.arrays().items()}, "statement")
    net, ar = stated_atom(atom.statement(), given, at), tier()
    text, arrays = split(proof)
    w = ar.load(as_kernel_array(W.reshape(-1)))
    found = polar_bound(ar, net, w, Evidence(text, Arrays(arrays, "proof")))
    truth = np.linalg.norm(F.T @ W[samples, 0])
    assert truth * (1 - 1e-12) <= float(found) <= truth * (1 + 1e-12)


@pytest.mark.parametrize("slope", [0.0, 0.25, -2.0])
@pytest.mark.parametrize("hidden", [2, (2, 1)])
def test_a_network_with_an_activation_has_the_bound_of_the_nuclear_norm(slope, hidden):
    """Omega(Z) >= |Z|_* / c, so the optimum is at least that of a soft threshold at lam / c."""
    rng = np.random.default_rng(0)
    V, data = (rng.integers(-3, 4, (4, n)).astype(float) for n in (2, 3))
    atom = DeepReLU(V, hidden, slope)
    t = 1.0 / (np.linalg.norm(V, 2) * max(1.0, abs(slope)) ** (atom.degree - 1))
    sizes = np.linalg.svd(data, compute_uv=False)
    least = np.where(sizes > t, t * sizes - t * t / 2, sizes**2 / 2).sum()
    start = tuple(rng.standard_normal((*shape, 2)) for shape in atom.shapes(data.shape))
    assert check(Problem(Squared(data), atom, 1.0), start).lower >= least * (1 - 1e-9)
    other = check(Problem(Absolute(data), atom, 1.0), start)
    assert 0 < other.lower <= other.upper


@pytest.mark.parametrize("slope", [0.0, 1e200])
@pytest.mark.parametrize("size", [0.0, 2.0**-1060, 2.0**1000])
@pytest.mark.parametrize("lam", [1.0, 2.0**-1000, 2.0**1000])
def test_features_and_slopes_of_any_size_have_a_bracket(lam, size, slope):
    """Here lam / c of the nuclear norm may be 0 or infinite, and so may c."""
    problem = Problem(
        Squared(np.ones((2, 2))), DeepReLU(size * np.ones((2, 2)), (2, 2), slope), lam
    )
    start = tuple(np.full((*shape, 1), 2.0**-9) for shape in problem.atom.shapes((2, 2)))
    zeros = tuple(0.0 * x for x in start)
    for factors in (start, zeros) if size < 1 and not slope else (zeros,):
        result = check(problem, factors)
        assert 0.0 <= result.lower <= result.upper
