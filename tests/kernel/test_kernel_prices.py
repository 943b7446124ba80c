"""The price list: every kind of work is asked for, and what each operation costs."""

import re
import sys
from array import array
from collections import Counter
from fractions import Fraction
from types import SimpleNamespace

import pytest

from certify.kernel.arithmetic import Arithmetic, Extent, Line, Pairs, Place
from certify.kernel.arrays import Array, Arrays, filled
from certify.kernel.budget import FRACTION, PER_BYTE, Budget
from certify.kernel.claim import check
from certify.kernel.evidence import Evidence, pay_for_sum
from certify.kernel.exact import Exact
from certify.kernel.fields import reject_null
from certify.kernel.file import read
from certify.kernel.graphs import Graph
from certify.kernel.metered import Metered
from certify.kernel.norms import Variation, plain
from certify.kernel.patterns import Pattern
from certify.kernel.rules.cones import layer_form, read_tree
from certify.kernel.rules.lines import each_line
from certify.kernel.rules.transpose import leaf_of_products, repeat_modes
from certify.kernel.simplicial import ConeForm, TreeSpan
from certify.kernel.spaces import Deep, Network, Pair
from tests import golden

# --- every kind of work is paid for: a stored certificate, and who asks for what --------------

PAID = {
    "mode": {
        "Metered.add: hold a sum of arrays": 144,
        "Metered._whole: hold a dense tensor": 48,
        "Metered.inner: spend an inner product": 24,
        "Metered.load: hold an array": 72,
        "Metered.multiply: hold a product of matrices": 36,
        "Metered.multiply: spend a product of matrices": 144,
        "Metered.outer_sum: hold a sum of outer products": 98,
        "Metered.outer_sum: spend a sum of outer products": 72,
        "Metered.squares: spend a sum of squares": 48,
        "Metered._totals: hold sums of entries": 2,
        "Metered._totals: spend sums of entries": 96,
        "Metered.squares_over: spend a sum of squares": 96,
        "Metered.top: hold a bound of eigenvalues": 36,
        "Metered.top: spend a bound of eigenvalues": 792,
        "fit_field: hold factors side by side": 30,
        "reject_null: spend a number of # digits": 571,
        "question: spend # rows and # columns": 10240,
        "largest: afford the leaves of a tree": 864,
        "transpose: hold a relaxation": 36,
    },
    "outputs_max_pool": {
        "Metered.fixed: hold a slice": 6,
        "Metered.layer: hold a layer": 18,
        "Metered.layer: spend a layer": 42,
        "largest: afford the leaves of a tree": 10752 + 5568,
        "walk: spend the paths of a tree": 4096 + 10752,
        "pooled_leaf: spend a leaf's rows": 11648,
        "network: spend rows in fractions": 3840,
        "cell_bound: spend a cell": 5568,
        "pull_back: hold # rows of # samples": 120,
    },
    "boxed": {
        "Metered.hat: hold [[#, X], [X^T, #]]": 36,
        "free_cubes: hold free cubes": 196,
        "conic: spend the parts of a tree": 4224,
        "largest: afford the leaves of a tree": 7056,
        "walk: spend the paths of a tree": 14336,
        "leaf_bound: hold a leaf": 322,
        "signed_facts: hold products of nonnegative rows": 2408,
        "leaf_bound: hold merged coordinates": 217,
    },
    "deep_layers": {
        "Metered.deep: hold layers": 4,
        "Metered.gram: hold a Gram matrix": 8,
        "Metered.gram: spend a Gram matrix": 16,
    },
    "tensor_cones": {
        "product_cones: hold cones that wait": 3 * 4 * (2 * 4 + 3 + 3),
        "product_cones: spend cones": 14 * 928,
    },
    "tensor_splits": {
        "Metered.kronecker: hold a Kronecker product": 64,
        "Metered.placed: hold multipliers": 70,
        "leaf_of_products: hold pairs of products": 512,
        "transpose: afford pairs of products": 8192,
    },
    "elastic_conic": {
        "entries_part: hold multipliers of entries": 44,
        "entries_part: spend multipliers of entries": 512,
    },
    "cones": {
        "Metered.cones: hold cones that wait": 31776,
        "Metered.cones: spend cones": 14086940,
    },
    "huber": {
        "Metered.lines: spend norms of lines": 8,
        "Metered.spans: hold intervals": 8,
    },
    "linear": {
        "Metered.scaled: hold a scaled field": 38,
        "Metered._totals: hold sums of entries": 6,
    },
    "refuted_offset": {
        "Metered.laplacian: hold a Laplacian": 256,
        "Metered.laplacian: spend a Laplacian": 272,
    },
    "elastic": {
        "each_line: spend dual norms of lines": 384,
    },
    "network_leaf": {
        "largest: afford the leaves of a tree": 21120,
        "leaf_form: hold nonnegative facts": 5678,
    },
    "sparse": {
        "Metered.absolutes: spend a sum of absolute values": 16,
    },
    "spectral_scaled": {
        "Metered.scaled: hold a scaled field": 3,
    },
    "symmetric": {
        "Metered.symmetric: hold (X + X^T) / #": 18,
    },
    "weighted": {
        "objective: spend norms of the factors": 256,
    },
    "deep_linear": {
        "Metered.deep: spend layers": 240,
    },
}


