"""A result for readers: a few sentences, a picture, and a notebook's cell."""

import math
from collections import Counter
from html import escape
from pathlib import Path
from typing import Any

from certify.base.extras import optional
from certify.pipeline.certificate.verdict import Verdict
from certify.pipeline.numbers import at_least, at_most, excess, short

from .pictures import Bracket, bracket, legend
from .words import ARITHMETICS

NEXT = {
    Verdict.CERTIFIED: "Nothing is left to do: save the certificate, and verify() rechecks it.",
    Verdict.REFUTED: "Take {better}, let improve(problem, factors) continue from it, or train "
    "longer.",
    Verdict.RANK_LIMITED: "Take {better}, which has more components, or train with more of "
    "them; or keep this size: that costs at most the distance.",
    Verdict.NUMERICAL: "For a proof, use an atom or a loss that the kernel knows.",
    Verdict.UNDECIDED: "Raise budget=, or set atol= above the gap if it is small enough.",
    Verdict.OUT_OF_SCOPE: "Change the objective as the reason says, and fit again.",
}
STEPS = {  # of a search, for readers
    "checkpoint": "the factors in the checkpoint",
    "balance": "rescaling the components",
    "descend": "descent",
    "grow": "appending components",
    "sweep": "sweeps over the components",
    "majorize": "descent on squares above the loss",
    "repair": "steps from a positive point",
    "masters": "linear programs of components",
    "lifted": "the convex problem over all sizes",
    "polish": "polishing",
    "reweight": "reweighting the components",
    "neurons": "networks of one hidden layer",
}
TRAINERS = (1e-5, 1e-4, 1e-3)  # tolerances at which trainings commonly stop
STYLE = "max-width:40rem;font-family:system-ui,sans-serif"
FILLS = {"band": "#5b8def", "allowed": "#1a7f37", "track": "#c9d1d9"}


def explanation(result: Any) -> str:  # noqa: ANN401  a Result, of the layer above
    """Return what is proved, which bound is loose, what was tried, and what to do."""
    low, high = at_least(result.lower), at_most(result.upper)
    by = ARITHMETICS.get(result.tier)
    basis = f"Proved in {by}" if by else "In floats, nothing is proved"
    line = f"{basis}: {low} <= optimum over {result.over}, and these factors reach at most {high}"
    gap = f"a gap of {at_most(result.gap, 3)}, relative {at_most(result.relative_gap, 2)}"
    off = short(result.stationarity, 2)
    lines = [
        f"{result.distance[0].upper()}{result.distance[1:]}.",
        f"{result.verdict.name}: {result.reason}.",
        f"{line}; {gap}.",
        f"In floats, <W, phi> = lam theta of the components is off by {off} (0: stationary).",
    ]
    if result.units and by:
        lines.append(result.units.sentence((result.lower, result.upper), result.over))
    if result.better_upper is not None:
        reach = at_most(result.better_upper)
        lines.append(f"The better factors are proved to reach at most {reach}.")
    if result.steps:
        lines.append(search_steps(result))
    own_size = result.own_size
    if own_size.reason not in result.reason:
        answer = f"{own_size.verdict.name}: {own_size.reason}"
        lines.append(f"Over {own_size.over}, {answer}.")
    if result.certificate is not None and result.own_certificate is not None:
        best = at_most(own_size.upper if own_size.better_upper is None else own_size.better_upper)
        ends = f"yours reach at most {at_most(own_size.upper)}, the best found at most {best}"
        least = f"the optimum over {own_size.over} is at least {at_least(own_size.lower)}"
        lines.append(f"At their own size: {ends}; {least}.")
    lines.append(NEXT[result.verdict].format(better=where_better(result)) + accepting(result))
    return "\n".join(lines)


def where_better(result: Any) -> str:  # noqa: ANN401  a Result
    """Say where the better factors are: in a copy of the estimator, if one can be made."""
    copies = result.origin is not None and result.origin.rebuild is not None
    return "result.better_model(estimator)" if copies else "result.better"


