"""The question and the answer of a certificate in words, and as formulas in plain text."""

from certify.atoms import CP, DeepLinear, DeepReLU, RankOne, ReLU, Symmetric
from certify.gauges import Gauge
from certify.problem import Problem
from certify.verdict import Verdict

from ._facts import Facts

LOSSES = {
    "squared": ("½ Σ (z − y)²", "least squares"),
    "huber": ("Σ h(z − y), h(r) = ½r² to δ, then δ|r| − ½δ²", "the Huber loss"),
    "absolute": ("Σ |z − y|", "absolute deviations"),
    "quantile": ("Σ τ(y − z)₊ + (1 − τ)(z − y)₊", "the quantile loss"),
    "hinge": ("Σ (1 − yz)₊", "the hinge loss"),
    "squared_hinge": ("Σ (1 − yz)₊²", "the squared hinge loss"),
    "logistic": ("Σ ln(1 + eᶻ) − yz", "the logistic loss"),
    "softmax": ("Σ over rows: ln Σ eᶻ − z at the class", "the multinomial logistic loss"),
    "kullback_leibler": ("Σ z − y ln z + y ln y − y", "the Kullback–Leibler divergence"),
    "poisson": ("Σ eᶻ − yz", "the Poisson likelihood"),
}
BARS = {"l1": "‖{}‖₁", "l2": "‖{}‖₂", "linf": "‖{}‖∞"}
ANSWERS = {
    Verdict.CERTIFIED: "Yes: no factors of {any} have an objective lower by more than {epsilon}.",
    Verdict.REFUTED: "No: better factors of the same size or smaller are in this certificate.",
    Verdict.RANK_LIMITED: "More slices do better, and such factors are in this certificate. "
    "Whether these are the best of their own size this theory does not say.",
    Verdict.UNDECIDED: "Not decided: the optimum lies in the bracket below, and nothing more is "
    "proved here.",
}


def short(x: float, digits: int = 7) -> str:
    """Return a number for people."""
    return f"{x:.{digits}g}".replace("e-0", "e-").replace("e+0", "e+")


def asked(facts: Facts) -> str:
    """Return the question as a sentence."""
    problem, size = facts.question.problem, facts.candidate[0].shape[-1]
    what, shape = model(problem), " × ".join(map(str, problem.loss.dims))
    seen = problem.loss.observed
    of = "" if seen.full else f", of which {seen.size} entries are observed"
    rank = f"rank at most {size}" if problem.lam == 0 else "any size"
    slices = f"{size} slice{'s' * (size != 1)}"
    return (
        f"Somebody fitted {what} of {slices} to {shape} data{of}, by {LOSSES[problem.loss.name][1]}"
        f"{priced(problem)}. Are these factors a global optimum of that objective, over factors of "
        f"{rank}, within {short(facts.epsilon)}?"
    )


def priced(problem: Problem) -> str:
    """Return what regularizes and what is added."""
    held = "" if problem.lam == 0 else f" with the regularization λ = {short(problem.lam)}"
    names = [o.name for o in problem.offsets]
    return held + (
        f" and {'an offset' if len(names) == 1 else 'offsets'} ({', '.join(names)})" * bool(names)
    )


def model(problem: Problem) -> str:
    """Return the name of the model."""
    atom, order = problem.atom, len(problem.loss.dims)
    if isinstance(atom, CP):
        return f"a CP factorization of order {order}"
    names = {
        Symmetric: "a symmetric factorization",
        ReLU: "a network with one hidden layer",
        DeepLinear: "parallel deep linear networks",
        DeepReLU: "parallel deep ReLU networks",
    }
    return names.get(type(atom), "a matrix factorization")


def formula(problem: Problem) -> str:
    """Return the objective as plain text."""
    phi, theta = parts(problem)
    parts_of = [LOSSES[problem.loss.name][0]]
    if problem.lam:
        parts_of.append(f"λ Σₖ {theta}")
    if problem.offsets:
        parts_of.append("H(q)")
    shift = " + A q" if problem.offsets else ""
    return f"minimize  {'  +  '.join(parts_of)},   Z = Σₖ {phi}{shift}"


def parts(problem: Problem) -> tuple[str, str]:
    """Return phi and theta of the atom."""
    atom = problem.atom
    if isinstance(atom, Symmetric):
        return "xₖxₖᵀ", f"{bars(atom.norm.rstrip('+'), 'xₖ')}²"
    if isinstance(atom, CP):
        names = [f"x{'¹²³⁴⁵⁶⁷⁸⁹'[k]}ₖ" for k in range(min(len(atom.norms), 9))]
        norms = [bars(n.rstrip("+-"), x) for n, x in zip(atom.norms, names, strict=False)]
        return " ∘ ".join(names), " ".join(norms)
    if isinstance(atom, RankOne | ReLU):
        left, right = (named(g, x) for g, x in zip(atom.gauges, ("uₖ", "vₖ"), strict=True))
        whole = f"{left} {right}" if atom.form == "product" else f"½({left}² + {right}²)"
        unit = "uₖvₖᵀ" if isinstance(atom, RankOne) else "s(Vuₖ) vₖᵀ"
        return unit, whole
    if isinstance(atom, DeepLinear):
        return "V X¹ₖ ⋯ Xᴷₖ", "‖X¹ₖ‖ ⋯ ‖Xᴷₖ‖"
    return "s(⋯ s(V X¹ₖ) ⋯) Xᴷₖ", "‖X¹ₖ‖ ⋯ ‖Xᴷₖ‖"


def named(norm: Gauge, x: str) -> str:
    """Return a norm of x: its bars, or its name."""
    return bars(norm.name, x) if norm.name in BARS else f"{norm.name}({x})"


def bars(name: str, x: str) -> str:
    """Return a plain norm of x."""
    return BARS[name].format(x)


def answer(facts: Facts) -> str:
    """Return the verdict as a sentence."""
    size = facts.candidate[0].shape[-1]
    rank = f"rank at most {size}" if facts.question.problem.lam == 0 else "any size"
    return ANSWERS[facts.verdict].format(any=rank, epsilon=short(facts.epsilon))


def bracket(facts: Facts) -> str:
    """Return the bracket as a sentence."""
    lower, upper = short(facts.proved.lower, 10), short(facts.proved.upper, 10)
    held = f"Proved: the optimum is at least {lower}, and these factors reach at most {upper}"
    told = f"{held}: a gap of {short(facts.gap, 3)}, relative {facts.relative_gap:.2g}."
    if facts.proved.better is None:
        return told
    size = 0 if facts.better is None else facts.better[0].shape[-1]
    better = short(facts.proved.better, 10)
    return f"{told} The better factors, of {size} slice{'s' * (size != 1)}, reach at most {better}."


def closing(facts: Facts) -> str:
    """Return what would close the bracket, or what to do next."""
    epsilon = short(facts.gap, 2)
    if facts.verdict is Verdict.CERTIFIED:
        return "Nothing is left to close: the gap is within the epsilon that was asked for."
    if facts.verdict is Verdict.UNDECIDED:
        polar = facts.polar
        lam = facts.question.problem.lam
        loose = polar is not None and polar > lam * (1 + 1e-9)
        side = (
            f"The dual point exceeds the polar ball by {polar / lam - 1:.2g} and was scaled back: "
            "a better dual point or a tighter bound of its polar would raise the lower bound"
            if loose and polar is not None
            else "Either better factors or a better dual point would close it"
        )
        cure = f"A larger --budget gives the search more time; --atol {epsilon} accepts this gap."
        return f"{side}. {cure}"
    return "These commands write the better factors to a file, and go on improving from these:"
