"""The clauses of an atom's contract about its polar."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import sparse

from certify.atoms import Atom, Factors, Slice
from certify.base.arrays import Array
from certify.polar import PolarBound

from . import strategies
from ._climb import climb_starts
from ._contract import EPS, Book, Clause
from ._exact import KERNEL, Scale, column, operations, scale_of, spread
from ._slices import other_form

POLAR = "Omega*(W) = sup { <W, phi(x)> : theta(x) <= 1 }"
BOTH = Clause("polar", "polar(W).lower <= polar(W).upper, neither is NaN", POLAR)
ATTAINS = Clause("attainment", "attain(W) = (<W, phi(x)>, x) with theta(x) <= 1", POLAR)
BELOW = Clause("polar from below", "lower theta(x) <= <W, phi(x)> at the witness x", POLAR)
ABOVE = Clause("polar from above", "<W, phi(x)> <= upper theta(x) at climbed x", POLAR)
DOMINATED = Clause(
    "domination",
    "<W, phi(x)> <= upper theta(x); at W = phi(x): |phi(x)|^2 <= upper theta(x)",
    "theta >= c |phi|",
)
SPARSE = Clause("sparse W", "a sparse W has the polar of a dense one", "atoms/_base.py")
TWINS = Clause("polar of both forms", "the forms sum and product have one polar", "sum = product")
CLAUSES = (BOTH, ATTAINS, BELOW, ABOVE, DOMINATED, SPARSE, TWINS)
R = 4  # slices of each example
MATRIX = 2  # dimensions


@dataclass(frozen=True)
class Trial:
    """One W with slices, and whether the extra clauses are tested."""

    W: Array
    X: Factors
    extra: bool


@st.composite
def examples(
    draw: st.DrawFn,
    atom: Atom,
    shapes: st.SearchStrategy[tuple[int, ...]],
    dual: Any,  # noqa: ANN401
) -> Trial:
    """Return slices, and W with dyadic or tied entries, or W = phi(x), mapped by `dual`."""
    shape = draw(shapes)
    X = draw(strategies.factors(atom, shape, R))
    kind = draw(st.sampled_from(["dyadic", "tied", "phi"]))
    if kind == "phi":
        W = np.asarray(atom.phi(column(X))).reshape(shape)
    else:
        W = draw(strategies.arrays(shape, strategies.numbers(kind)))
    return Trial(np.asarray(dual(W)), X, draw(st.booleans()))


def check_polar(book: Book, atom: Atom, query: Trial, seed: int) -> None:
    """Test every clause on one W."""
    W, scale = query.W, scale_of(atom, query.W.shape)
    bound, instance = atom.polar(W, seed=seed), {"W": W}
    rough = allowance(scale, W, bound)
    sides = bound.lower, bound.upper
    book.hold(BOTH, bound.lower <= bound.upper + float(rough), instance, sides)
    best = hold_attained(book, scale, W, seed, bound)
    hold_lower(book, scale, W, bound)
    for clause, points in (
        (DOMINATED, [column(query.X, k) for k in range(R)]),
        (ABOVE, [best, *climb_starts(atom, W, best, seed)]),
    ):
        for x in points:
            hold_upper(book, (clause, scale), W, (x, bound.upper))
    if not query.extra:
        return
    if W.ndim == MATRIX:
        hold_sparse(book, (atom, seed), W, (bound, rough))
    if twin := other_form(atom):
        hold_overlap(book, TWINS, instance, (bound, twin.polar(W, seed=seed), rough))


def allowance(scale: Scale, W: Array, bound: PolarBound) -> Fraction:
    """Return the rounding error allowed in a bound: 0 if the kernel proves it."""
    if scale.how == KERNEL or not np.isfinite(bound.upper):
        return Fraction(0)
    return Fraction(operations(W) * EPS) * abs(Fraction(bound.upper))


def hold_upper(book: Book, of: tuple[Clause, Scale], W: Array, tried: tuple[Slice, float]) -> None:
    """Test <W, phi(x)> <= upper theta(x), exactly if possible."""
    (clause, scale), (x, upper) = of, tried
    if upper == np.inf:  # not a claim
        return
    inner, price = scale.inner_product(W, x), scale.price(x)
    limit = Fraction(upper) + allowance(scale, W, PolarBound(0.0, upper, (), {}))
    most = limit * (price.hi if limit >= 0 else price.lo)
    instance = {"W": W, "upper": upper, "theta(x)": price.hi}
    instance |= {f"x{k + 1}": p for k, p in enumerate(x)}
    book.hold(clause, inner.lo <= most, instance, (inner.lo, most))


def hold_lower(book: Book, scale: Scale, W: Array, bound: PolarBound) -> None:
    """Test the lower bound at its witness."""
    if bound.lower == -np.inf:
        return
    inner, price = scale.inner_product(W, bound.witness), scale.price(bound.witness)
    low = Fraction(bound.lower) - allowance(scale, W, bound)
    least = low * (price.lo if low >= 0 else price.hi)
    instance = {"W": W, "lower": bound.lower, "witness": bound.witness}
    book.hold(BELOW, least <= inner.hi, instance, (least, inner.hi))


def hold_attained(book: Book, scale: Scale, W: Array, seed: int, bound: PolarBound) -> Slice:
    """Test the result of `attain`: its shapes, signs, theta <= 1 and value; return its slice."""
    value, x = scale.atom.attain(W, seed)
    shapes = [tuple(s) for s in scale.atom.shapes(W.shape)]
    instance = {"W": W} | {f"x{k + 1}": p for k, p in enumerate(x)}
    actual = [np.shape(p) for p in x]
    book.hold(ATTAINS, actual == shapes, instance, (actual, shapes))
    reason = scale.atom.wrong_sign(tuple(p[..., None] for p in x))
    book.hold(ATTAINS, not reason, instance, (reason, "a slice in the domain"))
    inner, price = scale.inner_product(W, x), scale.price(x)
    unit = Fraction(operations(W, *x) * EPS)
    book.hold(ATTAINS, price.lo <= 1 + unit, instance, (f"theta(x) = {float(price.lo)!r}", 1))
    slack = unit * terms(scale, W, x)
    near = inner.lo - slack <= Fraction(value) <= inner.hi + slack
    book.hold(ATTAINS, near, instance, (value, inner.lo))
    limit = allowance(scale, W, bound) + slack
    most = bound.upper == np.inf or Fraction(value) <= Fraction(bound.upper) + limit
    book.hold(ATTAINS, most, instance | {"upper": bound.upper}, (value, bound.upper))
    return x


def terms(scale: Scale, W: Array, x: Slice) -> Fraction:
    """Return a bound of sum |W| |phi(x)|, with the terms of phi in absolute value."""
    return Fraction(float(np.abs(W).sum()) * spread(scale.atom, x))


def hold_sparse(
    book: Book, of: tuple[Atom, int], W: Array, had: tuple[PolarBound, Fraction]
) -> None:
    """Compare the polar of a sparse W with that of a dense one."""
    (atom, seed), (bound, rough) = of, had
    matrix = sparse.csr_array(W)
    try:
        other = atom.polar(matrix, seed=seed)
        value = atom.attain(matrix, seed)[0]
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        book.hold(SPARSE, False, {"W": matrix}, (repr(error), bound))
        return
    hold_overlap(book, SPARSE, {"W": matrix}, (bound, other, rough))
    limit = bound.upper + float(rough) + operations(W) * EPS * abs(value)
    book.hold(SPARSE, bool(value <= limit), {"W": matrix}, (value, bound.upper))


def hold_overlap(
    book: Book,
    clause: Clause,
    instance: dict[str, Any],
    had: tuple[PolarBound, PolarBound, Fraction],
) -> None:
    """Test that two enclosures of the same number overlap."""
    one, two, rough = had
    low, high = max(one.lower, two.lower), min(one.upper, two.upper)
    sides = (one.lower, one.upper), (two.lower, two.upper)
    book.hold(clause, low <= high + float(rough), instance, sides)
