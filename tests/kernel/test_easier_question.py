"""A certificate whose hash matches, and whose problem block describes something easier."""

from dataclasses import replace

import numpy as np
import pytest

from certify import Certificate, Problem, RejectedError, Verdict, check, verify
from certify.atoms import RankOne
from certify.kernel import claim
from certify.kernel.claim import main
from certify.kernel.file import read
from certify.losses import Squared
from certify.offsets import ColumnIntercept, RowIntercept
from certify.pipeline.certificate.file import ask

L2, PRODUCT = RankOne(), (np.diag([3.0, 2, 0])[:, :2], np.eye(3)[:, :2])
DATA = np.diag([4.0, 3, 2])  # at lam = 1 the optimum is diag(3, 2, 1), so PRODUCT is not optimal
HARD = Problem(Squared(DATA), L2, 1.0)
TWO = Problem(Squared(np.diag([4.0, 3, 0])), L2, 1.0)  # here PRODUCT is optimal
SIGNED = Squared(np.diag([4.0, 3, -2]))
UNEVEN = PRODUCT[0] * 2, PRODUCT[1] / 2
TRUNCATED = np.diag([4.0, 3, 0])[:, :2], np.eye(3)[:, :2]
SHRUNK = np.diag([2.0, 1, 0])[:, :2], np.eye(3)[:, :2]
RISE = Problem(Squared(np.array([[3.0, 0], [1, 2]])), L2, 8.0, (RowIntercept(),))
NOTHING = np.zeros((2, 0)), np.zeros((2, 0))
MEANS = np.full(2, 1.5)
NOT_PROVED = ("claim.verdict", "not proved")

# name: (reader's question, easier question, where they differ, how a forged one fails)
CASES = {
    "lam": ((HARD, SHRUNK), (replace(HARD, lam=2.0), SHRUNK), "lam", NOT_PROVED),
    "data": ((HARD, PRODUCT), (TWO, PRODUCT), "arrays.Y.sha256", NOT_PROVED),
    "one bit of data": (
        (Problem(Squared(np.nextafter(DATA, 5)), L2, 1.0), PRODUCT, {"rtol": 0.25}),
        (HARD, PRODUCT, {"rtol": 0.25}),
        "arrays.Y.sha256",
        None,  # about the reader's own data the same proof does hold
    ),
    "mask": (
        (HARD, PRODUCT),
        (Problem(Squared(DATA, mask=DATA != 2), L2, 1.0), PRODUCT),
        "arrays.Y.sha256",
        ("proof.W", "shape"),
    ),
    "weights": (
        (HARD, PRODUCT),
        (Problem(Squared(DATA, np.where(DATA == 2, 0.5, 1.0)), L2, 1.0), PRODUCT),
        "arrays.weights",
        NOT_PROVED,
    ),
    "rtol": ((HARD, PRODUCT), (HARD, PRODUCT, {"rtol": 0.25}), "rtol", NOT_PROVED),
    "atol": ((HARD, PRODUCT), (HARD, PRODUCT, {"atol": 1.0}), "atol", NOT_PROVED),
    "atom": (
        (Problem(SIGNED, L2, 1.0), PRODUCT),
        (Problem(SIGNED, RankOne("l2+", "l2+"), 1.0), PRODUCT),
        "atom.left",
        ("proof.N", "wrong_rule"),
    ),
    "form": (
        (replace(TWO, atom=RankOne(form="sum")), UNEVEN),
        (TWO, UNEVEN),
        "atom.form",
        NOT_PROVED,
    ),
    "offsets": (
        (replace(TWO, offsets=(ColumnIntercept(),)), PRODUCT),
        (TWO, PRODUCT),
        "offsets",
        ("statement.q0", "missing"),
    ),
    "ridge": (
        (replace(RISE, offsets=(RowIntercept(2.0),)), NOTHING, {"q": (MEANS,)}),
        (RISE, NOTHING, {"q": (MEANS,)}),
        "offsets",
        NOT_PROVED,
    ),
    "offsets found, not given": (
        (RISE, NOTHING, {"q": (np.zeros(2),)}),
        (RISE, NOTHING),
        "arrays.q0",
        NOT_PROVED,
    ),
    "rank, not any size": (
        (HARD, TRUNCATED),
        (replace(HARD, lam=0.0), TRUNCATED),
        "claim",
        NOT_PROVED,
    ),
    "factors": (
        (HARD, PRODUCT),
        (HARD, (np.diag([3.0, 2, 1]), np.eye(3))),
        "arrays.U.sha256",
        NOT_PROVED,
    ),
}
EACH = pytest.mark.parametrize("name", CASES)
TIERS = pytest.mark.parametrize("tier", ["exact", "rounded"])


