"""Pictures of statements, computed in floats from small instances; they prove nothing."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from . import _pictures_minima as minima
from . import _pictures_scope as scope
from . import flat_path, large_r
from ._neurons import ANGLES, LAM, grown, polar
from ._svg import Plot, Point, svg

BALL = (170.0, 168.0)  # two in a row


@dataclass(frozen=True)
class Picture:
    """A description of the picture, and its panels."""

    said: str
    panels: Callable[[], list[Plot]]

    def svg(self, *, alone: bool = False) -> str:
        """Return the drawing."""
        return svg(self.panels(), self.said, alone=alone)


def flat() -> list[Plot]:
    """Draw f, flat, and each slice's theta, linear, from one end of the path to the other."""
    i = flat_path.pictured()
    value = float(i.problem.value(i.slices, ()))
    prices = [float(i.model.theta(x)) for x in i.slices]
    plot = Plot((-1, 1 / 3), (0, 1.2 * value))
    plot.axes([-1, -0.5, 0], [0, 10, 20], "t", "f and θ of each slice")
    plot.line([(-1, value), (1 / 3, value)], "a")
    plot.text((-0.5, value * 1.04), "f is constant", "a", "middle")
    places = (0.05, 0.8), (0.05, -2.0), (-0.42, 0.8)
    for k, (t, up) in enumerate(places):
        beta, price, kind = float(i.way.beta[k]), prices[k], "bbc"[k]
        line = [(at, (1 + at * beta) * price) for at in (-1, 1 / 3)]
        plot.line(line, kind)
        plot.dots([p for p in line if abs(p[1]) < 2**-40], kind)  # a slice that is zero
        plot.text((t, (1 + t * beta) * price + up), f"slice {k + 1}", kind)
    return [plot]


def falling() -> list[Plot]:
    """Draw f along the path of large r, its legs side by side."""
    way = large_r.walk(large_r.named())
    values = large_r.path(way.instance)
    top, bottom = max(f for _, f in values), min(f for _, f in values)
    plot = Plot((0, len(way.legs)), (0, 1.1 * top))
    ticks = [k for k in range(0, 100, 20) if k <= top]
    plot.axes([*range(len(way.legs) + 1)], ticks, "leg of the path", "f")
    plot.line([(0, bottom), (len(way.legs), bottom)], "c dash")
    plot.text((0.1, bottom + top / 40), "min F", "c")
    last = next(k for k, leg in enumerate(way.legs) if leg.times)
    for kind, start, end in (("b", 0, last), ("a", last, len(way.legs))):
        plot.line([p for p in values if start <= p[0] <= end], kind)
        plot.dots([p for p in values if start <= p[0] <= end and p[0] == int(p[0])], kind, 2)
    plot.text((0.1, 0.84 * top), "one sum, cheaper slices", "b")
    plot.text((last + 0.8, 0.62 * top), "the sum moves to Z*", "a")
    return [plot]


def neurons() -> list[Plot]:
    """Draw the polar of W over the angle of u, before and after a neuron is appended."""
    degrees = np.degrees(ANGLES)
    plot = Plot((0, 360), (0, 5 * LAM), height=240)
    plot.axes([0, 90, 180, 270, 360], [1, 2, 3], "angle of u, degrees", "|Wᵀ(Vu)₊| / λ")
    plot.line([(0, LAM), (360, LAM)], "c dash")
    plot.text((357, LAM + 0.12), "λ", "c", "end")
    for count, kind, at, words in (
        (1, "b", (8, 4.55), "one neuron: the polar is 3.5 λ"),
        (2, "a", (8, 4.0), "one more appended: λ"),
    ):
        W, weights = grown(count)
        values = polar(W)
        plot.line(zip(degrees[::4], values[::4], strict=True), kind)
        there = np.flatnonzero(weights)
        plot.dots(zip(degrees[there], values[there], strict=True), kind, 4)
        plot.text(at, words, kind)
    return [plot]


