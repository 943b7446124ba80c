"""Work is paid for before it is done: bombs are refused at once, honest certificates never."""

import math
import pickle
import tracemalloc
from array import array
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify import Problem, RejectedError, check, verify
from certify.atoms import RankOne
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.cli import main
from certify.kernel import claim
from certify.kernel.arithmetic import Arithmetic, Extent, Line, Pairs, Place
from certify.kernel.arrays import Array, filled, width
from certify.kernel.budget import FLOOR, HELD, LINE, MADE, PATH, PER_BYTE, Budget
from certify.kernel.claim import REJECTED
from certify.kernel.exact import Exact, Grid
from certify.kernel.file import read
from certify.kernel.graphs import Graph
from certify.kernel.metered import Metered
from certify.kernel.norms import plain
from certify.kernel.patterns import Pattern
from certify.kernel.rules.tree import ROOT, signed_splits, walk
from certify.kernel.simplicial import ConeForm, TreeSpan
from certify.kernel.spaces import Deep, Network
from certify.kernel.verdict import EXITS, allowance
from certify.losses import Squared
from certify.pipeline.certificate.file import Certificate
from certify.pipeline.certificate.leaf_factors import leaf_factors
from certify.polar.proved import as_kernel_array
from tests.bombs import BOMBS, alone, built
from tests.question_files import inside, write

SECONDS, MEMORY = 2.0, 300e6
TIERS = {"exact": Exact, "flint": Flint, "rounded": Rounded}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_at_once_with_what_it_would_need(name, tmp_path):
    status, told, errors, seconds, size = alone(built(name, tmp_path))
    assert (status, errors) == (REJECTED, "")
    assert told.startswith("NOT VERIFIED  budget: limit: ")
    assert told.count("\n") == 1
    needed = int(told.partition("--limit ")[2].partition(" ")[0])
    assert f"{needed} units of work or more" in told
    assert needed > int(told.partition("may ask for ")[2].partition(";")[0])
    assert seconds < SECONDS
    assert size < MEMORY


@pytest.mark.sampled(5)
@pytest.mark.parametrize("tier", ["flint", "rounded"])
@pytest.mark.parametrize("name", BOMBS)
def test_every_arithmetic_has_the_same_budget(name, tier, tmp_path):
    file = read(built(name, tmp_path))
    with pytest.raises(RejectedError) as caught:
        claim.check(file, file.given, TIERS[tier]())
    assert (caught.value.where, caught.value.code) == ("budget", "limit")


@pytest.fixture(scope="module")
def asked():
    Y = np.outer(np.arange(1.0, 7.0), np.ones(4))
    problem = Problem(Squared(Y), RankOne(), 2.0)
    zero = np.zeros((6, 0)), np.zeros((4, 0))
    return problem, zero, check(problem, zero).certificate


@pytest.mark.parametrize("tier", ["exact", "rounded"])
def test_a_reader_sets_the_limit(asked, tier, tmp_path):
    problem, factors, cert = asked
    found = verify(cert, problem, factors, tier=tier)
    assert verify(cert, problem, factors, tier=tier, limit=10**9) == found
    with pytest.raises(RejectedError, match="6 rows and 4 columns: 10266 units"):
        verify(cert, problem, factors, tier=tier, limit=10_000)
    cert.save(tmp_path / "x.cert")
    file = read(tmp_path / "x.cert")
    for limit in (10**3, 10**4, 10**5):
        try:
            claim.check(file, file.given, TIERS[tier](), limit=limit)
        except RejectedError as error:
            assert error.where == "budget"  # noqa: PT017  each limit ends somewhere else


