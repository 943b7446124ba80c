"""The proved checker: it answers as the Python kernel does, or says what it does not cover."""

from collections import Counter
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sklearn.decomposition import NMF, PCA, DictionaryLearning, SparsePCA, TruncatedSVD

import problems
from certify import Problem, RejectedError, check, from_model, improve, verify
from certify.atoms import CP, RankOne, ReLU, Symmetric
from certify.base.errors import NotCoveredError
from certify.cli import main
from certify.losses import (
    Absolute,
    Hinge,
    Huber,
    Logistic,
    Quantile,
    Squared,
    SquaredHinge,
)
from certify.norms import Variation
from certify.offsets import Smooth
from certify.pipeline.certificate.checked import VARIABLE
from certify.pipeline.certificate.file import Certificate
from tests.golden import HERE, names
from tests.paper_checks.checker_cases import (
    BUILT,
    COVERED,
    OUTSIDE,
    REJECTED,
    STATUS,
    Session,
    agrees,
    answer,
    drawn,
    lies,
)

pytestmark = [pytest.mark.thorough, BUILT]


@pytest.mark.parametrize("name", names())
def test_on_every_stored_certificate_both_say_the_same_or_it_is_not_covered(binary, name):
    status = agrees(binary, HERE / f"{name}.cert")
    assert status != REJECTED
    assert (status != OUTSIDE) == (name in COVERED)


@pytest.mark.parametrize("form", ["product", "sum"])
@pytest.mark.parametrize("shape", [(7, 4), (3, 6), (1, 1)])
def test_both_forms_and_both_sides_are_covered(binary, tmp_path, form, shape):
    rng = np.random.default_rng(3)
    y = rng.standard_normal(shape)
    u, s, vt = np.linalg.svd(y, full_matrices=False)
    left = u * np.sqrt(np.maximum(s - 0.25, 0))
    right = vt.T * np.sqrt(np.maximum(s - 0.25, 0))
    held = check(Problem(Squared(y), RankOne("l2", "l2", form=form), 0.25), (left, right))
    assert held.verdict.name == "CERTIFIED"
    held.certificate.save(tmp_path / "x.cert")
    assert agrees(binary, tmp_path / "x.cert") == 0


MODELS = {
    "PCA": lambda: PCA(2),
    "SVD": lambda: TruncatedSVD(2, random_state=0),
    "NMF": lambda: NMF(1, init="random", random_state=0, tol=1e-8),
    "dictionary": lambda: DictionaryLearning(3, alpha=0.3, random_state=0),
    "sparse PCA": lambda: SparsePCA(2, alpha=0.2, random_state=0),
    "penalized NMF": lambda: NMF(2, init="random", random_state=0, tol=1e-8, alpha_W=0.02),
}


@pytest.mark.parametrize("name", MODELS)
def test_fits_are_covered_and_changes_of_them_answered_alike(binary, tmp_path, name):
    y, path = np.random.default_rng(0).random((9, 4)), tmp_path / "x.cert"
    held = check(*from_model(MODELS[name]().fit(y), y), budget=2).certificate
    held.save(path)
    proved = agrees(binary, path)
    assert proved in STATUS.values()
    seen = set()
    for lie in lies(held):
        lie.save(path)
        seen.add(agrees(binary, path))
    assert {proved, REJECTED, OUTSIDE} <= seen


@pytest.mark.parametrize("name", ["spectral", "conic", "ky_fan", "network_leaf", "transpose"])
def test_a_shift_may_be_negative(binary, tmp_path, name):
    held, path = Certificate.load(HERE / f"{name}.cert"), tmp_path / "x.cert"

    def moved_down(x):
        if isinstance(x, list):
            return [*map(moved_down, x)]
        if not isinstance(x, dict):
            return x
        return {k: "-3/400" if k == "shift" else moved_down(v) for k, v in x.items()}

    for verdict in STATUS:
        claim = {**held.claim, "verdict": verdict}
        replace(held, proof=moved_down(held.proof), claim=claim).save(path)
        assert agrees(binary, path) != OUTSIDE
    told = replace(held, proof=moved_down(held.proof)).proof
    assert "-3/400" in str(told)


