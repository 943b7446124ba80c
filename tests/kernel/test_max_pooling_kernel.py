"""The kernel's rule for max-pooled layers against polars known by enumeration, and its refusals."""

from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from certify import Certificate, Problem, RejectedError
from certify.atoms import ReLU
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel.arrays import Arrays
from certify.kernel.claim import check
from certify.kernel.exact import Exact
from certify.kernel.file import File, identity
from certify.kernel.patterns import Pattern
from certify.kernel.rules.max_pool import dominating
from certify.kernel.rules.network import pull_back
from certify.kernel.scalars import power
from certify.kernel.statement import question, stated_network
from certify.losses import Squared
from certify.pipeline.certificate.file import ask
from certify.polar.branching.bases import Signed
from certify.polar.proved import as_kernel_array
from certify.polar.proved import split as parted
from tests.network_cases import drawn, network_of, proved, value
from tests.pooling_cases import pooled, random_max, slack, truth
from tests.tolerance import fractions

TIERS = {"exact": Exact, "flint": Flint, "rounded": Rounded}
each_tier = pytest.mark.parametrize("tier", TIERS.values(), ids=TIERS)
CASES = {
    "plain": ((4, 2, 2, 1), {}),
    "on a line": ((4, 3, 1, 1), {}),
    "three patches": ((3, 3, 2, 1), {}),
    "one sign of v": ((4, 2, 2, 1), {"right": "l2+"}),
    "the other sign of v": ((4, 2, 2, 1), {"right": "l1-"}),
    "priced bias": ((3, 2, 1, 1), {"bias": "regularized"}),
    "l2": ((4, 2, 2, 2), {}),
    "l1": ((4, 2, 2, 2), {"right": "l1"}),
    "linf": ((4, 2, 2, 2), {"right": "linf"}),
    "linf+": ((4, 2, 2, 2), {"right": "linf+"}),
}


# --- the truth ------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_the_enumeration_beats_a_fine_circle_which_comes_near(name):
    atom, W = pooled(3, CASES[name][0], **CASES[name][1])
    angles = np.linspace(0, 2 * np.pi, 50_001)
    U = np.stack([np.cos(angles), np.sin(angles)])[: atom.layer.features.shape[1]]
    U = np.sign(U) if len(U) == 1 else U
    found = value(atom, W, U).max()
    assert found <= truth(atom, W) + slack(atom, W)
    steep = np.abs(W).sum() * np.linalg.norm(atom.layer.features, axis=1).max()
    assert truth(atom, W) <= found + steep * np.pi / 50_000 + slack(atom, W)


@cache
def searched(name):
    """Return what the search proposes."""
    atom, W = pooled(3, CASES[name][0], **CASES[name][1])
    return atom.propose(W, None, 0, None)


@pytest.mark.sampled(5)
@pytest.mark.parametrize("tier", [Exact, Rounded])
@pytest.mark.parametrize("name", CASES)
def test_the_proved_bound_holds_the_truth(name, tier):
    atom, W = pooled(3, CASES[name][0], **CASES[name][1])
    best, found = truth(atom, W), searched(name)
    bound = float(proved(tier, atom, W, found.proof))
    assert best - slack(atom, W) <= bound <= found.upper * (1 + 2.0**-30)
    if W.shape[1] == 1 or atom.layer.right.name == "l1":
        assert bound <= best * (1 + 2.0**-20) + slack(atom, W)


@pytest.mark.parametrize("seed", range(24))
def test_no_witness_proves_less_than_the_truth(seed):
    rng = np.random.default_rng(seed)
    sizes = (int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(1, 3)), 1)
    atom, W = pooled(seed, sizes, right=str(rng.choice(["l2", "l1+", "linf-"])))
    proof, best = random_max(rng, atom, W), truth(atom, W)
    exact, flint, rounded = (proved(tier, atom, W, proof) for tier in TIERS.values())
    assert exact == flint
    assert min(exact, rounded) >= best - slack(atom, W)
    assert rounded <= exact * (1 + Fraction(1, 2**30))


def test_what_rounding_a_difference_lost_is_added():
    """f_i = 1 + 2^-52 = f_b + g + 2^-54 at u = 1: without it the bound is below the truth."""
    V = np.array([[1 + 2.0**-52], [3 * 2.0**-54]])
    atom = ReLU(V, samples=[0, 0], pool="max", right="l2+")
    cells = [{"cell": 0}] * 4
    halves = [{"row": 1, "plus": 4, "minus": 5}, {"row": 1, "plus": 6, "minus": 7}]
    nodes = [{"signs": [1]}, {"row": 0, "plus": 2, "minus": 3}, *halves, *cells]
    proof = {"rule": "max_pool", "each": [{"nodes": [{"leaf": 0, "nodes": nodes}]}]}
    proof["s0.s0.base"] = np.array([1])
    for tier in TIERS.values():
        assert proved(tier, atom, np.ones((1, 1)), proof) == Fraction(V[0, 0])


