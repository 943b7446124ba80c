"""A counterexample that is changed is refused, and says why: the rejecting twin of each."""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import pytest

import paper_checks
from paper_checks import (
    _counterpoints,
    _rank_points,
    dead_neuron,
    dropout,
    end_of_a_flat_path,
    partial_homogeneity,
    spurious_valley,
)
from paper_checks._exact import vector
from paper_checks._necessity import NoCounterexampleError, broken
from paper_checks._points import Loss, Term, squared
from paper_checks._polynomial import UndecidedError, variables
from paper_checks._told import told_of

ONE, HALF = Fraction(1), Fraction(1, 2)
E1, E2 = vector(1, 0), vector(0, 1)
DEPTH, VALLEY, END = "weight_decay_at_depth", "spurious_valley", "end_of_a_flat_path"
RANK, FEW, SPAN = "rank_deficient_minimum", "few_observations", "large_r_by_span"
GAP = "strict_gap_of_standard_deep_nets"
POLAR, PARTIAL = "polar_at_stationary_points", "partial_homogeneity"
STRAIGHT = replace(_counterpoints.WELL, bent=((ONE,), (ONE,)))
E3, ABSOLUTE = (3 * ONE, ONE), Loss((Term("absolute", b=-4),))
TWICE, LESS = (lambda x, k=k: k * (abs(x[0]) + abs(x[1])) for k in (2 * ONE, ONE * 3 / 5))
EYE = ((ONE, 0 * ONE), (0 * ONE, ONE))
COLUMN, ROW = ((ONE,), (ONE,)), ((ONE, ONE),)
POINT = next(e.instance.of for e in end_of_a_flat_path.counterexamples())
DATA = next(e.instance.of for e in spurious_valley.counterexamples())
BEST = [side.best(DATA.lam) for side in DATA.sides]
EVEN = replace(DATA, sides=(replace(DATA.sides[0], data=vector(1)), DATA.sides[1]))
GROWTH = {"start": (BEST[1], (ONE, 0 * ONE)), "end": (BEST[1], (ONE, HALF))}
CANCEL = next(e.instance.X for e in end_of_a_flat_path.counterexamples())
PAIRS = _rank_points.slices
SQUARE = (vector(2, 1), vector(1, 1)), (vector(2, 1), vector(1, 1))


def with_changes(instance, changes):
    """Return the instance with other fields; "point.X" is the field X of its field `point`."""
    for key, value in changes.items():
        first, _, rest = key.partition(".")
        inner = with_changes(getattr(instance, first), {rest: value}) if rest else value
        instance = replace(instance, **{first: inner})
    return instance


def examples_of(name, dropped):
    """Return the module and its counterexamples, whose numbers may be others than the words'.

    `dropped` is a hypothesis, or with a number: its k-th counterexample.
    """
    module = paper_checks.load(name)
    dropped, k = dropped if isinstance(dropped, tuple) else (dropped, None)
    found = [e for e in module.counterexamples() if e.dropped == dropped]
    found = found if k is None else found[k : k + 1]
    kept = [e.conclusion for e in found]
    plain = [c.args[0] if isinstance(c, partial) else c for c in kept]
    return module, [replace(e, conclusion=c) for e, c in zip(found, plain, strict=True)]