def accepting(result: Any) -> str:  # noqa: ANN401  a Result
    """Say which rtol accepts these factors, if they are within a common training tolerance."""
    if result.certificate is None or result.verdict is Verdict.CERTIFIED:
        return ""
    tol = None if result.origin is None else result.origin.tol
    if tol is not None and result.relative_gap <= tol < 1:
        return f" The fit itself stops at tol={tol:g}: rtol={tol:g} accepts it."
    rtol = next((x for x in TRAINERS if result.relative_gap <= x), None)
    return f" If the distance is small enough for you: rtol={rtol:g} accepts it." if rtol else ""


def search_steps(result: Any) -> str:  # noqa: ANN401  a Result
    """Return the steps of a search as a sentence, and the gap that remains."""
    counts = Counter(name for name, _ in result.steps[1:])
    if not counts:
        return "No search was needed."
    names = ((STEPS.get(name, name), n) for name, n in counts.items())
    steps = ", ".join(f"{name} ({n} times)" if n > 1 else name for name, n in names)
    best = min(value for _, value in result.steps)
    first, last = (short(x, 10) for x in (result.steps[0][1], best))
    went = f"the objective went from {first} to {last}" if last != first else "nothing was better"
    if result.verdict is Verdict.CERTIFIED:
        return f"Tried, in floats: {steps}; {went}."
    if not math.isfinite(result.lower):
        left = "There is no lower bound"
    elif best - result.lower <= result.epsilon:
        left = "That is within epsilon of the lower bound: hardly anything is left to find"
    else:
        left = f"That is {excess(result.lower, best)} above the lower bound"
    return f"Tried, in floats: {steps}; {went}. {left}."


def cell(result: Any, epsilon: float) -> str:  # noqa: ANN401  a Result
    """Return a notebook's cell: verdict, reason and bracket."""
    head = f"<p><b>{escape(result.distance)}</b></p>"
    head += f"<p><b>{result.verdict.name}</b> {escape(result.reason)}</p>"
    ends = Bracket(result.lower, result.upper, result.better_upper, epsilon, result.over)
    drawn = ""
    if result.certificate is not None:  # it says where the optimum lies
        drawn = f'{with_colours(bracket(ends))}<p style="opacity:.7">{legend(ends)}</p>'
    if result.certificate is not None and result.own_certificate is not None:
        own_size = result.own_size
        known = own_size.lower, own_size.upper, own_size.better_upper
        at_size = bracket(Bracket(*known, epsilon, own_size.over))
        drawn += f"<p>At its own size: <b>{own_size.verdict.name}</b></p>{with_colours(at_size)}"
    size = f"arithmetic: {result.tier}"
    return f'<div style="{STYLE}">{head}{drawn}<p style="opacity:.7">{size}</p></div>'


def with_colours(svg: str) -> str:
    """Give the parts of a drawing colours that do not need the page's style sheet."""
    for kind, fill in FILLS.items():
        svg = svg.replace(f'class="{kind}"', f'fill="{fill}" fill-opacity="0.8"')
    return svg.replace('class="tick"', 'stroke="currentColor"').replace(
        "<text ", '<text fill="currentColor" font-size="14" '
    )


def plot_result(result: Any, path: str | Path | None) -> Any:  # noqa: ANN401  matplotlib's axes
    """Draw the bracket and the search's objectives, also to a file; return the axes.

    Raises InputError if matplotlib is not installed.
    """
    make = optional("matplotlib.figure", "matplotlib", "report").Figure
    figure = make(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    values = [v for _, v in result.steps] or [result.upper]
    axes.plot(range(len(values)), values, "o-", markersize=3, label="search")
    for value, colour, label in (
        (result.upper, "tab:red", "these factors"),
        (result.better_upper, "tab:orange", "better factors"),
        (result.lower, "tab:green", "proved lower bound"),
    ):
        if value is not None and math.isfinite(value):
            axes.axhline(value, color=colour, linewidth=1, label=label)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(xlabel="step of the search", ylabel="objective", title=result.verdict.name)
    axes.legend(frameon=False)
    if path is not None:
        figure.savefig(path, dpi=120)
    return axes