def balls() -> list[Plot]:
    """Draw the unit ball of Omega, the hull of the atoms of theta 1, for four sets of atoms."""
    circle = np.linspace(0, 2 * math.pi, 181)
    V = np.array([[1.0, 0.2], [0.1, 0.9]])
    hidden = np.maximum(V @ np.stack([np.cos(circle), np.sin(circle)]), 0).T.tolist()
    curves = [[(s * x, s * y) for x, y in hidden] for s in (1, -1)]
    return [
        _ball("±e₁, ±e₂, ±(e₁+e₂)/√2", [(s * x, s * y) for s in (1, -1) for x, y in _three()]),
        _ball("no sign symmetry: no norm", [(1, 0), (0, 1), (-0.6, -0.6)]),
        _ball("e₁, e₂ alone: Ω = ∞ outside", [(1, 0), (0, 1)]),
        _ball("±(Vu)₊, two samples", curves=curves),
    ]


def _three() -> list[Point]:
    return [(1, 0), (0, 1), (0.5**0.5, 0.5**0.5)]


def _ball(
    title: str, atoms: Sequence[Point] = (), curves: Sequence[list[Point]] = (), reach: float = 1.25
) -> Plot:
    """Draw the hull of 0, the atoms and the curves of atoms."""
    plot = Plot((-reach, reach), (-reach, reach), *BALL, 10, 10, 20, 10)
    plot.line([(-reach, 0), (reach, 0)], "rule")
    plot.line([(0, -reach), (0, reach)], "rule")
    plot.area(hull([(0, 0), *atoms, *(p for curve in curves for p in curve)]), "a")
    plot.dots(atoms, "b")
    for curve in curves:
        plot.line(curve, "b")
    plot.title(title)
    return plot


def hull(points: Iterable[Point]) -> list[Point]:
    """Return the corners of the convex hull, counterclockwise."""
    ordered = sorted(set(points))
    chains = []
    for side in (ordered, ordered[::-1]):
        chain: list[Point] = []
        for p in side:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], p) <= 0:
                chain.pop()
            chain.append(p)
        chains += chain[:-1]
    return chains


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def spikes() -> list[Plot]:
    """Draw theta <= 1 of the counterexample, and the cost of e1 by (1, 1/n) and (1, -1/n)."""
    plot = Plot((-1.3, 8.6), (-1.7, 1.7), height=140)
    circle = np.linspace(0, 2 * math.pi, 181)
    plot.area(zip(np.cos(circle), np.sin(circle), strict=True), "a")
    for end in [(n, s) for n in range(2, 9) for s in (1, -1)]:
        plot.line([(0, 0), end], "b")
        plot.dots([end], "b", 2)
    plot.dots([(1, 0)], "c", 4)
    plot.text((0.8, -1.5), "e₁", "c")
    plot.text((4.3, 1.4), "θ ≤ 1: a disc and ever longer spikes", "", "middle")
    cost = Plot((0, 16), (0, 1), height=150)
    cost.axes([2, 4, 8, 16], [0, 0.5, 1], "n", "cost of e₁ by the n-th pair")
    cost.dots([(n, 1 / n) for n in range(2, 17)], "b")
    cost.text((7, 0.45), "falls to 0, never there", "b")
    return [plot, cost]


def stationary() -> list[Plot]:
    """Draw f along u = v = t: a zero slice at a minimum, and at a merely stationary point."""
    plot = Plot((0, 2), (0, 10))
    plot.axes([0, 1, 2], [0, 4, 8], "u = v = t", "½(uv − y)² + |uv|")
    for y, kind, at, words in (
        (4.0, "b", (0.55, 8.2), "y = 4: stationary, no minimum"),
        (0.5, "a", (0.9, 2.4), "y = ½: a minimum, and global"),
    ):
        ts = np.linspace(0, 2, 101)
        plot.line([(t, (t * t - y) ** 2 / 2 + t * t) for t in ts], kind)
        plot.dots([(0, y * y / 2)], kind, 4)
        plot.text(at, words, kind)
    return [plot]


def low_degree() -> list[Plot]:
    """Draw f along a = b = c = t: weight decay on three factors, and a product of norms."""
    plot = Plot((0, 1.6), (6, 9), height=200)
    ts = np.linspace(0, 1.5, 151)
    plot.axes([0, 0.5, 1, 1.5], [6, 7, 8, 9], "a = b = c = t", "½(abc − 4)² + 3θ")
    for power, kind, at, words in (
        (2, "b", (0.3, 8.5), "θ = Σ‖·‖²/3: 0 is a local minimum"),
        (3, "a", (0.05, 7.5), "θ = Π‖·‖: it is none"),
    ):
        values = [(float(t), float((t**3 - 4) ** 2 / 2 + 3 * t**power)) for t in ts]
        plot.line([p for p in values if p[1] <= plot.y[1]], kind)
        plot.text(at, words, kind)
    return [plot]


