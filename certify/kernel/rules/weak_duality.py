"""Lower bounds of f over factors of every size: weak duality."""

from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..dual import coarse, dual_limit, dual_value, least_loss, ridge_cost
from ..errors import demand, shown
from ..evidence import Dual, Evidence, dual_point
from ..losses.piecewise import Squared
from ..offsets import Column
from ..scalars import Bound
from ..spaces import Network
from ..statement import Question
from .matrices import POLAR_RULES
from .polar import polar_bound


def weak_duality(ar: Arithmetic[H], problem: Question, proof: Evidence) -> Bound:
    """Prove f_s >= d(sW) for every size s and all offsets, where P(W) s <= lam.

    f_s >= d(sW) - s<W, sum phi> + lam sum theta >= d(sW), since <W, phi(x)> <= P theta(x).
    f >= d(0) always.
    """
    least = least_loss(problem)
    if "W" not in proof.given.arrays:
        return Bound(least, ("trivial",))
    dual, s, name = multiple(ar, problem, proof)
    s = s if isinstance(problem.loss, Squared) else coarse(s)
    value = dual_value(ar, problem, dual, ridge_cost(ar, problem, dual, proof.given), s)
    return Bound(max(value, least), (name, "weak_duality"))


def multiple(
    ar: Arithmetic[H], problem: Question, proof: Evidence
) -> tuple[Dual[H], Fraction, str]:
    """Read W and return it, an s <= 1 with s <W, phi(x)> <= lam theta(x), and the polar's rule.

    s = lam / P for the proved bound P of the polar, so a weak bound only weakens the result; at
    lam = 0, s = 0 unless P is 0.  For the claim about at most r slices the names of the polar's
    arrays begin with "polar.", as there are others named L and K.
    """
    dual = dual_point(ar, problem.at, proof, "W")
    polar = proof.part("polar", "polar." if problem.claim == "rank" else "")
    if isinstance(problem.space, Network) and problem.space.free:
        demand_zero_sums(ar, problem, dual)
    if problem.at.zeros:
        rule = polar.fields.get("rule")
        demand(not dual.corrections, "proof.W.corrections", "wrong_rule", "beside observed zeros")
        demand(rule == "spectral", "proof.polar.rule", "wrong_rule", rule)
        bound = POLAR_RULES["spectral"](ar, problem.space, dual.field, polar, dual.low)
    else:
        bound = polar_bound(ar, problem.space, dual.field, polar)
    bound += dual.stray * problem.wide
    s = min(Fraction(1), problem.lam / bound) if bound > 0 else Fraction(1)
    limit = dual_limit(ar, problem, dual)
    return dual, s if limit is None else min(s, limit), str(polar.fields.get("rule"))


def demand_zero_sums(ar: Arithmetic[H], problem: Question, dual: Dual[H]) -> None:
    """Demand that every column of W sums to exactly zero; else an unpriced bias has no bound."""
    totals = Column().adjoint(ar, problem.at, dual)
    wrong = next((t for t in totals if t), None)
    demand(wrong is None, f"proof.{dual.name}", "orthogonal", f"bias: {wrong and shown(wrong)}")