def test_rows_of_no_sample_have_no_weight():
    """As the splits of a part, two of them, in the exact weights and in the matrix of a leaf."""
    atom, W = pooled(5, (3, 2, 2, 1))
    W = np.abs(W) + 1.0
    sides = [[1.0, 2.0], [-3.0, 0.5]]
    made, _ = dominating(network_of(atom, W), fractions(W[:, 0]), [-1] * 3, sides)
    summed = np.array([*W[:, 0].repeat(2), 0.0, 0.0])
    ar = Exact()
    held = pull_back(ar, made, ar.load(as_kernel_array(W.reshape(-1))))
    assert [x * power(held.exp) for x in held.ints] == fractions(summed)
    ball = pull_back(Rounded(), made, Rounded().load(as_kernel_array(W.reshape(-1))))
    assert np.array_equal(ball.mid.reshape(-1), summed)


def rounded(V, signed, base):
    """Yield of each difference that is compared with whether floats round it."""
    for own, w, b in zip(signed.own, signed.omega, base, strict=True):
        for i in own if w > 0 and b >= 0 else ():
            pairs = zip(V[i].tolist(), V[b].tolist(), strict=True)
            yield i != b and any(Fraction(x) - Fraction(y) != Fraction(x - y) for x, y in pairs)


@pytest.mark.parametrize("seed", range(8))
def test_the_layer_that_sums_lies_above_everywhere(seed):
    """The kernel's rows and the search's are the same, to the last bit."""
    rng = np.random.default_rng(seed)
    atom, W = pooled(seed, (3, 3, 2, 1))
    atom = replace(atom, V=atom.V * rng.choice([1.0, 0.3, 1e-9], atom.V.shape))
    for sign in (1, -1):
        signed = Signed(atom.layer, W[:, 0], sign)
        base = np.array(
            [
                rng.choice([*own, -1][: len(own) + (w > 0)])
                for own, w in zip(signed.own, signed.omega, strict=True)
            ]
        )
        held = signed.sum_pooled(base)
        net, omega = network_of(atom, W), fractions(signed.omega)
        made, extra = dominating(net, omega, base.tolist(), [[1.0, 2.0]])
        assert np.array_equal(np.asarray(made.features.data).reshape(-1, 2)[:-1], held.features)
        assert made.samples == [*held.samples.tolist(), -1]
        assert (made.max_pooled, made.inside) == (False, 1)
        weights = pull_back(Exact(), made, Exact().load(as_kernel_array(W.reshape(-1))))
        wanted = [*fractions(W[held.samples, 0]), 0]  # nothing on the row of the part
        assert [x * power(weights.exp) for x in weights.ints] == wanted
        assert 0 <= extra <= Fraction(held.extra) <= extra * (1 + Fraction(1, 2**20))
        assert (extra > 0) == any(rounded(atom.V, signed, base))
        U = rng.standard_normal((2, 500))
        U /= np.linalg.norm(U, axis=0)
        above = signed.omega[held.samples] @ np.maximum(held.features @ U, 0.0)
        assert (above + float(extra) + slack(atom, W) >= signed.value(U)).all()


# --- phi in every arithmetic -------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_all_arithmetics_take_the_largest_row(seed):
    rng = np.random.default_rng(seed)
    atom, W = pooled(seed, (3, 1 + seed % 3, 2, 2))
    U, V = drawn(rng, (2, 3)), drawn(rng, (2, 3))
    net = network_of(atom, W)
    exact, flint = (
        tier().layer(net, as_kernel_array(U), as_kernel_array(V)) for tier in (Exact, Flint)
    )
    assert (exact.ints, exact.exp) == (flint.ints, flint.exp)
    held = [x * power(exact.exp) for x in exact.ints]
    for k in range(3):
        rows = [atom.layer.features[i] for i in np.flatnonzero(atom.samples == k)]
        for j in range(2):
            sums = Fraction(0)
            for u, v in zip(U.T, V.T, strict=True):
                z = [
                    sum(a * b for a, b in zip(fractions(f), fractions(u), strict=True))
                    for f in rows
                ]
                sums += max(0, *z) * Fraction(float(v[j]))
            assert held[2 * k + j] == sums
    ball = Rounded().layer(net, as_kernel_array(U), as_kernel_array(V))
    far = sum((Fraction(float(a)) - b) ** 2 for a, b in zip(ball.mid, held, strict=True))
    assert far <= ball.rad**2
    assert np.allclose(atom.layer.act(U) @ V.T, ball.mid.reshape(3, 2), rtol=1e-14, atol=0)


