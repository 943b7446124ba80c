"""Read a statement's JSON and arrays into a `Question`.

A question to which the rules' theorems do not apply is rejected here.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import repeat
from operator import add, mul

from .arithmetic import Arithmetic
from .arrays import Array, Arrays, dyadic, is_increasing, squares_exactly
from .budget import LINE, Budget
from .errors import demand, shown
from .fields import Json, as_object, field, number, only, reject_null
from .losses import stated_loss
from .losses.base import Grains, Loss
from .losses.piecewise import Squared
from .norms import PLAIN, Biased, norm, outside_cone, plain
from .offsets import Offset, offset_values, offsets
from .patterns import Pattern
from .scalars import root
from .spaces import Deep, Modes, Network, Pair, Space

FORMAT = "certify/3"
MAX_ORDER = 16  # modes of a tensor; 6 for a symmetric one, whose permutations are summed


def check_labels(loss: Loss, at: Pattern, y: Array) -> None:
    """Reject data outside the loss's domain, and holes in rows that share a weight."""
    demand(loss.group == 1 or at.rows is None, "statement.observed", "scope", "rows with holes")
    demand(loss.labels(y.data, at.n), "statement.Y", "labels", type(loss).__name__)


def loss_weights(problem: "Question") -> Grains:
    """Return the weights, one for each group of entries."""
    if problem.weights is not None:
        return Grains(*dyadic(problem.weights.data))
    return Grains([1] * (problem.at.size if problem.loss.group else problem.at.m), 0)


FIELDS = {"format", "claim", "loss", "atom", "lam", "rtol", "atol", "shape", "observed"}
FIELDS |= {"offsets", "q", "arrays", "l1"}
KINDS = {  # each kind of atom, and its fields
    "rank_one": {"kind", "left", "right", "form"},
    "symmetric": {"kind", "left", "right", "form"},
    "cp": {"kind", "norms", "symmetric", "form"},
    "relu": {"kind", "left", "right", "form", "slope", "bias", "pool"},
    "deep_linear": {"kind", "hidden", "form"},
    "deep_relu": {"kind", "hidden", "form", "slope"},
}
FACTORS = ("U", "V", *(f"X{k}" for k in range(2, MAX_ORDER)))
CLAIMS = ("any size", "rank")
ZEROS = "listed or zero"  # every entry is observed: those that are not listed are 0


@dataclass(frozen=True)
class Point:
    """Factors, each (size of its mode, r), and offset values."""

    factors: tuple[Array, ...]
    q: tuple[Array, ...]


@dataclass(frozen=True)
class Question:
    """The parsed statement with the reader's arrays."""

    claim: str
    loss: Loss
    space: Space
    Y: Array
    weights: Array | None
    form: str
    lam: Fraction
    offsets: tuple[Offset, ...]
    factors: tuple[Array, ...]
    q: tuple[Array, ...] | None
    rtol: Fraction
    atol: Fraction
    l1: tuple[Fraction, ...] | None = None

    @property
    def at(self) -> Pattern:
        """The observed entries."""
        return self.space.at

    @property
    def rank(self) -> int:
        """The number of slices of the candidate."""
        return self.factors[0].shape[1]

    @property
    def wide(self) -> Fraction:
        """A bound of |phi(x)|_2 over theta(x) <= 1; an unpriced bias is within `Network.reach`.

        Max-pooling is bounded as pooling by sums is.
        """
        if isinstance(self.space, Deep):
            return root(squares_exactly(self.space.features.data)).hi * self.space.steep
        if isinstance(self.space, Network):
            net, sums = self.space, [Fraction(0)] * self.at.m
            for k, r in zip(net.samples, net.radii, strict=True):
                sums[k] += max(Fraction(1), abs(net.slope)) * r
            size = sum((x * x for x in sums), Fraction(0))
            return root(size * net.left.widest * net.right.widest).hi
        return root(math.prod((n.widest for n in self.space.norms), start=Fraction(1))).hi


def known_format(stated: Json) -> None:
    """Reject a statement of another version, in which the same words may mean something else."""
    version, where = stated.get("format"), "statement.format"
    demand(version is not None, where, "missing", sorted(stated))
    ours = f"{version!r:.80} is not {FORMAT}, the only format this kernel reads"
    demand(version == FORMAT, where, "version", ours)


def pattern(stated: Json, arrays: Arrays) -> Pattern:
    """Read the shape and the observed entries, which are row-major without duplicates."""
    dims = read_sizes(stated.get("shape"), range(2, MAX_ORDER + 1), "statement.shape")
    m, n = dims[0], math.prod(dims[1:])
    observed = field(stated, "observed", ("all", "listed", ZEROS))
    if observed == "all":
        return Pattern(m, n, dims=dims)
    rows, cols = (arrays.get(k, (None,), "q") for k in ("rows", "cols"))
    demand(rows.shape == cols.shape, "statement.cols", "shape", cols.shape)
    for indices, end in ((rows.data, m), (cols.data, n)):
        ends = min(indices, default=0), max(indices, default=0)
        demand(ends[0] >= 0 and ends[1] < end, "statement.rows", "outside", ends)
    places = map(add, map(mul, rows.data, repeat(n)), cols.data)
    demand(
        is_increasing(places), "statement.rows", "order", "entries that are not row-major, or twice"
    )
    return Pattern(m, n, rows.data, cols.data, dims, observed == ZEROS)


