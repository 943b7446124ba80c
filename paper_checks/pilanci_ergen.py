"""Pilanci-Ergen: the convex program of a one-layer ReLU network is F, written cell by cell.

With |u|_1 all is rational: Omega by a linear program over the cells and by rays, F by slices and
by multipliers. With |u|_2 the square of the polar is rational; a solver's network then gives a
bracket of either side. Data of two and of three columns.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import comb

from hypothesis import assume
from hypothesis import strategies as st

from . import _cone_program as cone_program
from ._base import Check, Counterexample, Statement
from ._cases import Case, among
from ._cells import Cell, cells, regions
from ._draw import matrices, rationals, vectors
from ._exact import dot, l1, scale
from ._fit import below, dual_value, fit
from ._linear import Matrix, Vector, exact, rank
from ._models import network
from ._necessity import NoCounterexampleError
from ._nets import (
    Network,
    hidden,
    l2_up,
    omega_by_cells,
    omega_without_cones,
    polar_l1_by_cells,
    polar_l2_by_arcs,
    polar_l2_by_cells,
    root,
)
from ._points import Number, Point, squared

STATEMENT = Statement(
    title="Pilanci-Ergen",
    words="The least objective of one-layer ReLU networks with weight decay, of any width from "
    "the number of samples on, is the minimum of the convex program over all activation patterns.",
    formula="min 1/2 |sum (V u_j)_+ v_j - y|^2 + lam / 2 sum |u_j|^2 + v_j^2  =  min 1/2 |sum D_i "
    "V (a_i - b_i) - y|^2 + lam sum |a_i| + |b_i|,  (2 D_i - I) V a_i >= 0, (2 D_i - I) V b_i >= 0",
    needs={
        "all patterns": "V = (1,2), (-1,1), (2,-1): the neuron u = (1, 0) costs 1 for the output "
        "(1, 0, 2); without its pattern, on, off, on, the program says 5/3",
        "cones": "V = (1,0), (-1,1): the output (1, -1) is linear in u = (1, 0) and would cost 1; "
        "ReLU neurons pay 2",
        "enough neurons": "V = I, y = (3/2, -4/5), lam = 1/10: the two outputs have two signs, so "
        "one neuron reaches .465, two .22",
        "equal degrees": "a price lam |v| on the outputs alone, of degree 1: u grows, v shrinks, "
        "and f falls to 0",
    },
    rests={
        "Omega by rays = by cells, l1": ("all patterns", "cones"),
        "F = the program, l2": ("enough neurons", "equal degrees"),
    },
    gap="The program has a block for every pattern, about N^(d-1) of them; here all are listed, "
    "for data of two and of three columns.",
)
POLAR, POLAR_2 = "polar by rays = by cells, l1", "polar^2 by arcs = by cells, l2"
OMEGA = "Omega by rays = by cells, l1"
VALUE, VALUE_2 = "F = the program, l1", "F = the program, l2"
FEW, MOST = "neurons <= samples", "patterns <= 2 sum_{k < d} C(N - 1, k)"
CELLS = "patterns listed = patterns counted, by deletion and restriction"
SIZES = (*[(3, 2)] * 3, (2, 2), (3, 3), (3, 3), (4, 3))  # of V; the larger, the rarer
SPACE = tuple(map(exact, ((1, 2, -1), (-1, 1, 2), (2, -1, 1), (1, 1, 1))))  # general position
WHY = "half the widths of both brackets, each proved in rationals"


@dataclass(frozen=True)
class Instance:
    """Data V (N, d), targets, lam, and any W."""

    V: Matrix
    y: Vector
    lam: Fraction
    W: Vector


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    (n, d), entries = draw(st.sampled_from(SIZES)), st.integers(-3, 3).map(Fraction)
    V = tuple(map(exact, draw(matrices(n, d, entries))))
    assume(rank(network(V).rays.phi or [exact([0] * n)]) == n)
    y, W = (exact(draw(vectors(n))) for _ in range(2))
    return Instance(V, y, draw(rationals(1, 3)), W)


INSTANCES = _instances()


def sides(i: Instance) -> Iterator[Check]:
    """Yield the polars, Omega, and F against the program, each bounded by the other's dual."""
    model = network(i.V)
    rays, whole = model.rays, fit(model.rays, i.y, i.lam)
    yield Check(POLAR, rays.polar(i.W), "==", polar_l1_by_cells(i.V, i.W))
    yield Check(POLAR_2, polar_l2_by_arcs(i.V, i.W), "==", polar_l2_by_cells(i.V, i.W))
    yield Check(OMEGA, rays.omega(i.W).value, "==", omega_by_cells(i.V, i.W, cells(i.V)))
    c = whole.minimum()
    W = whole.residual(c)
    by_cells = dual_value(scale(i.lam / max(i.lam, polar_l1_by_cells(i.V, W)), W), i.y)
    yield Check(VALUE, whole.value(c), "==", by_cells)
    pairs = zip(c, model.kept, strict=True)
    net = Network(tuple((u, x * v[0]) for x, (u, v) in pairs if x))
    program = net.grouped(i.V, i.y, i.lam, l1)
    yield Check(VALUE, below(rays, W, i.y, i.lam), "==", program)
    yield Check(FEW, Fraction(len(net.neurons)), "<=", Fraction(len(i.V)))
    count = Fraction(len(cells(i.V)))
    yield Check(MOST, count, "<=", Fraction(most_cells(*shape(i.V))))
    yield Check(CELLS, count, "==", Fraction(regions(i.V)))


