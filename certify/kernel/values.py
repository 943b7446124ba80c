"""Enclosures of the objective: the loss and the penalties of slices and offsets.

f_r(X, q) = l(sum phi(x_k) + A q) + lam sum theta(x_k) + sum a |u_k|_1 + b |v_k|_1 + H(q)
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from . import zeros
from .arithmetic import Arithmetic, H, square_exactly
from .arrays import Array, absolutes_exactly, columns, dyadic, side_by_side
from .budget import FRACTION
from .losses.base import Grains, Spans
from .losses.piecewise import Squared
from .norms import L2, Norm
from .patterns import observed_entries
from .scalars import Enclosure, add_all, exactly, root
from .spaces import Deep, Modes, Network, Pair, Space
from .statement import Point, Question, loss_weights

Square = Callable[[Sequence[float]], Enclosure]


def lengths(n: Norm, x: Sequence[float], square: Square) -> tuple[Enclosure, Enclosure]:
    """Enclose |x| and |x|^2; `square` encloses sum x^2, for an l2 norm."""
    if type(n) is not L2:
        return n.lengths(x)
    squares = square(x)
    return Enclosure(root(squares.lo).lo, root(squares.hi).hi), squares


def theta(
    problem: Question, x: Sequence[Sequence[float]], square: Square = square_exactly
) -> Enclosure:
    """Enclose theta of a slice: the product of its K norms, or the mean of their K-th powers."""
    norms = [lengths(n, part, square) for n, part in zip(problem.space.norms, x, strict=True)]
    count = len(norms)
    if problem.form == "sum":
        return add_all(raised_to(count, *one) for one in norms).times(Fraction(1, count))
    if all(square.lo == square.hi for _, square in norms):
        return root(math.prod((square.lo for _, square in norms), start=Fraction(1)))
    return Enclosure(
        math.prod((size.lo for size, _ in norms), start=Fraction(1)),
        math.prod((size.hi for size, _ in norms), start=Fraction(1)),
    )


def raised_to(k: int, size: Enclosure, square: Enclosure) -> Enclosure:
    """Enclose |x|^k, given |x| and |x|^2."""
    half, odd = divmod(k, 2)
    ends = (square.lo**half, square.hi**half)
    return Enclosure(ends[0] * size.lo**odd, ends[1] * size.hi**odd)


def thetas(
    problem: Question, factors: Sequence[Array], square: Square = square_exactly
) -> Enclosure:
    """Enclose the sum of theta over the slices."""
    slices = zip(*map(columns, factors), strict=True)
    return add_all(theta(problem, x, square) for x in slices)


def penalty(
    problem: Question, factors: Sequence[Array], square: Square = square_exactly
) -> Enclosure:
    """Enclose lam sum theta plus any l1 penalty sum a |u|_1 + b |v|_1 over the slices."""
    value = thetas(problem, factors, square).times(problem.lam)
    for weight, x in zip(problem.l1 or (), factors, strict=False):
        value = value.plus(exactly(weight * absolutes_exactly(x.data)))
    return value


def model(ar: Arithmetic[H], space: Space, factors: Sequence[Array]) -> H:
    """Return the field of sum phi(X_i)."""
    if isinstance(space, Network):
        return ar.layer(space, factors[0], factors[1])
    if isinstance(space, Deep):
        return ar.deep(space, factors)
    return ar.outer_sum(factors, space.at)


def fit_field(ar: Arithmetic[H], problem: Question, x: Point) -> H:
    """Return the field of sum phi(X_i) + A q, or of A q for a point without factors."""
    fields: list[H] = []
    left, right = [], []
    wide = problem.rank + sum(o.width for o in problem.offsets)
    ar.budget.hold((problem.at.m + problem.at.n) * wide, "factors side by side")
    if len(x.factors) == 2 and isinstance(problem.space, Pair | Modes):
        left, right = [x.factors[0]], [x.factors[1]]
    elif x.factors:
        fields.append(model(ar, problem.space, x.factors))
    for o, q in zip(problem.offsets, x.q, strict=True):
        factors = o.factors(q, problem.at)
        if factors is None:
            fields.append(ar.load(observed_entries(q, problem.at)))
        else:
            left.append(factors[0])
            right.append(factors[1])
    if left:
        fields.insert(0, ar.outer_sum((side_by_side(left), side_by_side(right)), problem.at))
    out = fields[0]
    for field in fields[1:]:
        out = ar.add(out, field)
    return out


def loss_value(ar: Arithmetic[H], problem: Question, x: Point) -> Enclosure:
    """Enclose the loss at sum phi(X_i) + A q; intervals of products of factors >= 0 begin at 0."""
    if problem.at.zeros:
        return zeros.fit_loss(ar, ar.load(problem.Y), (x.factors[0], x.factors[1]), problem.at)
    z = fit_field(ar, problem, x)
    if isinstance(problem.loss, Squared):
        residual = ar.subtract(z, ar.load(problem.Y))
        return ar.squares(residual, problem.weights).times(Fraction(1, 2))
    los, his, exp = ar.spans(z)
    least = min((v for a in x.factors for v in a.data), default=0.0)
    if not problem.offsets and isinstance(problem.space, Pair | Modes) and least >= 0:
        los = [max(v, 0) for v in los]
    y = Grains(*dyadic(problem.Y.data))
    return problem.loss.value(Spans(los, his, exp), y, loss_weights(problem))


def objective(ar: Arithmetic[H], problem: Question, x: Point) -> Enclosure:
    """Enclose f(X, q)."""
    prices = x.factors[0].shape[1] * sum(n.numbers for n in problem.space.norms)
    ar.budget.spend(FRACTION * prices, "norms of the factors")
    value = loss_value(ar, problem, x)
    value = value.plus(penalty(problem, x.factors, ar.square))
    for o, q in zip(problem.offsets, x.q, strict=True):
        value = value.plus(o.penalty(ar, q))
    return value
