"""Problems of several families with offset variables Q, exact values, and points that are balanced.

    f_r(X, q) = loss(y, sum phi(X_i) + A q) + lam sum theta(X_i) + H(q)

Factors are drawn first, then W on the polar ball and rho, and last y, so that W = -grad loss and
A^T W is a subgradient of H at q. All numbers are rational. The family is a matrix in l1 or linf
norms, a tensor of order 3 (degree 3), or a hidden ReLU layer; the last loss is infinite for t <= 0.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from ._base import ZERO
from ._exact import dot, l1, scale, sign_of, total
from ._linear import Matrix, Vector, combine, dependences, exact, linf, plus, transposed
from ._models import Factors, Model, linear, network, times
from ._nets import root

ONE = Fraction(1)
BARRIER = "y / t + c t, t > 0"
DELTA = Fraction(2)  # where Huber's loss becomes linear
PULL = Fraction(3)  # the slope c of y / t + c t
MODELS = (
    linear(("l1", "l1"), (2, 2)),
    linear(("linf", "linf"), (2, 2)),
    linear(("l1", "l1", "l1"), (1, 2, 2)),
    linear(("l1", "linf", "l1"), (2, 2, 1)),
    network(tuple(map(exact, ((1, 2), (-1, 1), (2, -1))))),
)


@dataclass(frozen=True)
class Loss:
    """One entry's loss of the prediction t; None where it is infinite.

    `slope` is minus its derivative, `data` the y at which that is w, None where there is none;
    `dual` is d(w) = inf_t loss + w t.
    """

    of: Callable[[Fraction, Fraction], Fraction | None]
    slope: Callable[[Fraction, Fraction], Fraction]
    data: Callable[[Fraction, Fraction], Fraction | None]
    dual: Callable[[Fraction, Fraction], Fraction]


def clipped(w: Fraction) -> Fraction:
    """Return w, at most DELTA in size."""
    return max(-DELTA, min(DELTA, w))


def huber(y: Fraction, t: Fraction) -> Fraction:
    """Return 1/2 e^2, e = t - y, and DELTA |e| - DELTA^2 / 2 from DELTA on."""
    e = abs(t - y)
    return e * e / 2 if e <= DELTA else DELTA * e - DELTA**2 / 2


LOSSES = {
    "squared": Loss(
        lambda y, t: (t - y) ** 2 / 2,
        lambda y, t: y - t,
        lambda w, t: t + w,
        lambda y, w: w * y - w * w / 2,
    ),
    "huber": Loss(  # at |w| = DELTA any farther y will do
        huber,
        lambda y, t: clipped(y - t),
        lambda w, t: None if abs(w) > DELTA else t + w * (1 if abs(w) < DELTA else 3),
        lambda y, w: w * y - w * w / 2,
    ),
    BARRIER: Loss(
        lambda y, t: y / t + PULL * t if t > 0 else None,
        lambda y, t: y / t**2 - PULL,
        lambda w, t: t * t * (PULL + w) if t > 0 and w > -PULL else None,
        lambda y, w: 2 * perfect_root(y * (PULL + w)),
    ),
}


def perfect_root(q: Fraction) -> Fraction:
    """Return sqrt q; ValueError where it is irrational."""
    low, high = root(q)
    if low != high:
        raise ValueError(f"{q} is no square")
    return low


@dataclass(frozen=True)
class Problem:
    """The family, the loss, its data, lam, A by its columns, and H: rho |q|_1 or rho / 2 |q|^2."""

    model: Model
    loss: str
    y: Vector
    lam: Fraction
    columns: Matrix = ()
    rho: Fraction = ONE
    ridge: bool = True

    def prediction(self, slices: Sequence[Factors], q: Sequence[Fraction]) -> Vector:
        """Return sum phi + A q."""
        outputs = [self.model.phi(x) for x in slices]
        whole = combine([ONE] * len(outputs), outputs, len(self.y))
        return plus(whole, combine(q, self.columns, len(self.y)))

    def value(self, slices: Sequence[Factors], q: Sequence[Fraction]) -> Fraction | None:
        """Return f, by its definition; None where it is infinite."""
        of, t = LOSSES[self.loss].of, self.prediction(slices, q)
        entries = [of(a, b) for a, b in zip(self.y, t, strict=True)]
        if any(e is None for e in entries):
            return None
        price = self.lam * total(map(self.model.theta, slices))
        return total(entries) + price + self.penalty(q)

    def penalty(self, q: Sequence[Fraction]) -> Fraction:
        """Return H(q)."""
        return self.rho * (dot(q, q) / 2 if self.ridge else l1(q))

    def weights(self, slices: Sequence[Factors], q: Sequence[Fraction]) -> Vector:
        """Return W = -grad loss."""
        slope = LOSSES[self.loss].slope
        return tuple(map(slope, self.y, self.prediction(slices, q)))

    def adjoint(self, W: Vector) -> Vector:
        """Return A^T W."""
        return tuple(dot(a, W) for a in self.columns)

    def dual(self, W: Vector) -> Fraction:
        """Return d(W) - H*(A^T W); ValueError outside the domain."""
        pull = self.adjoint(W)
        if not self.ridge and linf(pull) > self.rho:
            raise ValueError(f"H* is infinite at {pull}")
        cost = dot(pull, pull) / (2 * self.rho) if self.ridge else ZERO
        return total(map(LOSSES[self.loss].dual, self.y, W)) - cost


@dataclass(frozen=True)
class Candidate:
    """A problem, slices and q, and others of any size to compare with."""

    problem: Problem
    slices: tuple[Factors, ...]
    q: Vector = ()
    others: tuple[Factors, ...] = ()
    p: Vector = ()  # q of the others

    def value(self) -> Fraction:
        """Return f, which is finite here."""
        found = self.problem.value(self.slices, self.q)
        if found is None:
            raise ValueError("f is infinite at the point itself")
        return found


def tight(model: Model, Z: Vector) -> tuple[Vector, list[Factors]]:
    """Return a W of polar 1 that reaches Omega(Z), and its extreme slices: <W, phi> = theta."""
    W = model.rays.omega(Z).y
    return W, [x for x in model.kept if dot(W, model.phi(x)) == model.theta(x)]


def spread(x: Factors, sizes: Sequence[Fraction]) -> Factors:
    """Scale each factor by its size."""
    return tuple(exact(scale(s, f)) for s, f in zip(sizes, x, strict=True))


def across(phi: Sequence[Vector], others: Sequence[Vector]) -> Iterator[Vector]:
    """Yield independent vectors that are orthogonal to all of these."""
    yield from dependences(transposed([*phi, *others]))


def lower(p: Candidate, near: Fraction) -> Candidate | None:
    """Return a lower point at most as far, by the construction of the proof, or None.

    It scales a slice, replaces a zero slice by a small extreme one, or moves one entry of q: if the
    slope of f is not 0, a short enough step lowers f.
    """
    for move in moves(p):
        step = near
        while True:
            there = move(step)
            value = there.problem.value(there.slices, there.q)
            if value is not None and value < p.value():
                return there
            step /= 2
            if step < near / 2**200:
                raise ValueError(f"f does not fall from {p}")
    return None


def moves(p: Candidate) -> Iterator[Callable[[Fraction], Candidate]]:
    """Yield moves along which the slope of f is negative, as functions of their size."""
    problem, model = p.problem, p.problem.model
    W = problem.weights(p.slices, p.q)
    for k, x in enumerate(p.slices):
        slope = problem.lam * model.theta(x) - dot(W, model.phi(x))
        if slope:
            yield partial(_scaled, p, k, ONE if slope < 0 else -ONE)
    steepest = max(model.kept, key=lambda x: dot(W, model.phi(x)) / model.theta(x))
    if dot(W, model.phi(steepest)) > problem.lam * model.theta(steepest):
        yield partial(_grown, p, steepest)
    for k, pull in enumerate(problem.adjoint(W)):
        for sign in (ONE, -ONE):
            rate = problem.rho * (p.q[k] if problem.ridge else sign_of(p.q[k]) or sign)
            if sign * (rate - pull) < 0:
                yield partial(_shifted, p, k, sign)


def _scaled(p: Candidate, k: int, sign: Fraction, size: Fraction) -> Candidate:
    return replace(
        p, slices=(*p.slices[:k], times(1 + sign * size, p.slices[k]), *p.slices[k + 1 :])
    )


def _grown(p: Candidate, x: Factors, size: Fraction) -> Candidate:
    return replace(p, slices=(*p.slices, times(size, x)))


def _shifted(p: Candidate, k: int, sign: Fraction, size: Fraction) -> Candidate:
    return replace(p, q=tuple(v + sign * size * (i == k) for i, v in enumerate(p.q)))


def finite(p: Candidate) -> bool:
    """Return whether f is finite at the point."""
    return p.problem.value(p.slices, p.q) is not None


def named(model: Model, loss: str, *, ridge: bool, lam: Fraction) -> Candidate:
    """Return an optimum with q = (1,) or so, two slices on one ray and W from them.

    W is lam times the multiplier of Omega at a ray; A is an intercept.
    """
    x = model.kept[0]
    W, faces = tight(model, model.phi(x))
    lift = ONE if sum(W) > 0 else -ONE
    ones = tuple(lift for _ in W)
    slices = (faces[0], times(ONE / 2, faces[0]))
    pull = lift * sum(W, ZERO) * lam
    q = 2 + linf(combine([ONE, ONE], [model.phi(s) for s in slices], len(W)))
    rho = ONE / 64 if ridge else pull or ONE  # a square, for the distance bound
    q = pull / rho if ridge or not pull else q
    problem = Problem(model, loss, exact(scale(lam, W)), lam, (ones,), rho, ridge)
    t = problem.prediction(slices, (q,))
    y = [LOSSES[loss].data(a, b) for a, b in zip(problem.y, t, strict=True)]
    return Candidate(replace(problem, y=exact(y)), slices, (q,))


NAMED = tuple(
    named(model, loss, ridge=ridge, lam=lam)
    for model, loss, ridge, lam in (
        (MODELS[0], "squared", True, ONE / 2),
        (MODELS[2], "huber", False, ONE / 2),
        (MODELS[0], "huber", True, DELTA),  # where it is linear
        (MODELS[4], BARRIER, True, ONE / 2),
        (MODELS[3], BARRIER, False, ONE / 2),
    )
)
