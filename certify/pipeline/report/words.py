"""The question and the answer of a certificate in words."""

from fractions import Fraction

from certify.atoms import Atom
from certify.pipeline.certificate.verdict import Verdict
from certify.pipeline.numbers import at_least, at_most, distance, short
from certify.pipeline.units import Units
from certify.polar.proved import above
from certify.problem import Problem

from ._facts import Facts
from ._formula import formula

__all__ = ["answer", "bracket", "closing", "distance", "formula", "question_text", "short"]
ARITHMETICS = {"exact": "exact integers", "rounded": "outward-rounded floats"}


def question_text(facts: Facts) -> str:
    """Return the question as a sentence."""
    problem = facts.question.problem
    what, shape = problem.atom.title(), " × ".join(map(str, problem.loss.dims))
    seen = problem.loss.observed
    of = "" if seen.full else f", of which {seen.size} entries are observed"
    of = f", where all but {seen.size} entries are zeros" if seen.zeros else of
    count = problem.atom.count(facts.candidate[0].shape[-1])
    return (
        f"Somebody fitted {what} of {count} to {shape} data{of}, by {loss(problem)}"
        f"{terms(problem)}. Are these factors a global optimum of that objective, over factors of "
        f"{sizes(facts)}, within {at_most(facts.epsilon)}?"
    )


def sizes(facts: Facts) -> str:
    """Return the sizes that the question is about."""
    count = facts.question.problem.atom.count(facts.candidate[0].shape[-1])
    return f"at most {count}" if facts.question.own_size else "any size"


def loss(problem: Problem) -> str:
    """Return the name of the loss."""
    name = problem.loss.title
    if "weights" not in problem.loss.arrays():
        return name
    return f"the weighted {name[4:]}" if name.startswith("the ") else f"weighted {name}"


def terms(problem: Problem) -> str:
    """Return the penalty and the offsets, in words."""
    text = "" if problem.lam == 0 else f" with a penalty of weight λ = {short(problem.lam)}"
    if problem.l1 is not None:
        weights = " and ".join(map(short, problem.l1))
        text += f"{' and' if text else ' with'} l1 penalties of weights {weights}"
    names = ", ".join(o.name for o in problem.offsets)
    kind = "an offset" if len(problem.offsets) == 1 else "offsets"
    return text + f" and {kind} ({names})" * bool(names)


def answer(facts: Facts) -> str:
    """Return the verdict as a sentence."""
    name = facts.question.problem.atom.components()
    parts = {"any": sizes(facts), "epsilon": at_most(facts.epsilon), "components": name}
    return facts.verdict.answer.format(**parts)


def bracket(facts: Facts) -> str:
    """Return the bracket as a sentence."""
    lower, upper = at_least(facts.proved.lower), at_most(facts.proved.upper)
    over = facts.proved.over
    bounds = f"Proved: the optimum over {over} is at least {lower}, and these factors reach at most"
    bounds = f"{bounds} {upper}"
    gap, relative = at_most(facts.proved.gap, 3), at_most(facts.proved.relative_gap, 2)
    text = f"{bounds}: a gap of {gap}, relative {relative}."
    if facts.proved.better is None:
        return text
    size = 0 if facts.better is None else facts.better[0].shape[-1]
    better, sized = at_most(facts.proved.better), facts.question.problem.atom.count(size)
    return f"{text} The better factors, of {sized}, reach at most {better}."


def training(facts: Facts, units: Units | None) -> str:
    """Return the bracket in units of the library's loss; "" if these are the objective's."""
    if not units:
        return ""
    return units.sentence((facts.proved.lower, facts.proved.upper), facts.proved.over)


def distance_of(facts: Facts) -> str:
    """Return how far above the optimum the factors are proved to be at most."""
    return distance(facts.proved.lower, facts.proved.upper, facts.proved.over, proved=True)


def parts(atom: Atom, count: int) -> list[str]:
    """Return the names of the parts of a component of a tensor or a hidden layer."""
    if atom.family == "layers":
        biased = getattr(atom, "bias", "none") != "none"
        return ["input weights, the bias last" if biased else "input weights", "output weights"]
    return [f"mode {k}" for k in range(1, count + 1)] if count > 1 else ["every mode"]


def closing(facts: Facts) -> str:
    """Return what would close the bracket, or what to do next."""
    if facts.verdict is Verdict.CERTIFIED:
        return "Nothing is left to close: the gap is within the epsilon that was asked for."
    if facts.verdict is not Verdict.UNDECIDED:
        return "These commands write the better factors to a file, and improve them further:"
    epsilon, polar, lam = at_most(facts.proved.gap, 2), facts.polar, facts.question.problem.lam
    side = "Either better factors or a better dual point would close it"
    if polar is not None and polar > lam * (1 + 1e-9):
        share = above(Fraction(polar) / Fraction(lam))
        side = (
            f"The polar of the dual point is proved to be at most {at_most(share, 4)} λ, by which "
            "it was scaled back: a better dual point or a tighter bound would raise the lower bound"
        )
    cure = f"A larger --budget gives the search more time; --atol {epsilon} accepts this gap."
    return f"{side}. {cure}"
