"""The clauses of an atom's contract about slices: phi, theta and their sums."""

from dataclasses import dataclass, fields, is_dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from certify.atoms import Atom, Factors, Slice
from certify.base.arrays import Array
from certify.base.errors import InputError
from certify.base.observed import Observed

from . import strategies
from ._contract import EPS, Book, Clause
from ._exact import KERNEL, Scale, column, operations, scale_of, single, spread

PAIR = "a pair (phi, theta) of degree p"
SHAPES = Clause("shapes", "phi(x) is (m, n), theta(X) is (r,), both finite", "atoms/_base.py")
ZERO = Clause("zero slice", "phi(0) = 0, theta(0) = 0", PAIR)
SIGN = Clause("theta >= 0", "theta(x) >= 0", PAIR)
FREE = Clause("nothing is free", "theta(x) = 0 only where phi(x) = 0", "theta >= c |phi|")
PHI = Clause("homogeneity of phi", "phi(a x) = a^p phi(x), a >= 0", PAIR)
THETA = Clause("homogeneity of theta", "theta(a x) = a^p theta(x), a >= 0", PAIR)
EACH = Clause("slice by slice", "theta(X)_i = theta(X_i)", "atoms/_base.py")
PREDICT = Clause("prediction", "predict(X) = sum_i phi(X_i) where observed", "atoms/_base.py")
INNER = Clause(
    "inner products", "inner_products(W, X) = (<W, phi(X_i)>, |phi(X_i)|)", "atoms/_base.py"
)
NONE = Clause("no slices", "theta(X) is empty and predict(X) = 0 for r = 0", "the sum of none")
DOMAIN = Clause("domain", "project(X) is allowed, and projected on itself", "atoms/_base.py")
FORMS = Clause(
    "sum = product",
    "theta_product(x) <= theta_sum(x), equal for parts of one size",
    "sum = product (AM-GM)",
)
WORDS = Clause("statement", "the kernel's phi and theta are phi and theta", "what is certified")
CLAUSES = (SHAPES, ZERO, SIGN, FREE, PHI, THETA, EACH, PREDICT, INNER, NONE, DOMAIN, FORMS, WORDS)
ROUGH = (EACH, PHI, THETA, PREDICT, INNER, FORMS, WORDS)  # decided in floats
R = 3  # slices at a time


@dataclass(frozen=True)
class Drawn:
    """One example: the shape of the data, R slices, a scale, a field W, and a mask."""

    shape: tuple[int, ...]
    X: Factors
    a: float
    W: Array
    mask: Any

    @property
    def details(self) -> dict[str, Any]:
        """The instance of a failure."""
        return {"shape": self.shape} | {f"x{k + 1}": p for k, p in enumerate(column(self.X))}


@st.composite
def examples(draw: st.DrawFn, atom: Atom, shapes: st.SearchStrategy[tuple[int, ...]]) -> Drawn:
    """Return slices in the atom's domain, some with ties and zeros; a is 2^k, 3/4, 3 or 10."""
    shape = draw(shapes)
    entries = st.sampled_from([strategies.numbers("dyadic"), strategies.numbers("tied")])
    X = draw(strategies.factors(atom, shape, R, draw(entries)))
    a = draw(st.integers(-20, 20).map(lambda k: 2.0**k) | st.sampled_from([0.75, 3.0, 10.0]))
    m, n = shape[0], int(np.prod(shape[1:]))
    return Drawn(shape, X, a, draw(strategies.arrays((m, n))), draw(strategies.masks((m, n))))


def check_slices(book: Book, atom: Atom, drawn: Drawn, *, everywhere: bool = True) -> None:
    """Test every clause on one example; everywhere: whether every W has a finite polar."""
    hold_shapes(book, atom, drawn)
    if everywhere:
        hold_prices(book, atom, drawn)
    hold_degree(book, atom, drawn)
    hold_sums(book, atom, drawn)
    hold_domain(book, atom, drawn)
    if twin := other_form(atom):
        hold_forms(book, (atom, twin), drawn)
    scale = scale_of(atom, drawn.shape)
    if scale.how == KERNEL:
        hold_statement(book, scale, drawn)