def test_corrections_are_paid_for_at_most_as_much_as_outputs_can_be():
    atom, W = pooled(4)
    ones = np.ones((2, 1)), np.ones((1, 1))
    asked = ask(Problem(Squared(W), atom, 1.0), ones, None, rtol=0.0, atol=0.0)
    wide = float(question(asked.statement, asked.given).wide)
    U = np.random.default_rng(0).standard_normal((2, 2000))
    assert 0 < np.linalg.norm(atom.layer.act(U / np.linalg.norm(U, axis=0)), axis=0).max() <= wide


# --- refusals ------------------------------------------------------------------------------

PLAIN = pooled(3, (3, 2, 2, 1))
SUMMED = replace(PLAIN[0], pool="sum"), PLAIN[1]
TWO = pooled(3, (3, 2, 2, 2))
ONE_SIGN = pooled(3, (3, 2, 2, 1), right="l2+")
W0 = PLAIN[1][:, 0]
OWN = [np.flatnonzero(PLAIN[0].samples == k) for k in range(3)]
FIRST = np.array([own[0] for own in OWN], dtype=np.int64)
CELL = {"nodes": [{"signs": [1]}, {"cell": 0}]}
EMPTY = {"leaf": 0} | CELL
POLAR, NODE = "proof.polar", "proof.polar.nodes"


def base(sign=1, at=(), **arrays):
    """Return the arrays of both signs: rows to compare with, all summed where that is allowed."""
    out = {}
    for t, e in enumerate((1, -1)):
        held = np.where(e * W0 > 0, -1, FIRST)
        for k, b in at if e == sign else ():
            held[k] = b
        out[f"s{t}.s0.base"] = held
    return out | arrays


def max_pool(*each, **arrays):
    """Return a proof of trees, both signs the same unless told."""
    return {"rule": "max_pool", "each": list(each) or [{"nodes": [EMPTY]}] * 2, **arrays}


def split(plus=1, minus=2, at=0):
    """Return the tree of one split of the first sign, and that of the second."""
    halves = [EMPTY, EMPTY | {"leaf": 1}]
    return {"nodes": [{"split": at, "plus": plus, "minus": minus}, *halves]}, {"nodes": [EMPTY]}


SPLITS = {"s0.splits": np.array([[1.0, -2.0]]), "s0.s1.base": base()["s0.s0.base"]}
UP, DOWN = int(np.flatnonzero(W0 > 0)[0]), int(np.flatnonzero(W0 < 0)[0])
HONEST = {
    "one part": (PLAIN, max_pool(**base())),
    "rows to compare with": (PLAIN, max_pool(**base(1, [(UP, OWN[UP][1])]))),
    "two parts": (PLAIN, max_pool(*split(), **base(), **SPLITS)),
    "one sign": (ONE_SIGN, max_pool({"nodes": [EMPTY]}, **base())),
    "outputs": (TWO, None),
}
LIES = {
    "a row there is not": (max_pool(**base(1, [(0, 99)])), "proof.base", "outside"),
    "a row below all": (max_pool(**base(1, [(0, -2)])), "proof.base", "outside"),
    "a row of another sample": (max_pool(**base(1, [(0, OWN[1][0])])), "proof.base", "outside"),
    "a sum from below": (max_pool(**base(1, [(DOWN, -1)])), "proof.base", "outside"),
    "a sum from below, of the other sign": (
        max_pool(**base(-1, [(UP, -1)])),
        "proof.base",
        "outside",
    ),
    "the signs swapped": (
        max_pool(**{"s0.s0.base": base()["s1.s0.base"], "s1.s0.base": base()["s0.s0.base"]}),
        "proof.base",
        "outside",
    ),
    "no rows": (max_pool(), "proof.base", "missing"),
    "too few rows": (max_pool(**base() | {"s1.s0.base": FIRST[:2]}), "proof.base", "shape"),
    "rows of floats": (max_pool(**base() | {"s1.s0.base": FIRST * 1.0}), "proof.base", "dtype"),
    "no trees": ({"rule": "max_pool"}, f"{POLAR}.each", "list"),
    "a sign missing": (max_pool({"nodes": [EMPTY]}, **base()), f"{POLAR}.each", "list"),
    "a sign too many": (max_pool(*[{"nodes": [EMPTY]}] * 3, **base()), f"{POLAR}.each", "list"),
    "no tree": (max_pool({"nodes": [EMPTY]}, 3, **base()), f"{POLAR}.each[1]", "json"),
    "no node": (max_pool({}, {"nodes": [EMPTY]}, **base()), NODE, "list"),
    "no proof in a leaf": (max_pool(*[{"nodes": [{"leaf": 0}]}] * 2, **base()), NODE, "list"),
    "a leaf without a number": (
        max_pool(*[{"nodes": [EMPTY | {"leaf": [0]}]}] * 2, **base()),
        NODE,
        "outside",
    ),
    "both signs inside": (
        max_pool(
            *[{"nodes": [{"leaf": 0, "nodes": [{"signs": [1, 2]}, {"cell": 0}, {"cell": 0}]}]}] * 2,
            **base(),
        ),
        f"{NODE}[0]",
        "tree",
    ),
    "a split there is not": (max_pool(*split(at=1), **base(), **SPLITS), f"{NODE}[0]", "outside"),
    "no splits": (max_pool(*split(), **base(), **{"s0.s1.base": FIRST}), f"{NODE}[0]", "outside"),
    "a half missing": (max_pool(*split(minus=1), **base(), **SPLITS), f"{NODE}[0]", "tree"),
    "splits of another width": (
        max_pool(*split(), **base(), **SPLITS | {"s0.splits": np.ones((1, 3))}),
        "proof.splits",
        "shape",
    ),
    "the rule of sums": ({"rule": "network", **CELL}, f"{POLAR}.rule", "wrong_rule"),
    "the rule of matrices": ({"rule": "linear", "of": {}}, f"{POLAR}.rule", "wrong_rule"),
}


