"""Large r by the span: the construction of large_r in coordinates of span phi, in rationals.

All that the loss sees of a slice is E k(phi(x)), where k keeps some of phi's entries and the
columns of E are independent: dim span = the number kept. Three reasons why that is less than the
number of outputs: few features (E = A x I), ReLU rows v, -v, w, -w, v + w, -v - w, for which
(v)+ - (-v)+ + (w)+ - (-w)+ = (v + w)+ - (-v - w)+, and entries that are not observed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import product as every

from hypothesis import strategies as st

from ._barriers import Barrier, barriers, off_the_axis
from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among
from ._draw import rationals, vectors
from ._exact import dot, scale
from ._fit import Fit, below
from ._linear import Matrix, Vector, combine, exact, plus, rank
from ._lp import unit
from ._models import Factors, Model, linear, network, times
from ._necessity import NoCounterexampleError
from ._points import Point, squared
from ._polynomial import orthants, variables
from ._rays import Rays
from ._simplex import Columns, Weights, completed, follow, pivots, reduce
from .large_r import HALF, Leg

STATEMENT = Statement(
    title="Large r by the span",
    words="For large r the dimension that counts is that of the span of phi, as the loss sees it, "
    "and not the number of outputs. For a linear layer on N samples with d features and c "
    "outputs, more than d c slices are enough, while card(D) is N c. Entries that are not "
    "observed do not count.",
    formula="loss(Z) = g(A Z) with g convex, r > dim span {A phi(x)}  =>  from every X a "
    "continuous X(s), X(0) = X, has f_r(X(s)) non-increasing and f_r(X(1)) = min F",
    needs={
        "r > dim span": "two outputs (3/5, 4/5) (a + b) of one slice, with theta and data as in "
        "the first counterexample of large r: the dimension is 1, card(D) is 2, and with r = 1 "
        "every way from f = 18 to f = 19/2 passes 50",
        "convex loss": "as for large r: (z^2 - 1)^2 + 1 - z / 4 on the line, lam = 1/8",
        "equal degrees": "as for large r: phi = a b c, theta = a^2 + b^2 + c^2",
    },
    gap="Usually this is stated with card(D). The proof is the same in a basis of the span of phi "
    "over all slices, not only over those of X. As for large r, the construction is for theta "
    "with finitely many extreme slices.",
)
FALLS, SLOPE, ENDS = "f never rises", "f falls to the end of each leg", "f ends at min F"
ROOM, FEWER = "slices <= dim span + 1", "slices <= card(D)"
FOLLOWS = "the outputs that are not kept follow from the kept ones"


@dataclass(frozen=True)
class Seen:
    """A model, the entries of phi to keep, E, and card(D): the loss sees E times these entries."""

    model: Model
    keep: tuple[int, ...]
    E: Matrix
    card: int

    def __repr__(self) -> str:
        return f"{len(self.E)} outputs of {self.model}, of which {len(self.keep)} count"

    @cached_property
    def dimension(self) -> int:
        """Return dim span: the rank of the extreme slices as the loss sees them."""
        return rank([self.outputs(self.coordinates(x)) for x in self.model.kept])

    def coordinates(self, x: Factors) -> Vector:
        """Return the entries kept."""
        phi = self.model.phi(x)
        return tuple(phi[k] for k in self.keep)

    def outputs(self, z: Sequence[Fraction]) -> Vector:
        """Return E z."""
        return tuple(dot(row, z) for row in self.E)

    def columns(self, factors: Sequence[Factors]) -> Columns:
        """Return coordinates and costs of slices."""
        return Columns(tuple(map(self.coordinates, factors)), tuple(map(self.model.theta, factors)))


def few_features(A: Matrix, outputs: int) -> Seen:
    """Return A u v^T with l1 norms."""
    model = linear(("l1", "l1"), (len(A[0]), outputs))
    zero = Fraction(0)
    E = tuple(
        tuple(a if j == k else zero for a in row for k in range(outputs))
        for row in A
        for j in range(outputs)
    )
    return Seen(model, tuple(range(len(E[0]))), E, len(E))


def kept(model: Model, keep: tuple[int, ...], rest: Sequence[Vector], card: int) -> Seen:
    """Return a model with these entries kept; `rest` has what follows from them."""
    units = [unit(k, len(keep)) for k in range(len(keep))]
    return Seen(model, keep, (*units, *rest), card)


ROWS = tuple(map(exact, ((1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, -1))))
OPPOSITE = kept(network(ROWS), (0, 1, 2, 3, 4), [exact([-1, -1, 1, 1, 1])], 6)
MASKED = kept(linear(("l1", "linf"), (2, 2)), (0, 1, 3), [], 4)
FEATURES = few_features(tuple(map(exact, ((1, 2), (-1, 1), (2, 0)))), 1)
SEEN = (OPPOSITE, MASKED, FEATURES)


@dataclass(frozen=True)
class Instance:
    """What is seen, its data and lam, and dim span + 1 slices to start from."""

    seen: Seen
    y: Vector
    lam: Fraction
    start: tuple[Factors, ...]

    def value(self, slices: Sequence[Factors]) -> Fraction:
        """Return f by the factors."""
        seen = self.seen
        outputs = [seen.outputs(seen.coordinates(x)) for x in slices]
        errors = plus(combine([Fraction(1)] * len(outputs), outputs, len(self.y)), self.y, -1)
        return dot(errors, errors) / 2 + self.lam * sum(map(seen.model.theta, slices), Fraction(0))


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    seen = draw(st.sampled_from(SEEN))
    slices = st.tuples(*(vectors(n).map(exact) for n in seen.model.lengths))
    room = len(seen.keep) + 1
    start = draw(st.lists(slices, min_size=room, max_size=room))
    y = exact(draw(vectors(len(seen.E), st.one_of(rationals(), st.just(ZERO)))))
    y = exact(scale(Fraction(draw(st.integers(0, 3))), y))
    return Instance(seen, y, draw(rationals(1, 4)), tuple(start))


INSTANCES = _instances()


def walk(i: Instance) -> tuple[tuple[Factors, ...], list[Leg], Fraction]:
    """Return the slices and the legs of the path over them, and a dual value."""
    factors = (*i.start, *i.seen.model.kept)
    columns, extreme = i.seen.columns(factors), i.seen.columns(i.seen.model.kept)
    size = len(i.seen.keep)

    def sum_of(c: Weights) -> Vector:
        return combine(list(c.values()), [columns.phi[j] for j in c], size)

    c: Weights = {j: Fraction(1) for j in range(len(i.start))}
    legs, start = [], sum_of(c)
    rays = Rays("", tuple(map(i.seen.outputs, extreme.phi)), extreme.theta)
    best = Fit(rays.phi, rays.theta, i.y, i.lam).minimum()
    end = combine(best, extreme.phi, size)
    for after in reduce(columns, c):
        legs.append(Leg(c, after))
        c = after
    basis = completed(columns, c)
    for cheaper, after in pivots(columns, basis, start):
        legs.append(Leg(c, after))
        basis, c = cheaper, after
    for t, optimal in follow(columns, basis, start, end):
        after = columns.weights(optimal, plus(start, plus(end, start, -1), t))
        legs.append(Leg(c, after))
        c = after
    W = plus(i.y, i.seen.outputs(sum_of(c)), -1)
    return factors, legs, below(rays, W, i.y, i.lam)


def sides(i: Instance) -> Iterator[Check]:
    """Yield f along the path, how many slices it takes, and its end against the dual value.

    On a leg f is q(s) = a s^2 + b s + c with a >= 0: it never rises if 3 q(1) + q(0) <= 4 q(1/2).
    """
    (factors, legs, bound), last = walk(i), i.value(i.start)
    for leg in legs:
        f = [
            i.value([times(x, factors[j]) for j, x in leg.at(s).items()])
            for s in (Fraction(0), HALF, Fraction(1))
        ]
        for here in f:
            yield Check(FALLS, here, "<=", last)
            last = here
        yield Check(SLOPE, (3 * f[2] + f[0]) / 4, "<=", f[1])
        used = Fraction(len(leg.at(HALF)))
        yield Check(ROOM, used, "<=", Fraction(i.seen.dimension + 1))
        yield Check(FEWER, used, "<=", Fraction(i.seen.card))
    yield Check(ENDS, last, "==", bound)
    if i.seen is OPPOSITE:
        for x in (*i.start, (exact([-1, -2]), exact([3]))):
            z, phi = i.seen.coordinates(x), i.seen.model.phi(x)
            yield Check(FOLLOWS, i.seen.outputs(z)[5], "==", phi[5])


CASES: dict[str, Case] = {
    **among("seen:", lambda i: i.seen, SEEN),
    "y = 0": lambda i: not any(i.y),
}
NEVER: dict[str, tuple[str, ...]] = {
    FOLLOWS: tuple(f"seen: {seen}" for seen in SEEN if seen is not OPPOSITE),
}


def fixed() -> Iterator[Check]:
    """Yield a path for each."""
    for seen in SEEN:
        slices = [
            tuple(
                exact([(3 * k + 2 * a + b) % 5 - 1 for a in range(n)])
                for b, n in enumerate(seen.model.lengths)
            )
            for k in range(len(seen.keep) + 1)
        ]
        y = exact([Fraction((-1) ** k * (3 * k + 5), 2) for k in range(len(seen.E))])
        yield from sides(Instance(seen, y, HALF, tuple(slices)))


def dimension(p: Point) -> int:
    """Return dim span of phi: the rank of its coefficients on all orthants and their faces."""
    found, steps = [], variables((None,) * p.arity)
    for signs in every((1, -1, 0), repeat=p.arity):
        phi = [f + 0 * steps[0] for f in p.phi([s * t for s, t in zip(signs, steps, strict=True)])]
        powers = sorted({power for f in phi for power in f.terms})
        found += [tuple(f.terms.get(power, ZERO) for f in phi) for power in powers]
    return rank(found)


def enough(b: Barrier) -> Iterator[Check]:
    """Yield r > dim span."""
    yield Check("slices", Fraction(dimension(b.point)), "<", Fraction(len(b.point.X)))


HYPOTHESES = {
    "r > dim span": enough,
    "convex loss": lambda b: b.point.convex(),
    "equal degrees": lambda b: b.point.equal_degrees(),
}
UNIT = exact([Fraction(3, 5), Fraction(4, 5)])


def counterexamples() -> Iterator[Counterexample]:
    """Yield barriers: of two outputs that are multiples of one, and those of large r."""
    name, one = next(iter(barriers()))
    two = replace(one.point, phi=lambda x: [e * f for f in one.point.phi(x) for e in UNIT],
                  loss=squared(6, 8), size=2)  # fmt: skip
    yield Counterexample("r > dim span", Barrier(two, along_unit), Barrier.conclusion)
    for given, barrier in barriers():
        dropped = "r > dim span" if given == name else given
        yield Counterexample(dropped, barrier, Barrier.conclusion)


def along_unit(p: Point) -> Fraction:
    """Return the barrier for phi = e (a + b) and data y e, |e| = 1, that of one output."""
    e = p.phi([Fraction(1), ZERO])
    y = [-Fraction(t.b) for t in p.loss.terms]
    size = dot(e, y)
    if dot(e, e) != 1 or y != [size * x for x in e] or p.loss != squared(*y):
        raise NoCounterexampleError("the outputs or the data are no multiples of a unit vector")
    for x in orthants((ZERO, ZERO), None):
        if any(f - k * (abs(x[0]) + abs(x[1])) for f, k in zip(p.phi(x), e, strict=True)):
            raise NoCounterexampleError("phi is another")
    return off_the_axis(
        replace(p, phi=lambda x: [abs(x[0]) + abs(x[1])], loss=squared(size), size=1)
    )
