"""An l1 penalty beside products: lines below the rest of the objective, and lies about them."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify import InputError, Problem, RejectedError, check, verify
from certify.atoms import CP, DeepLinear, RankOne, ReLU, Symmetric
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel.arrays import Arrays
from certify.kernel.claim import describe_question
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.rules import concave
from certify.kernel.scalars import Bound
from certify.kernel.statement import question
from certify.kernel.verdict import prove
from certify.losses import KullbackLeibler, Squared
from certify.norms import Weighted
from certify.offsets import ColumnIntercept
from certify.pipeline.certificate.file import ask
from certify.polar.methods.spectral import of_matrix
from certify.polar.proved import as_kernel_array, split
from certify.search.dual.own_size import fan
from tests.tolerance import exact_objective

TIERS = {"exact": Exact, "flint": Flint, "rounded": Rounded}
each_tier = pytest.mark.parametrize("tier", TIERS)
Y = np.diag([3.0, 2.0])
PRICES = (0.5, 2.0)  # sqrt(a b) = 1
NONNEGATIVE = RankOne("l2+", "l2+", form="sum")
LINES = {"rule": "lines"}
ZERO = (np.zeros((2, 1)), np.zeros((2, 1)))


def asked(problem, *, own=False, factors=ZERO, **changes):
    """State the question about these factors."""
    said = ask(problem, factors, None, rtol=1e-6, atol=0.0, own_size=own)
    return said.statement | changes, said.given


def line(W, slope=1.0, norm="l1", polar=LINES, **more):
    """Return a line and its arrays: W at lam = slope."""
    told = {"norm": norm, "slope": slope.hex(), "proof": {"polar": polar} | more.pop("proof", {})}
    return told, {"W": as_kernel_array(np.asarray(W, float).reshape(-1))} | more


def of(*lines):
    """Return a proof of several lines, and its arrays."""
    held = {f"line{k}.{n}": a for k, (_, arrays) in enumerate(lines) for n, a in arrays.items()}
    return {"lines": [told for told, _ in lines]}, held


def problem(atom=NONNEGATIVE, lam=0.0, l1=PRICES, data=Y, **more):
    return Problem(Squared(data, **more), atom, lam, l1=l1)


def lower(question, proof, held, tier="exact"):
    return prove(*question, proof, held, TIERS[tier]()).lower


def refused(question, proof, held, tier="exact"):
    with pytest.raises(RejectedError) as caught:
        prove(*question, proof, held, TIERS[tier]())
    return caught.value.where, caught.value.code


def near(value, expected):
    """Whether a proved bound is at most the true one, a float next to it, and hardly less."""
    return expected * (1 - 2.0**-40) <= value <= expected * (1 + 2.0**-50)


# --- what lines prove ---------------------------------------------------------------------


@each_tier
def test_one_line_and_the_least_loss_prove_the_smaller_end(tier):
    """W = I at slope 1: D = 5 - 1 = 4, which is 0 at t = 4, where the root is 2 * 2 = 4."""
    assert near(lower(asked(problem()), *of(line(np.eye(2))), tier), 4)
    steep = line(2 * np.eye(2), 2.0)  # D = 10 - 4 = 6, t* = 3: 2 sqrt(3)
    assert near(lower(asked(problem()), *of(steep), tier), 2 * 3**0.5)
    assert lower(asked(problem()), *of(steep), tier) ** 2 <= 12  # not one unit above
    half = line(np.eye(2) / 2, 0.5)  # D = 2.5 - 1/4, t* = 9/2: D is the smaller end
    assert near(lower(asked(problem()), *of(half), tier), 2.25)


@each_tier
def test_several_lines_prove_more_than_each(tier):
    """4 - t and 6 - 2 t meet at t = 2: 2 + 2 sqrt(2); 4 - t ends at 4 with 4."""
    both = of(line(np.eye(2)), line(2 * np.eye(2), 2.0))
    assert near(lower(asked(problem()), *both, tier), 4)
    third = of(line(np.eye(2) * 1.25, 1.25), line(np.eye(2) * 0.75, 0.75))
    # 6.25 - 1.5625 = 4.6875 at 1.25 t, 3.75 - .5625 = 3.1875 at .75 t: they meet at 3, the end is
    # 4.25; so min(4.6875, .9375 + 2 sqrt 3, 2 sqrt 4.25) = 2 sqrt 4.25
    assert near(lower(asked(problem()), *third, tier), 2 * 4.25**0.5)


@each_tier
def test_the_rank_raises_a_flat_line(tier):
    """One slice leaves 2 of diag(3, 2): D0 = 2; beside 4 - t they meet at t = 2: 2 + 2 sqrt 2."""
    text, held = split(fan(Y, 1)[0])
    flat = {"norm": "own", "slope": (0.0).hex(), "proof": {"ky_fan": text}}, held
    proof = of(flat, line(np.eye(2)))
    question = asked(problem(), own=True)
    assert near(lower(question, *proof, tier), 4)  # at t = 0
    steep = of(flat, line(2 * np.eye(2), 2.0))
    assert near(lower(question, *steep, tier), 2 + 2 * 2**0.5)
    found = prove(*question, *steep, TIERS[tier]())
    assert found.rules == ("ky_fan", "lines", "weak_duality", "concave")
    any_size = asked(problem())  # there the rank proves nothing
    assert near(lower(any_size, *steep, tier), 2 * 3**0.5)


@each_tier
def test_the_own_norms_count_beside_the_slope(tier):
    """lam = 1/2: W = 3/2 I is in the ball of own norms at 1/2 + 1, D = 7.5 - 9/4."""
    W = np.eye(2) * 1.5
    text, held = split(of_matrix(W).proof)
    own = line(W, 1.0, "own", text, **held)
    question = asked(problem(RankOne("l2", "l2"), 0.5))
    assert near(lower(question, *of(own), tier), 2 * 5.25**0.5)  # at t = 5.25, below D
    less = line(W, 0.5, "own", text, **held)  # scaled to 1: D = 5 - 1 at slope 1/2
    assert near(lower(question, *of(less), tier), 4)
    alone = line(W, 1.0, "l1", LINES)  # lam does not count there: scaled to 1
    assert near(lower(question, *of(alone), tier), 4)


@each_tier
@pytest.mark.parametrize("free", [0, 1])
def test_a_line_keeps_the_signs_that_factors_may_have(tier, free):
    """Nonnegative factors earn nothing with -Y: D = 13/2. Where one is free, -Y costs 5 in l1."""
    atom = RankOne("l2" if not free else "l2+", "l2" if free else "l2+")
    loose, tight = asked(problem(atom, data=-Y)), asked(problem(data=-Y))
    flat = of(line(-Y, 1.0))
    assert near(lower(tight, *flat, tier), 2 * 6.5**0.5)
    assert near(lower(loose, *flat, tier), 65 / 18)  # scaled to 1/3: D = 13/3 - 13/18


def test_without_lines_the_least_loss_is_proved():
    found = prove(*asked(problem()), {}, {}, Exact())
    assert (found.lower, found.rules, found.verdict) == (0, ("concave",), "UNDECIDED")


def test_the_penalty_is_part_of_the_objective_and_of_the_printed_question():
    U, V = np.array([[1.0], [2.0]]), np.array([[0.5], [0.25]])
    for atom in (NONNEGATIVE, RankOne("linf", "l1"), RankOne("l1-", "l2")):
        held = (-U, V) if atom.left == "l1-" else (U, V)
        whole = problem(atom, 0.25)
        question = asked(whole, factors=held)
        low, high = exact_objective(whole, held)
        found = prove(*question, {}, {}, Exact())
        assert low <= found.upper <= high + Fraction(1, 2**60)
        assert found.upper >= Fraction(0.5 * 3 + 2 * 0.75)
        assert '"l1": ["0.5", "2.0"]' in describe_question(*question)
    plain = asked(Problem(Squared(Y), NONNEGATIVE, 0.25))
    assert '"l1": [' not in describe_question(*plain)


@given(
    levels=st.lists(st.integers(-4, 12), min_size=1, max_size=5),
    slopes=st.lists(st.integers(0, 8), min_size=5, max_size=5),
    ab=st.sampled_from([Fraction(1, 4), Fraction(1), Fraction(4)]),
)
def test_the_least_of_all_t_is_where_lines_meet(levels, slopes, ab):
    """On a grid that is finer than the lines, nothing is below, and somewhere it is reached."""
    held = [
        (concave.Line(Fraction(x), Fraction(s)), ("told",))
        for x, s in zip(levels, slopes, strict=False)
    ]
    whole = question(*asked(problem(l1=(float(ab), 1.0))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(concave, "proved_lines", lambda *_: held)
        found = concave.concave(TELLER, whole, Evidence({}, Arrays({}, "proof")), Fraction(0))
    assert isinstance(found, Bound)
    lines = [(0, 0), *((p.level, p.slope) for p, _ in held)]
    t = np.unique(
        [
            *np.arange(0, 20, 1 / 64),
            *(
                float((p - q) / (r - s))
                for (p, r), (q, s) in product(lines, repeat=2)
                if r > s and p >= q
            ),
        ]
    )
    h = np.max([float(x) - float(s) * t for x, s in lines], axis=0) + 2 * np.sqrt(float(ab) * t)
    assert float(found.value) <= h.min() + 1e-12
    assert float(found.value) == pytest.approx(h.min(), abs=1e-9)


class Teller:
    """An arithmetic that only pays."""

    budget = Exact.budget


TELLER = Teller()


# --- lies ---------------------------------------------------------------------------------

HONEST = line(np.eye(2))
LIES = {
    "a slope below 0": ({"slope": (-1.0).hex()}, ("proof.lines[0].slope", "sign")),
    "a decimal": ({"slope": "1.0"}, ("proof.lines[0].slope", "number")),
    "no slope": ({"slope": 1}, ("proof.lines[0].slope", "number")),
    "another norm": ({"norm": "l2"}, ("proof.lines[0].norm", "unknown")),
    "another field": ({"level": "4"}, ("proof.lines[0]", "fields")),
    "a proof that is none": ({"proof": "yes"}, ("proof.lines[0].proof", "json")),
    "a rule of another pair": (
        {"norm": "own", "proof": {"polar": LINES}},
        ("proof.polar.rule", "wrong_rule"),
    ),
}


@each_tier
@pytest.mark.parametrize(("change", "said"), LIES.values(), ids=LIES)
def test_a_line_says_what_it_is(tier, change, said):
    told, held = HONEST
    assert refused(asked(problem()), *of((told | change, held)), tier) == said


def test_lines_are_a_list_and_few():
    question, (told, held) = asked(problem()), HONEST
    for lines in ({}, "x", 3):
        assert refused(question, {"lines": lines}, {}) == ("proof.lines", "list")
    assert refused(question, {"lines": [3]}, {}) == ("proof.lines[0]", "json")
    many = of(*[(told, held)] * concave.MOST)
    assert near(lower(question, *many), 4)
    more = of(*[(told, held)] * (concave.MOST + 1))
    assert refused(question, *more) == ("proof.lines", "list")


def test_the_arrays_of_a_line_are_its_own():
    (told, held), question = HONEST, asked(problem())
    assert lower(question, {"lines": [told]}, held) == 0  # a W of no line
    other = of((told, {}), (told, held))
    assert near(lower(question, *other), 4)


@each_tier
def test_a_dual_point_that_is_too_large_is_scaled(tier):
    large = line(2 * np.eye(2))  # its polar is 2 at slope 1: the same as W = I
    assert near(lower(asked(problem()), *of(large), tier), 4)


STATED = {
    "weights of 0": ({"l1": [(0.0).hex(), (0.0).hex()]}, ("statement.l1", "sign")),
    "a weight below 0": ({"l1": [(1.0).hex(), (-1.0).hex()]}, ("statement.l1", "sign")),
    "one weight": ({"l1": [(1.0).hex()]}, ("statement.l1", "weights")),
    "three weights": ({"l1": [(1.0).hex()] * 3}, ("statement.l1", "weights")),
    "a number": ({"l1": (1.0).hex()}, ("statement.l1", "weights")),
    "decimals": ({"l1": ["1.0", "1.0"]}, ("statement.l1", "number")),
}


@pytest.mark.parametrize(("change", "said"), STATED.values(), ids=STATED)
def test_the_weights_are_two_numbers_and_not_both_0(change, said):
    assert refused(asked(problem(), **change), {}, {}) == said


SLICE = np.array([[3.0], [0.0]]), np.array([[1.0], [0.0]])


@each_tier
@pytest.mark.parametrize("prices", [(0.0, 2.0), (2.0, 0.0)])
def test_beside_one_weight_the_root_is_0_and_the_flat_line_counts(tier, prices):
    """W = I at lam = 1: d = 5 - 1; one slice leaves |diag(3, 2) - Z|^2 / 2 >= 2."""
    text, held = split(of_matrix(np.eye(2)).proof)
    flat = line(np.eye(2), 0.0, "own", text, **held)
    question = asked(problem(RankOne("l2", "l2"), 1.0, prices))
    assert near(lower(question, *of(flat), tier), 4)
    assert lower(question, *of(line(np.eye(2))), tier) == 0  # 4 - t alone falls to 0
    told, fan_held = split(fan(Y, 1)[0])
    rank = {"norm": "own", "slope": (0.0).hex(), "proof": {"ky_fan": told}}, fan_held
    one = asked(problem(l1=prices), own=True, factors=SLICE)
    found = prove(*one, *of(rank), TIERS[tier]())
    assert near(found.lower, 2)
    assert float(found.upper) == pytest.approx(2 + (6 if prices[0] else 2))


CUBE = np.zeros((2, 2, 2))
CUBE[0, 0, 0], CUBE[1, 1, 1] = 3.0, 2.0
OTHERS = {
    "symmetric": (Symmetric(), Y, ZERO[:1]),
    "tensor": (CP(("l2",) * 3), CUBE, (np.zeros((2, 1)),) * 3),
    "weighted": (RankOne(Weighted((1.0, 1.0)), "l2", "sum"), Y, ZERO),
}


@pytest.mark.parametrize("name", OTHERS)
def test_of_other_slices_the_penalty_is_left_out_and_no_line_has_a_slope(name):
    atom, data, factors = OTHERS[name]
    prices = (0.5,) * len(factors)
    whole = Problem(Squared(data), atom, 0.25, l1=prices)
    bare = check(Problem(Squared(data), atom, 0.25), factors)
    told = {"norm": "own", "slope": (0.0).hex(), "proof": bare.certificate.proof}
    told["proof"] = {k: v for k, v in told["proof"].items() if k != "better"}
    held = {k: a for k, a in bare.certificate.witness.items() if not k.startswith("better.")}
    question = asked(whole, factors=factors)
    assert near(lower(question, *of((told, held))), bare.lower)
    for change in ({"slope": (0.5).hex()}, {"norm": "l1"}):
        assert refused(question, *of((told | change, held))) == ("proof.lines[0].norm", "scope")
    assert 0 < check(whole, factors).lower < bare.upper
    with pytest.raises(InputError, match=r"one for each factor|one weight"):
        Problem(whole.loss, whole.atom, 1.0, l1=(1.0,) * 4)


def test_a_line_beside_means_has_them_too():
    """Of columns (1, 3) and (4, 0) less their means ((-1, 1), (2, -2)) one slice leaves nothing."""
    data = np.array([[1.0, 4.0], [3.0, 0.0]])
    whole = Problem(Squared(data), NONNEGATIVE, 0.0, (ColumnIntercept(),), l1=PRICES)
    W = np.array([[-0.5, 0.5], [0.5, -0.5]])  # orthogonal to the means; d = <W, Y> - 1/2
    proof, held = of(line(W, 0.5))
    found = prove(*asked(whole), proof, held | {"q0": as_kernel_array(np.zeros(2))}, Exact())
    assert near(found.lower, 2.5)  # at t = 0; 2 sqrt(5) where the line ends


@pytest.mark.parametrize("norm", ["own", "l1"])
def test_a_line_beside_means_is_held_to_them(norm):
    """The means fit data of ones: the optimum is 0, and <W, Y> - |W|^2 / 2 = 2 for W = Y."""
    ones = np.ones((2, 2))
    whole = Problem(Squared(ones), RankOne("l2", "l2"), 1.0, (ColumnIntercept(),), l1=(1.0, 1.0))
    text, held = split(of_matrix(ones).proof)
    polar = (text, held) if norm == "own" else (LINES, {})
    proof, arrays = of(line(ones, 1.0, norm, polar[0], **polar[1]))
    arrays |= {"q0": as_kernel_array(np.ones(2))}
    assert refused(asked(whole), proof, arrays)[1] == "orthogonal"


PRICED = {  # factors that are not zero: each costs its own weight, and once
    "pair": (RankOne("l2", "l2"), Y, [[3.0, -4.0], [1.0, 0.5]]),
    "tensor": (CP(("l2",) * 3), CUBE, [[3.0, -4.0], [1.0, 0.5], [-0.25, 2.0]]),
    "symmetric": (Symmetric(), Y, [[3.0, -4.0]]),
    "free bias": (ReLU(np.eye(2), bias="free"), Y, [[3.0, -4.0, -5.0], [1.0, 0.5]]),
    "deep": (DeepLinear(np.eye(2), (2,)), Y, None),
}


@each_tier
@pytest.mark.parametrize("name", PRICED)
def test_every_factor_costs_its_weight_and_once(name, tier):
    atom, data, vectors = PRICED[name]
    shapes = atom.shapes(data.shape)
    rng = np.random.default_rng(0)
    if vectors is None:
        vectors = [rng.integers(-8, 9, shape).astype(float) / 4 for shape in shapes]
    factors = tuple(np.asarray(x)[..., None] for x in vectors)
    prices = (0.5, 2.0, 0.125, 4.0)[: len(factors)]
    whole, bare = (Problem(Squared(data), atom, 0.25, l1=l1) for l1 in (prices, None))
    both = [prove(*asked(p, factors=factors), {}, {}, TIERS[tier]()).upper for p in (whole, bare)]
    extra = sum(w * float(np.abs(x).sum()) for w, x in zip(prices, factors, strict=True))
    assert both[0] - both[1] == Fraction(extra)


def test_at_lam_0_any_size_needs_the_l1_penalty():
    statement, given_arrays = asked(problem())
    assert statement["claim"] == "any size"
    bare = {k: v for k, v in statement.items() if k != "l1"}
    assert refused((bare, given_arrays), {}, {}) == ("statement.lam", "sign")


def test_a_certificate_binds_the_weights():
    whole = problem(data=np.eye(2), l1=(1.0, 1.0))
    result = check(whole, ZERO)
    assert result.verdict.name == "CERTIFIED"
    assert verify(result.certificate, whole, ZERO).certified
    for other in ((1.0, 2.0), (2.0, 1.0), None):
        reader = Problem(whole.loss, whole.atom, 0.0 if other else 1.0, l1=other)
        with pytest.raises(RejectedError) as caught:
            verify(result.certificate, reader, ZERO)
        assert caught.value.code == "question"


def test_counts_have_lines_of_any_size():
    """d(-1/2 of all): 2 ln(1/2) ... the bound of an l1 pair at slope 1/2, and no more."""
    counts = np.array([[2.0, 0.0], [0.0, 1.0]])
    whole = Problem(KullbackLeibler(counts), NONNEGATIVE, 0.0, l1=PRICES)
    factors = (np.array([[2.0], [1.0]]), np.array([[1.0], [0.5]]))
    told = line(np.diag([0.5, 0.25]), 0.5)
    found = lower(asked(whole, factors=factors), *of(told))
    level = 2 * np.log(1.5) + np.log(1.25)
    assert near(float(found), min(level, 2 * (level / 0.5) ** 0.5))
