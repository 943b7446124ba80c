"""The objective of a problem as plain text."""

from certify.atoms import Words
from certify.problem import Problem


def formula(problem: Problem) -> str:
    """Return the objective, the fit, and the conditions on the factors."""
    words = problem.atom.words()
    weighted = "weights" in problem.loss.arrays()
    terms = [problem.loss.formula.format(c="c " if weighted else "")]
    if problem.lam:
        terms.append(f"λ Σₖ {words.theta}")
    if problem.l1 is not None:
        terms.append("Σₖ a‖uₖ‖₁ + b‖vₖ‖₁" if len(problem.l1) == len("uv") else "l1 penalties")
    if penalized := any(any(o.numbers().values()) for o in problem.offsets):
        terms.append("H(q)")
    shift = " + A q" if problem.offsets else ""
    notes = [f"Z = Σₖ {words.phi}{shift}", *words.signs, *glosses(problem, words)]
    if weighted:
        notes.append("c the weights")
    if problem.l1 is not None:
        names = "ab" if len(problem.l1) == len("uv") else "abcdefgh"
        notes += [f"{name} = {x:.6g}" for name, x in zip(names, problem.l1, strict=False)]
    if penalized:
        notes.append("H(q) the penalty of the offsets")
    return f"minimize  {'  +  '.join(terms)},   {',   '.join(notes)}"


def glosses(problem: Problem, words: Words) -> list[str]:
    """Return the meaning of the formula's letters."""
    out = problem.loss.glosses()
    if not (problem.loss.observed.full or problem.loss.observed.zeros):
        out.append("sums over the observed entries")
    out += words.glosses
    if problem.offsets:
        out.append(f"A q the offsets ({', '.join(o.name for o in problem.offsets)})")
    return [*out, *(words.of_theta if problem.lam else ())]
