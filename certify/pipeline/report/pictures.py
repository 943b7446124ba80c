"""Pictures of a report: drawings as SVG in the page's colours, heat maps as PNG."""

import base64
import io
import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from certify.base.arrays import Array
from certify.pipeline.numbers import at_least, at_most, short

from ._facts import SHOWN, Facts

WIDTH, EDGE = 640, 24
TILES, SIDE = 24, 160  # the most components drawn; the longest side of a heat map, in cells
CELL = 100, 40  # width and height of the bars of one part of a component
SMOOTH = 0.8  # in images, adjacent pixels differ by less than this share of any two pixels
PIXELS = 64  # the longest side of an image
LEAST_IMAGE = 25  # pixels
FAR = 1e300  # larger distances in a bracket are drawn as this one


class Bracket(NamedTuple):
    """lower <= optimum <= min(upper, better), over what `over` says."""

    lower: float
    upper: float
    better: float | None
    epsilon: float
    over: str


def bracket_of(facts: Facts) -> Bracket:
    """Return the bracket that was proved."""
    p = facts.proved
    return Bracket(p.lower, p.upper, p.better, facts.epsilon, p.over)


def svg(height: int, label: str, parts: Sequence[str]) -> str:
    """Return a drawing with a text alternative."""
    head = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">'
    return head + f"<title>{escape(label)}</title>" + "".join(parts) + "</svg>"


def text(x: float, y: float, content: str, anchor: str = "middle") -> str:
    """Return a piece of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(content)}</text>'


def bar(x: float, y: float, size: tuple[float, float], kind: str) -> str:
    """Return a rectangle of (width, height)."""
    w, h = size
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(w, 0.5):.1f}" height="{h:.1f}" class="{kind}"/>'
    )


def bracket(ends: Bracket) -> str:
    """Draw the places of the optimum, the candidate and the better factors.

    Distances from the lower bound are on a logarithmic scale, so that both an epsilon of 1e-6 and
    a gap of a tenth are visible.
    """
    lower, upper, better, eps, over = ends
    unit = min(eps or max(upper - lower, 1e-12 * max(abs(upper), 1e-300)), FAR)
    top = max(upper - lower, eps, unit)

    def at(distance: float) -> float:
        """Return the place of a distance above the lower bound."""
        logs = [math.log1p(min(3 * (x / unit), FAR)) for x in (max(distance, 0.0), top)]
        return EDGE + logs[0] / logs[1] * (WIDTH - 2 * EDGE)

    reach = upper if better is None else min(better, upper)
    parts = [
        bar(EDGE, 50, (WIDTH - 2 * EDGE, 6), "track"),
        bar(EDGE, 44, (at(reach - lower) - EDGE, 18), "band"),
        bar(EDGE, 64, (at(eps) - EDGE, 6), "allowed"),
        mark(EDGE, f"lower bound {at_least(lower, 7)}", 100),
        mark(at(upper - lower), f"these factors {at_most(upper, 7)}", 28),
    ]
    if better is not None:
        parts.append(mark(at(better - lower), f"better factors {at_most(better, 7)}", 128))
    caption = f"The optimum over {over} is between {at_least(lower)} and {at_most(reach)}."
    return svg(108 if better is None else 136, caption, parts)


def legend(ends: Bracket) -> str:
    """Return the legend of the bracket's drawing."""
    near = f"; green: within epsilon, at most {at_most(ends.epsilon, 3)}, of the bound" * bool(
        ends.epsilon
    )
    scale = "distances from the bound are on a logarithmic scale"
    return f"The optimum over {ends.over} lies in the shaded part{near}; {scale}."


def mark(x: float, label: str, y: float) -> str:
    """Return a labelled tick on the bracket; the label stays inside the drawing."""
    anchor = "start" if x < WIDTH / 3 else "middle" if x < 2 * WIDTH / 3 else "end"
    line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="36" y2="74" class="tick"/>'
    return line + text(x, y, label, anchor)