PICTURES = {
    "flat_path": Picture(
        "Along the path the sum of phi stays and f is constant; theta of each slice is linear, and "
        "at t = -1 two slices are zero, at t = 1/3 the third.",
        flat,
    ),
    "large_r": Picture(
        "f along the path, leg by leg: first to independent and then to the cheapest slices of the "
        "same sum, then along a line of sums to the global minimum.",
        falling,
    ),
    "append_a_zero": Picture(
        "A ReLU network with two inputs. With one neuron the polar exceeds lam at other angles; "
        "a neuron appended at its maximizer and descent bring it down to lam: optimal.",
        neurons,
    ),
    "properties_of_omega": Picture(
        "The unit ball of Omega is the hull of the atoms (dots): a norm if they are symmetric, a "
        "gauge if not, infinite where they do not reach; the last are a ReLU layer's.",
        balls,
    ),
    "attainment": Picture(
        "theta is |z|, but 1/n at (1, 1/n) and (1, -1/n), whose mean is e1: it costs at most 1/n "
        "for every n > 1, so Omega(e1) = 0, which is not attained.",
        spikes,
    ),
    "zero_slice": Picture(
        "The origin has a zero slice and a zero gradient for both data; it is a local minimum for "
        "one of them, and there it is global.",
        stationary,
    ),
    "degree_of_theta": Picture(
        "Three factors. With weight decay, of degree 2, the origin is a local minimum for any "
        "data, though here a point far away is lower; with the product of norms it is none.",
        low_degree,
    ),
    "weight_decay_at_depth": Picture(
        "Singular values whose powers 2/L sum to 1. For L = 1 and 2 they bound a convex set; from "
        "L = 3 on the mean of (1, 0) and (0, 1), a dot, is outside.",
        scope.powers,
    ),
    "dropout": Picture(
        "The least that dropout adds to the loss with r slices of one sum Z. With p held it is "
        "N(Z)^2 / r and falls to 0; with p that falls with r it is the same for every r.",
        scope.by_size,
    ),
    "grothendieck_gap": Picture(
        "The polar of |u|_inf |v|_inf at [[1, b], [b, -1]] and its semidefinite relaxation, which "
        "is larger for every b > 0: in between a fit can be optimal and not proved so.",
        scope.between,
    ),
    "dead_neuron": Picture(
        "f over u at v = 2, for one sample x = 1, y = 4. Where u < 0 the neuron is dead: f is flat "
        "for lam = 0, and falls towards u = 0 with weight decay.",
        scope.dead,
    ),
    "end_of_a_flat_path": Picture(
        "Y = diag(5, 5), lam = 1. f is constant from a local minimum to a point with a zero slice, "
        "which is no local minimum: a slice grows there and f falls to min F.",
        scope.onward,
    ),
    "spurious_valley": Picture(
        "One neuron fits x < 0 in a valley, and must pass u = 0 to fit x > 0, which is lower. A "
        "second neuron that grows from zero on the other side never makes f rise.",
        scope.valley,
    ),
    "rank_deficient_minimum": Picture(
        "Two equal slices, moved apart. With squared l2 norms f falls at once, so the point is a "
        "saddle; with l1 norms it rises, and the point is a local minimum that is not global.",
        minima.escape,
    ),
    "polar_at_stationary_points": Picture(
        "The polar at the global minimum: it is lam as long as Z is not 0, and stays at its value "
        "at the origin when lam is larger.",
        minima.along_lam,
    ),
    "relative_gap": Picture(
        "d is concave along the ray of W, so at s = lam / Omega*(W), where s W is allowed, it is "
        "above the chord from 0 to f: F* is at least s f.",
        minima.chord,
    ),
    "partial_homogeneity": Picture(
        "Hard sigmoids: a zero slice whose bias is far away tests only biases near its own, where "
        "nothing is gained; elsewhere the polar is 4 lam.",
        minima.shifted_units,
    ),
    "few_observations": Picture(
        "How many slices suffice if the loss sees k numbers: about the square root of 2 k with l2 "
        "norms.",
        minima.enough,
    ),
}