CASES = [
    ("zero_slice", "convex loss", {"loss": squared(1)}, "is true"),
    ("zero_slice", "convex loss", {"loss": STRAIGHT}, "holds"),
    ("zero_slice", "convex loss", {"others": ((Fraction(1, 9), ONE),)}, "is true"),
    ("zero_slice", "convex loss", {"theta": _counterpoints.decay, "lam": 0 * ONE}, "can bear"),
    ("zero_slice", "differentiable loss", {"lam": -ONE}, "fails: the price"),
    ("zero_slice", "differentiable loss", {"proof": None}, "changes"),
    ("zero_slice", "equal degrees", {"theta": _counterpoints.size}, "can bear"),
    ("zero_slice", "equal degrees", {"loss": squared(-27)}, "is true"),
    ("zero_slice", "zero slice", {"X": ((*[0 * ONE] * 4,),)}, "can bear"),
    ("zero_slice", "zero slice", {"loss": squared(4, 0, 0, 2)}, "can bear"),
    ("zero_slice", "local minimum", {"down": ()}, "can bear"),
    ("zero_slice", "local minimum", {"down": ((ONE, -ONE),)}, "does not fall"),
    ("zero_slice", "local minimum", {"X": ((ONE, ONE),)}, "'zero slice' fails"),
    ("zero_slice", "positive degree", {"theta": _counterpoints.size}, "is true|fails|holds"),
    ("append_a_zero", "positive degree", {"X": ((ONE,),)}, "'stays one' fails"),
    ("conjugate_and_subgradient", "equal degrees", {"point.theta": LESS}, "larger|can bear"),
    ("large_r", ("r > card(D)", 1), {"point.loss": squared(30, 0, 0, 2)}, "border|can bear"),
    ("large_r", "convex loss", {"point.others": ((ONE,),)}, "no path is needed"),
    ("pilanci_ergen", "enough neurons", {"y": vector("3/2", "4/5")}, "may fit both"),
    ("weak_duality", "polar at most lam", {"steep": (2 * ONE, ONE)}, "outside the ball"),
    ("weak_duality", "polar at most lam", {"W": ONE}, "is true"),
    ("weak_duality", "equal degrees", {"ball": HALF}, "changes|can bear"),
    ("properties_of_omega", ("equal degrees", 0), {"point.theta": TWICE}, "may be more"),
    ("properties_of_omega", ("equal degrees", 1), {"point.theta": _counterpoints.size}, "can bear"),
    ("degree_of_theta", "degree below", {"X": ((HALF,) * 3,)}, "not near"),
    ("degree_of_theta", "degree above", {"theta": lambda x: _counterpoints.norms(x) ** 2}, "true"),
    ("sum_and_product", "multilinear", {"norms": vector(4, 4)}, "phi is not 1"),
    ("sum_and_product", "powers", {"power": 3}, "is true"),
    ("relative_gap", "balanced slices", {"W": ONE}, "holds"),
    ("relative_gap", "balanced slices", {"point.X": (E3,)}, "is true"),
    ("relative_gap", "convex loss", {"squares": ()}, "may be below 0"),
    ("relative_gap", "convex loss", {"squares": ((2 * ONE, lambda z: z - 3),)}, "may be below 0"),
    ("relative_gap", "convex loss", {"W": ONE, "P": ONE}, "'subgradient' fails"),
    ("relative_gap", "convex loss", {"point.others": ()}, "is true"),
    ("relative_gap", "subgradient", {"W": 4 * ONE, "P": 4 * ONE}, "is true"),
    ("relative_gap", "subgradient", {"P": 0 * ONE}, "'P >= Omega.* fails"),
    ("relative_gap", "P >= Omega*(W)", {"P": 4 * ONE}, "is true"),
    ("relative_gap", "P >= Omega*(W)", {"W": 2 * ONE}, "'subgradient' fails"),
    ("relative_gap", "loss >= 0", {"low": None}, "may be below 0"),
    ("relative_gap", "loss >= 0", {"low": 9 * ONE}, "not below 0 there"),
    ("relative_gap", "loss >= 0", {"P": HALF}, "'P >= Omega.* fails"),
    ("relative_gap", "loss >= 0", {"point.loss": ABSOLUTE}, "is true"),
    ("relative_gap", "equal degrees", {"W": 26 * ONE}, "'subgradient' fails"),
    ("relative_gap", "equal degrees", {"P": 13 * ONE}, "'P >= Omega.* fails"),
    ("relative_gap", "equal degrees", {"point.X": ((3 * ONE,) * 3,)}, "is true"),
    (POLAR, "stationary", {"W": ONE}, "no slope"),
    (POLAR, "stationary", {"point.X": (E3,), "W": ONE}, "is true"),
    (POLAR, "a slice that costs", {"point.loss": squared(1), "W": ONE}, "is true"),
    (POLAR, "a slice that costs", {"W": 0 * ONE}, "no slope"),
    (POLAR, "differentiable loss", {"W": HALF}, "is true"),
    (POLAR, "differentiable loss", {"point.loss": squared(4)}, "'stationary' fails"),
    (POLAR, "equal degrees", {"W": 0 * ONE}, "no slope"),
    (POLAR, "equal degrees", {"point.lam": 2 * ONE}, "'stationary' fails"),
    (POLAR, "equal degrees", {"point.lam": ONE / 3}, "is true"),
    (POLAR, "convex loss", {"point.others": ((0 * ONE,) * 2,)}, "no minimum"),
    (POLAR, "convex loss", {"point.X": ((2 * ONE,) * 2,)}, "no slope|not the origin"),
    (POLAR, "convex loss", {"point.X": ((2 * ONE,) * 2,), "W": ONE}, "not the origin"),
    (POLAR, "convex loss", {"point.loss": squared(0)}, "the loss is another"),
    (GAP, "three layers", {"nets": 2}, "not the sum"),
    (GAP, "one net", {"nets": 3}, "not the sum"),
    (GAP, "two singular values", {"layers": 4}, "not the sum"),
    (GAP, "small lam", {"lam": HALF / 1000}, "'small lam' fails|is true|holds"),
    (PARTIAL, "theta homogeneous in v", {"neurons": partial_homogeneity.halves(4)}, "is true"),
    (PARTIAL, "theta homogeneous in v", {"lam": ONE}, "may be larger"),
    (PARTIAL, "theta homogeneous in v", {"given": vector(2)}, "is true"),
    (PARTIAL, "theta homogeneous in v", {"theta": partial_homogeneity.outer_size}, "is true"),
    (PARTIAL, "all a", {"neurons": ((0 * ONE,) * 3,)}, "lower nearby|changes|can bear"),
    (PARTIAL, "all a", {"lam": 4 * ONE}, "is true"),
    (PARTIAL, "all a", {"given": vector(0, 1)}, "no residual"),
    (PARTIAL, "balanced slices", {"neurons": ((2 * ONE, -ONE, 3 * ONE),)}, "is true"),
    (PARTIAL, "balanced slices", {"given": vector(0, 0)}, "no residual"),
    (FEW, "r (r + 1) / 2 > k", {"y": vector(2, 1, 2)}, "one slice may be lower"),
    (FEW, "r (r + 1) / 2 > k", {"least": 3 * ONE}, "one slice may be lower"),
    (FEW, "r (r + 1) / 2 > k", {"X": [E1]}, "one slice may be lower"),
    (FEW, "r (r + 1) / 2 > k", {"lam": 2 * ONE}, "one slice may be lower"),
    (FEW, "r (r + 1) / 2 > k", {"X": [vector(2, 0), vector(0, 2)]}, "is true"),
    (FEW, "l2 norm", {"least": 4 * ONE}, "may be lower|can bear"),
    (FEW, "l2 norm", {"theta": lambda x: x[0] ** 2 + x[1] ** 2}, "may be lower|can bear"),
    (FEW, "l2 norm", {"X": [E1, E1]}, "is true"),
    (SPAN, ("r > dim span", 0), {"point.loss": squared(6, 7)}, "no multiples of a unit"),
    (SPAN, ("r > dim span", 0), {"point.theta": lambda x: abs(x[0]) + abs(x[1])}, "is another"),
    (SPAN, ("r > dim span", 0), {"point.X": ((ONE, 8 * ONE),)}, "not on two axes|is another"),
    (SPAN, ("r > dim span", 2), {"point.others": PAIRS((0, 2, 0, 1))}, "outside|no path"),
    (SPAN, "r > dim span", {"point.others": ()}, "no path is needed"),
    (SPAN, "convex loss", {"point.loss": squared(1)}, "is true"),
    (SPAN, "convex loss", {"point.others": ((-HALF,), (0 * ONE,))}, "no path|need not pass 0"),
    (SPAN, "equal degrees", {"point.theta": lambda x: abs(x[0] * x[1] * x[2])}, "need not|holds"),
    (SPAN, "equal degrees", {"point.X": ((0 * ONE,) * 3,)}, "no path is needed"),
    ("distance_bound", "balanced slices", {"W": ONE}, "fails|holds"),
    ("distance_bound", "balanced slices", {"point.others": ()}, "no minimum"),
    ("distance_bound", "strong convexity", {"m": 0 * ONE}, "is true"),
    ("distance_bound", "strong convexity", {"point.loss": squared(4)}, "can bear"),
    ("distance_bound", "gradient", {"W": 4 * ONE}, "is true"),
    ("distance_bound", "gradient", {"m": 2 * ONE}, "'strong convexity' fails"),
    ("distance_bound", "equal degrees", {"W": 26 * ONE}, "'gradient' fails"),
    ("distance_bound", "equal degrees", {"point.others": ()}, "is true"),
    ("distance_bound", "equal degrees", {"m": HALF / 20}, "may be larger|can bear"),
    ("flat_path", "dependence", {"t": 0 * ONE}, "is true"),
    ("flat_path", "dependence", {"beta": (0 * ONE, 0 * ONE)}, "is true"),
    ("flat_path", "dependence", {"beta": (ONE, -2 * ONE)}, "is true|holds"),
    ("flat_path", ("equal degrees", 0), {"beta": (ONE, ONE)}, "'dependence' fails"),
    ("flat_path", "equal degrees", {"point.theta": _counterpoints.size}, "is true"),
    ("flat_path", "local minimum", {"point.down": ()}, "can bear"),
    ("flat_path", "local minimum", {"beta": (ONE, -ONE)}, "'dependence' fails"),
    (DEPTH, "inner widths at least rank Z", {"layers": (EYE,) * 3}, "another determinant"),
    (DEPTH, "inner widths at least rank Z", {"free": 1}, "'a penalty on every layer' fails"),
    (DEPTH, "inner widths at least rank Z", {"layers": (COLUMN, ROW)}, "'depth at least 3' fails"),
    (DEPTH, "a penalty on every layer", {"free": 0}, "is true"),
    (DEPTH, "a penalty on every layer", {"layers": (EYE,) * 3}, "the product is another"),
    (DEPTH, "depth at least 3", {"layers": (EYE,) * 3}, "the product is another"),
    ("dropout", "independent masks", {"chances": ()}, "is true"),
    ("dropout", "independent masks", {"divisor": HALF / 2}, "'division by p' fails"),
    ("dropout", "independent masks", {"loss": "absolute"}, "'squared loss' fails"),
    ("dropout", "independent masks", {"loss": "fourth"}, "'squared loss' fails"),
    ("dropout", "division by p", {"divisor": HALF}, "is true"),
    ("dropout", "squared loss", {"loss": "square"}, "is true"),
    ("dropout", "exactly r slices", {"r": 2}, "is true"),
    ("dropout", "sizes that sum to N(Z)", {"r": 1}, "'exactly r slices' fails"),
    ("dropout", "sizes that sum to N(Z)", {"slices": ([E1, E2], [E1, E2])}, "is true"),
    ("dropout", "slices of one size", {"slices": ([E1, E1], [E1, E1])}, "is true"),
    ("dropout", "slices of one size", {"slices": ([E1, vector(-2, 0)], [E1, E1])}, "sum to N"),
    ("dropout", "p falls with r", {"p": HALF * 2 / 3, "divisor": HALF * 2 / 3}, "is true"),
    ("dropout", "p falls with r", {"divisor": 3 * HALF}, "'division by p' fails"),
    ("dropout", "r at least the rank", {"W": dropout.THREE}, "no minimizer"),
    ("dropout", "r at least the rank", {"Y": [E1, E2], "r": 1}, "no minimizer|is true"),
    ("dropout", "r at least the rank", {"r": 2}, "r slices' fails"),
    ("dropout", "r at least the rank", {"c": 2 * ONE}, "least of one slice"),
    ("dropout", "r at least the rank", {"p": HALF / 2}, "'independent masks' fails|one slice"),
    ("dropout", "r at least the rank", {"slices": ([E1, E2], [E1, E2])}, "more slices"),
    ("grothendieck_gap", "numbers u_i, v_j", {"t": ONE}, "'vectors of length at most 1' fails"),
    ("grothendieck_gap", "numbers u_i, v_j", {"s": 4 * ONE}, "is true"),
    ("grothendieck_gap", "a and b other than 0", {"d": vector(2, 2)}, "the relaxation is another"),
    ("grothendieck_gap", "a and b other than 0", {"W": [E1, E2], "ys": [E1, E2]}, "another form"),
    ("grothendieck_gap", "positive semidefinite", {"d": vector(2, 2)}, "is true"),
    ("grothendieck_gap", "positive semidefinite", {"t": ONE}, "length at most 1' fails"),
    ("grothendieck_gap", "vectors of length at most 1", {"d": vector(1, 1)}, "semidefinite' fails"),
    ("grothendieck_gap", "vectors of length at most 1", {"s": 4 * ONE, "t": 4 * ONE}, "is true"),
    ("dead_neuron", "dead on all data", {"lam": 0 * ONE}, "'lam > 0' fails"),
    ("dead_neuron", "dead on all data", {"theta": lambda _: 0 * ONE}, "'theta.x. > 0' fails"),
    ("dead_neuron", "dead on all data", {"step": (vector(-2), vector(-1))}, "does not shrink"),
    ("dead_neuron", "dead on all data", {"y": vector(-5)}, "is true"),
    ("dead_neuron", "strictly dead", {"x": (vector(0), vector(1))}, "v is not 0"),
    ("dead_neuron", "strictly dead", {"theta": dead_neuron.decay}, "theta is another"),
    ("dead_neuron", "strictly dead", {"start": ONE, "end": ONE}, "'near' fails"),
    ("dead_neuron", "strictly dead", {"y": vector(0)}, "not lower on the way"),
    ("dead_neuron", "near", {"start": HALF / 2, "end": HALF / 2}, "is true"),
    ("dead_neuron", "near", {"x": (vector(1), vector(0))}, "dead on all data' fails|is true"),
    ("dead_neuron", "near", {"x": (vector(0), vector(0))}, "'strictly dead' fails"),
    ("dead_neuron", "theta(x) > 0", {"theta": dead_neuron.decay}, "is true"),
    ("dead_neuron", "theta(x) > 0", {"x": (vector(1), vector(0))}, "shrink"),
    (END, "local minimum", {"X": end_of_a_flat_path.on_path(POINT, HALF)}, "is true"),
    (END, "local minimum", {"X": SQUARE}, "the sum is another"),
    (END, "local minimum", {"down": ((ONE, ONE, ONE, ONE),) * 2}, "does not fall"),
    (END, "near", {"others": end_of_a_flat_path.turned, "g": HALF / 5}, "is true"),
    (END, "near", {"X": CANCEL}, "not on the path"),
    ("block_descent", ("minimizer with L/2 |step|^2", 0), {"new": vector(0, 0)}, "is true"),
    ("block_descent", ("minimizer with L/2 |step|^2", 0), {"c": ONE}, "step.*' holds"),
    ("block_descent", ("minimizer with L/2 |step|^2", 1), {"new": vector(HALF, 1)}, "is true"),
    ("block_descent", ("minimizer with L/2 |step|^2", 1), {"new": vector(-2, 0)}, "'one b.* fails"),
    ("block_descent", "one block at a time", {"new": vector("9/4", "1/2")}, "is true"),
    ("block_descent", "one block at a time", {"new": vector(3, 3)}, "'minimizer.* fails"),
    ("block_descent", "convex in the block", {"c": 0 * ONE, "new": vector(1, 0)}, "is true"),
    ("block_descent", "convex in the block", {"new": vector(3, 0)}, "'minimizer.* fails"),
    ("burer_monteiro", "m at least the rank", {"m": 2}, "only one column"),
    ("burer_monteiro", "m at least the rank", {"lam": 2 * ONE}, "not shown to be optimal"),
    ("burer_monteiro", "m at least the rank", {"Y": [vector(5, 1), vector(1, 2)]}, "diagonal"),
    ("burer_monteiro", "l2 norms", {"l1": False}, "not shown to be optimal"),
    ("burer_monteiro", "l2 norms", {"ones": ((0, 0), (0, 1), (2, 1), (3, 3))}, "in one slice"),
    ("burer_monteiro", "l2 norms", {"ones": ((0, 0), (1, 2), (2, 1))}, "is true"),
    ("burer_monteiro", "l2 norms", {"ones": ((0, 0), (1, 2), (2, 2), (3, 3))}, "an entry is 0"),
    ("path_regularization", "d > 0", {"d": vector(3)}, "is true"),
    ("path_regularization", "d > 0", {"x": vector(0)}, "is true"),
    ("path_regularization", "degree-1 activation", {"d": vector(1)}, "is true"),
    ("path_regularization", "degree-1 activation", {"d": vector(-2)}, "'d > 0' fails"),
    ("path_regularization", "l1 norms", {"l1": True}, "is true"),
    ("path_regularization", "every path", {"counted": 2}, "is true"),
    ("path_regularization", "every path", {"x": vector(0)}, "is true"),
    ("path_regularization", "every path", {"act": lambda t: 2 * t}, "'degree-1.* fails"),
    ("prox_of_a_sum", "g first", {"z": vector(0, 0)}, "is true"),
    ("prox_of_a_sum", "g first", {"z": vector(1, 0)}, "no two steps"),
    ("prox_of_a_sum", "g first", {"x": vector(1, 0)}, "is true"),
    ("prox_of_a_sum", "l2 norm outside", {"turned": False, "z": vector(1, 0)}, "is true"),
    ("prox_of_a_sum", "l2 norm outside", {"x": vector("3/5", "-1/5")}, "is true"),
    ("prox_of_a_sum", "degree 1 inside", {"c": 0 * ONE, "z": vector(3)}, "is true"),
    ("prox_of_a_sum", "degree 1 inside", {"x": vector(1)}, "is true"),
    ("prox_of_a_sum", "a cone", {"cap": 0 * ONE, "x": vector(0)}, "is true"),
    ("prox_of_a_sum", "a cone", {"x": vector(2)}, "infinite"),
    (END, "near", {"p": 2}, "'l1 norms' fails"),
    (END, "l1 norms", {"p": 1}, "not lower"),
    (END, "l1 norms", {"X": SQUARE}, "the sum is another"),
    (END, "l1 norms", {"others": lambda *_: ([E1, E1], [E2, E2])}, "no multiple"),
    (END, "l1 norms", {"g": HALF}, "'near' fails|is true"),
    (END, "the end", {"X": end_of_a_flat_path.on_path(POINT, 0 * ONE)}, "'the end' holds"),
    (END, "the end", {"p": 2}, "not higher"),
    (END, "the end", {"others": end_of_a_flat_path.grown}, "not higher"),
    (END, "y2 > lam", {"Y": None}, "not higher"),
    (END, "y2 > lam", {"p": 2}, "'l1 norms' fails"),
    (END, "y2 > lam", {"X": end_of_a_flat_path.on_path(POINT, HALF)}, "'the end' fails|not higher"),
    (VALLEY, "one neuron", {"end": tuple(BEST), "start": tuple(BEST)}, "ends no lower"),
    (VALLEY, "one neuron", {"end": (BEST[1], (ONE, -ONE))}, "can bear"),
    (VALLEY, "one neuron", {"of": EVEN, **GROWTH}, "'unequal sides' fails"),
    (VALLEY, "both sides gain", {"start": (BEST[0],)}, "not the best"),
    (VALLEY, "both sides gain", {"of": DATA, "start": (BEST[1],)}, "is true"),
    (VALLEY, "unequal sides", {"end": (BEST[0],)}, "not the best"),
    (VALLEY, "ReLU", {"of": DATA}, "another at"),
    (VALLEY, "ReLU", {"end": ((ONE, ONE),)}, "no mirror image"),
    (RANK, "second order", {"down": ()}, "can bear"),
    (RANK, "second order", {"down": PAIRS((0, "4/5") * 2, (0, "4/5") * 2)}, "does not fall"),
    (RANK, "second order", {"X": PAIRS((2, 0) * 2, (2, 0) * 2)}, "not stationary"),
    (RANK, "second order", {"X": _rank_points.LINE.others}, "is true"),
    (RANK, "rank < r", {"X": PAIRS((0, 2) * 2, (0, 0) * 2)}, "can bear"),
    (RANK, "rank < r", {"loss": _rank_points.LINE.loss}, "can bear"),
    (RANK, "rank < r", {"others": PAIRS((0, 2) * 2)}, "is true"),
    (RANK, "l2 norms", {"theta": _rank_points.halved}, "can bear"),
    (RANK, "l2 norms", {"X": PAIRS((0, 0) * 2)}, "can bear"),
    (RANK, "l2 norms", {"others": ()}, "is true"),
    (RANK, "phi = u v^T", {"loss": squared(9, 1)}, "is true"),
    (RANK, "phi = u v^T", {"X": PAIRS((2, 2), (-2, -2))}, "can bear"),
    (RANK, "phi = u v^T", {"theta": lambda x: abs(x[0] * x[1])}, "'l2 norms' fails"),
    (RANK, "convex loss", {"others": PAIRS((0, 0))}, "is true"),
    (RANK, "convex loss", {"loss": squared(0)}, "is true"),
    (RANK, "convex loss", {"lam": 0 * ONE}, "can bear"),
    (RANK, "differentiable loss", {"others": ()}, "is true"),
    (RANK, "differentiable loss", {"lam": -ONE}, "'second order' fails"),
    (RANK, "differentiable loss", {"theta": _rank_points.squares_l1}, "'l2 norms' fails"),
    (VALLEY, "ReLU", {"of": replace(DATA, activation=lambda x: x, part=ONE)}, "sides gain' fails"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "dropped", "changes", "reason"), CASES)
