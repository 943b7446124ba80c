"""The facts of a report, all derived again from the certificate."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from certify.atoms import Factors
from certify.kernel import statement
from certify.kernel.arrays import Arrays
from certify.kernel.evidence import Evidence, dual_point
from certify.kernel.rules.matrices import POLAR_RULES
from certify.kernel.rules.polar import polar_bound
from certify.pipeline.certificate.file import Certificate, as_numpy, polar_part
from certify.pipeline.certificate.question import Question, question
from certify.pipeline.certificate.tiers import arithmetic
from certify.pipeline.certificate.verdict import Verdict, epsilon_up
from certify.pipeline.certificate.verify import Proved, complete, run_kernel
from certify.polar.proved import above
from certify.problem import Values

SHOWN = 60  # components in a table and in a picture


@dataclass(frozen=True)
class Component:
    """One component of the candidate: its size and price, and its inner product with W.

    off  the difference of inner product and price, as a share of the price (at lam = 0, where both
         are 0 at an optimum, of |W| |phi(X_i)|)
    """

    number: int
    size: float  # theta(X_i)
    price: float  # lam theta(X_i)
    inner: float  # <W, phi(X_i)>, W = -grad l at the candidate
    off: float


@dataclass(frozen=True, eq=False)
class Facts:
    """A certificate, and the results of its verification.

    completed  the certificate with the Cholesky factors that exact arithmetic needs
    """

    certificate: Certificate
    question: Question
    proved: Proved
    completed: Certificate

    @property
    def verdict(self) -> Verdict:
        """The proved verdict."""
        return self.proved.verdict

    @property
    def epsilon(self) -> float:
        """The tolerance max(atol, rtol |upper|), rounded up."""
        return epsilon_up(self.proved.upper, (self.question.rtol, self.question.atol))

    @cached_property
    def candidate(self) -> Factors:
        """The factors that were judged."""
        return self.question.factors

    @cached_property
    def better(self) -> Factors | None:
        """The better factors in the proof, if any."""
        return self.certificate.better()

    @cached_property
    def polar(self) -> float | None:
        """A proved upper bound of Omega°(W), in the arithmetic of the proof; None without W."""
        c = self.completed
        proof = c.proof.get("polar")
        if "W" not in c.witness or not isinstance(proof, dict):
            return None
        by = arithmetic(self.question.problem, self.proved.tier)
        data = {k: c.given[k] for k in c.statement["arrays"]}
        query = statement.question(c.statement, data)
        given = Arrays(dict(c.witness), "proof")
        with np.errstate(all="ignore"):
            w = dual_point(by, query.at, Evidence(c.proof, given), "W")
            mine = Arrays(polar_part(c.statement, c.witness), "proof")
            if query.at.zeros:
                spectral = POLAR_RULES["spectral"]
                bound = spectral(by, query.space, w.field, Evidence(proof, mine), w.low)
            else:
                bound = polar_bound(by, query.space, w.field, Evidence(proof, mine))
        return above(bound)

    @cached_property
    def alone(self) -> bool:
        """Whether the file holds all Cholesky factors for an exact verification by the kernel."""
        c = self.certificate
        return complete(c, self.question.restate(), "exact").witness.keys() == c.witness.keys()

    @cached_property
    def components(self) -> list[Component]:
        """The nonzero components, those with the largest penalty first."""
        problem, factors = self.question.problem, self.candidate
        sizes = np.asarray(problem.atom.theta(factors))
        with np.errstate(all="ignore"):  # numbers that are not finite are shown as unknown
            inner, lengths, size = problem.inner_products(factors, self.offsets)
            prices = problem.rates(factors)
            whole = prices if problem.has_penalty else size * np.asarray(lengths)
            off = np.where(whole > 0, np.abs(inner - prices) / whole, 0.0)
        order = np.argsort(-sizes, kind="stable")
        rows = np.stack([sizes, prices, inner, off], axis=1)[order].tolist()
        return [Component(int(k), *x) for k, x in zip(order, rows, strict=True) if x[0]]

    @property
    def offsets(self) -> Values:
        """The candidate's offset values: given, from the proof, or fitted."""
        if self.question.q is not None:
            return self.question.q
        c, kinds = self.certificate, self.question.problem.offsets
        values = [as_numpy(c.witness[f"q{k}"]) for k in range(len(kinds)) if f"q{k}" in c.witness]
        return tuple(values) or self.question.problem.best_offsets(self.candidate)


def facts(certificate: Certificate, tier: str | None = None) -> Facts:
    """Verify a certificate with the data stored in it, and return the facts.

    tier  the arithmetic; by default the certificate's

    Raises RejectedError if the claim does not follow, InputError if it holds no data.
    """
    inputs = question(certificate)
    tier = tier or str(certificate.claim.get("tier", "exact"))
    stated = inputs.restate()
    whole = complete(certificate, stated, tier)
    return Facts(certificate, inputs, run_kernel(inputs.problem, stated, whole, tier), whole)