def shape(V: Matrix) -> tuple[int, int]:
    """Return (N, d)."""
    return len(V), len(V[0])


def most_cells(n: int, d: int) -> int:
    """Return 2 sum_{k < d} C(n - 1, k): as many in general position."""
    return 2 * sum(comb(n - 1, k) for k in range(d))


CASES: dict[str, Case] = {
    **among("(samples, inputs):", lambda i: shape(i.V), sorted({*SIZES})),
}
NEVER: dict[str, tuple[str, ...]] = {VALUE_2: ("any",)}


def fixed() -> Iterator[Check]:
    """Yield small data in l1, and known values in l2."""
    one, V = Fraction(1), tuple(map(exact, ((1, 2), (-1, 1), (2, -1))))
    yield from sides(Instance(V, exact([5, -3, 4]), one / 2, exact([1, -2, 3])))
    yield from sides(Instance(V[:2], exact([3, -4]), one / 3, exact([2, 1])))
    yield from sides(Instance(SPACE, exact([5, -3, 4, -6]), one / 2, exact([1, -2, 3, 2])))
    for lam in (one / 10, one):
        yield from identity(lam)
    toy = tuple(exact([x, 1]) for x in range(-2, 3))
    y, tenth = exact([1, -1, 1, 1, -1]), Fraction(1, 10)
    yield from bracketed(toy, y, tenth)
    low, high = bracket(toy, y, tenth, by_cells=False)
    told, digits = Fraction("0.8914472"), Fraction("5e-8")
    why = "half a unit of the seventh digit, and half the bracket's width, proved in rationals"
    yield Check(VALUE_2, (low + high) / 2, "==", told, slack=digits + (high - low) / 2, why=why)
    yield from bracketed(V, exact([5, -3, 4]), one)
    yield from bracketed(SPACE, exact([5, -3, 4, -6]), one)


def identity(lam: Fraction) -> Iterator[Check]:
    """Yield V = I, y = (3/2, -4/5), whose best neurons lie on the axes: both sides exactly."""
    V, y = tuple(map(exact, ((1, 0), (0, 1)))), exact([Fraction(3, 2), Fraction(-4, 5)])
    sizes = [max(Fraction(0), abs(t) - lam) for t in y]
    net = Network(tuple((u, s * (1 if t > 0 else -1)) for u, s, t in zip(V, sizes, y, strict=True)))
    W = tuple(-e for e in net.error(V, y))
    polar = root(polar_l2_by_arcs(V, W))[1]  # lam itself, or a loose bound would show
    bound = dual_value(exact(scale(lam / max(lam, polar), W)), y)
    yield Check(VALUE_2, net.grouped(V, y, lam, l2_up), "==", bound)


def bracket(V: Matrix, y: Vector, lam: Fraction, *, by_cells: bool) -> tuple[Fraction, Fraction]:
    """Return a lower and an upper bound, of the program or of F, at the solver's network.

    The program: its own objective at the grouped neurons; multipliers of its cones bound the
    polar. F: weight decay at the neurons; arcs give the polar.
    """
    net = cone_program.network(V, y, float(lam))
    W = tuple(-e for e in net.error(V, y))
    polar = root((polar_l2_by_cells if by_cells else polar_l2_by_arcs)(V, W))[1]
    high = net.grouped(V, y, lam, l2_up) if by_cells else net.decayed(V, y, lam)
    return dual_value(exact(scale(lam / max(lam, polar), W)), y), high