def optimum(left="l2"):
    """Return a small problem, its factors and their certificate."""
    problem = Problem(Squared(np.diag([3.0, 2.0])), RankOne(left, "l2"), 0.5)
    factors = (np.diag(np.sqrt([2.5, 1.5])),) * 2
    return problem, factors, check(problem, factors, budget=2).certificate


def test_verify_asks_it_and_says_so(binary):
    problem, factors, certificate = optimum()
    found = verify(certificate, problem, factors, tier="checked", checker=binary)
    exact = verify(certificate, problem, factors)
    assert (found.tier, found.rules) == ("checked", ("the proved checker",))
    assert (found.verdict, found.better) == (exact.verdict, None)
    assert found.verdict.name == "CERTIFIED"
    assert found.lower == pytest.approx(exact.lower, rel=1e-14)
    assert found.upper == pytest.approx(exact.upper, rel=1e-14)


def test_verify_asks_it_about_a_layer(binary):
    rng = np.random.default_rng(1)
    problem = Problem(Squared(rng.standard_normal((7, 2))), ReLU(rng.standard_normal((7, 2))), 0.6)
    fitted_ = improve(problem, (np.zeros((2, 0)), np.zeros((2, 0))), budget=3)
    factors, certificate = fitted_.factors, fitted_.result.certificate
    found = verify(certificate, problem, factors, tier="checked", checker=binary)
    exact = verify(certificate, problem, factors)
    assert (found.tier, found.verdict) == ("checked", exact.verdict)
    assert found.lower == pytest.approx(exact.lower, rel=1e-14)
    other = Problem(problem.loss, ReLU(2 * rng.standard_normal((7, 2))), 0.6)
    with pytest.raises(RejectedError, match=r"statement\.arrays|features"):
        verify(certificate, other, factors, tier="checked", checker=binary)


def test_verify_gives_it_the_factor_that_large_certificates_leave_out(binary):
    problem, factors, certificate = optimum()
    witness = {k: a for k, a in certificate.witness.items() if k != "L"}
    assert len(witness) < len(certificate.witness)
    bare = replace(certificate, witness=witness)
    assert verify(bare, problem, factors, tier="checked", checker=binary).certified


def test_of_what_it_does_not_cover_verify_says_nothing(binary):
    problem, factors, certificate = optimum(left=Variation([(0, 1)], 0.5))
    with pytest.raises(NotCoveredError, match="the proved checker does not know"):
        verify(certificate, problem, factors, tier="checked", checker=binary)


def test_of_a_claim_that_is_not_proved_verify_says_no(binary):
    problem, factors, certificate = optimum()
    lie = replace(certificate, claim={**certificate.claim, "verdict": "REFUTED"})
    with pytest.raises(RejectedError, match=r"claim\.verdict: not_proved"):
        verify(lie, problem, factors, tier="checked", checker=binary)
    other = Problem(problem.loss, problem.atom, 0.75)
    with pytest.raises(RejectedError, match=r"statement\.lam"):
        verify(certificate, other, factors, tier="checked", checker=binary)


def test_the_command_says_who_proved_it(binary, tmp_path, monkeypatch, capsys):
    text = """
lam = 0.5
data = { Y = [[3.0, 0.0], [0.0, 2.0]] }
loss = { kind = "squared" }
atom = { kind = "rank_one" }
factors = { U = [[0.0], [0.0]], V = [[0.0], [0.0]] }
"""
    (tmp_path / "problem.toml").write_text(text, encoding="utf-8")
    question, file = str(tmp_path / "problem.toml"), str(tmp_path / "x.cert")
    assert main(["check", question, "-o", file]) == STATUS["REFUTED"]
    monkeypatch.setenv(VARIABLE, str(binary))
    capsys.readouterr()
    asked = ["verify", file, "--problem", question, "--tier", "checked"]
    assert main(asked) == STATUS["REFUTED"]
    out = capsys.readouterr().out
    assert "in the certificate; by the proved checker\n" in out
    assert "checked by the proved checker, " in out
    assert main([*asked, "--json"]) == STATUS["REFUTED"]
    assert '"tier": "checked"' in capsys.readouterr().out


