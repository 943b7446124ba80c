"""The path norm of a ReLU network: the sum of |product of the weights| over all paths.

Layers W_1, ..., W_L, each a matrix with a row for each of its units; no biases. With |W| the matrix
of absolute values, the norm is the sum of the entries of |W_L| ... |W_1|.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import pairwise
from itertools import product as tuples

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among
from ._draw import matrices, positives, rationals, vectors
from ._exact import Matrix, Vector, dot, flat, l1, total, vector
from ._told import told_of

STATEMENT = Statement(
    title="Path regularization",
    words="The path norm has the degree of the network, L, and like the network it does not change "
    "when a hidden unit's incoming weights are multiplied by d > 0 and its outgoing ones divided "
    "by d. It bounds how fast the outputs change, and is itself at most the product of the "
    "layers' sums of absolute weights. With one hidden layer it is a sum over the units of "
    "|u|_1 |v|_1, a theta of the degree of phi, and it is the least weight decay, in l1 norms of "
    "each unit, over all such multiplications. So both penalties have the same minimum.",
    formula="P(W) = sum of the entries of |W_L| ... |W_1|:   P(c W) = c^L P(W), P(D W) = P(W), "
    "|f(x) - f(y)|_1 <= P(W) |x - y|_inf, P(W) <= prod_k |W_k|_1;   L = 2  =>  P(W) = "
    "min_D sum_j (|u_j|_1^2 + |v_j|_1^2) / 2",
    needs={
        "d > 0": "one unit, u = v = x = 1: with d = -1 the hidden unit is off, and the output is "
        "0, not 1",
        "degree-1 activation": "t^2 in place of max(t, 0), u = v = x = 1, d = 2: the output "
        "doubles",
        "l1 norms": "u = (1, 1), v = 1, with (|u|_2^2 + v^2) / 2 = 3/2 as the decay: the path "
        "norm is 2",
        "every path": "without the second of two hidden units, each with u = v = 1, the norm is "
        "1, and from x = 0 to x = 1 the output changes by 2",
    },
    rests={
        "the outputs do not change under D": ("d > 0", "degree-1 activation"),
        "L = 2: P <= sum_j (|u_j|_1^2 + |v_j|_1^2) / 2": ("l1 norms", "every path"),
        "|f(x) - f(y)|_1 <= P |x - y|_inf": ("degree-1 activation", "every path"),
    },
    gap="For L >= 3 the path norm of one network is no sum over parallel networks, so the theory "
    "does not apply to it; the sum of the path norms of networks in parallel is one.",
)
DEGREE = "P(c W) = c^L P(W)"
FIXED = "P does not change under D"
SAME = "the outputs do not change under D"
SLOPE = "|f(x) - f(y)|_1 <= P |x - y|_inf"
PRODUCT = "P <= prod_k |W_k|_1"
SLICES = "L = 2: P = sum_j |u_j|_1 |v_j|_1"
DECAY = "L = 2: P <= sum_j (|u_j|_1^2 + |v_j|_1^2) / 2"
REACHED = "L = 2: equal once |u_j|_1 = |v_j|_1"

Activation = Callable[[Fraction], Fraction]


@dataclass(frozen=True)
class Instance:
    """Layers, d of each hidden layer's units, c, and two inputs."""

    layers: list[Matrix]
    ds: list[Vector]
    c: Fraction
    x: Vector
    y: Vector


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    """Draw a net, sparse or with one sign or balanced, so that each bound is reached."""
    depth = draw(st.integers(1, 3))
    most = draw(st.integers(1, 2))
    widths = draw(st.lists(st.integers(1, most), min_size=depth + 1, max_size=depth + 1))
    entries = draw(st.sampled_from([rationals(-3, 3), rationals(0, 3), rationals(1, 3)]))
    layers = [draw(matrices(n, m, entries)) for m, n in pairwise(widths)]
    if depth == 2 and draw(st.booleans()):
        layers = balanced(layers)
    ds = [draw(vectors(n, positives(3))) for n in widths[1:-1]]
    if draw(st.booleans()):
        ds = [[Fraction(1)] * len(d) for d in ds]
    n = widths[0]
    y = draw(vectors(n))
    x = draw(vectors(n))
    if draw(st.booleans()):  # where outputs of weights >= 0 change fastest
        y, x = [ZERO] * n, [Fraction(2)] * n
    return Instance(layers, ds, draw(positives(4)), x, y)


