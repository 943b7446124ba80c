"""A result for people: a few sentences, a picture, and a notebook's cell."""

from collections import Counter
from html import escape
from pathlib import Path
from typing import Any

from certify._errors import InputError
from certify.verdict import Verdict

from ._numbers import at_least, at_most, short
from ._pictures import Bracket, bracket

NEXT = {
    Verdict.CERTIFIED: "Nothing is left to do: save the certificate, and verify() rechecks it.",
    Verdict.REFUTED: "Take result.better, or let improve(problem, factors) go on from it.",
    Verdict.RANK_LIMITED: "Take result.better, which has more slices, or keep the size and "
    "read the gap as its price.",
    Verdict.NUMERICAL: "To have a proof, state the atom or loss by one that the kernel knows.",
    Verdict.UNDECIDED: "Give budget= more seconds, or atol= above the gap if it is small enough.",
    Verdict.OUT_OF_SCOPE: "Change the objective as the reason says, and fit again.",
}
STYLE = "max-width:40rem;font-family:system-ui,sans-serif"
FILLS = {"band": "#5b8def", "allowed": "#1a7f37", "track": "#c9d1d9"}


def explained(result: Any) -> str:  # noqa: ANN401  a Result, of the layer above
    """Return what was proved, which bound is loose, what was tried, and what to try."""
    low, high = at_least(result.lower), at_most(result.upper)
    by = {"exact": "exact integers", "rounded": "outward-rounded floats"}.get(result.tier)
    told = f"Proved in {by}" if by else "By floats, nothing proved"
    bracket_told = f"{told}: {low} <= optimum, and these factors reach at most {high}"
    gap = f"a gap of {at_most(result.gap, 3)}, relative {at_most(result.relative_gap, 2)}"
    missed = f"by {result.stationarity:.1g} of the regularization at most"
    lines = [
        f"{result.verdict.name}: {result.reason}.",
        f"{bracket_told}; {gap}.",
        f"The slices miss their balance <W, phi> = lam theta {missed}.",
    ]
    if result.steps:
        lines.append(tried(result.steps))
    lines.append(NEXT[result.verdict])
    return "\n".join(lines)


def tried(steps: tuple[tuple[str, float], ...]) -> str:
    """Return the steps of a search as a sentence."""
    counts = Counter(name for name, _ in steps[1:])
    if not counts:
        return "No search was needed."
    told = ", ".join(f"{name} ({n})" if n > 1 else name for name, n in counts.items())
    best = min(value for _, value in steps)
    return f"Tried: {told}; from {short(steps[0][1])} the objective came to {short(best, 10)}."


def cell(result: Any, epsilon: float) -> str:  # noqa: ANN401  a Result
    """Return a notebook's cell: verdict, reason and bracket."""
    head = f"<p><b>{result.verdict.name}</b> {escape(result.reason)}</p>"
    better = None if result.reached is None or result.better is None else result.reached.value
    held = Bracket(result.lower, result.upper, better, epsilon)
    drawn = ""
    if result.certificate is not None:  # it says where the optimum lies
        drawn = coloured(bracket(held))
    size = f"relative gap {at_most(result.relative_gap, 2)}, {result.tier}"
    return f'<div style="{STYLE}">{head}{drawn}<p style="opacity:.7">{size}</p></div>'


def coloured(svg: str) -> str:
    """Give a drawing's parts colours of their own, where no page's style sheet does."""
    for kind, fill in FILLS.items():
        svg = svg.replace(f'class="{kind}"', f'fill="{fill}" fill-opacity="0.8"')
    return svg.replace('class="tick"', 'stroke="currentColor"').replace(
        "<text ", '<text fill="currentColor" font-size="14" '
    )


def plotted(result: Any, path: str | Path | None) -> Any:  # noqa: ANN401  matplotlib's axes
    """Draw the bracket and the search's objectives; return the axes, or write a file.

    Raises InputError if matplotlib is absent.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  an extra
    except ImportError:
        raise InputError("plot() needs matplotlib: pip install 'certify[report]'") from None
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    values = [v for _, v in result.steps] or [result.upper]
    axes.plot(range(len(values)), values, "o-", markersize=3, label="search")
    axes.axhline(result.upper, color="tab:red", linewidth=1, label="these factors")
    axes.axhline(result.lower, color="tab:green", linewidth=1, label="proved lower bound")
    axes.set(xlabel="step of the search", ylabel="objective", title=result.verdict.name)
    axes.legend(frameon=False)
    if path is not None:
        figure.savefig(path, dpi=120)
    return axes
