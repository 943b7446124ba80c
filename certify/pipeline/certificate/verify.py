"""verify(): re-derive a certificate's claim about the reader's own question."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, accept_word
from certify.base.cluster import Client, on_cluster
from certify.base.errors import MALFORMED, InputError, OutOfScopeError
from certify.kernel.budget import Budget
from certify.kernel.claim import check, same_question
from certify.kernel.errors import RejectedError
from certify.kernel.fields import part, shift_of
from certify.kernel.file import File
from certify.kernel.statement import ZEROS, known_format
from certify.kernel.verdict import allowance
from certify.polar import Matrix
from certify.polar import eigen as spectra
from certify.polar.proved import above, as_kernel_array, below
from certify.problem import Problem, as_problem

from .checked import program, run_checker
from .coverage import missing_rules
from .difference import describe_mismatch
from .file import Arrays, Certificate, Json, StatedQuestion, as_numpy, ask, polar_part, under_polar
from .leaf_factors import leaf_factors
from .question import question as question_of
from .tiers import arithmetic
from .verdict import Bracket, Judgement, Verdict

TIERS = ("exact", "rounded")  # arithmetics of the kernel
CHECKED = "checked"  # by the proved checker
RTOL = 1e-6  # of check(), by default
SCALES = (("scale.left", (-1, 1)), ("scale.right", (1, -1)))


@dataclass(frozen=True)
class Proved(Bracket, Judgement):
    """The proved content of a certificate, with the arithmetic and the rules of the proof.

    lower <= inf over all sizes or over at most r components (see `over`), f(candidate) <= upper,
    and f(better) <= better for the better factors in the certificate, if it has any.  The proved
    checker (tier "checked") proves that they are better, but gives no number.
    """

    verdict: Verdict
    lower: float
    upper: float
    tier: str
    rules: tuple[str, ...]
    over: str
    better: float | None = None

    called = "a Proved"


def verify(  # noqa: PLR0913  the contract's keywords
    path_or_certificate: str | Path | Certificate,
    problem: Problem | None = None,
    factors: Sequence[Any] | None = None,
    *,
    q: Sequence[Any] | None = None,
    tier: str = "exact",
    rtol: float | None = None,
    atol: float | None = None,
    own_size: bool | None = None,
    limit: int | None = None,
    checker: str | Path | None = None,
    client: Client | None = None,
) -> Proved:
    """Prove a certificate's claim about *these* data, factors and epsilon.

    The question is stated again from the reader's own arrays, and must equal that in the
    certificate bit by bit.  Without problem and factors the claim is proved about the arrays that
    the certificate holds: whether they are yours is not known then.

    tier      "exact" (integers), "rounded" (outward-rounded floats) or "checked" (the program that
              is proved in Coq)
    rtol, atol   by default those of check(), 1e-6 and 0 (or the rounding of an exact fit)
    own_size  whether the question is about at most as many components as the factors have (always
              at lam = 0), not about every size, as by default
              Without a problem the three are by default those of the certificate.
    limit     the units of work of the verification (kernel/SPEC.md); by default the size of the
              certificate decides
    checker   the program for tier "checked", if it is not where `certify checker build` puts it
    client    a Dask client, whose workers factorize large sparse matrices and bound cones for tier
              "rounded"; they are trusted

    Raises RejectedError(where, code, value) if the question differs or the claim does not follow,
    InputError if the caller's own input is wrong, NotCoveredError (of base.errors) if the proved
    checker does not cover the question or the proof.
    """
    accept_word(tier, "tier", (*TIERS, CHECKED))
    path = program(checker) if tier == CHECKED else None
    certificate = accept_certificate(path_or_certificate)
    wanted = {"rtol": rtol, "atol": atol, "own_size": own_size}
    known: dict[str, Any] = {k: v for k, v in wanted.items() if v is not None}
    if problem is None or factors is None:
        if (problem, factors, q) != (None, None, None):
            raise InputError("problem and factors must be given together, or neither (nor q)")
        inputs = replace(question_of(certificate), **known)
        problem, question = inputs.problem, inputs.restate()
    else:
        problem, question = own_question(problem, factors, q, known)
    require_same_question(certificate, question)
    if limit is None:
        limit = work_allowed(certificate, question)
    arithmetic_ = "exact" if path else tier
    whole = complete(certificate, question, arithmetic_, limit)
    if path:
        bracket, rules = run_checker(question, whole, path, limit), ("the proved checker",)
        return Proved(*bracket, CHECKED, rules, over_what(problem, question))
    with on_cluster(client):
        return run_kernel(problem, question, whole, tier, limit)


def own_question(
    problem: Problem, factors: Sequence[Any], q: Sequence[Any] | None, known: dict[str, Any]
) -> tuple[Problem, StatedQuestion]:
    """Return the reader's problem, and the question about it.

    known   rtol, atol and own_size, as far as they are not the defaults of check()
    """
    problem = as_problem(problem, zeros=True)
    if names := missing_rules(problem):
        raise OutOfScopeError(f"the kernel has no rule for {' with '.join(names)}")
    values = None if q is None else problem.accept_offsets(q)
    how = {"rtol": RTOL, "atol": None} | known
    return problem, ask(problem, problem.accept(factors), values, **how)


def accept_certificate(given: object, known: Callable[[Json], None] = known_format) -> Certificate:
    """Return a certificate, from a file if its name is given; nothing is proved.

    known  known(statement) rejects a statement of another format

    Raises InputError for another type or a missing file, RejectedError for a file that is not a
    certificate of that format.
    """
    if not isinstance(given, str | Path | Certificate):
        got = type(given).__name__
        cure = ": pass result.certificate" if hasattr(given, "certificate") else ""
        raise InputError(f"a certificate must be a path or a Certificate, got {got}{cure}")
    return given if isinstance(given, Certificate) else Certificate.load(given, known)


def require_same_question(certificate: Certificate, question: StatedQuestion) -> None:
    """Reject a certificate of another question, and say how they differ."""
    theirs, ours = certificate.statement, question.statement
    try:
        same_question(theirs, ours)
    except RejectedError as error:
        message = describe_mismatch(error, theirs, ours, (certificate.given, question.given))
        raise RejectedError(error.where, error.code, message) from None


def work_allowed(certificate: Certificate, question: StatedQuestion) -> int:
    """Return the units of work that the kernel allows for a certificate of this size."""
    arrays = [*question.given.values(), *certificate.witness.values()]
    return allowance(certificate.statement, certificate.proof, arrays)


def run_kernel(
    problem: Problem,
    question: StatedQuestion,
    certificate: Certificate,
    tier: str,
    limit: float | None = None,
) -> Proved:
    """Run the kernel on the reader's arrays."""
    c = certificate
    file = File(c.statement, c.given, c.claim, c.proof, c.witness)
    try:
        with np.errstate(all="ignore"):  # the kernel rejects numbers that are not finite
            outcome = check(file, question.given, arithmetic(problem, tier), limit=limit)
    except RejectedError:
        raise
    except MALFORMED as error:
        raise RejectedError("proof", "malformed", repr(error)) from error
    verdict = Verdict[outcome.verdict]
    better = None if outcome.better is None else above(outcome.better)
    bracket = below(outcome.lower), above(outcome.upper)
    over = over_what(problem, question)
    return Proved(verdict, *bracket, outcome.tier, outcome.rules, over, better)


