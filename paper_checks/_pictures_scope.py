"""Panels of the statements that say where the theory ends, computed in floats."""

import math

import numpy as np

from ._svg import Plot


def powers() -> list[Plot]:
    """Draw sum sigma_i^(2/L) = 1 for L = 1 and 2, and for L = 3 and 4."""
    return [_star("convex", (1, 2)), _star("not convex", (3, 4))]


def _star(title: str, depths: tuple[int, int]) -> Plot:
    plot = Plot((-1.25, 1.25), (-1.25, 1.25), 170, 168, 10, 10, 20, 10)
    plot.line([(-1.25, 0), (1.25, 0)], "rule")
    plot.line([(0, -1.25), (0, 1.25)], "rule")
    angles = np.linspace(0, 2 * math.pi, 241)
    for depth, kind, place in zip(depths, "ab", ((0.55, 1.0), (-1.2, -1.1)), strict=True):
        x, y = (np.sign(w) * np.abs(w) ** depth for w in (np.cos(angles), np.sin(angles)))
        plot.area(zip(x, y, strict=True), kind)
        plot.text(place, f"L = {depth}", kind)
    plot.dots([(1, 0), (0, 1), (0.5, 0.5)], "c")
    plot.title(title)
    return plot


def by_size() -> list[Plot]:
    """Draw the least addition of dropout over r: for a fixed p, and for p that falls with r."""
    sizes = range(1, 13)
    plot = Plot((0, 12.5), (0, 1.25), height=180)
    plot.axes([1, 4, 8, 12], [0, 0.5, 1], "r", "the least addition for one Z, 1 at r = 1")
    plot.dots([(r, 1) for r in sizes], "a")
    plot.dots([(r, 1 / r) for r in sizes], "b")
    plot.text((2.6, 1.08), "p falls with r: the same for every r", "a")
    plot.text((2.6, 0.45), "p held: falls to 0", "b")
    return [plot]


def between() -> list[Plot]:
    """Draw the polar of [[1, b], [b, -1]] and its relaxation, over b."""
    plot = Plot((0, 2), (0, 5))
    plot.axes([0, 0.5, 1, 1.5, 2], [0, 2, 4], "b", "polar of [[1, b], [b, −1]]")
    bs = np.linspace(0, 2, 81)
    above = [(b, 2 * math.hypot(1, b)) for b in bs]
    below = [(b, 2 * max(1.0, b)) for b in bs]
    plot.area([*above, *below[::-1]], "b")
    plot.line(above, "b")
    plot.line(below, "a")
    plot.dots([(1, 2)], "a", 4)
    plot.dots([(1, math.sqrt(8))], "b", 4)
    plot.text((0.1, 3.2), "relaxation, 2√2 at b = 1", "b")
    plot.text((0.75, 1.4), "polar, 2 at b = 1", "a")
    return [plot]


def dead() -> list[Plot]:
    """Draw f over u at v = 2 for x = 1, y = 4: lam = 0, and weight decay."""
    plot = Plot((-2, 3), (0, 11.5))
    plot.axes([-2, -1, 0, 1, 2, 3], [0, 4, 8], "u, at v = 2", "½(u₊v − 4)² + λ(u² + v²)/2")
    us = np.linspace(-2, 3, 101)
    for lam, kind, place, words in (
        (0.0, "b", (-1.95, 7.1), "λ = 0: flat"),
        (0.5, "a", (-1.95, 10.7), "λ = ½: shrinking lowers f"),
    ):
        values = (2 * np.maximum(us, 0) - 4) ** 2 / 2 + lam * (us**2 + 4) / 2
        plot.line(zip(us, values, strict=True), kind)
        plot.text(place, words, kind)
    plot.text((-1, 1), "dead: u < 0", "", "middle")
    return [plot]


def onward() -> list[Plot]:
    """Draw f along the flat path for Y = diag(5, 5), lam = 1, and on as a slice g^2 grows."""
    plot = Plot((0, 2), (0, 20), height=190)
    plot.axes([0, 1, 2], [0, 5, 10, 15, 20], "path", "f")
    gs = np.linspace(0, 2, 61)
    plot.line([(0, 17), (1, 17)], "a")
    plot.line([(1 + g / 2, 17 - 4 * g**2 + g**4 / 2) for g in gs], "b")
    plot.dots([(0, 17)], "a", 4)
    plot.dots([(1, 17), (2, 9)], "b", 4)
    plot.text((0.05, 14.6), "flat, from a local minimum", "a")
    plot.text((1.95, 18), "a zero slice, no minimum: f falls", "b", "end")
    plot.text((1.9, 6.5), "min F", "b", "end")
    return [plot]


def valley() -> list[Plot]:
    """Draw f over the output c of one neuron, to either side of 0, and of a second that grows."""
    plot = Plot((-2.2, 2.6), (0, 3.4))
    plot.axes([-2, -1, 0, 1, 2], [0, 1, 2, 3], "u, at |v| = 1", "f for x = ±1, y = (2, 1), λ = ½")
    lam, cs = 0.5, np.linspace(-2.2, 2.6, 145)
    right, left = np.maximum(cs, 0), np.maximum(-cs, 0)
    one = (right - 2) ** 2 / 2 + (left - 1) ** 2 / 2 + lam * np.abs(cs)
    plot.line([(c, f) for c, f in zip(cs, one, strict=True) if f <= plot.y[1]], "a")
    second = (right - 2) ** 2 / 2 + 0.125 + lam * right + lam / 2
    plot.line([(c, f) for c, f in zip(cs, second, strict=True) if 0 <= c <= 1.5], "b")
    plot.line([(-0.5, 2.375), (0, 2.375)], "b dash")
    plot.dots([(-0.5, 2.375)], "a", 4)
    plot.dots([(1.5, 1.25)], "b", 4)
    plot.text((-2.1, 1.9), "valley of one neuron", "a")
    plot.text((0.08, 2.75), "the barrier", "a")
    plot.text((0.2, 0.75), "a second neuron grows: min F", "b")
    return [plot]
