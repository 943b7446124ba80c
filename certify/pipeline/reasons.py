"""The reason of a verdict, in a sentence: each reason is a function."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from certify.atoms import Factors
from certify.kernel.verdict import Outcome
from certify.polar.branching.tree import LONGER
from certify.problem import Problem
from certify.search.fixed_rank import ky_fan_is_exact
from certify.search.search_result import Evidence

from .certificate.file import negligible
from .certificate.verdict import spread
from .numbers import apart, at_most, share_of
from .own_size_result import OwnSize, variance
from .prove import Proof


@dataclass(frozen=True)
class Case:
    """The facts behind a verdict; size: the candidate's number of components."""

    problem: Problem
    size: int
    evidence: Evidence
    outcome: Outcome
    own: OwnSize

    def count(self, size: int) -> str:
        """Return a size in words."""
        return self.problem.atom.count(size)

    @property
    def lower(self) -> float:
        """The proved lower bound."""
        return float(self.outcome.lower)

    @property
    def upper(self) -> float:
        """The proved upper bound."""
        return float(self.outcome.upper)

    @property
    def best(self) -> Fraction:
        """The lowest objective that is proved."""
        ends = self.outcome.upper, self.outcome.better
        return min(x for x in ends if x is not None)

    @property
    def reached(self) -> float:
        """The lowest objective that a search reached in floats, which proves nothing."""
        return min([float(self.best), *(s.value for _, s in self.evidence.steps)])

    @property
    def spread(self) -> str:
        """The largest possible distance of the lower bound from the optimum, as a share."""
        return share_of(self.best - self.outcome.lower, self.best)

    @property
    def polar(self) -> tuple[float, float] | None:
        """The polar of the dual point in units of lam: a value that is attained, a proved bound."""
        dual, problem = self.evidence.dual, self.problem
        at = self.evidence.better or self.evidence.start
        if dual is None or not problem.has_penalty or not at.size:
            return None
        earned, _ = problem.atom.inner_products(dual.point.W, at.factors, problem.loss.observed)
        rates = problem.rates(at.factors)
        low = float(np.max(earned[rates > 0] / rates[rates > 0], initial=0.0))
        return low, dual.polar.upper / problem.lam

    @property
    def better(self) -> int | None:
        """The size of better factors; `outcome` says whether they are proved."""
        return None if self.evidence.better is None else self.evidence.better.size


Reason: TypeAlias = Callable[[Case], str | None]  # None: it does not apply


def certified(case: Case) -> str | None:
    """Say that nothing is better."""
    if case.outcome.verdict != "CERTIFIED":
        return None
    kind = "any size" if case.problem.has_penalty else f"at most {case.count(case.size)}"
    kinks = "" if case.problem.loss.smooth else KINKS
    equal = EXACT * (0 < case.upper <= negligible(case.problem))
    return f"no factors of {kind} are better by more than epsilon{kinks}{equal}"


def refuted(case: Case) -> str | None:
    """Name the better factors."""
    if case.outcome.verdict != "REFUTED" or case.better is None:
        return None
    better = f"factors with {case.count(case.better)} (yours have {case.size}) are proved better"
    return "; ".join(filter(None, (better, search_note(case))))


def rank_limited(case: Case) -> str | None:
    """Name the larger factors that are better."""
    if case.outcome.verdict != "RANK_LIMITED" or case.better is None:
        return None
    more = f"factors with {case.count(case.better)} are proved better than these {case.size}"
    return "; ".join(filter(None, (more, case.own.reason, search_note(case))))


def fixed_rank(case: Case) -> str | None:
    """Say how far the bound at a fixed number of components is."""
    if case.problem.has_penalty:
        return None
    left = at_most(spread(case.lower, case.upper), 3)
    return f"{case.own.reason}; {loose_side(case)}; atol above {left} certifies it"


def loose_side(case: Case) -> str:
    """Say which side of a bracket at a fixed size may be loose, and what would close it."""
    if (lower := upper_is_loose(case)) is not None:
        return lower
    if is_rounding(case):
        rounding = "rounding errors of the largest components, which no budget lowers"
        return f"the bound at this size may be loose, by at most {case.spread}: by {rounding}"
    cure = "the search ended by itself" if case.evidence.ended else "a larger budget may raise it"
    return f"the bound at this size may be loose, by at most {case.spread}: {cure}"


