"""Pictures of f, d and the polar along curves, computed in floats."""

import numpy as np

from ._svg import Plot


def escape() -> list[Plot]:
    """Draw f of two slices u = v = (1, t / sqrt 2) and (1, -t / sqrt 2): Z = diag(2, t^2).

    Y = diag(5/2, 2), lam = 1/2, priced by squared l2 or l1 norms.
    """
    plot = Plot((0, 1.4), (1.5, 4.5))
    plot.axes([0, 0.5, 1], [2, 3, 4], "t", "f, where Z = diag(2, t²)")
    ts = np.linspace(0, 1.4, 141)
    fit = 1 / 8 + (2 - ts**2) ** 2 / 2
    for values, kind, at, words in (
        (fit + 1 + ts**2 / 2, "a", (0.03, 2.6), "l2: f falls"),
        (fit + (1 + ts / 2**0.5) ** 2, "b", (0.3, 4), "l1: f rises, a local minimum"),
    ):
        plot.line(zip(ts.tolist(), values.tolist(), strict=True), kind)
        plot.text(at, words, kind)
    plot.dots([(0, 25 / 8)], "b", 4)
    plot.line([(0, 2), (1.4, 2)], "c dash")
    plot.text((0.03, 2.08), "min F for l2", "c")
    return [plot]


def along_lam() -> list[Plot]:
    """Draw the polar at the global minimum over lam, the polar at 0 being 1."""
    plot = Plot((0, 2), (0, 1.3), height=200)
    plot.axes([0, 0.5, 1, 1.5, 2], [0, 0.5, 1], "λ", "Ω°(W) at the global minimum")
    plot.line([(0, 0), (1, 1)], "a")
    plot.line([(1, 1), (2, 1)], "b")
    plot.line([(1, 1), (1.3, 1.3)], "c dash")
    plot.dots([(1, 1)], "b", 4)
    plot.text((0.66, 0.5), "Z ≠ 0: it is λ", "a")
    plot.text((1.05, 0.87), "Z = 0: it is below λ", "b")
    return [plot]


def chord() -> list[Plot]:
    """Draw d(s W) of 1/2 (z - y)^2 at z = 0, y = 2, lam = 1.25, over s, and its chord."""
    y, lam = 2.0, 1.25
    plot = Plot((0, 1), (0, 2.2), left=44)
    plot.axes([0, 0.5, 1], [0, 1, 2], "s", "d(sW)")
    ss = np.linspace(0, 1, 101)
    plot.line(zip(ss.tolist(), (ss * y * y - (ss * y) ** 2 / 2).tolist(), strict=True), "a")
    plot.line([(0, 0), (1, y * y / 2)], "b dash")
    best = lam * y - lam * lam / 2
    s = lam / y
    plot.line([(0, best), (1, best)], "c dash")
    plot.line([(s, 0), (s, best)], "rule")
    plot.dots([(s, best)], "a", 4)
    plot.dots([(s, s * y * y / 2), (1, y * y / 2)], "b", 4)
    plot.text((0.02, best + 0.07), "F*", "c")
    plot.text((s + 0.02, 0.1), "s = λ / Ω°(W)", "quiet")
    plot.text((0.66, 1.05), "its chord: s f", "b")
    plot.text((0.985, 2.08), "f", "b", "end")
    plot.text((0.2, 1.12), "d(sW)", "a", "end")
    return [plot]


def shifted_units() -> list[Plot]:
    """Draw |W h| over the bias b, samples 0 and 1, W = (0, 4), w = 2; and a zero slice."""
    plot = Plot((-6, 2), (0, 5))
    plot.axes([-6, -4, -2, 0, 2], [0, 1, 2, 3, 4], "b, at w = 2", "|<W, φ>| for v = 1")
    bs = np.linspace(-6, 2, 161)
    values = 4 * np.clip((1 + 2 + bs) / 2, 0, 1)
    plot.line([(-6, 1), (2, 1)], "c dash")
    plot.text((-5.9, 1.12), "λ", "c")
    plot.line(zip(bs.tolist(), values.tolist(), strict=True), "a")
    plot.dots([(-5, 0)], "b", 4)
    plot.text((-5.9, 0.25), "a zero slice", "b")
    plot.dots([(-1, 4)], "a", 4)
    plot.text((-1.1, 4.25), "the polar is 4 λ", "a", "end")
    return [plot]


def enough() -> list[Plot]:
    """Draw the largest r with r (r + 1) / 2 <= k over k, and k."""
    plot = Plot((0, 40), (0, 20), height=200)
    plot.axes([0, 10, 20, 30, 40], [0, 5, 10, 15, 20], "observations k", "slices that suffice")
    plot.line([(0, 0), (20, 20)], "b dash")
    plot.text((15, 17.2), "k", "b", "end")
    steps = [(k, int(((8 * k + 1) ** 0.5 - 1) / 2)) for k in range(1, 41)]
    corners = [(x, r) for k, r in steps for x in (k, min(k + 1, 40))]
    plot.line(corners, "a")
    plot.text((26, 1.2), "the largest r with r(r+1)/2 ≤ k", "a", "middle")
    return [plot]