@each_tier
@pytest.mark.parametrize("name", HONEST)
def test_honest_proofs_pass(name, tier):
    (atom, W), proof = HONEST[name]
    proof = atom.propose(W, None, 0, None).proof if proof is None else proof
    assert float(proved(tier, atom, W, proof)) >= truth(atom, W) - slack(atom, W)


@each_tier
@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_named(name, tier):
    proof, where, code = LIES[name]
    with pytest.raises(RejectedError) as caught:
        proved(tier, *PLAIN, proof)
    assert (caught.value.where, caught.value.code) == (where, code)


@each_tier
def test_the_rule_is_for_max_pooling_of_one_output(tier):
    for (atom, W), proof in (
        (SUMMED, max_pool(**base())),
        (TWO, max_pool(**base())),
    ):
        with pytest.raises(RejectedError, match="wrong_rule"):
            proved(tier, atom, W, proof)
    inner = {"rule": "outputs", "each": [CELL, CELL]}
    with pytest.raises(RejectedError, match=r"each: list"):
        proved(tier, *TWO, inner)


def test_a_part_that_is_left_out_would_prove_too_little():
    """Both sides of a split must be there, or the maximizer might be on the one that is not."""
    atom, W = pooled(3, (3, 3, 2, 1), right="l2+")
    found = atom.propose(W, None, 0, None)
    first, *tree = found.proof["each"][0]["nodes"]
    assert "split" in first
    cuts = [first | {"minus": first["plus"]}, first | {"minus": 10**6}]
    cuts += [{k: x for k, x in first.items() if k != "minus"}]
    for cut in cuts:
        with pytest.raises(RejectedError, match=r"nodes\[0\]: tree"):
            proved(Exact, atom, W, found.proof | {"each": [{"nodes": [cut, *tree]}]})
    with pytest.raises(RejectedError, match="tree"):  # the other half is never met
        proved(Exact, atom, W, found.proof | {"each": [{"nodes": [EMPTY, first, *tree]}]})


@pytest.mark.parametrize(
    ("said", "where", "code"),
    [
        ({"pool": "mean"}, "statement.pool", "unknown"),
        ({"pool": "sum"}, "statement.pool", "unknown"),
        ({"pool": None}, "statement.pool", "unknown"),
        ({"pool": ["max"]}, "statement.pool", "unknown"),
        ({"slope": "0x1p-2"}, "statement.atom.pool", "scope"),
        ({"slope": "0x1p0", "left": "l1"}, "statement.atom.pool", "scope"),
        ({"bias": "free"}, "statement.atom.pool", "scope"),
        ({"left": "l1"}, "statement.atom.left", "scope"),
        ({"left": "l2+"}, "statement.atom.left", "scope"),
        ({"pools": "max"}, "statement.atom", "fields"),
    ],
)
def test_the_kernel_refuses_other_layers(said, where, code):
    atom, W = PLAIN
    with pytest.raises(RejectedError) as caught:
        network_of(atom, W, **said)
    assert (caught.value.where, caught.value.code) == (where, code)