@pytest.mark.slow
def test_the_command_builds_the_same_program(binary, tmp_path):
    path = tmp_path / "certcheck"
    assert main(["checker", "build", "-o", str(path)]) == 0
    assert answer(path, HERE / "spectral.cert") == answer(binary, HERE / "spectral.cert")
    problem, factors, certificate = optimum()
    assert verify(certificate, problem, factors, tier="checked", checker=path).certified


def test_a_file_that_is_none_is_rejected(binary, tmp_path):
    path = tmp_path / "x.cert"
    assert answer(binary, path)[1] == REJECTED
    for blob in (b"", b"1234567", bytes(8), b"\xff" * 64, (1 << 40).to_bytes(8, "little") + b"{}"):
        path.write_bytes(blob)
        assert answer(binary, path)[1] == REJECTED


@pytest.mark.parametrize("name", COVERED)
def test_a_byte_that_is_changed_verifies_nothing(binary, tmp_path, name):
    blob = (HERE / f"{name}.cert").read_bytes()
    draw, path = np.random.default_rng(len(blob)), tmp_path / "x.cert"
    for _ in range(25):
        k = int(draw.integers(len(blob)))
        other = bytearray(blob)
        other[k] ^= 1 << int(draw.integers(8))
        path.write_bytes(other)
        assert agrees(binary, path) in (REJECTED, OUTSIDE)
    for cut in (blob[:-1], blob[:-8], blob + bytes(4), blob + bytes(8)):
        path.write_bytes(cut)
        assert answer(binary, path)[1] in (REJECTED, OUTSIDE)


@pytest.mark.parametrize("name", COVERED)
def test_a_sealed_lie_is_answered_as_python_answers_it(binary, tmp_path, name):
    held, path, seen = Certificate.load(HERE / f"{name}.cert"), tmp_path / "x.cert", set()
    for lie in lies(held):
        lie.save(path)
        seen.add(agrees(binary, path))
    assert {REJECTED, OUTSIDE} <= seen
    assert seen & set(STATUS.values())  # some changes leave it true


ENTRIES = Squared | Huber | Quantile | Absolute | Hinge | SquaredHinge | Logistic


def is_known(instance):
    """Whether an instance of the zoo is a question of the checker."""
    problem = instance.problem
    norms = {str(getattr(problem.atom, side, "")) for side in ("left", "right")}
    if isinstance(problem.atom, CP):
        norms = {*map(str, problem.atom.norms)}
    if isinstance(problem.atom, Symmetric):
        norms = {problem.atom.norm}
    return (
        isinstance(problem.atom, RankOne | ReLU | CP | Symmetric)
        and isinstance(problem.loss, ENTRIES)
        and all(norm.rstrip("+-") in ("l1", "l2") for norm in norms)
        and not any(isinstance(o, Smooth) for o in problem.offsets)
    )


def sources():
    """Yield the name of each certificate that is changed, and how to make it."""
    for name in COVERED:
        yield name, partial(Certificate.load, HERE / f"{name}.cert")
    for name in problems.names():
        for case, one in problems.load(name).items():
            if is_known(one):
                ask = partial(check, one.problem, one.factors, q=one.q, budget=2)
                yield f"{name}, {case}", lambda ask=ask: ask().certificate


MUTANTS = 20_000


@pytest.mark.slow
def test_a_session_answers_as_a_process_for_each_file(binary):
    with Session(binary) as session:
        for path in (HERE / "ridge.cert", HERE / "missing", HERE / "cones.cert"):
            assert answer(session, path) == answer(binary, path)


@pytest.mark.slow
def test_thousands_of_sealed_lies_that_are_drawn_are_answered_as_python_answers(binary, tmp_path):
    path, seen = tmp_path / "x.cert", Counter()
    made = {name: make() for name, make in sources()}
    with Session(binary) as session:
        for name, held in made.items():
            held.save(path)
            if agrees(session, path) == OUTSIDE:
                continue
            for seed in range(-(-MUTANTS // len(made))):
                drawn(held, np.random.default_rng(seed)).save(path)
                status = agrees(session, path)
                assert status in {*STATUS.values(), REJECTED, OUTSIDE}, (name, seed)
                seen[status] += 1
    assert seen.total() > MUTANTS / 2
    assert {*STATUS.values(), REJECTED, OUTSIDE} == set(seen)
