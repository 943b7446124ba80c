"""The zoo: every verdict and bracket against a truth that does not come from certify."""

import inspect
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import problems
from certify import Certificate, RejectedError, Verdict, check, verify
from certify.atoms import ATOMS, RankOne
from certify.base import registry as _registry
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel import claim, fields
from certify.kernel.arrays import Array
from certify.kernel.exact import Exact
from certify.kernel.file import read
from certify.kernel.rules.matrices import POLAR_RULES
from certify.kernel.rules.polar import TENSOR_RULES
from certify.kernel.verdict import prove
from certify.losses import LOSSES
from certify.norms import KEYS
from certify.offsets import OFFSETS
from certify.pipeline.certificate.file import as_numpy, negligible
from certify.polar import exact_text
from problems import _truth
from tests.strategies import PAIRS, arrays, dyadics, examples, questions, shapes, vectors
from tests.tolerance import exact_objective, half_ulp

RTOL = Fraction(1e-6)
CASES = {f"{n}/{k}": i for n in problems.names() for k, i in problems.load(n).items()}
GOOD = (Verdict.CERTIFIED, Verdict.UNDECIDED)
FEW = 2  # cases of each file that the fast suite asks, good ones and bad ones
FIRST = {f"{n}/{k}" for n in problems.names() for k in list(problems.load(n))[:FEW]}
each_case = pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=key, marks=[] if key in FIRST else pytest.mark.thorough)
        for key, case in CASES.items()
    ],
)
each_file = pytest.mark.parametrize("name", problems.names())
CLOSED = [p for p in PAIRS if p == ("l2", "l2") or any(k[:2] == "l1" for k in p)]


@cache
def answer(case):
    """Return check() of a case, made once."""
    return check(case.problem, case.factors, q=case.q)


def value(case, factors, q):
    """Return rationals around the objective of factors of this case."""
    return exact_objective(case.problem, [np.asarray(x) for x in factors], q)


@each_case
def test_check_tells_the_truth_about_the_candidate(case):
    """One pass, for check() is the cost: verdict, bracket, upper end, candidate, factors, tiers."""
    result = answer(case)
    assert result.verdict is case.verdict
    the_bracket_contains_the_known_optimum(case, result)
    the_upper_end_is_the_candidates_objective(case, result)
    good_candidates_are_optimal_and_bad_ones_are_not(case, result)
    a_refuted_candidate_comes_with_better_factors(case, result)
    for tier in ("exact", "rounded"):
        each_tier_accepts_the_certificate(case, result, tier)


def the_bracket_contains_the_known_optimum(case, result):
    slack = half_ulp(case.optimum)
    assert Fraction(result.lower) <= Fraction(case.optimum) + slack
    assert Fraction(result.upper) >= Fraction(case.optimum) - slack


def the_upper_end_is_the_candidates_objective(case, result):
    low, high = value(case, case.factors, result.q)
    assert low <= Fraction(result.upper)
    assert Fraction(np.nextafter(result.upper, -np.inf)) <= high


def good_candidates_are_optimal_and_bad_ones_are_not(case, result):
    low, high = value(case, case.factors, result.q)
    optimum, slack = Fraction(case.optimum), half_ulp(case.optimum)
    assert low >= optimum - slack
    if case.verdict in GOOD:
        assert high <= optimum * (1 + RTOL) + slack
    else:
        assert low > optimum + RTOL * high


def a_refuted_candidate_comes_with_better_factors(case, result):
    if case.verdict in GOOD:
        assert result.better is None
        return
    witness, r = result.certificate.witness, case.factors[0].shape[-1]
    q = [as_numpy(witness[f"better.q{k}"]) for k in range(len(case.problem.offsets))]
    better, candidate = value(case, result.better, q)[1], value(case, case.factors, result.q)[0]
    assert better < candidate - RTOL * Fraction(result.upper) / 2
    assert (result.better[0].shape[-1] <= r) == (case.verdict is Verdict.REFUTED)


def each_tier_accepts_the_certificate(case, result, tier):
    def proved():
        return verify(result.certificate, case.problem, case.factors, q=case.q, tier=tier)

    if tier == "rounded" and not case.optimum and not negligible(case.problem):
        with pytest.raises(RejectedError) as refused:  # a relative epsilon of 0 is no room
            proved()
        assert refused.value.code == "not proved"
        return
    found, slack = proved(), half_ulp(case.optimum)
    assert (found.verdict, found.tier) == (case.verdict, tier)
    assert Fraction(found.lower) <= Fraction(case.optimum) + slack
    assert Fraction(found.upper) >= Fraction(case.optimum) - slack
    if tier == "exact":
        assert (found.lower, found.upper) == (result.lower, result.upper)