def test_a_counterexample_that_is_changed_is_refused_and_says_why(name, dropped, changes, reason):
    module, examples = examples_of(name, dropped)
    assert examples
    for example in examples:
        assert broken(module, example).dropped == example.dropped
        changed = replace(example, instance=with_changes(example.instance, changes))
        with pytest.raises(NoCounterexampleError, match=reason):
            broken(module, changed)


def test_a_sign_is_that_after_common_powers():
    t, s = variables((HALF, HALF))
    assert (t**2 - 3 * t).sign() == -1
    assert (3 * t * s - t**2 * s).sign() == 1
    assert (0 * t).sign() == 0
    for f in (t - 3 * t**2, t - s, t**2 - s * t - t**3, ONE - 2 * t):
        with pytest.raises(UndecidedError):
            f.sign()


def test_a_conclusion_with_other_numbers_than_the_words_is_rejected():
    (example,) = (e for e in dead_neuron.counterexamples() if e.dropped == "dead on all data")
    conclusion = example.conclusion.args[0]
    assert told_of(conclusion, ("9", "9/2"), example.instance).right == Fraction(9, 2)
    for sides in (("8", "9/2"), ("9", "4")):
        with pytest.raises(ValueError, match="the words tell"):
            told_of(conclusion, sides, example.instance)
