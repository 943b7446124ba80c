"""The answer of check() about the candidate's own size: at most as many components as it has."""

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from certify.atoms import Factors
from certify.base.rigor.flint import Flint
from certify.kernel.patterns import Pattern
from certify.losses import Squared
from certify.polar.proved import above, as_kernel_array, below
from certify.problem import Problem, Values

from .certificate.file import Certificate
from .certificate.verdict import Bracket, Judgement, Verdict
from .numbers import at_least, at_most, per_cent, share_of
from .prove import Proof

MEANS = {"intercept", "row", "column"}  # offsets that are means
MATRIX = 2  # modes


class ExplainedVariance(NamedTuple):
    """1 - 2 f / |Y|^2, Y minus the means that free offsets fit.

    yours    of the candidate, rounded down
    at_most  of any model of at most as many components, rounded up

    At lam > 0, f includes the penalty, which counts as not explained.
    """

    yours: float
    at_most: float


@dataclass(frozen=True)
class OwnSize(Bracket, Judgement):
    """The answer over all factors of at most r components, r the candidate's number.

        lower <= inf { f(X) : X of at most r components } <= f(candidate) <= upper

    verdict  CERTIFIED: none of them is better by more than epsilon.  REFUTED: better ones are in
             the certificate.  UNDECIDED: only the bracket is proved.  OUT_OF_SCOPE or NUMERICAL:
             nothing is proved, for the reason given.
    better, better_q, better_upper   better components, their offsets, and a proved upper bound of
             their objective; None if there are none
    lower    the higher of two bounds: that of `certificate`, and that over all sizes
    over     "at most r components", and any offsets
    certificate   its proof, for `verify(..., own_size=True)`; the result's own certificate at
             lam = 0, and if no bound at a fixed size is known or needed
    explained_variance   for least squares with all entries observed and no weights; else None
    """

    verdict: Verdict
    lower: float
    upper: float
    reason: str
    certificate: Certificate | None
    over: str
    explained_variance: ExplainedVariance | None = None
    better_upper: float | None = None

    @property
    def better(self) -> Factors | None:
        """Better factors of at most as many components, if REFUTED."""
        refuted = self.verdict is Verdict.REFUTED and self.certificate is not None
        return self.certificate.better() if refuted and self.certificate else None

    @property
    def better_q(self) -> Values:
        """The offsets of the better factors."""
        refuted = self.verdict is Verdict.REFUTED and self.certificate is not None
        return self.certificate.better_offsets() if refuted and self.certificate else ()

    def __repr__(self) -> str:
        """Show the verdict and the bracket."""
        ends = f"{at_least(self.lower)} <= optimum over {self.over}"
        return f"OwnSize({self.verdict.name}, {ends}, candidate <= {at_most(self.upper)})"

    def __bool__(self) -> bool:
        """Whether anything is proved at this size; the verdict, or .certified, says what."""
        return self.certificate is not None


def own_size(problem: Problem, size: int, first: Proof, second: Proof | None) -> OwnSize:
    """Return the answer for at most `size` components.

    first, second  the proofs for any size and for at most `size` components

    Both lower bounds hold for at most `size` components; the higher one is given.
    """
    used = first if second is None else second
    lower = below(max(first.outcome.lower, used.outcome.lower))
    upper = above(used.outcome.upper)
    verdict = Verdict[used.outcome.verdict]
    better = None if used.outcome.better is None else above(used.outcome.better)
    if verdict is Verdict.RANK_LIMITED:  # the better factors have more components
        verdict, better = Verdict.UNDECIDED, None
    explained = explained_variance(problem, lower, upper)
    count = problem.atom.count(size)
    which = problem.atom.over(size) + ", with any offsets," * bool(problem.offsets)
    reason = sentence(verdict, which, (lower, upper, better))
    if explained is not None:
        reason += f"; {shares(explained, count, penalty=problem.has_penalty)}"
    over = problem.over(size)
    return OwnSize(verdict, lower, upper, reason, used.certificate, over, explained, better)


def sentence(verdict: Verdict, which: str, bounds: tuple[float, float, float | None]) -> str:
    """Return the answer as a sentence.

    which   the factors that it is about, such as "at most 3 components"
    bounds  lower, upper, and the upper bound of better components
    """
    lower, upper, better = bounds
    if verdict is Verdict.CERTIFIED:
        return f"no factors of {which} are better by more than epsilon"
    high = better if verdict is Verdict.REFUTED and better is not None else upper
    top, low = Fraction(high), Fraction(lower)
    gap, least = share_of(top - low, top, 3), at_least(lower)
    if verdict is Verdict.REFUTED:
        first = f"better factors of {which} are proved"
        return f"{first}; none are below {least}, at most {gap} less than those"
    return f"no factors of {which} are below {least}, at most {gap} less than yours"


def shares(explained: ExplainedVariance, count: str, *, penalty: bool) -> str:
    """Say in per cent, rounded outward, what the candidate explains and what its size can."""
    yours, most = at_least(per_cent(explained.yours), 5), at_most(per_cent(explained.at_most), 5)
    less = " less the penalty" if penalty else ""
    verb = "explains" if count.startswith("1 ") else "explain"
    return f"your {count} {verb} {yours} % of the variance{less}, no {count} more than {most} %"


def explained_variance(problem: Problem, lower: float, upper: float) -> ExplainedVariance | None:
    """Return the shares that a bracket of the objective implies.

    None except for least squares, with all entries observed, no weights, and no offsets but free
    means.
    """
    loss = problem.loss
    plain = isinstance(loss, Squared) and loss.observed.full and loss.scale is None
    means = all(o.kind in MEANS and o.free for o in problem.offsets)
    if not (plain and means and (len(loss.dims) == MATRIX or not problem.offsets)):
        return None
    whole = variance(problem)
    if whole <= 0:
        return None
    yours, most = (1 - 2 * Fraction(x) / whole for x in (upper, max(lower, 0.0)))
    return ExplainedVariance(below(yours), above(most))


def variance(problem: Problem) -> Fraction:
    """Return |Y|^2 minus the part that the means of the offsets explain, exactly."""
    kinds, (m, n), by = {o.kind for o in problem.offsets}, problem.loss.shape, Flint()
    at, Y = Pattern(m, n), by.load(as_kernel_array(problem.loss.arrays()["Y"].reshape(-1)))
    parts = {"column": Fraction(1, m), "row": Fraction(1, n), "intercept": Fraction(1, m * n)}
    sums = {k: by.sums(Y, k, at).lo * share for k, share in parts.items()}
    whole: Fraction = by.squares(Y, None).lo
    if kinds >= {"row", "column"}:
        return whole - sums["row"] - sums["column"] + sums["intercept"]
    kind = next((k for k in ("row", "column", "intercept") if k in kinds), None)
    return whole if kind is None else whole - sums[kind]