@each_file
def test_a_certificate_survives_a_file_and_no_other_question(name, tmp_path):
    (key, case), *rest = problems.load(name).items()
    path = tmp_path / f"{key}.cert"
    result = answer(case)
    result.certificate.save(path)
    assert verify(path, case.problem, case.factors, q=case.q).verdict is case.verdict
    assert claim.check(read(path), Certificate.load(path).given).verdict == (case.verdict.name)
    *before, V = case.factors
    other = (*before, V + 1.0 if V.size else np.ones((len(V), 0)))
    if V.size:
        with pytest.raises(RejectedError) as refused:
            verify(path, case.problem, other, q=case.q)
        assert refused.value.code == "question"
    assert rest


def distorted(held, rng):
    """Return a proof with its numbers changed: every one a lie, and perhaps a helpful one."""
    proof, witness = dict(held.proof), {k: as_numpy(a).copy() for k, a in held.witness.items()}
    if "W" in witness and not rng.integers(3):
        witness["W"][:] = as_numpy(held.given["Y"])  # the best of all, were its polar small
    for name, part in witness.items():
        kind = rng.integers(6)
        if kind == 0:
            part[:] = part * rng.choice([0.0, 0.5, 0.999, 1.001, 2.0])
        elif kind == 1 and part.size:
            part.flat[rng.integers(part.size)] += rng.choice([-1.0, 2.0**-30, 1.0])
        elif kind == 2 and name.split(".")[-1][0] in "LKPFQ":
            part[:] = rng.standard_normal(part.shape)
        elif kind >= 3 and name == "N":
            part[:] = -witness["W"]  # were it allowed, every polar would be 0
    for name in ("polar", "ky_fan"):
        held = dict(proof.get(name) or {})
        if "shift" in held and rng.integers(2):
            held |= {"shift": lie(held["shift"], rng), "axis": int(rng.integers(2))}
            proof[name] = held
        nodes = held.get("nodes", [])
        if nodes and rng.integers(2):
            held["nodes"] = [
                n | {"shift": lie(n["shift"], rng)} if "shift" in n else n for n in nodes
            ]
            proof[name] = held
    return proof, {k: Array(a.shape, a.reshape(-1).data) for k, a in witness.items()}


def lie(text, rng):
    """Return a shift that is another, and perhaps helpful."""
    return exact_text(Fraction(rng.choice([0.0, 0.25, 0.5, 1.0, 4.0])) * rational(text))


def rational(text):
    """Read the kernel's hexadecimal rational."""
    return fields.rational(text, "test")


@pytest.mark.parametrize(
    ("ar", "keys"),
    [
        (Exact, FIRST),
        pytest.param(Flint, FIRST, marks=pytest.mark.thorough),
        pytest.param(Rounded, CASES, marks=pytest.mark.thorough),
        pytest.param(Flint, CASES, marks=pytest.mark.slow),
    ],
)
@each_file
def test_no_distorted_witness_proves_more_than_the_truth(name, keys, ar):
    rng = np.random.default_rng(11)
    refused = 0
    cases = [case for key, case in CASES.items() if key.startswith(f"{name}/") and key in keys]
    for case in cases:
        held = answer(case).certificate
        truth, slack = Fraction(case.optimum), half_ulp(case.optimum)
        tries = 1 if "tree" in held.witness else DISTORTIONS  # a tree of cones takes seconds
        for _ in range(tries):
            proof, witness = distorted(held, rng)
            try:
                found = prove(held.statement, held.given, proof, witness, ar())
            except RejectedError:
                refused += 1
                continue
            assert found.lower <= truth + slack
            assert found.upper >= truth - slack
            assert found.verdict != "CERTIFIED" or case.verdict in GOOD
            assert found.better is None or found.better >= truth - slack
    assert refused < DISTORTIONS * len(cases)


DISTORTIONS = 6


@each_file
def test_every_file_has_a_good_candidate_and_a_bad_twin(name):
    verdicts = {i.verdict in GOOD for i in problems.load(name).values()}
    assert verdicts == {True, False}