def read_sizes(value: object, lengths: range, where: str) -> tuple[int, ...]:
    """Read a list of integers > 0, of one of the lengths."""
    listed = value if isinstance(value, list) else []
    good = len(listed) in lengths and all(type(k) is int and k > 0 for k in listed)
    demand(good, where, "shape", value)
    return tuple(listed)


def factor_arrays(arrays: Arrays, prefix: str, space: Space) -> tuple[Array, ...]:
    """Read the factors U, V, X2, ... with equally many columns; a symmetric atom has only U."""
    out: list[Array] = []
    for name, n in zip(FACTORS[:1] if space.symmetric else FACTORS, space.norms, strict=False):
        out.append(arrays.get(prefix + name, (n.size, out[0].shape[1] if out else None)))
    return tuple(out) * (len(space.norms) if space.symmetric else 1)


def point(arrays: Arrays, prefix: str, problem: Question) -> Point:
    """Read factors of any size and their offsets; check shapes and cones."""
    factors = factor_arrays(arrays, prefix, problem.space)
    for name, n, factor in zip(FACTORS, problem.space.norms, factors, strict=False):
        wrong = outside_cone(n, factor)
        demand(wrong is None, f"{arrays.where}.{prefix}{name}", "sign", wrong)
    return Point(factors, offset_values(arrays, prefix, problem.offsets, problem.at))


def question(
    stated: Json, given: Mapping[str, Array], budget: Budget = Arithmetic.budget
) -> Question:
    """Read a statement; reject one to which the rules' theorems do not apply."""
    known_format(stated)
    only(stated, FIELDS, "statement")
    reject_null(stated, "statement", Budget())
    loss = stated_loss(stated)
    claim = field(stated, "claim", CLAIMS)
    arrays = Arrays(given, "statement")
    at = pattern(stated, arrays)
    budget.spend(LINE * (at.m + at.n), f"{at.m} rows and {at.n} columns")
    atom = stated.get("atom", {})
    space = stated_atom(atom, arrays, at)
    numbers = {k: number(stated.get(k), f"statement.{k}") for k in ("lam", "rtol", "atol")}
    for name, value in numbers.items():
        demand(value >= 0, f"statement.{name}", "sign", stated[name])
    count = at.size if loss.group else at.m
    weights = arrays.positive("weights", (count,)) if "weights" in given else None
    kinds = offsets(stated, arrays, at)
    free_q = field(stated, "q", ("given", "found")) == "found"
    problem = Question(
        claim,
        loss,
        space,
        arrays.get("Y", (at.size,)),
        weights,
        field(atom, "form", ("product", "sum")),
        numbers["lam"],
        kinds,
        factor_arrays(arrays, "", space),
        None if free_q else offset_values(arrays, "", kinds, at),
        numbers["rtol"],
        numbers["atol"],
        l1_penalty(stated, 1 if space.symmetric else len(space.norms)),
    )
    idle = sorted(set(given) - arrays.used)
    demand(not idle, "statement.arrays", "unknown", idle)
    check_labels(loss, at, problem.Y)
    check_zeros(problem)
    check_claim(problem)
    return problem


def l1_penalty(stated: Json, count: int) -> tuple[Fraction, ...] | None:
    """Read the weights a, b >= 0, not all 0, of a penalty sum a |u_k|_1 + b |v_k|_1."""
    if "l1" not in stated:
        return None
    listed, where = stated["l1"], "statement.l1"
    demand(isinstance(listed, list) and len(listed) == count, where, "weights", listed)
    weights = tuple(number(x, where) for x in listed)
    demand(min(weights) >= 0 < max(weights), where, "sign", listed)
    return weights


def stated_atom(atom: Json, arrays: Arrays, at: Pattern) -> Space:
    """Read the atom: two norms, or one for each mode of a tensor."""
    kind = field(as_object(atom, "statement.atom"), "kind", [*KINDS])
    only(atom, KINDS[kind], "statement.atom")
    if kind == "cp":
        return stated_modes(atom, at)
    demand(len(at.sizes) == 2, "statement.shape", "shape", at.sizes)
    if kind == "relu":
        return stated_network(atom, arrays, at)
    stated = stated_pair if kind in ("rank_one", "symmetric") else stated_deep
    return stated(atom, arrays, at)