def polar(facts: Facts) -> str | None:
    """Draw the proved bound of the dual point's polar beside λ; None if there is no bound."""
    bound, lam = facts.polar, facts.question.problem.lam
    if bound is None or not lam:
        return None
    top = max(bound, lam) * 1.08
    room = WIDTH - 2 * EDGE
    x = EDGE + lam / top * room
    caption = f"Ω°(W) ≤ {at_most(bound, 7)}, λ = {short(lam)}"
    kind = "over" if bound > lam * (1 + facts.question.rtol) else "inside"
    parts = [
        text(EDGE, 24, f"Ω°(W) ≤ {at_most(bound, 7)}", "start"),
        bar(EDGE, 34, (bound / top * room, 22), kind),
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="30" y2="64" class="tick"/>',
        text(x, 86, f"λ = {short(lam)}", "end"),
    ]
    return svg(94, caption, parts)


def components(facts: Facts) -> str | None:
    """Draw each component's penalty λθ(X_i) as a bar, and its inner product with W as a dot."""
    shown = facts.components[:SHOWN]
    if not shown or not facts.question.problem.lam:
        return None
    top = max(max(s.price, s.inner if np.isfinite(s.inner) else 0.0) for s in shown)
    if not top:  # every price underflows
        return None
    step = (WIDTH - 2 * EDGE) / max(len(shown), 8)
    parts = [f'<line x1="{EDGE}" x2="{WIDTH - EDGE}" y1="150" y2="150" class="tick"/>']
    for k, s in enumerate(shown):
        high = 130 * (s.price / top)
        parts.append(bar(EDGE + (k + 0.12) * step, 150 - high, (0.76 * step, high), "band"))
        if np.isfinite(s.inner):
            y = min(max(150 - 130 * (s.inner / top), 8.0), 158.0)
            x = EDGE + (k + 0.5) * step
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" class="dot"/>')
    count = facts.question.problem.atom.count(len(shown))
    return svg(162, f"Penalties of {count} and what the dual point pays for each.", parts)


def image_side(Y: Array) -> int | None:
    """Return the side of square images in the rows of Y, if adjacent pixels are similar."""
    n = Y.shape[1]
    side = round(n**0.5)
    if side * side != n or n < LEAST_IMAGE or len(Y) < 2:  # noqa: PLR2004
        return None
    rows = Y[:200].reshape(-1, side, side)
    near = np.abs(np.diff(rows, axis=2)).mean() + np.abs(np.diff(rows, axis=1)).mean()
    mixed = np.random.default_rng(0).permutation(n)
    far = 2 * np.abs(Y[:200] - Y[:200, mixed]).mean()
    return side if far > 0 and near < SMOOTH * far else None


def images(columns: Array, side: int) -> list[str]:
    """Return the first columns as small square pictures, large ones thinned."""
    at = spread_indices(side, PIXELS)
    return [png(x.reshape(side, side)[np.ix_(at, at)]) for x in columns.T[:TILES]]


def heat(factor: Array) -> str:
    """Return a factor as a heat map, long axes thinned."""
    flat = factor.reshape(-1, factor.shape[-1])
    return png(flat[spread_indices(flat.shape[0])][:, spread_indices(flat.shape[1])])


def bars(x: Array, label: str) -> str:
    """Draw one part of a component as bars from a zero line; the largest has the full height."""
    width, height = CELL
    shown = x[spread_indices(len(x))]
    middle, step = height / 2, width / len(shown)
    heights = (middle - 1) * (shown / (float(np.abs(shown).max()) or 1.0))
    parts = [f'<line x1="0" x2="{width}" y1="{middle}" y2="{middle}" class="zero"/>']
    for k, h in enumerate(heights):
        kind = "above" if h > 0 else "below"
        parts.append(bar((k + 0.1) * step, middle - max(h, 0.0), (0.8 * step, abs(h)), kind))
    box = f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img"'
    return f'{box} aria-label="{escape(label)}">{"".join(parts)}</svg>'


def spread_indices(n: int, most: int = SIDE) -> Array:
    """Return at most `most` indices, evenly spread."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))


def png(a: Array) -> str:
    """Return a matrix as a PNG in a data URI: blue below zero, red above."""
    from matplotlib.image import imsave  # noqa: PLC0415  slow to import

    top = float(np.abs(a).max(initial=0.0)) or 1.0
    buffer = io.BytesIO()
    imsave(buffer, a / top, vmin=-1, vmax=1, cmap="RdBu_r", format="png")
    code = base64.b64encode(buffer.getvalue()).decode()
    return f"data:image/png;base64,{code}"