@pytest.fixture
def paid(monkeypatch):
    """The units of each kind of work that is asked for from now on: who asks, how, and what for."""
    kinds = Counter()

    def listening(method):
        asked = getattr(Budget, method)

        def listen(self, units, what, *bits):
            by = sys._getframe(1).f_code.co_qualname
            kinds[f"{by}: {method} " + re.sub(r"\d+", "#", what)] += units
            return asked(self, units, what, *bits)

        return listen

    for method in ("spend", "hold", "afford"):
        monkeypatch.setattr(Budget, method, listening(method))
    return kinds


@pytest.mark.parametrize("name", PAID)
def test_a_certificate_pays_for_every_kind_of_its_work(name, paid):
    file = read(golden.HERE / f"{name}.cert")
    check(file, file.given, Exact())
    assert {kind: paid[kind] for kind in PAID[name]} == PAID[name]


COLUMN, ONES = filled((2, 1), 1.0), filled((2, 2), 1.0)
LAYER = Network(Pattern(2, 2), ONES, range(2), Fraction(0), plain("l2", 2), plain("l2", 2))
ROWS = SimpleNamespace(modes=(0, 1), sizes=(2, 2), name="rows", first=0, count=2, cost=sum, wide=1)


def exact():
    return Metered(Exact(), Budget())


def diagonal():
    ar, given = exact(), Arrays({"D0": filled((2,), 1.0)}, "proof")
    leaf = {"leaf": 0, "shift": "1"}
    return leaf_of_products(ar, ([ROWS], ar.load(ONES), []), Evidence({}, given), (), leaf)


def layer_of_cones():
    ar = exact()
    return layer_form(ar, LAYER, ar.load(filled((4,), 1.0)))


ALONE = {  # what no stored certificate asks for
    "layer_form: hold rows and their weights": layer_of_cones,
    "repeat_modes: hold copies": lambda: repeat_modes(exact(), exact().load(ONES), ROWS, 1),
    "leaf_of_products: hold a diagonal": diagonal,
    "leaf_of_products: spend the cost of a diagonal": diagonal,
    "pay_for_sum: spend sums of corrections": lambda: pay_for_sum([Fraction(1, 3)], Budget()),
}


@pytest.mark.parametrize("kind", ALONE)
def test_a_step_pays_for_its_work(kind, paid):
    ALONE[kind]()
    assert kind in paid


def test_sums_of_corrections_cost_the_squares_of_the_bits_so_far():
    budget = Budget()
    pay_for_sum([Fraction(1, 2**99), Fraction(3, 2**200), Fraction(5)], budget)
    assert budget.spent == (101**2 >> 9) + (203**2 >> 9) + (204**2 >> 9)


