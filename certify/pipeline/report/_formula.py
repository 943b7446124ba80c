"""The objective of a problem as plain text."""

from collections.abc import Sequence

from certify.atoms import CP, DeepLinear, DeepReLU, RankOne, ReLU, Symmetric
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
ACTIVATIONS = {0.0: "max(z, 0)", 1.0: "z", -1.0: "|z|"}
SIGNS = {"+": "{} ≥ 0", "-": "{} ≤ 0"}
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def formula(problem: Problem) -> str:
    """Return the objective, what is fitted, and the conditions on the factors."""
    phi, theta = parts(problem)
    weighted = "weights" in problem.loss.arrays()
    terms = [LOSSES[problem.loss.name][0].format(c="c " if weighted else "")]
    if problem.lam:
        terms.append(f"λ Σₖ {theta}")
    if priced := any(o.ridge or getattr(o, "rho", 0.0) for o in problem.offsets):
        terms.append("H(q)")
    shift = " + A q" if problem.offsets else ""
    told = [f"Z = Σₖ {phi}{shift}", *signs(problem), *glosses(problem)]
    if weighted:
        told.append("c the weights")
    if priced:
        told.append("H(q) the price of the offsets")
    return f"minimize  {'  +  '.join(terms)},   {',   '.join(told)}"


def parts(problem: Problem) -> tuple[str, str]:
    """Return phi and theta of the atom."""
    atom = problem.atom
    if isinstance(atom, Symmetric):
        return "xₖxₖᵀ", f"{atom.gauge.text('xₖ')}²"
    if isinstance(atom, CP):
        return tensor(atom)
    if isinstance(atom, RankOne | ReLU):
        left, right = (g.text(x) for g, x in zip(atom.gauges, ("uₖ", "vₖ"), strict=True))
        whole = priced([left, right], atom.form)
        return ("uₖvₖᵀ" if isinstance(atom, RankOne) else f"{hidden(atom)} vₖᵀ"), whole
    if isinstance(atom, DeepLinear | DeepReLU):
        names = [f"X{raised(k)}ₖ" for k in range(1, atom.degree + 1)]
        inner = "V"
        for x in names[:-1]:
            inner = f"s({inner} {x})" if isinstance(atom, DeepReLU) else f"{inner} {x}"
        return f"{inner} {names[-1]}", priced([f"‖{x}‖" for x in names], atom.form)
    return "φ(xₖ)", "θ(xₖ)"


def tensor(atom: CP) -> tuple[str, str]:
    """Return phi and theta of a tensor's slice."""
    order = len(atom.norms)
    if atom.symmetric:
        return " ∘ ".join(["xₖ"] * order), atom.gauges[0].text("xₖ") + raised(order)
    names = [f"x{raised(k)}ₖ" for k in range(1, order + 1)]
    norms = [g.text(x) for g, x in zip(atom.gauges, names, strict=True)]
    return " ∘ ".join(names), priced(norms, atom.form)


def priced(norms: Sequence[str], form: str) -> str:
    """Return the product of the norms, or the mean of their K-th powers."""
    if form == "product":
        return " ".join(norms)
    order = len(norms)
    share = "½" if order == 2 else f"1/{order} "  # noqa: PLR2004  a half
    return f"{share}({' + '.join(n + raised(order) for n in norms)})"


def hidden(atom: ReLU) -> str:
    """Return what a hidden unit puts out: with its unpriced bias, pooled over a sample's rows."""
    bias = " + bₖ" if atom.bias == "free" else ""
    if atom.layer.most:
        return "max s(V uₖ)"
    return f"{'' if atom.layer.samples is None else 'P '}s(V uₖ{bias})"


def signs(problem: Problem) -> list[str]:
    """Return the conditions on the signs of the factors."""
    atom = problem.atom
    if isinstance(atom, Symmetric):
        pairs = [("xₖ", atom.gauge)]
    elif isinstance(atom, CP):
        names = [f"x{raised(k)}ₖ" for k in range(1, len(atom.norms) + 1)]
        pairs = list(zip(["xₖ"] if atom.symmetric else names, atom.gauges, strict=False))
    elif isinstance(atom, RankOne | ReLU):
        pairs = list(zip(("uₖ", "vₖ"), atom.gauges, strict=True))
    else:
        return []
    mixed = "each entry of {} of its given sign"
    return [SIGNS.get(g.cone, mixed).format(x) for x, g in pairs if not g.free]


def glosses(problem: Problem) -> list[str]:
    """Return what the letters of the formula stand for."""
    atom, out = problem.atom, numbers(problem.loss)
    if not problem.loss.observed.full:
        out.append("sums over the observed entries")
    slope = atom.layer.slope if isinstance(atom, ReLU) else getattr(atom, "slope", None)
    if slope is not None:
        out.append(f"s(z) = {ACTIVATIONS.get(slope, f'z where z ≥ 0, else {short(slope)} z')}")
    if isinstance(atom, ReLU) and atom.layer.most:
        out.append("max the largest of each sample's rows")
    elif isinstance(atom, ReLU) and atom.layer.samples is not None:
        out.append("P sums the rows of each sample")
    if isinstance(atom, ReLU) and atom.bias == "free":
        out.append("biases bₖ at no price")
    if problem.offsets:
        out.append(f"A q the offsets ({', '.join(o.name for o in problem.offsets)})")
    if isinstance(atom, DeepLinear | DeepReLU) and problem.lam:
        out.append("‖·‖ the Frobenius norm")
    return out


def numbers(loss: Loss) -> list[str]:
    """Return the parameters of a loss."""
    if isinstance(loss, Huber):
        return [f"h(r) = ½r² to |r| = δ, then δ|r| − ½δ², δ = {short(loss.delta)}"]
    return [f"τ = {short(loss.tau)}"] if isinstance(loss, Quantile) else []


def raised(number: int) -> str:
    """Return a number as an exponent."""
    return str(number).translate(RAISED)