def hold_shapes(book: Book, atom: Atom, drawn: Drawn) -> None:
    """Test the shapes, the zero slice, theta >= 0, and theta of single slices."""
    X, x = drawn.X, column(drawn.X)
    value, prices = np.asarray(atom.phi(x)), np.asarray(atom.theta(X))
    wanted = drawn.W.shape, (R,)
    actual = value.shape, prices.shape
    finite = bool(np.isfinite(value).all() and np.isfinite(prices).all())
    book.hold(SHAPES, actual == wanted and finite, drawn.details, (actual, wanted))
    none = tuple(0.0 * p for p in x)
    sizes = float(np.abs(atom.phi(none)).max()), float(atom.theta(single(none))[0])
    book.hold(ZERO, sizes == (0.0, 0.0), drawn.details, (sizes, (0.0, 0.0)))
    book.hold(SIGN, bool((prices >= 0).all()), drawn.details, (prices, 0.0))
    alone = np.array([float(atom.theta(single(column(X, k)))[0]) for k in range(R)])
    slack = operations(*x) * EPS * np.abs(alone)
    near = bool((np.abs(prices - alone) <= slack).all())
    book.hold(EACH, near, {"shape": drawn.shape, "X": X}, (prices, alone))


def hold_prices(book: Book, atom: Atom, drawn: Drawn) -> None:
    """Test phi(x) = 0 if theta(x) = 0; else the polar of some W would be infinite."""
    for k, price in enumerate(np.asarray(atom.theta(drawn.X))):
        x = column(drawn.X, k)
        size = float(np.abs(atom.phi(x)).max(initial=0.0))
        instance = {"shape": drawn.shape} | {f"x{j + 1}": p for j, p in enumerate(x)}
        book.hold(FREE, bool(price > 0) or size == 0.0, instance, (float(price), size))


def hold_degree(book: Book, atom: Atom, drawn: Drawn) -> None:
    """Test the homogeneity; scaling the slice is exact because its numbers are short."""
    x, a = column(drawn.X), drawn.a
    longer, by = tuple(a * p for p in x), a**atom.degree
    instance = drawn.details | {"a": a, "p": atom.degree}
    value, want = np.asarray(atom.phi(longer)), by * np.asarray(atom.phi(x))
    same = np.array_equal(value, want)
    slack = 0.0 if same else operations(*x, value) * EPS * by * spread(atom, x)
    good = same or bool((np.abs(value - want) <= slack).all())
    book.hold(PHI, good, instance, (value, want))
    price, due = float(atom.theta(single(longer))[0]), by * float(atom.theta(single(x))[0])
    book.hold(THETA, abs(price - due) <= operations(*x) * EPS * due, instance, (price, due))


def hold_sums(book: Book, atom: Atom, drawn: Drawn) -> None:
    """Test sums over slices: the prediction with and without a mask, and the inner products."""
    X, instance = drawn.X, {"shape": drawn.shape, "X": drawn.X, "W": drawn.W}
    full = observed_by(drawn, np.ones_like(drawn.mask))
    each = np.array([atom.phi(column(X, k)) for k in range(R)])
    total = each.sum(axis=0)
    unit = operations(*X, total) * EPS
    slack = unit * sum(spread(atom, column(X, k)) for k in range(R))
    for at in (full, observed_by(drawn, drawn.mask)):
        actual, want = atom.predict(X, at), at.field(total)
        near = np.shape(actual) == want.shape and bool((np.abs(actual - want) <= slack).all())
        book.hold(PREDICT, near, instance, (actual, want))
    paid, sizes = atom.inner_products(drawn.W, X, full)
    wanted = np.array([float(np.vdot(drawn.W, f)) for f in each])
    lengths = np.array([float(np.linalg.norm(f)) for f in each])
    near = bool((np.abs(paid - wanted) <= slack * np.abs(drawn.W).sum()).all())
    near &= bool((np.abs(sizes - lengths) <= slack * total.size).all())
    book.hold(INNER, near, instance, ((paid, sizes), (wanted, lengths)))
    hold_empty(book, atom, drawn, full)


