"""check_loss: test a loss against the contract of losses/_base.py."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from certify.base.arrays import Array, short
from certify.base.errors import InputError
from certify.losses import Loss

from . import strategies
from ._contract import Book, Clause, Report, example_count, over
from ._exact import ROUNDED
from ._fits import Subject, Weighted, kernel_loss, scale_weights

YOUNG = "d(W) = inf over Z of l(Z) + <W, Z>"
VALUE = Clause("value", "l(Z) > -inf, and outside(Z) says why where it is inf", "a convex loss")
CONVEX = Clause("convexity", "l((Z + X) / 2) <= (l(Z) + l(X)) / 2", "a convex loss")
SLOPE = Clause("gradient", "l(X) >= l(Z) + <grad l(Z), X - Z>", "subgradient inequality")
FENCHEL = Clause("Fenchel-Young", "l(Z) + <W, Z> >= d(W)", YOUNG)
EQUAL = Clause("Fenchel equality", "l(Z) + <W, Z> = d(W) at W = -grad l(Z)", YOUNG)
DOMAIN = Clause("domain", "d(W) is finite exactly where l + <W, .> is bounded below", YOUNG)
CONCAVE = Clause("concavity of d", "d((W + V) / 2) >= (d(W) + d(V)) / 2", "an infimum of lines")
CLIP = Clause("clip_dual", "d(clip_dual(W)) > -inf", "losses/_base.py")
WEIGHTS = Clause("weights", "with weights doubled: l is 2 l, d(2 W) is 2 d(W)", YOUNG)
CURVE = Clause("curvature", "|grad l(Z) - grad l(X)| <= L |Z - X|", "losses/_base.py")
PROX = Clause("prox", "prox(Z, t) minimizes l(X) + |X - Z|^2 / (2 t)", "losses/_base.py")
EXACT = Clause("kernel", "l(Z) and d(W) are what the kernel encloses", "what is certified")
MEANT = (VALUE, CONVEX, SLOPE, FENCHEL, EQUAL, DOMAIN)
CLAUSES = (*MEANT, CONCAVE, CLIP, WEIGHTS, CURVE, PROX, EXACT)
FAR = tuple(2.0**k for k in (3, 10, 20, 30))  # distances at which l + <W, .> is tested along rays
WIDE = 2.0**20  # the largest multiple of W in the search for the end of the domain of d
HALVINGS = 60  # of that search
SHORT = 1 / 8  # distance of near fits, between which a bump of the loss is not missed
SHRINK = 400  # smaller examples that are tried after a failure


@dataclass(frozen=True)
class Drawn:
    """Two fits, two dual points, the step t of prox, and the exponent -k of a short step."""

    Z: Array
    X: Array
    W: Array
    V: Array
    t: float
    k: int


def check_loss(
    loss: Loss, *, weighted: Weighted | None = None, examples: int = 100, seed: int = 0
) -> Report:
    """Test a loss against its contract at small fits, and return a report.

    weighted  a function of c that returns the loss with its weights times c; by default
              dataclasses.replace is used if the loss has a field `weights`
    examples  the number of fits and dual points

    Raises ContractError for a clause that fails, on a small instance, with both figures.
    """
    if not isinstance(loss, Loss):
        raise InputError(f"loss must be a Loss, got {short(loss)}")
    subject = Subject(loss, weighted or scale_weights(loss), kernel_loss(loss))
    book = Book(CLAUSES, how_decided(subject))
    tries = example_count(examples), (seed, SHRINK)
    over(draw_fits(subject), lambda x: check(book, subject, x), *tries)
    return book.report(loss)


def how_decided(of: Subject) -> dict[str, str]:
    """Return how each clause is decided."""
    how = {c.name: ROUNDED for c in CLAUSES}
    how[VALUE.name] = how[CLIP.name] = "exactly"
    how[DOMAIN.name] = "exactly, by the kernel"
    if of.exact is None:
        how[DOMAIN.name] = f"at ends of d, along rays to {FAR[-1]:g}"
        how[EXACT.name] = "not covered: the kernel has no row for it"
    if of.weighted is None:
        how[WEIGHTS.name] = "not covered: give weighted="
    if of.loss.curvature == np.inf:
        how[CURVE.name] = "not covered: none is known"
    if not of.has_prox:
        how[PROX.name] = "not covered: it has no prox"
    if not of.has_clip:
        how[CLIP.name] = "not covered: it has no clip_dual"
    return how


@st.composite
def draw_fits(draw: st.DrawFn, of: Subject) -> Drawn:
    """Return fits with or without negative entries and ties, perhaps equal to data in places."""
    kinds = [strategies.dyadics(), strategies.dyadics(1), strategies.numbers("tied")]
    fits = strategies.arrays(of.shape, draw(st.sampled_from(kinds)))
    duals = strategies.arrays(of.shape)
    t = draw(strategies.dyadics(1, 32))
    Z, X = draw(fits), draw(fits)
    Y = of.data
    if Y is not None and draw(st.sampled_from([False] * 3 + [True])):
        Z = np.where(draw(strategies.masks(of.shape)), Y, Z)
    return Drawn(Z, X, draw(duals), draw(duals), t, draw(st.integers(0, 20)))


def check(book: Book, of: Subject, x: Drawn) -> None:
    """Test every clause on one example."""
    of.memo.clear()
    finite = [Z for Z in (x.Z, x.X) if hold_value(book, of, Z)]
    V, W = (clip_to_domain(book, of, P) for P in (x.V, x.W))
    if of.exact:
        hold_domain(book, of, x)
    if len(finite) > 1:
        hold_convexity(book, of, x)
    for Z in finite:
        G = of.gradient(Z)
        hold_slopes(book, of, (Z, G), [*finite, *(Z + s * 2.0**-x.k * G for s in (1.0, -1.0))])
        hold_young(book, of, (Z, G), (W, V))
        if of.exact:
            hold_kernel_values(book, of, Z, W)
        if of.weighted:
            hold_twice(book, of, Z, W)
    hold_concavity(book, of, W, V)
    if not of.exact:
        hold_domain(book, of, x)
    if of.has_prox:
        hold_prox(book, of, x)


def hold_value(book: Book, of: Subject, Z: Array) -> bool:
    """Test a value and the answer of `outside`; return whether the value is finite."""
    value, reason = of.value(Z), of.loss.outside(Z)
    good = value > -np.inf and (value < np.inf) == (not reason)
    book.hold(VALUE, good, {"Z": Z}, (value, reason or "inside"))
    return value < np.inf


def clip_to_domain(book: Book, of: Subject, W: Array) -> Array:
    """Return clip_dual(W); without a clip_dual, W if it is in the domain, else 0."""
    if not of.has_clip:
        return W if of.dual(W) > -np.inf else np.zeros_like(W)
    inside = np.asarray(of.loss.clip_dual(W))
    value = of.dual(inside)
    book.hold(CLIP, value > -np.inf, {"W": W, "clipped": inside}, (value, "finite"))
    return inside


def pairing(W: Array, Z: Array) -> float:
    """Return <W, Z>."""
    return float(np.vdot(W, Z))


def hold_convexity(book: Book, of: Subject, x: Drawn) -> None:
    """Test the value at the midpoint of far and of near fits, and the curvature."""
    near = x.Z + np.sign(x.X - x.Z) * SHORT
    for X in (x.X, near):
        middle, mean = of.value((x.Z + X) / 2), (of.value(x.Z) + of.value(X)) / 2
        instance, rough = {"Z": x.Z, "X": X}, of.slack(x.Z, X)
        book.hold(CONVEX, middle <= mean + rough, instance, (middle, mean))
        if of.loss.curvature < np.inf and mean < np.inf:
            turn = float(np.linalg.norm(of.gradient(x.Z) - of.gradient(X)))
            most = of.loss.curvature * float(np.linalg.norm(x.Z - X))
            book.hold(CURVE, turn <= most + rough, instance, (turn, most))


def hold_slopes(book: Book, of: Subject, at: tuple[Array, Array], others: list[Array]) -> None:
    """Test the subgradient inequality at Z for other points."""
    Z, G = at
    for X in others:
        value, line = of.value(X), of.value(Z) + pairing(G, X - Z)
        instance = {"Z": Z, "X": X, "gradient": G}
        book.hold(SLOPE, value >= line - of.slack(Z, X), instance, (value, line))


def hold_young(
    book: Book, of: Subject, at: tuple[Array, Array], duals: tuple[Array, Array]
) -> None:
    """Test the Fenchel-Young inequality at dual points, and the equality at -gradient."""
    Z, G = at
    for W in (*duals, -G):
        left, right = of.value(Z) + pairing(W, Z), of.dual(W)
        if right > -np.inf:
            rough = of.slack(Z) + of.dual_slack(W, Z)
            book.hold(FENCHEL, left >= right - rough, {"Z": Z, "W": W}, (left, right))
    instance = {"Z": Z, "W": -G}
    book.hold(DOMAIN, of.dual(-G) > -np.inf, instance, ("-inf", "finite"))
    left, right = of.value(Z) - pairing(G, Z), of.dual(-G)
    rough = of.slack(Z) + of.dual_slack(-G, Z)
    book.hold(EQUAL, abs(left - right) <= rough, instance, (left, right))


def hold_concavity(book: Book, of: Subject, W: Array, V: Array) -> None:
    """Test the dual value at a midpoint."""
    middle, mean = of.dual((W + V) / 2), (of.dual(W) + of.dual(V)) / 2
    exact = np.array_equal((W + V) / 2 * 2 - V, W)  # else rounding may leave the domain
    if mean > -np.inf and (exact or middle > -np.inf):
        rough = of.dual_slack(W, V) + of.dual_slack(V, W)
        book.hold(CONCAVE, middle >= mean - rough, {"W": W, "V": V}, (middle, mean))


def hold_domain(book: Book, of: Subject, x: Drawn) -> None:
    """Test the domain of d, by the kernel, or by far points if d is finite."""
    if of.exact is None:
        for W in (x.W, last_finite(of, x.W)):
            hold_rays(book, of, W)
        return
    last = np.asarray(of.loss.clip_dual(WIDE * x.W))
    for W in (x.W, last, np.nextafter(last, WIDE * x.W)):
        value, truth = of.dual(W), of.exact.inside(W)
        book.hold(DOMAIN, (value > -np.inf) == truth, {"W": W}, (value, truth))


def last_finite(of: Subject, W: Array) -> Array:
    """Return the last s W, 0 <= s <= WIDE, where d is finite, by bisection."""
    low, high = 0.0, WIDE
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if of.dual(middle * W) > -np.inf else (low, middle)
    return np.asarray(low * W)


def hold_rays(book: Book, of: Subject, W: Array) -> None:
    """Test l + <W, .> >= d(W) along each axis and along sign(W)."""
    value, axes = of.dual(W), np.eye(W.size).reshape(-1, *W.shape)
    if value == -np.inf:
        return
    for D in (*axes, *-axes, np.sign(W), -np.sign(W)):
        for far in FAR:
            Z = far * D
            left = of.value(Z) + pairing(W, Z)
            if np.isfinite(left):
                rough = of.slack(Z) + of.dual_slack(W, Z)
                book.hold(DOMAIN, left >= value - rough, {"Z": Z, "W": W}, (left, value))


def hold_kernel_values(book: Book, of: Subject, Z: Array, W: Array) -> None:
    """Compare value and dual value with the kernel's."""
    enclosure = of.exact.value(Z) if of.exact else None
    if enclosure is not None:
        value, rough = Fraction(of.value(Z)), Fraction(of.slack(Z))
        good = enclosure.lo - rough <= value <= enclosure.hi + rough
        book.hold(EXACT, good, {"Z": Z}, (value, enclosure.lo))
    if of.exact and of.exact.inside(W):
        value, least = Fraction(of.dual(W)), of.exact.dual(W)
        good = abs(value - least) <= Fraction(of.dual_slack(W, W))
        book.hold(EXACT, good, {"W": W}, (value, least))


