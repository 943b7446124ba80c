"""A proved bound beside other factors: it holds for all factors, whichever it was found for."""

from dataclasses import replace

from certify.kernel.errors import RejectedError
from certify.polar.proved import above
from certify.problem import Problem
from certify.search.candidate import Candidate
from certify.search.search_result import Evidence

from .certificate.file import ask
from .certificate.tiers import arithmetic
from .check import result_of
from .prove import prove_written, without_better
from .result import Result


def bound_beside(
    problem: Problem, result: Result, s: Candidate, epsilon: tuple[float, float | None]
) -> Result | None:
    """Return the result's bound proved beside the factors s; None where it has no dual point.

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
        proved = prove_written(
            question, (proof, witness), arithmetic(problem, certificate.claim["tier"])
        )
    except RejectedError:
        return None
    at = replace(s, value=above(proved.outcome.upper))
    evidence = Evidence(at, steps=(("start", at),))
    beside = result_of(problem, s.factors, (s.q, evidence), proved, None)
    return replace(beside, steps=result.steps, reached=result.reached)