def test_the_kernel_wants_rows_for_every_sample():
    atom, W = PLAIN
    for arrays, where, code in (
        ({"features": W}, "statement.atom.pool", "samples"),
        (
            {"features": np.ones((3, 2)), "samples": np.array([0, 1, 1])},
            "statement.samples",
            "empty",
        ),
    ):
        given = Arrays({k: as_kernel_array(a) for k, a in arrays.items()}, "statement")
        with pytest.raises(RejectedError) as caught:
            stated_network(atom.statement(), given, Pattern(3, 1))
        assert (caught.value.where, caught.value.code) == (where, code)


def test_a_difference_beyond_all_floats_is_refused():
    V = np.array([[1.5e308], [-1.5e308]])
    atom = ReLU(V, samples=[0, 0], pool="max", right="l2+")
    proof = {"rule": "max_pool", "each": [{"nodes": [EMPTY]}], "s0.s0.base": np.array([0])}
    with pytest.raises(RejectedError, match="overflow"):
        proved(Exact, atom, np.ones((1, 1)), proof)


@each_tier
def test_a_sample_of_no_weight_has_a_row_all_the_same(tier):
    atom, W = PLAIN[0], PLAIN[1] * (np.arange(3) > 0)[:, None]
    held = {k: np.where(np.arange(3) == 0, FIRST, x) for k, x in base().items()}
    bound = float(proved(tier, atom, W, max_pool(**held)))
    assert bound >= truth(atom, W) - slack(atom, W)
    held["s0.s0.base"][0] = -1
    with pytest.raises(RejectedError, match=r"base: outside: -1 of sample 0"):
        proved(tier, atom, W, max_pool(**held))


# --- certificates ---------------------------------------------------------------------------


def certified(pool="max", lam=None):
    """Return a problem without neurons at lam above the polar of Y, and its certificate."""
    atom = replace(PLAIN[0], pool=pool)
    found = atom.propose(PLAIN[1], None, 0, None)
    problem = Problem(Squared(PLAIN[1]), atom, lam or found.upper * (1 + 2.0**-20))
    none = np.zeros((2, 0)), np.zeros((1, 0))
    asked = ask(problem, none, None, rtol=1e-6, atol=0.0)
    text, arrays = parted(found.proof)
    proof = {"polar": text, "corrections": []}
    witness = arrays | {"W": as_kernel_array(PLAIN[1].reshape(-1))}
    return problem, Certificate(
        asked.statement, asked.given, {"verdict": "CERTIFIED", "tier": "exact"}, proof, witness
    )


def checked(c):
    """Return what the kernel proves of a certificate."""
    return check(File(c.statement, c.given, c.claim, c.proof, c.witness), c.given)


def test_a_certificate_proves_that_no_neuron_helps():
    problem, held = certified()
    found = checked(held)
    assert found.verdict == "CERTIFIED"
    assert found.rules == ("max_pool", "weak_duality")
    assert float(found.lower) <= problem.objective((np.zeros((2, 0)), np.zeros((1, 0))), ())


def test_a_bound_that_is_too_small_is_not_believed():
    problem, held = certified(lam=0.9 * float(truth(*PLAIN)))
    assert problem.lam < truth(*PLAIN)
    with pytest.raises(RejectedError, match="not proved"):
        checked(held)


def test_a_certificate_of_sums_is_none_of_the_largest():
    _, held = certified("sum")
    checked(held)
    said = held.statement | {"atom": held.statement["atom"] | {"pool": "max"}}
    with pytest.raises(RejectedError, match="wrong_rule"):
        checked(replace(held, statement=said))
    _, held = certified()
    said = {k: v for k, v in held.statement["atom"].items() if k != "pool"}
    with pytest.raises(RejectedError, match="wrong_rule"):
        checked(replace(held, statement=held.statement | {"atom": said}))


def test_other_samples_are_another_question():
    _, held = certified()
    flipped = as_kernel_array(np.asarray(held.given["samples"].data)[::-1].copy())
    with pytest.raises(RejectedError, match="question"):
        checked(replace(held, given=held.given | {"samples": flipped}))
    named = {k: identity(a) for k, a in (held.given | {"samples": flipped}).items()}
    said = held.statement | {"arrays": named}
    with pytest.raises(RejectedError, match="outside"):
        checked(replace(held, given=held.given | {"samples": flipped}, statement=said))