def test_lines_cost_the_square_of_the_bits_of_their_level(paid):
    ar, pair = exact(), Pair(Pattern(2, 2), plain("l2", 2), plain("l2", 2))
    for digits in (1, 100):
        proof = {"level": "f" * digits}
        field = ar.load(filled((4,), 1.0))
        each_line(ar, pair, 0, field, Evidence(proof, Arrays({}, "proof")))
        bits = 4 * digits + 1
        wanted = 2 * 4 * FRACTION * (1 + (bits**2 >> 15))
        assert paid.pop("each_line: spend dual norms of lines") == wanted


def test_a_text_costs_the_square_of_its_digits():
    for digits in (32, 1000):
        budget = Budget()
        reject_null({"shift": "1" * digits}, "proof", budget)
        assert budget.spent == digits**2 >> 5


# --- the price list: in units, of shapes that no two products of sizes confuse ----------------

M, N, K, BITS = 5, 7, 3, 600  # a number of 600 bits counts three times, their product 11 times
AT = Pattern(M, N)
CUBE = Pattern(M, N * K, dims=(M, N, K))


class Nothing(Exact):
    """An arithmetic that makes nothing."""

    tier = "exact"

    def measure(self, x):
        return Extent(x, BITS, -BITS)


for name in Arithmetic.__abstractmethods__ - {"measure"}:
    setattr(Nothing, name, lambda *_: None)

FIELD, SHORT = (M * N,), filled((M, K), 1.0)
LONG = Array((N, K), array("d", [2.0**-447] + [1.0] * (N * K - 1)))  # of 501 bits
DEEP = Deep(AT, filled((M, K), 1.0), (K, 11, N), Fraction(1, 4))
WIDE = Network(
    AT,
    filled((13, 2), 1.0),
    [0] * 13,
    Fraction(0),
    plain("l2", 2),
    plain("l2", N),
)
SOME = Pattern(M, N, array("q", [0, 0, 1]), array("q", [0, 2, 2]))
EDGES = Graph(M, (0, 1, 1, 2), None, (0,) * M, Fraction(1))
LINE = Line(0, "root", positive=False, signs=(1,))
BENT = ConeForm(plain("l2", K), plain("l2", N), (), [((), ())] * 5, Fraction(1), [0] * 11)
PRICES = {
    "load": (lambda ar: ar.load(SHORT), 120),
    "outer_sum of two": (lambda ar: ar.outer_sum((SHORT, LONG), AT), 2307),
    "spans": (lambda ar: ar.spans(FIELD), 1680),
    "add": (lambda ar: ar.add(FIELD, FIELD), 2520),
    "squares": (lambda ar: ar.squares(FIELD, None), 770),
    "squares_over": (lambda ar: ar.squares_over(FIELD, None), 1540),
    "inner": (lambda ar: ar.inner(FIELD, FIELD), 385),
    "absolutes": (lambda ar: ar.absolutes(FIELD), 35),
    "laplacian": (lambda ar: ar.laplacian(LONG, EDGES, Fraction(1), Fraction(1)), 2714),
    "totals": (lambda ar: ar.totals(FIELD, *AT.cells("row")), 260),
    "totals of columns": (lambda ar: ar.totals(FIELD, *AT.cells("column")), 308),
    "sums": (lambda ar: ar.sums(FIELD, "intercept", AT), 164),
    "lines": (lambda ar: ar.lines(FIELD, LINE, AT), 1030),
    "lines across": (lambda ar: ar.lines(FIELD, LINE._replace(axis=1), AT), 1078),
    "times": (lambda ar: ar.times(FIELD, LONG, 0, AT), 2490),
    "times across": (lambda ar: ar.times(FIELD, SHORT, 1, AT), 969),
    "scaled": (lambda ar: ar.scaled(FIELD, SHORT, LONG, AT), 1880),
    "hat": (lambda ar: ar.hat(FIELD, AT), 3456),
    "symmetric": (lambda ar: ar.symmetric(FIELD, AT), 1680),
    "multiply": (lambda ar: ar.multiply((M, K), (N, K)), 2555),
    "outer_sum": (lambda ar: ar.outer_sum([SHORT, LONG, SHORT], CUBE), 5961),
    "layer": (lambda ar: ar.layer(WIDE, filled((2, K), 1.0), LONG), 1276),
    "deep": (lambda ar: ar.deep(DEEP, [SHORT, LONG]), 8445),
    "unfold": (lambda ar: ar.unfold(FIELD, CUBE, (1, 0, 2), N), 5040),
    "permuted": (lambda ar: ar.permuted(FIELD, CUBE), 12600),
    "fixed": (lambda ar: ar.fixed(FIELD, CUBE, (1, 0), -1), 360),
    "fixed, listed": (lambda ar: ar.fixed(FIELD, SOME, (1, 0), -1), 840),
    "placed": (lambda ar: ar.placed(LONG, Pairs([0], [1]), 13), 3040),
    "kronecker": (lambda ar: ar.kronecker(FIELD, FIELD, Place(0, (2, 2), 0, 13)), 13520),
    "gram": (lambda ar: ar.gram(FIELD, 0, AT), 2925),
    "gram of columns": (lambda ar: ar.gram(FIELD, 1, AT), 4655),
    "gram, listed": (lambda ar: ar.gram((3,), 0, SOME), 1535),
    "gram of columns, listed": (lambda ar: ar.gram((3,), 1, SOME), 2495),
    "cones": (lambda ar: ar.cones(BENT, TreeSpan(4)), 16122),
    "cones of a pair": (
        lambda ar: ar.cones(BENT._replace(other=plain("linf", N), bent=()), TreeSpan(300)),
        155770,
    ),
    "cones of a flow": (
        lambda ar: ar.cones(
            BENT._replace(other=Variation(N, ends=[0, 1] * N), bent=()), TreeSpan(300)
        ),
        192730,
    ),
    "cones of flows": (lambda ar: ar.cones(BENT._replace(short=Variation(K)), TreeSpan(4)), 28794),
    "cones of fractions": (
        lambda ar: ar.cones(BENT._replace(other=plain("linf", N)), TreeSpan(300)),
        446058,
    ),
    "top": (lambda ar: ar.top((13, 13), Fraction(8), None), 6762),
    "top of many": (lambda ar: ar.top((130, 130), Fraction(1, 2**700), None), 678145),
    "top with a factor": (lambda ar: ar.top((13, 13), Fraction(8), LONG), 24336),
}


