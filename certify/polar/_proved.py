"""From a float proposal to a proved number: the kernel's rule, in outward-rounded floats."""

import math
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from certify._arrays import Array
from certify.gauges import Gauge, gauge
from certify.kernel import verify as kernel
from certify.rigor.rounded import Rounded

from ._base import Matrix, exact_text

EPS = float(np.finfo(np.float64).eps)


def handed(x: npt.NDArray[Any]) -> kernel.Array:
    """Hand an array to the kernel without copying it."""
    flat = np.ascontiguousarray(x)
    return kernel.Array(flat.shape, flat.reshape(-1).data)


def split(proof: dict[str, Any]) -> tuple[dict[str, Any], dict[str, kernel.Array]]:
    """Split a proof into the kernel's JSON and its arrays; N is a flat field."""
    text: dict[str, Any] = {}
    arrays = {}
    for name, value in proof.items():
        if isinstance(value, np.ndarray):
            arrays[name] = handed(value.reshape(-1) if name == "N" else value)
        elif isinstance(value, float | Fraction):
            text[name] = exact_text(Fraction(value))
        else:
            text[name] = value
    return text, arrays


def sided(norms: tuple[Gauge, Gauge]) -> dict[str, npt.NDArray[Any]]:
    """Return the norms' own arrays, as the statement names them: left.groups, ..."""
    both = zip(("left", "right"), norms, strict=True)
    return {f"{side}.{k}": a for side, g in both for k, a in g.arrays().items()}


def kernel_pair(
    at: kernel.Pattern, norms: tuple[str | Gauge, str | Gauge], *, symmetric: bool = False
) -> kernel.Pair:
    """Return the norms as the kernel reads them from a statement."""
    held = (gauge(norms[0]), gauge(norms[1]))
    given = kernel.Arrays({k: handed(a) for k, a in sided(held).items()}, "statement")
    atom = dict(zip(("left", "right"), (g.statement() for g in held), strict=True))
    left = kernel.norm(atom, "left", at.m, given)
    return kernel.Pair(at, left, kernel.norm(atom, "right", at.n, given), symmetric)


def proved_above(
    W: Matrix,
    norms: tuple[str | Gauge, str | Gauge],
    proof: dict[str, Any],
    *,
    symmetric: bool = False,
) -> float:
    """Return a float at least the polar of W, by the kernel's rule."""
    at, data = located(W)
    arithmetic = Rounded()
    text, arrays = split(proof)
    rule = kernel.POLAR_RULES[text["rule"]]
    w = arithmetic.load(handed(data))
    pair = kernel_pair(at, norms, symmetric=symmetric)
    with np.errstate(all="ignore"):  # the kernel refuses what is not finite
        return above(rule(arithmetic, pair, w, text, kernel.Arrays(arrays, "proof")))


def located(W: Matrix) -> tuple[kernel.Pattern, Array]:
    """Return where W is stored, and its numbers in that order."""
    m, n = W.shape
    if not sparse.issparse(W):
        return kernel.Pattern(m, n), W.reshape(-1)
    held = W.tocsr()
    held.sort_indices()
    rows = np.repeat(np.arange(m), np.diff(held.indptr)).astype(np.int64)
    cols = held.indices.astype(np.int64)
    return kernel.Pattern(m, n, rows.data, cols.data), held.data


def above(x: Fraction) -> float:
    """Return the least float at least x; inf beyond float64."""
    try:
        value = float(x)
    except OverflowError:
        return math.inf if x > 0 else -sys.float_info.max
    return value if Fraction(value) >= x else math.nextafter(value, math.inf)


def below(x: Fraction) -> float:
    """Return the largest float at most x; -inf beyond float64."""
    return -above(-x) + 0.0  # not -0.0


def attained_below(W: Matrix, witness: tuple[Array, ...], gauges: tuple[Gauge, Gauge]) -> float:
    """Return a float at most <W, u v^T> / (|u| |v|), whatever the roundings.

    The inner product is off by at most gamma_{m+n} |u|^T |W| |v|, each norm by a relative
    eps for each number that it adds; doubled to cover the roundings of this formula itself.
    """
    u, v = witness
    steps = 2 * (gauges[0].terms(len(u)) + gauges[1].terms(len(v)) + 8) * EPS
    value = float(u @ (W @ v))
    size = float(np.abs(u) @ (abs(W) @ np.abs(v)))
    price = float(gauges[0].value(u) * gauges[1].value(v))
    low = value - steps * size
    return float(low / price * (1 - math.copysign(steps, low))) if price > 0 else 0.0