def over_what(problem: Problem, question: StatedQuestion) -> str:
    """Return over what the bound of a question holds, in words."""
    any_size = question.statement["claim"] == "any size"
    return problem.over(None if any_size else question.given["U"].shape[-1])


def complete(
    certificate: Certificate, question: StatedQuestion, tier: str, limit: float | None = None
) -> Certificate:
    """Add the Cholesky factor that large certificates leave out; exact proofs need it.

    A factor is only a witness: a wrong one cannot make a false claim pass.
    """
    if isinstance(certificate.proof.get("lines"), list):
        return complete_lines(certificate, question, tier, limit)
    polar, whole = part(certificate.proof, "polar"), certificate.witness
    witness = polar_part(question.statement, whole) | {k: a for k, a in whole.items() if k == "W"}
    limit = work_allowed(certificate, question) if limit is None else limit
    if tier == "exact" and polar.get("rule") == "transpose" and "W" in witness:
        made = leaf_factors(question, polar, witness, limit)
        return replace(certificate, witness=under_polar(question.statement, made) | whole)
    missing = polar.get("rule") == "spectral" and "L" not in witness and "W" in witness
    missing = missing and question.statement["observed"] != ZEROS
    if tier != "exact" or not missing:
        return certificate
    m, n = question.statement["shape"][0], math.prod(question.statement["shape"][1:])
    size = len(question.given["Y"].data) if "rows" in question.given else m * n
    Budget(limit).hold(size + (n if polar.get("axis") else m) ** 2, "a dual point's Gram matrix")
    S = dual_matrix(witness, question)
    shift = shift_of(polar, "proof.polar.shift")
    if S is not None:
        for k, (name, shape) in enumerate(SCALES):
            if name in witness:
                if witness[name].shape != (S.shape[k],):
                    return certificate
                S = S * as_numpy(witness[name]).reshape(shape)  # of a sparse array, too
    factor = None if S is None else cholesky_factor(S, polar, witness, shift)
    if factor is None:
        return certificate
    made = {"L": as_kernel_array(spectra.pack_triangle(factor))}
    return replace(certificate, witness=whole | under_polar(question.statement, made))


def complete_lines(
    certificate: Certificate, question: StatedQuestion, tier: str, limit: float | None
) -> Certificate:
    """Complete the proof of each line, for a question with an l1 penalty."""
    whole = dict(certificate.witness)
    limit = work_allowed(certificate, question) if limit is None else limit
    for k, line in enumerate(certificate.proof["lines"]):
        if not isinstance(line, dict):  # the kernel refuses it
            break
        head = f"line{k}."
        arrays = {n.removeprefix(head): a for n, a in whole.items() if n.startswith(head)}
        alone = replace(certificate, proof=part(line, "proof"), witness=arrays)
        made = complete(alone, question, tier, limit).witness
        whole |= {f"{head}{n}": a for n, a in made.items()}
    return replace(certificate, witness=whole)


def cholesky_factor(S: Matrix, polar: Json, witness: Arrays, shift: Fraction) -> Array | None:
    """Return the Cholesky factor of shift I - Gram(S) - M, or None."""
    g = spectra.gram(S, int(polar.get("axis") != 0))
    if "M" in witness:
        if witness["M"].shape != g.shape:
            return None
        g = g + as_numpy(witness["M"])
    return spectra.factorize(g, above(shift))


def dual_matrix(witness: Arrays, question: StatedQuestion) -> Matrix | None:
    """Return W + N, sparse if entries are listed; None if the sizes differ from the question's."""
    given, (m, *rest) = question.given, question.statement["shape"]
    n = math.prod(rest)
    size = given["Y"].shape
    if any(witness[k].shape != size for k in ("W", "N") if k in witness):
        return None
    flat = as_numpy(witness["W"]) + (as_numpy(witness["N"]) if "N" in witness else 0.0)
    if "rows" not in given:
        return np.asarray(flat.reshape(m, n))
    places = as_numpy(given["rows"]), as_numpy(given["cols"])
    return sparse.csr_array((flat, places), shape=(m, n))
