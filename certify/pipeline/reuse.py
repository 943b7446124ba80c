"""A proved bound beside other factors: it holds for all factors, whichever it was found for."""

import math
from dataclasses import replace

from certify.kernel.errors import RejectedError
from certify.kernel.verdict import prove
from certify.polar.proved import above, below
from certify.problem import Problem
from certify.search.candidate import Candidate

from .certificate.file import Certificate, ask
from .certificate.tiers import arithmetic
from .certificate.verdict import Verdict
from .check import stationarity
from .prove import without_better
from .result import Result

SAME = "no factors of any size are better by more than epsilon"


def certify_beside(
    problem: Problem, result: Result, s: Candidate, epsilon: tuple[float, float | None]
) -> Result | None:
    """Return the result's bound proved beside the factors s, if that certifies them.

    epsilon = (rtol, atol).  Only the candidate of the question changes, and with it the
    objective; the dual point and the proof of its polar stay as they are.
    """
    certificate = result.certificate
    if certificate is None or problem.lam == 0 or "W" not in certificate.witness:
        return None
    q = s.q if problem.offsets else None
    question = ask(problem, s.factors, q, rtol=epsilon[0], atol=epsilon[1])
    proof, witness = without_better(certificate.proof, certificate.witness)
    names = {f"q{k}" for k in range(len(problem.offsets))}
    witness = {k: a for k, a in witness.items() if k not in names}
    try:
        ar = arithmetic(problem, certificate.claim["tier"])
        outcome = prove(question.statement, question.given, proof, witness, ar, limit=math.inf)
    except RejectedError:
        return None
    if outcome.verdict != Verdict.CERTIFIED.name:
        return None
    claim = {"verdict": outcome.verdict, "tier": outcome.tier, "work": outcome.work}
    return replace(
        result,
        verdict=Verdict.CERTIFIED,
        lower=below(outcome.lower),
        upper=above(outcome.upper),
        reason=SAME,
        certificate=Certificate(question.statement, question.given, claim, proof, witness),
        stationarity=stationarity(problem, s.factors, s.q),
        better=None,
        q=s.q,
    )