INSTANCES = _instances()


def relu(t: Fraction) -> Fraction:
    """Return max(t, 0)."""
    return max(t, ZERO)


def outputs(layers: list[Matrix], x: Vector, act: Activation = relu) -> Vector:
    """Return f(x)."""
    for k, W in enumerate(layers):
        x = [dot(row, x) for row in W]
        x = x if k == len(layers) - 1 else [act(t) for t in x]
    return x


def path_norm(layers: list[Matrix]) -> Fraction:
    """Return P: every path from an input to an output, one by one."""
    widths = [len(layers[0][0]), *map(len, layers)]
    found = ZERO
    for path in tuples(*map(range, widths)):
        weight = Fraction(1)
        for W, j, i in zip(layers, path, path[1:], strict=False):
            weight *= W[i][j]
        found += abs(weight)
    return found


def rescaled(layers: list[Matrix], ds: list[Vector]) -> list[Matrix]:
    """Return D W: rows are multiplied by d, and the next layer's columns divided by it."""
    out, before = [], [Fraction(1)] * len(layers[0][0])
    for W, after in zip(layers, [*ds, [Fraction(1)] * len(layers[-1])], strict=True):
        out.append(
            [
                [d * w / e for w, e in zip(row, before, strict=True)]
                for d, row in zip(after, W, strict=True)
            ]
        )
        before = after
    return out


def units(layers: list[Matrix]) -> list[tuple[Vector, Vector]]:
    """Return (u_j, v_j) of the hidden units of two layers."""
    U, V = layers
    return list(zip(U, map(list, zip(*V, strict=True)), strict=True))


def decay(layers: list[Matrix]) -> Fraction:
    """Return sum_j (|u_j|_1^2 + |v_j|_1^2) / 2."""
    return total(l1(u) ** 2 + l1(v) ** 2 for u, v in units(layers)) / 2


def balanced(layers: list[Matrix]) -> list[Matrix]:
    """Return v_j multiplied so that |v_j|_1 = |u_j|_1, or both 0 if one is."""
    pairs = []
    for u, v in units(layers):
        a, b = l1(u), l1(v)
        pairs.append(
            (u, [x * a / b for x in v]) if a and b else ([0 * x for x in u], [0 * x for x in v])
        )
    return [[u for u, _ in pairs], [list(row) for row in zip(*(v for _, v in pairs), strict=True)]]


def sides(i: Instance) -> Iterator[Check]:
    """Yield the path norm, path by path, against the network's own sums and outputs."""
    P, depth = path_norm(i.layers), len(i.layers)
    larger = [[[i.c * w for w in row] for row in W] for W in i.layers]
    yield Check(DEGREE, path_norm(larger), "==", i.c**depth * P)
    other = rescaled(i.layers, i.ds)
    yield Check(FIXED, path_norm(other), "==", P)
    for a, b in zip(outputs(other, i.x), outputs(i.layers, i.x), strict=True):
        yield Check(SAME, a, "==", b)
    yield slope(i.layers, i.x, i.y, P)
    bound = Fraction(1)
    for W in i.layers:
        bound *= l1(flat(W))
    yield Check(PRODUCT, P, "<=", bound)
    if depth == 2:
        yield Check(SLICES, P, "==", total(l1(u) * l1(v) for u, v in units(i.layers)))
        yield Check(DECAY, P, "<=", decay(other))
        even = balanced(i.layers)
        yield Check(REACHED, path_norm(even), "==", decay(even))


def slope(layers: list[Matrix], x: Vector, y: Vector, P: Fraction, act: Activation = relu) -> Check:
    """Return |f(x) - f(y)|_1 against P |x - y|_inf."""
    moved = l1(a - b for a, b in zip(outputs(layers, x, act), outputs(layers, y, act), strict=True))
    return Check(SLOPE, moved, "<=", P * max(abs(a - b) for a, b in zip(x, y, strict=True)))


