"""Reuse a proved bound for other factors: it holds for all factors."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from certify.kernel.errors import RejectedError
from certify.kernel.verdict import Outcome
from certify.polar.proved import above
from certify.problem import Problem
from certify.search.candidate import Candidate
from certify.search.search_result import Evidence

from .certificate.file import Certificate, StatedQuestion, ask, name_factors, number_offsets
from .certificate.tiers import arithmetic
from .certificate.verdict import exact_epsilon
from .check import result_of
from .prove import Proof, prove_written, value_of, without_better
from .result import Result

NEAR = 2.0  # of epsilon: a bound further below a point does not certify it
CANDIDATE = {"rtol", "atol", "q", "arrays"}  # fields of a statement about the candidate


def bound_beside(
    problem: Problem, result: Result, s: Candidate, epsilon: tuple[float, float | None]
) -> Result | None:
    """Return a result for the factors s with the bound of another result; None if it has no bound.

    epsilon  rtol and atol

    Only the candidate and its objective change; the dual point and the proof of its polar stay.  So
    the kernel proves the objective alone, and all of it only if the verdict may be CERTIFIED.
    """
    certificate = result.certificate
    if certificate is None or problem.lam == 0 or "W" not in certificate.witness:
        return None
    q = s.q if problem.offsets else None
    question = ask(problem, s.factors, q, rtol=epsilon[0], atol=epsilon[1])
    names = {*name_factors(s.factors), *number_offsets("", s.q)}
    if objective_of(question.statement, names) != objective_of(certificate.statement, names):
        return None
    proof, witness = without_better(certificate.proof, certificate.witness)
    witness = {k: a for k, a in witness.items() if k not in names}
    bare = replace(certificate, proof=proof, witness=witness)
    try:
        proved = take_over(problem, question, bare, (result.lower, s))
    except RejectedError:
        return None
    at = replace(s, value=above(proved.outcome.upper))
    evidence = Evidence(at, steps=(("start", at),))
    again = result_of(problem, s.factors, (s.q, evidence), proved, None)
    return replace(again, steps=result.steps, reached=result.reached)


def take_over(
    problem: Problem, question: StatedQuestion, known: Certificate, bounds: tuple[float, Candidate]
) -> Proof:
    """Return the proof of a certificate as one of another candidate's question.

    bounds: the lower bound that it proved, and the candidate
    """
    lower, s = bounds
    upper = value_of(problem, s).hi
    epsilon = exact_epsilon(upper, question.tolerances)
    written, tier = (known.proof, known.witness), known.claim["tier"]
    if not np.isfinite(lower) or upper - Fraction(lower) <= NEAR * epsilon:
        return prove_written(question, written, arithmetic(problem, tier))
    outcome = Outcome("UNDECIDED", Fraction(lower), upper, None, tier, ())
    claim = known.claim | {"verdict": outcome.verdict}
    return Proof(Certificate(question.statement, question.given, claim, *written), outcome)


def objective_of(statement: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Return the fields of a statement about the objective; names: the arrays of its candidate."""
    arrays = {k: a for k, a in statement["arrays"].items() if k not in names}
    return {k: x for k, x in statement.items() if k not in CANDIDATE} | arrays