def stated_modes(atom: Json, at: Pattern) -> Modes:
    """Read the plain norms of a tensor's modes; all are equal if it is symmetric."""
    keys, symmetric = atom.get("norms"), atom.get("symmetric")
    good = isinstance(keys, list) and len(keys) == len(at.sizes)
    demand(good and all(isinstance(k, str) for k in keys or ()), "statement.atom", "norms", keys)
    demand(type(symmetric) is bool, "statement.atom.symmetric", "unknown", symmetric)
    norms = tuple(plain(k, d) for k, d in zip(keys or (), at.sizes, strict=True))
    same = not symmetric or (len(set(norms)) == 1 and len(norms) <= 6)
    demand(same, "statement.atom", "symmetric", f"{keys} on {at.sizes}: one norm, order <= 6")
    return Modes(at, norms, bool(symmetric))


def stated_network(atom: Json, arrays: Arrays, at: Pattern) -> Network:
    """Read a hidden layer: features, pooling, slope, and the norms of its two sides.

    Norms of u other than l2 need slope 1 (`of_linear`).  An unpriced bias needs a constant last
    column and equally many rows in each sample: then the slope in a large bias is a multiple of
    the sums of W.  "pool": "max" needs s = max(0, z), no such bias, and a row in every sample.
    """
    slope = number(atom.get("slope"), "statement.atom.slope")
    features = arrays.get("features", (None, None))
    rows, d = features.shape
    demand(rows > 0 and d > 0, "statement.features", "shape", (rows, d))
    samples: Sequence[int] = range(at.m)
    if "samples" in arrays.arrays:
        samples = arrays.get("samples", (rows,), "q").data
        inside = all(0 <= k < at.m for k in samples)
        demand(inside, "statement.samples", "outside", f"not in 0..{at.m - 1}")
    demand(len(samples) == rows, "statement.features", "shape", (rows, at.m))
    right = norm(atom, "right", at.n, arrays)
    demand(
        right.name in PLAIN and len(right.cone) == 1, "statement.atom.right", "scope", right.name
    )
    most = "pool" in atom and bool(field(atom, "pool", ("max",)))
    free = field(atom, "bias", ("none", "free")) == "free"
    if most:
        where = "statement.atom.pool"
        demand("samples" in arrays.arrays, where, "samples", "missing")
        demand(not slope and not free, where, "scope", f"slope {shown(slope)}, {atom['bias']} bias")
        alone = at.m - len(set(samples))
        demand(not alone, "statement.samples", "empty", f"{alone} samples without a row")
    if free:
        demand(atom.get("left") == "l2", "statement.atom.left", "scope", atom.get("left"))
        last = features.data[d - 1 :: d]
        demand(min(last) == max(last) > 0, "statement.features", "bias", (min(last), max(last)))
        counts = [0] * at.m
        for k in samples:
            counts[k] += 1
        demand(min(counts) == max(counts), "statement.samples", "bias", (min(counts), max(counts)))
        return Network(at, features, samples, slope, Biased(d), right)
    left = norm(atom, "left", d, arrays)
    fits = slope == 1 or (left.name == "l2" and left.cone == "*")
    demand(fits, "statement.atom.left", "scope", f"{left.name} with slope {shown(slope)}")
    return Network(at, features, samples, slope, left, right, max_pooled=most)


def stated_deep(atom: Json, arrays: Arrays, at: Pattern) -> Deep:
    """Read parallel networks: features, the widths of the hidden layers, slope."""
    hidden = read_sizes(atom.get("hidden"), range(1, MAX_ORDER), "statement.atom.hidden")
    features = arrays.get("features", (at.m, None))
    demand(features.shape[1] > 0, "statement.features", "shape", features.shape)
    widths = (features.shape[1], *hidden, at.n)
    linear = atom["kind"] == "deep_linear"
    slope = Fraction(1) if linear else number(atom.get("slope"), "statement.atom.slope")
    return Deep(at, features, widths, slope)


def stated_pair(atom: Json, arrays: Arrays, at: Pattern) -> Pair:
    """Read the norms of u and v; they are equal if the atom is symmetric."""
    symmetric = atom["kind"] == "symmetric"
    left, right = norm(atom, "left", at.m, arrays), norm(atom, "right", at.n, arrays)
    same = not symmetric or (at.m == at.n and left == right)
    demand(same, "statement.atom", "symmetric", f"{at.m} x {at.n}, two norms or two sizes")
    return Pair(at, left, right, symmetric)


def check_zeros(problem: Question) -> None:
    """Reject observed zeros except for plain least squares of u v^T, which `zeros` is about."""
    space, plain = problem.space, isinstance(problem.loss, Squared) and problem.weights is None
    alone = plain and not problem.offsets and problem.l1 is None
    known = alone and isinstance(space, Pair) and not space.symmetric
    demand(known or not problem.at.zeros, "statement.observed", "scope", ZEROS)


def check_claim(problem: Question) -> None:
    """Reject a claim about any size without a penalty."""
    priced = problem.lam > 0 or problem.l1 is not None
    demand(priced or problem.claim == "rank", "statement.lam", "sign", float(problem.lam))