def test_every_reason_is_told_without_certify():
    for key, case in CASES.items():
        assert case.why.strip(), key
        assert "certif" not in case.why.lower(), key


def test_the_zoo_covers_every_entry_of_every_registry():
    assert len(problems.names()) >= 15
    assert problems.names() == _registry.names("problems")
    held = [c.problem.atom for c in all_cases()]
    atoms = {(a.left, a.right, a.form) for a in held if isinstance(a, RankOne)}
    assert {type(a) for a in held} == set(ATOMS.values())
    assert atoms >= {(a, b, form) for a in KEYS for b in KEYS for form in ("product", "sum")}
    assert {type(c.problem.loss) for c in all_cases()} == set(LOSSES.values())
    assert {type(o) for c in all_cases() for o in c.problem.offsets} == set(OFFSETS.values())
    assert {c.verdict for c in all_cases()} >= {*GOOD, Verdict.REFUTED, Verdict.RANK_LIMITED}


@pytest.mark.thorough
def test_the_zoo_uses_every_rule_of_the_kernel():
    used = {
        rule
        for c in all_cases()
        if c.verdict is Verdict.CERTIFIED
        for rule in verify(answer(c).certificate, c.problem, c.factors, q=c.q).rules
    }
    assert used >= {*POLAR_RULES, *TENSOR_RULES, "weak_duality", "ky_fan"}
    witnesses = {k for c in all_cases() for k in answer(c).certificate.witness}
    assert witnesses >= {"W", "L", "N", "M", "K", "q0", "better.U", "floor.W", "mu.q0"}


def all_cases():
    """Return every instance."""
    return CASES.values()


def test_denoising_has_its_published_value():
    published, unit = 3.55833395, 1e-8
    case = CASES["denoised/optimal"]
    assert abs(case.optimum - published) <= unit / 2
    assert abs(answer(case).upper - published) <= unit / 2 + 1e-6 * published


def test_the_source_of_the_truth_never_asks_certify():
    text = inspect.getsource(_truth)
    imports = [x for x in text.splitlines() if x.startswith(("import", "from"))]
    assert [x for x in imports if "certify" in x] == ["from certify.base.arrays import Array"]


@given(s=dyadics(0), z=dyadics(), lam=dyadics(1))
def test_huber_is_least(s, z, lam):
    best = _truth.huber(s, lam)
    assert best <= 0.5 * (z - s) ** 2 + lam * abs(z)
    top = max(s - lam, 0.0)
    assert best == 0.5 * (top - s) ** 2 + lam * top


@given(Y=shapes.flatmap(arrays), both=st.booleans())
def test_the_enumeration_is_above_every_slice(Y, both):
    (U, a), (V, b) = (
        vectors(k, d) for k, d in zip(("l2+" if both else "l2", "l2+"), Y.shape, strict=True)
    )
    top = _truth.nonnegative_top(Y, both=both)
    assert (U @ Y @ V.T / np.sqrt(np.outer(a, b))).max() <= top + 2.0**-40 * np.abs(Y).sum()
    assert top <= np.linalg.norm(Y, 2) * (1 + 2.0**-40)


@pytest.mark.sampled(8)
@pytest.mark.parametrize("pair", CLOSED, ids="x".join)
@settings(max_examples=examples(12))
@given(data=st.data())
def test_random_data_have_the_optimum_of_the_closed_form(pair, data):
    asked = data.draw(questions([pair], seen=False))
    truth = Fraction(closed(asked))
    slack = half_ulp(float(truth))
    for factors in ((asked.U, asked.V), (asked.U[:, :0], asked.V[:, :0])):
        result = check(asked.problem(), factors)
        assert Fraction(result.lower) <= truth + slack
        assert Fraction(result.upper) >= truth - slack
        assert Fraction(result.lower) >= truth * (1 - RTOL)
        optimal = Fraction(result.upper) - truth <= RTOL * truth / 2
        assert not optimal or result.verdict is Verdict.CERTIFIED
        if result.verdict is Verdict.CERTIFIED:
            assert Fraction(result.upper) <= truth * (1 + 2 * RTOL) + slack


def closed(asked):
    """Return the optimum of a fully observed question without offsets."""
    if asked.pair == ("l2", "l2"):
        return _truth.denoised(asked.Y, asked.lam)
    return _truth.lined(asked.Y, asked.lam, asked.pair)