CASES: dict[str, Case] = {
    **among("layers:", lambda i: len(i.layers), (1, 2, 3)),
    **among("outputs:", lambda i: len(i.layers[-1]), (1, 2)),
    "P = 0": lambda i: path_norm(i.layers) == 0,
    "P > 0": lambda i: path_norm(i.layers) > 0,
    "D is not 1": lambda i: any(d != 1 for ds in i.ds for d in ds),
}
_DEEP = ("layers: 1", "layers: 3")
NEVER: dict[str, tuple[str, ...]] = {
    SLOPE: ("P = 0: strict",),
    PRODUCT: ("layers: 1: strict",),
    SLICES: _DEEP,
    DECAY: _DEEP,
    REACHED: _DEEP,
}


def fixed() -> Iterator[Check]:
    """Yield a single path, a balanced unit whose inputs add up, and one of two outputs, scaled."""
    one = Fraction(1)
    single = [[vector(-2)], [vector(3)], [vector("1/2")]]
    yield from sides(Instance(single, [vector(4), vector("1/3")], one * 3, vector(1), vector(-1)))
    unit = [[vector(1, 2)], [vector(-3)]]
    yield from sides(Instance(unit, [vector(1)], one, vector(1, 1), vector(0, 0)))
    two = [[vector(1), vector(2)], [vector(1, -1), vector(0, 3)]]
    yield from sides(Instance(two, [vector(2, 1)], one * 2, vector(2), vector(-1)))


@dataclass(frozen=True)
class Net:
    """One hidden layer, d, two inputs, an activation, the units counted, and whether norms are l1.

    With another norm the decay is (|u|_2^2 + |v|_2^2) / 2.
    """

    layers: list[Matrix]
    d: Vector
    x: Vector
    y: Vector
    act: Activation = relu
    counted: int = 1
    l1: bool = True

    def positive(self) -> Iterator[Check]:
        """Yield that each d is above 0."""
        for d in self.d:
            yield Check("d", ZERO, "<", d)

    def degree(self) -> Iterator[Check]:
        """Yield that the activation is max(t, 0) where it is used: at t, -t, and twice."""
        for t in vector(1, -1, 2):
            yield Check("activation", self.act(t), "==", relu(t))

    def sums(self) -> Iterator[Check]:
        """Yield that the decay is that of l1 norms."""
        yield Check("decay", self.priced(), "==", decay(self.layers))

    def paths(self) -> Iterator[Check]:
        """Yield that all hidden units are counted."""
        yield Check("units", Fraction(self.counted), "==", Fraction(len(self.layers[0])))

    def priced(self) -> Fraction:
        """Return the decay."""
        if self.l1:
            return decay(self.layers)
        return total(w * w for W in self.layers for w in flat(W)) / 2

    def norm(self) -> Fraction:
        """Return the norm of the units that are counted."""
        U, V = self.layers
        return path_norm([U[: self.counted], [row[: self.counted] for row in V]])

    def same(self) -> Check:
        """Return the first output after the multiplications, against before."""
        after = outputs(rescaled(self.layers, [self.d]), self.x, self.act)
        return Check(SAME, after[0], "==", outputs(self.layers, self.x, self.act)[0])

    def cheap(self) -> Check:
        """Return the path norm against the decay."""
        return Check(DECAY, self.norm(), "<=", self.priced())

    def steep(self) -> Check:
        """Return the change of the outputs against the norm."""
        return slope(self.layers, self.x, self.y, self.norm(), self.act)


HYPOTHESES = {
    "d > 0": Net.positive,
    "degree-1 activation": Net.degree,
    "l1 norms": Net.sums,
    "every path": Net.paths,
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield d = -1, squares, weight decay of l2 norms, and a unit that is not counted."""
    one, unit = vector(1), [[vector(1)], [vector(1)]]
    for name, example, conclusion, numbers in (
        ("d > 0", Net(unit, vector(-1), one, vector(0)), Net.same, ("0", "1")),
        (
            "degree-1 activation",
            Net(unit, vector(2), one, vector(0), act=lambda t: t * t),
            Net.same,
            ("2", "1"),
        ),
        (
            "l1 norms",
            Net([[vector(1, 1)], [one]], one, vector(1, 1), vector(0, 0), l1=False),
            Net.cheap,
            ("2", "3/2"),
        ),
        (
            "every path",
            Net([[one, one], [vector(1, 1)]], vector(1, 1), one, vector(0)),
            Net.steep,
            ("2", "1"),
        ),
    ):
        yield Counterexample(name, example, partial(told_of, conclusion, numbers))
