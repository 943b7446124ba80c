"""The objective of a problem as plain text."""

from certify.atoms import Words
from certify.losses import Huber, Loss, Quantile
from certify.problem import Problem

from ._numbers import short

LOSSES = {  # {c} stands for the weights, where there are some
    "squared": ("½ Σ {c}(z − y)²", "least squares"),
    "huber": ("Σ {c}h(z − y)", "the Huber loss"),
    "absolute": ("Σ {c}|z − y|", "absolute deviations"),
    "quantile": ("Σ {c}(τ(y − z)₊ + (1 − τ)(z − y)₊)", "the quantile loss"),
    "hinge": ("Σ {c}(1 − yz)₊", "the hinge loss"),
    "squared_hinge": ("Σ {c}(1 − yz)₊²", "the squared hinge loss"),
    "logistic": ("Σ {c}(ln(1 + eᶻ) − yz)", "the logistic loss"),
    "softmax": ("Σᵢ {c}(ln Σⱼ exp zᵢⱼ − z of the class)", "the multinomial logistic loss"),
    "kullback_leibler": ("Σ {c}(z − y ln z + y ln y − y)", "the Kullback–Leibler divergence"),
    "poisson": ("Σ {c}(eᶻ − yz)", "the Poisson likelihood"),
}


def formula(problem: Problem) -> str:
    """Return the objective, what is fitted, and the conditions on the factors."""
    words = problem.atom.words()
    weighted = "weights" in problem.loss.arrays()
    terms = [LOSSES[problem.loss.name][0].format(c="c " if weighted else "")]
    if problem.lam:
        terms.append(f"λ Σₖ {words.theta}")
    if priced := any(o.ridge or getattr(o, "rho", 0.0) for o in problem.offsets):
        terms.append("H(q)")
    shift = " + A q" if problem.offsets else ""
    told = [f"Z = Σₖ {words.phi}{shift}", *words.signs, *glosses(problem, words)]
    if weighted:
        told.append("c the weights")
    if priced:
        told.append("H(q) the price of the offsets")
    return f"minimize  {'  +  '.join(terms)},   {',   '.join(told)}"


def glosses(problem: Problem, words: Words) -> list[str]:
    """Return what the letters of the formula stand for."""
    out = numbers(problem.loss)
    if not problem.loss.observed.full:
        out.append("sums over the observed entries")
    out += words.glosses
    if problem.offsets:
        out.append(f"A q the offsets ({', '.join(o.name for o in problem.offsets)})")
    return [*out, *(words.of_theta if problem.lam else ())]


def numbers(loss: Loss) -> list[str]:
    """Return the parameters of a loss."""
    if isinstance(loss, Huber):
        return [f"h(r) = ½r² to |r| = δ, then δ|r| − ½δ², δ = {short(loss.delta)}"]
    return [f"τ = {short(loss.tau)}"] if isinstance(loss, Quantile) else []