def spent(name):
    budget = Budget()
    PRICES[name][0](Metered(Nothing(), budget))
    return budget.spent


@pytest.mark.parametrize("name", PRICES)
def test_each_operation_has_its_price(name):
    assert spent(name) == PRICES[name][1]


def test_the_bytes_of_a_tree_of_cones_pay_for_it():
    """Rows along a path, five columns: a file with such a tree needs no other limit."""
    path = Variation(40, ends=[x for k in range(39) for x in (k, k + 1)])
    tree, budget = [*[1] * 10_000, *[0] * 10_016], Budget()
    form = ConeForm(plain("l2", 5), path, [[0] * 5] * 40, (), Fraction(1), tree=tree)
    Metered(Nothing(), budget).cones(form, TreeSpan(20))
    assert budget.spent <= PER_BYTE * len(tree)


def test_a_path_of_cones_pays_for_integers_that_get_long():
    path = [1, 0] * 3000 + [0] * 8
    words = array("q", bytes(path[:6008]))
    form = ConeForm(plain("l2", 2), plain("l2", 1), [[0] * 2], (), Fraction(1))
    codes, span = read_tree(form, 1, Arrays({"tree": Array((751,), words)}, "proof"))
    assert codes == path[:6001]
    assert span == TreeSpan(2, 3000, 2 * (1024 + 4 * 953))
    short, long = Budget(), Budget()
    form = form._replace(tree=codes)
    Metered(Nothing(), short).cones(form, TreeSpan(2))
    Metered(Nothing(), long).cones(form, span)
    assert long.spent > 2.5 * short.spent


def test_every_operation_has_a_price():
    known = {re.split(r",| of | with | across", name)[0] for name in PRICES}
    assert known | {"measure"} == Arithmetic.__abstractmethods__