def test_the_limit_that_is_named_is_the_one_to_give(asked, tmp_path, capsys):
    asked[2].save(tmp_path / "x.cert")
    path, limit, steps = str(tmp_path / "x.cert"), 0, 0
    while (status := claim.main([path, "--limit", str(limit)])) == REJECTED:
        told = capsys.readouterr().out
        named = int(told.partition("--limit ")[2].partition(" ")[0])
        assert named > limit
        limit, steps = named, steps + 1
    assert status == EXITS[asked[2].verdict]
    assert steps > 3
    assert claim.main(["--limit", str(limit - 1), path]) == REJECTED
    assert limit < FLOOR / 100


def test_the_command_takes_a_limit(tmp_path, capsys):
    problem, path = write(tmp_path), tmp_path / "x.cert"
    assert main(["check", str(problem), "-o", str(path)]) == 0
    ended = inside(capsys, "verify", path, "--problem", problem, "--limit", 1000)
    assert ended.status == 20
    assert "rejected: budget: limit: " in ended.sentence
    assert "--limit" in ended.sentence
    assert inside(capsys, "verify", path, "--problem", problem, "--limit", 10**9).status == 0


def test_a_bomb_is_not_explained(tmp_path, capsys):
    ended = inside(capsys, "explain", built("rows and columns", tmp_path))
    assert ended.status == 20
    assert "rejected: budget: limit: 67108864 rows and 67108864 columns" in ended.sentence