def hold_twice(book: Book, of: Subject, Z: Array, W: Array) -> None:
    """Compare the loss of doubled weights with twice the loss."""
    twice = of.weighted(2.0) if of.weighted else of.loss
    for value, want, rough in (
        (twice.value(Z), 2 * of.value(Z), 2 * of.slack(Z)),
        (twice.dual_value(2 * W), 2 * of.dual(W), 4 * of.dual_slack(W, W)),
    ):
        good = value == want or abs(value - want) <= rough
        book.hold(WEIGHTS, good, {"Z": Z, "W": W}, (value, want))


def hold_prox(book: Book, of: Subject, x: Drawn) -> None:
    """Compare a proximal point P with others: the cost at X is higher by |X - P|^2 / (2 t)."""
    P = np.asarray(of.loss.prox(x.Z, x.t))
    short = 2.0**-x.k * (x.X - P)

    def cost(X: Array) -> float:
        """Return the function that prox minimizes."""
        return of.value(X) + float(np.square(X - x.Z).sum()) / (2 * x.t)

    for X in (x.Z, x.X, P + short, P - short):
        if of.value(X) < np.inf:
            least = cost(P) + float(np.square(X - P).sum()) / (2 * x.t)
            rough = (1 + 1 / x.t) * of.slack(X, P, x.Z)
            instance = {"Z": x.Z, "t": x.t, "prox": P, "X": X}
            book.hold(PROX, least <= cost(X) + rough, instance, (least, cost(X)))