def bracketed(V: Matrix, y: Vector, lam: Fraction) -> Iterator[Check]:
    """Yield that the two brackets meet, within their widths."""
    (a, b), (c, d) = (bracket(V, y, lam, by_cells=way) for way in (True, False))
    yield Check(VALUE_2, (a + b) / 2, "==", (c + d) / 2, slack=(b - a + d - c) / 2, why=WHY)


@dataclass(frozen=True)
class Program:
    """Data V, an output z, and the patterns and cones that the program has."""

    V: Matrix
    z: Vector
    patterns: tuple[Cell, ...]
    cones: bool = True

    def all_patterns(self) -> Iterator[Check]:
        """Yield that every pattern is listed."""
        listed = set(self.patterns)
        yield Check("patterns", Fraction(len(listed)), "==", Fraction(regions(self.V)))

    def has_cones(self) -> Iterator[Check]:
        """Yield that neurons keep to their cells."""
        yield Check("cones", Fraction(self.cones), "==", Fraction(1))

    def conclusion(self) -> Check:
        """Return Omega by rays against the program."""
        program = omega_by_cells if self.cones else omega_without_cones
        here = network(self.V).rays.omega(self.z).value
        return Check(OMEGA, here, "==", program(self.V, self.z, self.patterns))


@dataclass(frozen=True)
class Width:
    """Neurons (u, v) over V = I with price lam theta, and the number of them.

    The program of weight decay has all patterns and cones; its value is the soft thresholds'.
    """

    point: Point
    y: Vector
    neurons: int

    def enough(self) -> Iterator[Check]:
        """Yield at least as many neurons as samples."""
        yield Check("samples", Fraction(len(self.y)), "<=", Fraction(self.neurons))

    def program(self) -> Fraction:
        """Return sum lam |y| - lam^2 / 2, where |y| >= lam."""
        lam = self.point.lam
        return sum((lam * abs(t) - lam**2 / 2 for t in self.y), Fraction(0))

    def one_neuron(self) -> Check:
        """Return the best of one neuron: its outputs have one sign, so it fits one coordinate."""
        y, lam = self.y, self.point.lam
        if self.neurons != 1 or y[0] * y[1] >= 0:
            raise NoCounterexampleError("a neuron may fit both")
        one = min(dot(y, y) / 2 - (abs(t) - lam) ** 2 / 2 for t in y)
        return Check(VALUE_2, one, "==", self.program())

    def neuron_pair(self) -> Check:
        """Return f at the slices, far below the program."""
        if len(self.point.X) != self.neurons:
            raise NoCounterexampleError("the slices are others")
        return Check(VALUE_2, self.point.value(self.point.X), "==", self.program())


HYPOTHESES = {
    "all patterns": lambda i: i.all_patterns(),
    "cones": lambda i: i.has_cones(),
    "enough neurons": lambda i: i.enough(),
    "equal degrees": lambda i: i.point.equal_degrees(),
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield programs that lack something, and networks that do."""
    V, small = tuple(map(exact, ((1, 2), (-1, 1), (2, -1)))), tuple(map(exact, ((1, 0), (-1, 1))))
    fewer = tuple(c for c in cells(V) if c != (1, -1, 1))
    few = Program(V, hidden(V, exact([1, 0])), fewer)
    yield Counterexample("all patterns", few, Program.conclusion)
    loose = Program(small, exact([1, -1]), tuple(cells(small)), cones=False)
    yield Counterexample("cones", loose, Program.conclusion)
    y, lam, big = exact([Fraction(3, 2), Fraction(-4, 5)]), Fraction(1, 10), Fraction(10**9)
    decay = Point(3, _neuron, lambda x: sum(a * a for a in x) / 2, squared(*y), lam, (), size=2)
    yield Counterexample("enough neurons", Width(decay, y, 1), Width.one_neuron)
    X = (exact([big, 0, y[0] / big]), exact([0, big, y[1] / big]))
    cheap = Width(replace(decay, theta=lambda x: abs(x[2]), X=X), y, 2)
    yield Counterexample("equal degrees", cheap, Width.neuron_pair)


def _neuron(x: Sequence[Number]) -> list[Number]:
    return [(a + abs(a)) / 2 * x[2] for a in x[:2]]