def test_a_limit_is_a_sum_and_a_size():
    budget = Budget(1000)
    budget.spend(900, "a")
    budget.afford(100, "b")
    budget.spend(100, "c")
    with pytest.raises(RejectedError, match="d: 1001 units of work or more"):
        budget.spend(1, "d")
    with pytest.raises(RejectedError):
        Budget(1000).hold(1000 // HELD + 1, "too many at a time")
    Budget(1000).hold(1000 // HELD, "as many as there may be")
    with pytest.raises(RejectedError):
        Budget(1000).hold(1000 // HELD, "as many, and longer", 256)
    Budget().hold(10**30, "without end")


def test_an_allowance_grows_with_the_file():
    none = allowance({}, {}, [])
    more = allowance({}, {"a": "b" * 100}, [filled((10, 10), 0.0)])
    assert none >= FLOOR
    assert more - none == PER_BYTE * (100 + len('"a": ""') + 800)


# --- the price list ----------------------------------------------------------------------

AT, LISTED = Pattern(2, 2), Pattern(2, 2, array("q", [0, 1]), array("q", [0, 1]))
CUBE = Pattern(2, 4, dims=(2, 2, 2))
ONES = filled((2, 2), 1.0)
COLUMN = filled((2, 1), 1.0)
LAYER = Network(AT, ONES, range(2), Fraction(0), plain("l2", 2), plain("l2", 2))
LAYERS = Deep(AT, ONES, (2, 1, 2), Fraction(0))
ENDS = Graph(2, (0, 1), None, (0, 0), Fraction(2))
MAX = Line(0, "max", positive=False, signs=(1,))
PAIRS = Pairs([0], [1])
QUADRANT = ConeForm(plain("l2+", 2), plain("l2", 1), [[1, 2]], [], Fraction(1), tree=[0])
OPERATIONS = {
    "load": lambda ar, _: ar.load(ONES),
    "outer_sum of two": lambda ar, _: ar.outer_sum((COLUMN, COLUMN), AT),
    "spans": lambda ar, x: ar.spans(x),
    "add": lambda ar, x: ar.add(x, x),
    "subtract": lambda ar, x: ar.subtract(x, x),
    "squares": lambda ar, x: ar.squares(x, None),
    "squares_over": lambda ar, x: ar.squares_over(x, None),
    "inner": lambda ar, x: ar.inner(x, x),
    "absolutes": lambda ar, x: ar.absolutes(x),
    "laplacian": lambda ar, _: ar.laplacian(ONES, ENDS, Fraction(1), Fraction(1)),
    "totals": lambda ar, x: ar.totals(x, *AT.cells("row")),
    "sums": lambda ar, x: ar.sums(x, "column", AT),
    "lines": lambda ar, x: ar.lines(x, MAX, AT),
    "times": lambda ar, x: ar.times(x, COLUMN, 0, AT),
    "scaled": lambda ar, x: ar.scaled(x, COLUMN, COLUMN, AT),
    "hat": lambda ar, x: ar.hat(x, AT),
    "symmetric": lambda ar, x: ar.symmetric(x, AT),
    "multiply": lambda ar, _: ar.multiply(matrix(ar), matrix(ar)),
    "outer_sum": lambda ar, _: ar.outer_sum([COLUMN] * 3, CUBE),
    "layer": lambda ar, _: ar.layer(LAYER, COLUMN, COLUMN),
    "deep": lambda ar, _: ar.deep(LAYERS, [COLUMN, COLUMN]),
    "unfold": lambda ar, x: ar.unfold(x, AT, (1, 0), 2),
    "permuted": lambda ar, x: ar.permuted(x, AT),
    "fixed": lambda ar, x: ar.fixed(x, AT, (0, 1), -1),
    "placed": lambda ar, _: ar.placed(filled((1,), 1.0), PAIRS, 2),
    "kronecker": lambda ar, _: ar.kronecker(matrix(ar), matrix(ar), Place(0, (2, 2), 0, 4)),
    "gram": lambda ar, x: ar.gram(x, 0, AT),
    "cones": lambda ar, _: ar.cones(QUADRANT, TreeSpan(1)),
    "top": lambda ar, _: ar.top(matrix(ar), Fraction(8), None),
    "top with a factor": lambda ar, _: ar.top(matrix(ar), Fraction(8), filled((3,), 1.0)),
}


def matrix(ar):
    return unpaid(ar).load(ONES)


def unpaid(ar):
    return ar.by if isinstance(ar, Metered) else ar


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_is_paid_for_before_it_is_done(name, tier, monkeypatch):
    ar, run = TIERS[tier](), OPERATIONS[name]
    x = ar.load(filled((4,), 1.0))
    budget = Budget()
    found = run(Metered(ar, budget), x)
    assert repr(found) == repr(run(ar, x))
    assert budget.spent >= 4

    def done(*_):
        raise AssertionError("done before it was paid for")

    held = matrix(ar)
    monkeypatch.setattr("tests.kernel.test_kernel_budget.matrix", lambda _: held)
    monkeypatch.setattr(type(ar), name.split()[0], done)
    with pytest.raises(RejectedError, match="budget: limit"):
        run(Metered(ar, Budget(budget.spent - 1)), x)


def test_no_operation_is_without_a_price():
    known = {name.split()[0] for name in OPERATIONS} | {"measure"}
    assert known == Arithmetic.__abstractmethods__ | {"subtract"}


def test_longer_integers_cost_more():
    def cost(values):
        budget, ar = Budget(), Exact()
        x = ar.load(Array((2, 2), array("d", values)))
        Metered(ar, budget).multiply(x, x)
        return budget.spent

    assert cost([1.0, 2.0**1000, 2.0**-1000, 1.0]) > 20 * cost([1.0, 2.0, 3.0, 4.0])


# --- what honest certificates of other sizes take ----------------------------------------


class Shape:
    """A stand-in for an array of which only the size is asked."""

    def __init__(self, *shape):
        self.shape = shape


class Priced(Exact):
    """Exact arithmetic that makes nothing: it returns shapes."""

    def measure(self, x):
        return Extent(x.shape, 60, -53)

    def multiply(self, a, b):
        return Shape(a.shape[0], b.shape[0])

    def gram(self, x, axis, at):
        del x
        size = at.n if axis else at.m
        return Shape(size, size), Fraction(0)

    def top(self, g, shift, factor):
        del g, factor
        return shift


def spectral(at):
    """Yield the units of a Gram matrix and the bound of its eigenvalues, without L and with it."""
    budget = Budget()
    ar = Metered(Priced(), budget)
    axis = int(at.n <= at.m)
    g, _ = ar.gram(Shape(at.size), axis, at)
    made = budget.spent
    for factor in (None, filled((1,), 1.0)):
        before = budget.spent
        ar.top(g, Fraction(1), factor)
        yield made + budget.spent - before


def places(m, n, count, seed=0):
    """A pattern of about so many entries, some rows and columns far fuller than others."""
    rng = np.random.default_rng(seed)
    rows, cols = (
        np.minimum(d * rng.random(2 * count) ** 2, d - 1).astype(np.int64) for d in (m, n)
    )
    codes = np.unique(rows * n + cols)[:count] if count < m * n else np.arange(m * n)
    return Pattern(m, n, array("q", codes // n), array("q", codes % n))


@pytest.mark.parametrize(
    ("m", "n", "count", "slices"),
    [
        (4000, 4000, None, 10),
        (30_000, 2000, None, 10),
        pytest.param(6040, 3706, 1_000_000, 20, marks=pytest.mark.thorough),
        (6040, 3706, 100_000, 5),
        (6040, 3706, 20_000, 1),
        (20_000, 10_000, 100_000, 5),
        (1000, 1000, 1000, 0),
    ],
    ids=["dense", "tall", "ratings", "a tenth", "a fiftieth", "wide", "no slices"],
)
def test_an_honest_matrix_of_any_size_is_far_from_its_limit(m, n, count, slices):
    """The file holds the data, the dual point, places and factors, and may leave L out."""
    at = Pattern(m, n) if count is None else places(m, n, count)
    numbers = at.size * (2 if at.rows is None else 4) + (at.m + at.n) * slices
    lines = LINE * (at.m + at.n)
    for factor, work in enumerate(spectral(at)):
        side = min(at.m, at.n)
        size = 8 * (numbers + factor * side * (side + 1) // 2)
        allowed = FLOOR + PER_BYTE * size
        assert lines + work < allowed / 2
        assert HELD * side * side < allowed / 2


@pytest.mark.parametrize("leaves", [1, 50, 800])
@pytest.mark.parametrize("side", [10, 100, 500])
def test_an_honest_tree_of_any_size_is_far_from_its_limit(leaves, side):
    """Leaves of k = m + n coordinates with D, or with N and L: the data are k^2 / 4 numbers."""
    k = 2 * side
    for held in (k, k * (k + 1)):
        size = 8 * (2 * side * side + leaves * held) + 60 * leaves
        work = leaves * k * k * (6 * MADE + (k >> 10))
        work += leaves * 2 * k**3 if held > k else 0
        assert work < (FLOOR + PER_BYTE * size) / 2


# --- the pieces --------------------------------------------------------------------------


@given(st.data())
def test_a_gram_matrix_by_pairs_is_the_whole_one(data):
    m, n = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    codes = sorted(data.draw(st.sets(st.integers(0, m * n - 1), min_size=1)))
    rows, cols = (array("q", [f(c, n) for c in codes]) for f in (int.__floordiv__, int.__mod__))
    at = Pattern(m, n, rows, cols)
    values = data.draw(st.lists(st.integers(-5, 5), min_size=len(codes), max_size=len(codes)))
    ar, x = Exact(), Grid(values, -1, (len(codes),))
    dense = np.zeros((m, n))
    dense[list(rows), list(cols)] = values
    for axis, wanted in ((0, dense @ dense.T), (1, dense.T @ dense)):
        assert ar._thin_gram(x, axis, at) == Grid(
            [int(v) for v in wanted.reshape(-1)], -2, wanted.shape
        )
        assert ar.gram(x, axis, at)[0].ints == ar._thin_gram(x, axis, at).ints
        ball = Rounded().load(as_kernel_array(np.array(values) / 2))
        found, _ = Rounded().gram(ball, axis, at)
        assert np.linalg.norm(found.mid - wanted / 4) <= float(found.rad)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=8))
def test_the_width_of_an_array_bounds_its_integers(values):
    a = Array((len(values),), array("d", values))
    assert Exact().load(a).bits <= width(a)


def test_the_width_of_an_array_takes_no_memory_of_its_size():
    a = Array((100_000,), array("d", [0.5]) * 100_000)
    tracemalloc.start()
    assert width(a) == 53
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000


@given(st.integers(), st.integers(), st.integers(-50, 50), st.integers(-50, 50))
def test_a_sum_has_no_more_bits_than_its_terms_say(p, q, d, e):
    x, y = Grid([p], d, (1,)), Grid([q], e, (1,))
    ar = Exact()
    bound = ar.measure(x).joined(ar.measure(y))
    assert ar.add(x, y).bits <= bound
    assert ar.subtract(x, y).bits <= bound


def test_depths_are_counted_from_the_root():
    nodes = [
        {"split": 0, "plus": 1, "minus": 2},
        {"split": 0, "plus": 3, "minus": 4},
        *({"leaf": t} for t in range(3)),
    ]
    budget = Budget()
    ends = [*walk(budget, {"nodes": nodes}, signed_splits(1), ROOT)]
    assert [path for _, path in ends] == [((0, -1),), ((0, 1), (0, 1)), ((0, 1), (0, -1))]
    assert budget.spent == PATH * (0 + 1 + 1 + 2 + 2)


def test_factors_of_leaves_are_made_within_the_budget(tmp_path):
    file = read(built("products with nine copies", tmp_path))
    asked = Certificate(file.statement, file.given, file.claim, file.proof, file.witness)
    assert leaf_factors(asked, file.proof["polar"], file.witness, limit=10**6) == {}


def test_a_gram_matrix_of_a_dual_point_is_made_within_the_budget():
    """`verify` makes a missing Cholesky factor before the kernel reads the proof."""
    Y = np.zeros((50, 40))
    problem = Problem(Squared(Y + 1), RankOne(), 100.0)
    zero = np.zeros((50, 0)), np.zeros((40, 0))
    cert = check(problem, zero).certificate
    bare = replace(cert, witness={k: a for k, a in cert.witness.items() if k != "L"})
    assert math.isfinite(verify(bare, problem, zero).lower)
    with pytest.raises(RejectedError, match="a dual point's Gram matrix"):
        verify(bare, problem, zero, limit=200_000)


class Elsewhere(Exact):
    """Exact integers, of which each task has a copy of its own, but for the first."""

    def bounds(self, bound, items):
        """Send all but one."""
        copies = [pickle.loads(pickle.dumps(bound)) for _ in items[1:]]  # noqa: S301  our own
        return [f(*x) for f, x in zip([bound, *copies][: len(items)], items, strict=True)]


def pay(ar, units):
    """Pay for work, and return it."""
    ar.budget.spend(units, "a test")
    return units


def test_what_is_paid_for_leaves_elsewhere_is_paid_here():
    for by in (Exact(), Elsewhere()):
        ar = Metered(by, Budget(100))
        assert ar.bounds(partial(pay, ar), [(7,), (20,), (30,)]) == [7, 20, 30]
        assert ar.budget.spent == 57
        assert ar.bounds(partial(pay, ar), []) == []
        assert ar.budget.spent == 57
        for units in (30, 44):  # each alone may be spent, both may not
            with pytest.raises(RejectedError, match="units of work or more"):
                ar.bounds(partial(pay, ar), [(units,), (14,)])
        assert by.bounds(abs, [(-1,), (2,)]) == [1, 2]


def test_a_copy_of_a_budget_spends_for_itself():
    budget = Budget(9)
    budget.spend(4, "a test")
    copy = pickle.loads(pickle.dumps(budget))  # noqa: S301  our own
    copy.spend(5, "a test")
    assert (copy.limit, copy.spent, budget.spent) == (9, 9, 4)
    with pytest.raises(RejectedError):
        copy.spend(1, "a test")