def observed_by(drawn: Drawn, mask: Any) -> Observed:  # noqa: ANN401  booleans
    """Return the observed entries of a mask."""
    m, n = drawn.W.shape
    if mask.all():
        return Observed(m, n, dims=drawn.shape)
    rows, cols = (k.astype(np.int64) for k in np.nonzero(mask))
    return Observed(m, n, rows, cols, drawn.shape)


def hold_empty(book: Book, atom: Atom, drawn: Drawn, full: Observed) -> None:
    """Test theta and the prediction of no slices."""
    none, instance = tuple(p[..., :0] for p in drawn.X), {"shape": drawn.shape}
    try:
        price, total = np.asarray(atom.theta(none)), np.asarray(atom.predict(none, full))
    except (ValueError, IndexError, ZeroDivisionError) as error:
        book.hold(NONE, False, instance, (repr(error), "an empty array"))
        return
    empty = price.shape == (0,) and total.shape == drawn.W.shape and not total.any()
    book.hold(NONE, empty, instance, ((price, total), ("an empty array", 0.0)))


def hold_domain(book: Book, atom: Atom, drawn: Drawn) -> None:
    """Test that projected factors are allowed, and equal to their projection."""
    first = atom.project(tuple(-p for p in drawn.X))
    again = atom.project(first)
    reason = atom.wrong_sign(first)
    same = not reason and all(map(np.array_equal, first, again))
    book.hold(DOMAIN, same, {"shape": drawn.shape, "X": first}, (reason or again, first))


def other_form(atom: Atom) -> Atom | None:
    """Return the atom with the other form, "sum" or "product"; None if it has no form."""
    if not is_dataclass(atom) or "form" not in {f.name for f in fields(atom)}:
        return None
    other = {"sum": "product", "product": "sum"}.get(str(getattr(atom, "form", "")))
    try:
        return None if other is None else replace(atom, form=other)
    except (InputError, TypeError):
        return None


def hold_forms(book: Book, both: tuple[Atom, Atom], drawn: Drawn) -> None:
    """Compare the two forms at a slice, and at the slice scaled to parts of equal size.

    If all other parts are 0, K theta_sum is the K-th power of the size of a part.
    """
    total, product = sorted(both, key=lambda atom: getattr(atom, "form", "") != "sum")
    x = column(drawn.X)
    a, b = price(product, x), price(total, x)
    slack = operations(*x) * EPS * b
    book.hold(FORMS, a <= b + slack, drawn.details, (a, b))
    K = len(x)
    powers = [K * price(total, alone(x, k)) for k in range(K)]
    if K == 1 or all(powers):
        sizes = [p ** (1 / K) for p in powers]
        middle = float(np.prod(sizes)) ** (1 / K)
        even = tuple(p * (middle / s) if K > 1 else p for p, s in zip(x, sizes, strict=True))
        cost = price(total, even)
        slack = operations(*x) * EPS * K * max(cost, a)
        book.hold(FORMS, abs(cost - a) <= slack, drawn.details, (a, cost))
    else:
        book.hold(FORMS, a == 0.0, drawn.details, (a, 0.0))


def price(atom: Atom, x: Slice) -> float:
    """Return theta of one slice."""
    return float(atom.theta(single(x))[0])


def alone(x: Slice, k: int) -> Slice:
    """Return x with all parts but one at 0."""
    return tuple(p if i == k else 0.0 * p for i, p in enumerate(x))


def hold_statement(book: Book, scale: Scale, drawn: Drawn) -> None:
    """Compare phi and theta with those that the kernel computes from the atom's statement."""
    x = column(drawn.X)
    exact, value = scale.field(x), np.asarray(scale.atom.phi(x)).reshape(-1)
    slack = Fraction(operations(*x, value) * EPS * spread(scale.atom, x))
    pairs = zip(exact, map(Fraction, value.tolist()), strict=True)
    near = all(e.lo - slack <= v <= e.hi + slack for e, v in pairs)
    book.hold(WORDS, near, drawn.details, (tuple(e.lo for e in exact), value))
    due, cost = scale.price(x), Fraction(price(scale.atom, x))
    slack = Fraction(operations(*x) * EPS) * due.hi
    book.hold(WORDS, due.lo - slack <= cost <= due.hi + slack, drawn.details, (due.lo, cost))