def parts(question):
    problem, factors, *rest = question
    return problem, factors, (rest[0] if rest else {})


def honest(question):
    problem, factors, keywords = parts(question)
    return check(problem, factors, **keywords)


def saved(certificate, path):
    """Write a certificate, sealed anew over whatever it says, and read it again."""
    certificate.save(path)
    return Certificate.load(path)


@EACH
@TIERS
def test_certificate_of_an_easier_question_is_rejected(name, tier, tmp_path, capsys):
    hard, easy, where, _ = CASES[name]
    path = tmp_path / "easier.cert"
    honest(easy).certificate.save(path)
    problem, factors, keywords = parts(easy)
    assert verify(path, problem, factors, tier=tier, **keywords).verdict is Verdict.CERTIFIED
    assert main([str(path)]) == 0  # by itself it is whole and true
    assert capsys.readouterr().out.startswith("VERIFIED CERTIFIED")
    problem, factors, keywords = parts(hard)
    with pytest.raises(RejectedError) as error:
        verify(path, problem, factors, tier=tier, **keywords)
    assert (error.value.where, error.value.code) == (f"statement.{where}", "question")


@EACH
@TIERS
def test_proof_of_an_easier_question_under_the_readers_statement_is_rejected(name, tier, tmp_path):
    hard, easy, _, failure = CASES[name]
    problem, factors, keywords = parts(hard)
    asked = ask(problem, factors, keywords.get("q"), **{"rtol": 1e-6, "atol": 0.0} | {
        k: v for k, v in keywords.items() if k != "q"
    })  # fmt: skip
    proof = honest(easy).certificate
    path = tmp_path / "forged.cert"
    forged = saved(replace(proof, statement=asked.statement, given=asked.given), path)
    assert forged.claim["verdict"] == "CERTIFIED"
    if failure is None:
        assert verify(path, problem, factors, tier=tier, **keywords).verdict is Verdict.CERTIFIED
        return
    with pytest.raises(RejectedError) as error:
        verify(path, problem, factors, tier=tier, **keywords)
    assert (error.value.where, error.value.code) == failure
    assert main([str(path)]) == 20


@pytest.mark.parametrize("name", ["data", "one bit of data", "factors"])
def test_easier_arrays_under_the_readers_statement_are_rejected(name, tmp_path):
    hard, easy, where, _ = CASES[name]
    ours, theirs = (honest(x).certificate for x in (hard, easy))
    path = tmp_path / "forged.cert"
    forged = saved(replace(theirs, statement=ours.statement), path)
    with pytest.raises(RejectedError) as error:
        claim.check(read(path), forged.given)
    assert (error.value.where, error.value.code) == (f"statement.{where}", "question")


@EACH
def test_readers_question_has_an_answer_of_its_own(name):
    problem, factors, keywords = parts(CASES[name][0])
    result = check(problem, factors, **keywords)
    assert (result.verdict is Verdict.CERTIFIED) == (name == "one bit of data")
    assert verify(result.certificate, problem, factors, **keywords).verdict is result.verdict


def test_statement_edited_without_a_new_seal_is_rejected(tmp_path):
    path = tmp_path / "x.cert"
    honest(CASES["lam"][1]).certificate.save(path)
    blob = path.read_bytes()
    path.write_bytes(blob.replace((2.0).hex().encode(), (1.0).hex().encode()))
    assert path.read_bytes() != blob
    with pytest.raises(RejectedError) as error:
        Certificate.load(path)
    assert (error.value.where, error.value.code) == ("file", "digest")
