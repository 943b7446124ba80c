"""What a report says, all of it derived from the certificate again."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.kernel import statement
from certify.kernel.arrays import Arrays
from certify.kernel.dual import dual_point
from certify.kernel.rules.polar import polar_bound
from certify.kernel.rules.spectral import low_rank_bound
from certify.pipeline.certificate.file import Certificate, as_numpy, of_polar
from certify.pipeline.certificate.question import Question, question
from certify.pipeline.certificate.tiers import arithmetic
from certify.pipeline.certificate.verdict import Verdict
from certify.pipeline.certificate.verify import Proved, complete, run_kernel
from certify.polar.proved import above
from certify.problem import Values

SHOWN = 60  # components in a table and in a picture


@dataclass(frozen=True)
class Component:
    """One component of the candidate: its size and price, and what its own residual pays for it.

    off  how far price and pay are apart, as a share of the price (at lam = 0, where both are
         0 at an optimum, of |W| |phi(X_i)|)
    """

    number: int
    size: float  # theta(X_i)
    price: float  # lam theta(X_i)
    inner: float  # <W, phi(X_i)>, W = -grad l at the candidate
    off: float


@dataclass(frozen=True, eq=False)
class Facts:
    """A certificate, and what its verification proved just now.

    completed  the certificate with the factors that exact arithmetic needs and files leave out
    """

    certificate: Certificate
    question: Question
    proved: Proved
    completed: Certificate

    @property
    def verdict(self) -> Verdict:
        """The verdict that was proved."""
        return self.proved.verdict

    @property
    def epsilon(self) -> float:
        """What counts as equal: max(atol, rtol |upper|)."""
        return max(self.question.atol, self.question.rtol * abs(self.proved.upper))

    @cached_property
    def candidate(self) -> Factors:
        """The factors that were judged."""
        return self.question.factors

    @cached_property
    def better(self) -> Factors | None:
        """The better factors in the proof, if any."""
        return self.certificate.better()

    @cached_property
    def dual(self) -> Array | None:
        """The dual point W of the proof, a field; None where none was needed."""
        W = self.certificate.witness.get("W")
        return None if W is None else np.asarray(as_numpy(W), dtype=np.float64)

    @cached_property
    def polar(self) -> float | None:
        """A proved upper bound of Omega°(W), in the arithmetic of the proof; None without W."""
        c = self.completed
        proof = c.proof.get("polar")
        if self.dual is None or not isinstance(proof, dict):
            return None
        by = arithmetic(self.question.problem, self.proved.tier)
        data = {k: c.given[k] for k in c.statement["arrays"]}
        query = statement.question(c.statement, data)
        given = Arrays(dict(c.witness), "proof")
        with np.errstate(all="ignore"):
            w = dual_point(by, query, c.proof, given, "W")
            mine = Arrays(of_polar(c.statement, c.witness), "proof")
            if query.at.zeros:
                return above(low_rank_bound(by, query.pair, w, proof, mine))
            bound = polar_bound(by, query.pair, w.field, proof, mine)
        return above(Fraction(bound))

    @cached_property
    def alone(self) -> bool:
        """Whether the file holds every factor that exact integers need, for the verifier alone."""
        c = self.certificate
        return complete(c, self.question.restate(), "exact").witness.keys() == c.witness.keys()

    @cached_property
    def components(self) -> list[Component]:
        """The components that are not zero, those of the largest penalty first."""
        problem, factors = self.question.problem, self.candidate
        sizes = np.asarray(problem.atom.theta(factors))
        with np.errstate(all="ignore"):  # what is not finite is shown as unknown
            inner, lengths, size = problem.inner_products(factors, self.offsets)
            prices = problem.rates(factors)
            whole = prices if problem.penalized else size * np.asarray(lengths)
            off = np.where(whole > 0, np.abs(inner - prices) / whole, 0.0)
        order = np.argsort(-sizes, kind="stable")
        columns = zip(sizes[order], prices[order], inner[order], off[order], strict=True)
        return [
            Component(int(k), *map(float, x)) for k, x in zip(order, columns, strict=True) if x[0]
        ]

    @property
    def offsets(self) -> Values:
        """The candidate's offset values: given, exhibited by the proof, or fitted."""
        if self.question.q is not None:
            return self.question.q
        c, kinds = self.certificate, self.question.problem.offsets
        values = [as_numpy(c.witness[f"q{k}"]) for k in range(len(kinds)) if f"q{k}" in c.witness]
        return tuple(values) or self.question.problem.best_offsets(self.candidate)


def facts(certificate: Certificate, tier: str | None = None) -> Facts:
    """Verify a certificate against the data stored in it, and return what was proved.

    tier  the arithmetic; by default the one that the certificate names

    Raises RejectedError if anything in it does not follow, InputError if it holds no data.
    """
    inputs = question(certificate)
    tier = tier or str(certificate.claim.get("tier", "exact"))
    stated = inputs.restate()
    whole = complete(certificate, stated, tier)
    return Facts(certificate, inputs, run_kernel(inputs.problem, stated, whole, tier), whole)