def is_rounding(case: Case) -> bool:
    """Whether all that is open at a fixed size can be rounding errors of a bound that is exact."""
    if case.own is None or case.own.explained_variance is None or not ky_fan_is_exact(case.problem):
        return False
    left = case.reached - case.lower
    return left <= case.size * ROUNDED * float(variance(case.problem))


def limit_of_offsets(case: Case) -> str | None:
    """Say that the infimum 0 is the limit of ever larger offsets, and no optimum."""
    problem, at = case.problem, case.evidence.start
    none = tuple(x[..., :0] for x in at.factors)
    if case.lower or not problem.offsets or problem.objective(none, tuple(FAR * x for x in at.q)):
        return None
    end = "in floats, the objective tends to its infimum 0 as the offsets grow, and none reach it"
    cure = "give the offsets a ridge, and there is an optimum"
    return f"{end}: {cure}; atol above {at_most(case.upper, 3)} certifies these factors"


def search_note(case: Case) -> str | None:
    """Repeat the note of the search on its dual point."""
    if not case.evidence.note:
        return None
    return f"the lower bound may be loose, by at most {case.spread}: {case.evidence.note}"


def upper_is_loose(case: Case) -> str | None:
    """Name a lower objective that was found but not proved."""
    least = case.upper - case.reached
    if least <= case.reached - case.lower:
        return None
    away = share_of(Fraction(least), case.outcome.upper)
    found = f"in floats a search reached {case.reached:.10g}, about {away} lower"
    return f"the upper bound may be loose: {found}; a larger budget may prove it"


def polar_is_hard(case: Case) -> str | None:
    """Say that the bound of the polar is loose, and by how much, if that is most of what is open.

    The dual value d is concave in the multiple s of the dual point and d(0) >= 0, so a bound that
    were `low` instead of `high` would raise it to lower * high / low at most.  The best multiple
    of a dual point has a polar of 1 if the polar limits it.
    """
    if not case.problem.atom.hard:
        return None
    cause, ends = "the polar of these norms is NP-hard, and its bound may not be tight", case.polar
    if ends is not None:
        low, high = ends
        if high < LIMITED or 2 * case.lower * (high - low) < (case.reached - case.lower) * low:
            return None
        least, most = apart(low, high)
        attained = f"which a {case.problem.atom.component} attains in floats"
        within = f"from about {least} lam, {attained}, to at most {most} lam"
        cure = case.evidence.dual.polar.open if case.evidence.dual else ""
        cause += f" ({within}; {cure or f'{LONGER} that'})"
    else:
        cause += f"; {LONGER} it"
    best = f"the best objective proved is at most {at_most(case.best)}"
    return f"the lower bound may be loose, by at most {case.spread}: {cause}; {best}"


def dual_is_loose(case: Case) -> str | None:
    """Say that the dual point is not optimal."""
    cure = "the search ended by itself" if case.evidence.ended else "a larger budget may improve it"
    loose = f"the lower bound may be loose, by at most {case.spread}: the dual point need not be"
    return f"{loose} optimal; {cure} (the best objective proved is at most {at_most(case.best)})"


KINKS = "; the loss has kinks, so a dual point proves this and no gradient does"
EXACT = "; they fit the data up to rounding"
FOUND = "; the best offsets for these factors were found"
LIMITED = 0.99  # in units of lam: a polar below it does not limit the multiple of a dual point
FAR = 2.0**10  # times the best offsets in floats: so far out, a loss that tends to 0 is 0 in floats
ROUNDED = 2.0**-44  # of |Y|^2, in the bound for each component; what is said, never a bound
REASONS: tuple[Reason, ...] = (  # the first that applies is given; the last one always does
    certified,
    refuted,
    rank_limited,
    limit_of_offsets,
    fixed_rank,
    search_note,
    upper_is_loose,
    polar_is_hard,
    dual_is_loose,
)


def reason(
    problem: Problem, factors: Factors, evidence: Evidence, proof: Proof, own_size: OwnSize
) -> str:
    """Say in a sentence what was proved and, if undecided, which bound is loose."""
    case = Case(problem, factors[0].shape[-1], evidence, proof.outcome, own_size)
    sentence = next(text for r in REASONS if (text := r(case)) is not None)
    return sentence + (FOUND if proof.certificate.statement["q"] == "found" else "")
