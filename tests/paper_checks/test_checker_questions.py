"""What the proved checker covers of matrices and tensors: losses, norms, offsets, rules."""

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.sparse import csr_array

from certify import Problem, check, improve
from certify.atoms import CP, RankOne, ReLU, Symmetric
from certify.losses import (
    Absolute,
    Hinge,
    Huber,
    KullbackLeibler,
    Logistic,
    Poisson,
    Quantile,
    Softmax,
    Squared,
    SquaredHinge,
)
from certify.norms import Elastic, Group, Weighted
from certify.offsets import (
    ColumnIntercept,
    Intercept,
    Linear,
    ModeIntercept,
    RowIntercept,
    Sparse,
)
from certify.pipeline.certificate.file import Certificate, as_numpy
from certify.pipeline.certificate.file import as_kernel_array as array
from certify.polar import products
from tests.golden import HERE
from tests.kernel.test_cones import drawn as drawn_codes
from tests.kernel_cases import as_tree
from tests.network_cases import random_proof
from tests.paper_checks.checker_cases import (
    BUILT,
    FREE,
    HALF,
    LINE,
    MINUS,
    MORE,
    ONE,
    OUTSIDE,
    REJECTED,
    STATUS,
    Session,
    agrees,
    answer,
    answers_to_lies,
    drawn,
    kernel,
    layered,
    lies,
    lies_of_lines,
    lies_of_offsets,
    put,
    verify_and_change,
    with_array,
)

pytestmark = [pytest.mark.thorough, BUILT]

LOSSES = {  # of data, which some take the sign of, with a penalty
    "huber": (lambda y: Huber(y, delta=0.5), 0.4, [("delta", "0x0.0p+0")]),
    "quantile": (
        lambda y: Quantile(y, tau=0.25),
        0.8,
        [("tau", "0x0.0p+0"), ("tau", "0x1.0000000000000p+0")],
    ),
    "absolute": (Absolute, 1.5, []),
    "hinge": (lambda y: Hinge(np.sign(y)), 1.5, []),
    "squared_hinge": (lambda y: SquaredHinge(np.sign(y)), 1.5, []),
    "logistic": (lambda y: Logistic((y > 0) + 0.0), 0.6, []),
    "poisson": (lambda y: Poisson(np.round(np.exp(y))), 0.9, []),
    "kullback_leibler": (lambda y: KullbackLeibler(np.round(np.exp(y))), 0.2, []),
    "softmax": (lambda y: Softmax((y == y.max(axis=1, keepdims=True)) + 0.0), 0.4, []),
}


def fitted(name, offsets=(), seen=1.0):
    """Return the certificate of the best factors for a loss, beside offsets, of a part of Y."""
    rng, (make, lam, _) = np.random.default_rng(1), LOSSES[name]
    loss = make(rng.standard_normal((6, 4)))
    if name != "softmax":  # whose rows have no holes
        loss = replace(loss, mask=rng.random((6, 4)) < seen)
    positive = name == "kullback_leibler"  # what is fitted must be
    norm, start = ("l1+", np.ones) if positive else ("l2", np.zeros)
    problem = Problem(loss, RankOne(norm, norm), lam, offsets)
    factors = start((6, int(positive))), start((4, int(positive)))
    return improve(problem, factors, budget=2).result.certificate


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_is_covered_and_changes_answered_alike(binary, tmp_path, name):
    held, path = fitted(name), tmp_path / "x.cert"
    held.save(path)
    assert agrees(binary, path) == 0
    seen = set()
    for lie in lies(held):
        lie.save(path)
        seen.add(agrees(binary, path))
    assert {0, REJECTED, OUTSIDE} <= seen


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_is_covered_beside_biases_of_a_part_of_the_entries(binary, tmp_path, name):
    held, path = fitted(name, [ColumnIntercept(2.0), RowIntercept(1.0)], 0.8), tmp_path / "x.cert"
    held.save(path)
    assert agrees(binary, path) in STATUS.values()
    assert LINE.match(answer(binary, path)[0])
    for factor in (0.5, 0.9, 1.5, -1.0):  # inside the slopes, and outside

        def change(w, factor=factor):
            w *= factor

        with_array(held, "witness", "W", change).save(path)
        agrees(binary, path)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_outside_of_its_domain_is_rejected_by_name(binary, tmp_path, name):
    held, path = fitted(name), tmp_path / "x.cert"
    for field, value in LOSSES[name][2]:
        loss = {**held.statement["loss"], field: value}
        replace(held, statement={**held.statement, "loss": loss}).save(path)
        assert answer(binary, path) == (f"NOT VERIFIED  statement.loss.{field}\n", REJECTED)
        assert kernel(path) is None
    if "hinge" in name:
        for value in (0.0, 2.0, -(1.0 + 2.0**-52)):  # no label
            with_array(held, "given", "Y", put(value)).save(path)
            assert answer(binary, path) == ("NOT VERIFIED  statement.Y\n", REJECTED)
            assert kernel(path) is None
    if name in ("logistic", "softmax"):
        for value in (0.5, -1.0, 2.0, 1.0 + 2.0**-52):
            with_array(held, "given", "Y", put(value)).save(path)
            assert answer(binary, path) == ("NOT VERIFIED  statement.Y\n", REJECTED)
            assert kernel(path) is None
    if name in ("poisson", "kullback_leibler"):
        for value in (-1.0, -5e-324):
            with_array(held, "given", "Y", put(value)).save(path)
            assert answer(binary, path) == ("NOT VERIFIED  statement.Y\n", REJECTED)
            assert kernel(path) is None
    steep = with_array(held, "witness", "W", put((-1.0 if "kull" in name else 1.0) * 2.0**20))
    steep.save(path)
    assert answer(binary, path)[1] == REJECTED
    assert kernel(path) is None


def classes(z, weights=None, label=1, w=0.0):
    """Yield certificates of one row of classes where z is fitted, with each claim and a W."""
    hot = np.eye(len(z))[label]
    problem = Problem(Softmax(hot[None], weights), RankOne("l1", "l1"), 0.5)
    held = check(problem, (np.ones((1, 1)), np.array(z)[:, None]), budget=1).certificate
    proof = {"corrections": [], "polar": {"rule": "lines"}}
    w = array(np.full(len(z), w) if np.isscalar(w) else np.array(w))
    for verdict in ("UNDECIDED", "CERTIFIED"):
        claim = {**held.claim, "verdict": verdict}
        yield replace(held, proof=proof, witness={"W": w}, claim=claim)


@pytest.mark.parametrize("weights", [None, [2.0**-30], [3.0], [2.0**30]])
@pytest.mark.parametrize(
    "z", [[0.0, 0.0], [1.0, -1.0, 0.5], [5e-324, 2.0**-600], [2.0**14, -(2.0**20)], [-1e300, 1.0]]
)
def test_scores_of_any_size_are_enclosed_as_in_python(binary, tmp_path, z, weights):
    for w in (0.0, [0.25, -0.25, *[0.0] * (len(z) - 2)], [-0.25, 0.25, *[0.0] * (len(z) - 2)]):
        seen = set()
        for held in classes(z, weights, w=w):
            held.save(tmp_path / "x.cert")
            seen.add(agrees(binary, tmp_path / "x.cert"))
        inside = w == 0.0 or (w[1] > 0 and w[1] <= (weights or [1.0])[0] and w[0] <= 0)
        assert bool(seen & set(STATUS.values())) == inside


def test_rows_of_classes_must_sum_to_one_and_their_dual_points_to_zero(binary, tmp_path):
    path, (held, _) = tmp_path / "x.cert", classes([0.5, -0.5, 0.25])
    for y in ([1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [2.0, 0.0, 0.0], [1.0, 1.0, -1.0]):
        with_array(held, "given", "Y", lambda x, y=y: x.__setitem__(slice(None), y)).save(path)
        assert answer(binary, path) == ("NOT VERIFIED  statement.Y\n", REJECTED)
        assert kernel(path) is None
    for w in (
        [-0.25, 0.5, -0.125],
        [0.0, 2.0**-1074, 0.0],
        [0.25, 0.25, -0.5],
    ):
        statuses = set()
        for lie in classes([0.5, -0.5, 0.25], w=w):
            lie.save(path)
            statuses.add(agrees(binary, path))
        assert statuses == {REJECTED}


ENTRY = 1.0, 2.0**-30, 2.0**30, 5e-324, 2.0**-600


def one_entry(loss, y, z):
    """Yield certificates of one count y where z is fitted, with each claim and W = 0."""
    problem = Problem(loss(np.ones((1, 1))), RankOne("l1", "l1"), 0.5)
    held = check(problem, (np.ones((1, 1)), np.ones((1, 1))), budget=1).certificate
    held = with_array(with_array(held, "given", "U", put(z)), "given", "Y", put(y))
    proof = {"corrections": [], "polar": {"rule": "lines"}}
    for verdict in ("UNDECIDED", "CERTIFIED"):
        claim = {**held.claim, "verdict": verdict}
        yield replace(held, proof=proof, witness={"W": array(np.zeros(1))}, claim=claim)


@pytest.mark.parametrize("z", ENTRY)
@pytest.mark.parametrize("y", [0.0, *ENTRY])
@pytest.mark.parametrize("loss", [KullbackLeibler, Poisson])
def test_counts_of_any_size_are_enclosed_as_in_python(binary, tmp_path, loss, y, z):
    seen = set()
    for held in one_entry(loss, y, z):
        held.save(tmp_path / "x.cert")
        seen.add(agrees(binary, tmp_path / "x.cert"))
    far = loss is Poisson and z > 2.0**14
    assert bool(seen & set(STATUS.values())) != far


@pytest.mark.parametrize(
    "case",
    [
        (KullbackLeibler, 2.0, 0.0, False),  # its objective is not finite
        (KullbackLeibler, 2.0, -1.0, False),
        (KullbackLeibler, 0.0, -1.0, False),
        (KullbackLeibler, 0.0, 0.0, True),
        (Poisson, 2.0, 2.0**14, True),  # out of reach
        (Poisson, 2.0, 2.0**14 + 2.0**-30, False),
        (Poisson, 2.0, 2.0**20, False),
        (Poisson, 2.0, 1e300, False),
        (Poisson, 2.0, -(2.0**14), True),
        (Poisson, 2.0, -1e300, True),
    ],
)
def test_where_a_count_has_no_value_nothing_is_proved(binary, tmp_path, case):
    (*asked, good), seen = case, set()
    for held in one_entry(*asked):
        held.save(tmp_path / "x.cert")
        seen.add(agrees(binary, tmp_path / "x.cert"))
    assert (seen == {REJECTED}) == (not good)


@pytest.mark.parametrize("form", ["product", "sum"])
@pytest.mark.parametrize("norms", [("l1", "linf"), ("linf+", "l1-")])
def test_the_largest_entry_as_a_norm_is_covered(binary, tmp_path, norms, form):
    y, path, seen = np.random.default_rng(4).standard_normal((5, 3)), tmp_path / "x.cert", set()
    problem = Problem(Squared(y), RankOne(*norms, form=form), 0.7)
    held = improve(problem, (np.zeros((5, 0)), np.zeros((3, 0))), budget=5).result.certificate
    held.save(path)
    assert agrees(binary, path) == 0
    for lie in lies(held):
        lie.save(path)
        seen.add(agrees(binary, path))
    assert {0, REJECTED, OUTSIDE} <= seen


PAIRS = [0, 0, 1, 1, 2]

BALLS = {  # norms with parameters, and the rule that bounds them
    "weighted": (Weighted([0.5, 1, 2, 3, 1.5]), Weighted([1, 0.25, 2]), "spectral"),
    "weighted lines": (Weighted([0.5, 1, 2, 3, 1.5], cone="+"), "l1", "lines"),
    "elastic": (Elastic(0.25, cone="+"), "l1-", "lines"),
    "groups": ("l1", Group([0, 1, 1]), "lines"),
    "largest group": (Group(PAIRS, outer="linf"), "l1+", "lines"),
    "largest groups": (Group(PAIRS, outer="linf"), Group([0, 1, 1], outer="linf"), "spectral"),
    "groups and elastic": (Group(PAIRS), Elastic(0.5), "cones"),
}


@pytest.mark.parametrize("form", ["product", "sum"])
@pytest.mark.parametrize("name", BALLS)
def test_norms_with_parameters_are_covered_and_changes_answered_alike(binary, tmp_path, name, form):
    y, path, seen = np.random.default_rng(4).standard_normal((5, 3)), tmp_path / "x.cert", set()
    *norms, rule = BALLS[name]
    problem = Problem(Squared(y), RankOne(*norms, form=form), 0.7)
    budget = 0 if name == "largest groups" else 20  # more would find a tree of cones
    start = np.zeros((5, 0)), np.zeros((3, 0))
    held = improve(problem, start, budget=budget).result.certificate
    assert held.proof["polar"]["rule"] == rule
    held.save(path)
    assert agrees(binary, path) in STATUS.values()
    for lie in [*lies(held), *lies_of_the_norms(held)]:
        lie.save(path)
        seen.add(agrees(binary, path))
    assert {REJECTED, OUTSIDE} <= seen


def lies_of_the_norms(held):
    """Change the parameters of the norms."""
    atom = held.statement["atom"]
    for side in ("left", "right"):
        stated = atom[side]
        if isinstance(stated, dict):
            for field, values in {
                "alpha": (float.hex(0.0), HALF, ONE, MORE, MINUS, 1),
                "outer": ("l1", "linf", "l2", 1),
                "cone": ("", "*", "+", "-", "0", "**", "+++++"),
                "norm": ("weighted", "elastic", "group", "variation", "l1", "l2+", "lp"),
                "more": (1,),
            }.items():
                for value in values:
                    changed = {**atom, side: {**stated, field: value}}
                    yield replace(held, statement={**held.statement, "atom": changed})
    for level in ("1/1", "7/1", "1/1000000000", "0", "1/3", "x"):
        polar = {**held.proof["polar"], "level": level}
        yield replace(held, proof={**held.proof, "polar": polar})


@pytest.mark.parametrize("norms", [("l2", "linf"), ("linf", "l1"), ("linf+", "linf-")])
def test_the_largest_singular_value_bounds_cubes_by_what_they_are_wide(binary, tmp_path, norms):
    y, path = np.random.default_rng(4).standard_normal((4, 3)), tmp_path / "x.cert"
    factors = np.zeros((4, 0)), np.zeros((3, 0))
    plain = check(Problem(Squared(y), RankOne("l2", "l2"), 0.7), factors, budget=2).certificate
    held = check(Problem(Squared(y), RankOne(*norms), 0.7), factors, budget=2).certificate
    assert plain.proof["polar"]["rule"] == "spectral"
    plain = replace(
        held,
        proof={k: v for k, v in plain.proof.items() if k != "better"},
        witness={k: a for k, a in plain.witness.items() if "better" not in k},
        claim={**held.claim, "verdict": "UNDECIDED"},
    )
    plain.save(path)
    assert agrees(binary, path) == STATUS["UNDECIDED"]


CUBES = {  # a side whose largest entry is its norm, and the mode whose dual norm is left
    "free": ("linf", "l2", 1),
    "of a sign": ("l2+", "linf+", 0),
    "of the other sign": ("linf-", "l2-", 1),
    "both": ("linf+", "linf", 0),
    "weighted": (Weighted([1.0, 2.0, 0.5, 1.0, 3.0]), "linf+", 0),
    "elastic": ("linf-", Elastic(0.5), 1),
    "largest groups": ("linf", Group([0, 0, 1], outer="linf"), 1),
}


@pytest.mark.parametrize("form", ["product", "sum"])
@pytest.mark.parametrize("name", CUBES)
def test_corners_of_a_cube_are_covered_and_changes_answered_alike(binary, tmp_path, name, form):
    left, right, axis = CUBES[name]
    problem = Problem(
        Squared(np.random.default_rng(4).standard_normal((5, 3))),
        RankOne(left, right, form=form),
        0.5,
    )
    start = np.zeros((5, 0)), np.zeros((3, 0))
    held = improve(problem, start, budget=1).result.certificate
    polar = held.proof["polar"]
    assert (polar["rule"], polar["axis"]) == ("corners", axis)
    told = (
        {"axis": 1 - axis},
        {"level": "1/1"},
        {"level": "1/10000"},
        {"level": "ff/1"},
        {"more": 1},
    )
    changed = [replace(held, proof={**held.proof, "polar": {**polar, **x}}) for x in told]
    verify_and_change(binary, tmp_path / "x.cert", held, changed)
    changed[0].save(tmp_path / "x.cert")
    assert (agrees(binary, tmp_path / "x.cert") == REJECTED) == (name != "both")


PARTS = ("boxed", "elastic_conic", "equal", "groups", "groups_largest")  # by parts of two balls


@pytest.mark.parametrize("name", PARTS)
def test_parts_of_balls_are_covered_and_changes_answered_alike(binary, tmp_path, name):
    held = Certificate.load(HERE / f"{name}.cert")
    verify_and_change(binary, tmp_path / "x.cert", held, lies_of_the_parts(held))


def lies_of_the_parts(held):
    """Change which coordinates agree, which group is left, what is a free cube, and multipliers."""
    polar, w = held.proof["polar"], held.witness
    for boxed in ([], ["left"], ["right"], ["left", "right"], ["right"] * 2, ["up"], [0], 7):
        yield replace(held, proof={**held.proof, "polar": {**polar, "boxed": boxed}})
    for k, node in enumerate(polar["nodes"]):
        for changed in lies_of_a_part(node):
            nodes = [*polar["nodes"][:k], changed, *polar["nodes"][k + 1 :]]
            yield replace(held, proof={**held.proof, "polar": {**polar, "nodes": nodes}})
    for name in ("S0.left", "S0.right", "D0", "N0", "L0"):
        for other in w:
            yield replace(held, witness={**w, name: w[other]})


def lies_of_a_part(node):
    """Change the split of a node."""
    if "equal" in node:
        for ends in ([0, 1], [1, 0], [0, 0], [0, 2], [1, 3], [3, 4], [2, 99], [0], [0, "1"], 7):
            yield {**node, "equal": ends}
    if "groups" in node:
        for side in ("left", "right", "up", 0):
            yield {**node, "groups": side}
        for each in (node["each"][::-1], node["each"][1:], [*node["each"], 1], [], 7, [99]):
            yield {**node, "each": each}


def with_polar(held, k=0, node=None, **fields):
    """Change the fields of a polar, or of one of its nodes."""
    polar = {**held.proof["polar"], **fields}
    if node is not None:
        polar["nodes"] = [
            *polar["nodes"][:k],
            {**polar["nodes"][k], **node},
            *polar["nodes"][k + 1 :],
        ]
    return replace(held, proof={**held.proof, "polar": polar})


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("equal", {"node": {"equal": [0, 4]}}, "proof"),  # coordinates of two cubes
        ("equal", {"node": {"equal": [0, 8]}}, "proof.polar.nodes"),
        ("equal", {"boxed": ["left", "left"]}, "proof.polar.boxed"),
        ("groups", {"node": {"groups": "right"}}, "proof.polar.nodes"),  # an l2 norm
        ("groups", {"node": {"each": [1]}}, "proof.polar.nodes"),
        ("groups", {"boxed": ["left"]}, "proof.polar.boxed"),
        ("groups_largest", {"boxed": 7}, "proof.polar.boxed"),
        ("boxed", {"boxed": []}, "proof"),  # its signs are left, and its cuts too long
        ("elastic_conic", {"boxed": ["up"]}, "proof.polar.boxed"),
    ],
)
def test_what_is_no_part_of_a_ball_is_rejected_by_name(binary, tmp_path, name, change, why):
    path = tmp_path / "x.cert"
    with_polar(Certificate.load(HERE / f"{name}.cert"), **change).save(path)
    assert kernel(path) is None
    text, status = answer(binary, path)
    assert status == REJECTED
    assert text.startswith(f"NOT VERIFIED  {why}")


def test_multipliers_of_entries_are_of_norms_that_sum_them_alone(binary, tmp_path):
    path = tmp_path / "x.cert"
    for name, side in (("equal", "left"), ("groups_largest", "left"), ("elastic_conic", "right")):
        held = Certificate.load(HERE / f"{name}.cert")
        size = len(as_numpy(held.given["U" if side == "left" else "V"]))
        s = array(np.zeros(size * (size + 1) // 2))
        leaf = next(x["leaf"] for x in held.proof["polar"]["nodes"] if "leaf" in x)
        replace(held, witness={**held.witness, f"S{leaf}.{side}": s}).save(path)
        assert kernel(path) is None
        assert answer(binary, path) == ("NOT VERIFIED  proof\n", REJECTED)


def test_a_cube_of_many_coordinates_has_too_many_corners(binary, tmp_path):
    path = tmp_path / "x.cert"
    for size in (16, 17):
        y = np.random.default_rng(4).standard_normal((size, 2))
        problem = Problem(Squared(y), RankOne("linf", "l2"), 2.0)
        proof = {"corrections": [], "polar": {"rule": "corners", "axis": 1}}
        held = check(problem, (np.zeros((size, 0)), np.zeros((2, 0))), budget=1).certificate
        witness = {"W": array(y.reshape(-1))}
        claim = {**held.claim, "verdict": "UNDECIDED"}
        replace(held, proof=proof, witness=witness, claim=claim).save(path)
        text, status = answer(binary, path)
        assert status == (OUTSIDE if size == 17 else STATUS["UNDECIDED"])
        assert text.startswith("NOT COVERED  this size" if size == 17 else "VERIFIED")


CUBES_OF_A_TENSOR = {  # the norms of its modes, their sizes, and the mode whose dual norm is left
    "free": ("linf linf linf", (2, 2, 2), 0),
    "of a sign": ("linf+ linf+ linf+", (2, 3, 2), 1),
    "of both signs": ("linf- linf linf+", (2, 2, 3), 2),
    "beside l2": ("linf l2+ linf-", (2, 3, 2), 1),
    "beside l1": ("linf+ linf l1", (2, 2, 3), 2),
    "four modes": ("l2 linf linf+ linf", (2, 2, 2, 2), 0),
}


@pytest.mark.parametrize("name", CUBES_OF_A_TENSOR)
def test_corners_of_several_cubes_are_covered_and_changes_answered_alike(binary, tmp_path, name):
    norms, dims, axis = CUBES_OF_A_TENSOR[name]
    told, path = tensor((norms, dims, Squared, 1.0, False)), tmp_path / "x.cert"
    witness = {k: a for k, a in told.witness.items() if k == "W" or k.startswith("better")}
    polar = {"rule": "corners", "axis": axis}
    held = replace(told, proof={**told.proof, "polar": polar}, witness=witness)
    for verdict in STATUS:
        held = replace(held, claim={**held.claim, "verdict": verdict})
        held.save(path)
        if agrees(binary, path) in STATUS.values():
            break
    lies_ = [{"axis": x} for x in (*range(4), "0")]
    lies_ += [{"level": "1/1"}, {"level": "ff/1"}, {"level": "-1/1"}, {"more": 1}]
    lies_ = [replace(held, proof={**held.proof, "polar": {**polar, **x}}) for x in lies_]
    verify_and_change(binary, path, held, lies_)
    for seed in range(100):
        drawn(held, np.random.default_rng(seed)).save(path)
        agrees(binary, path)


@pytest.mark.parametrize("norms", [("linf", "l2", "l2"), ("linf", "l1", "linf")])
def test_corners_are_of_cubes_alone(binary, tmp_path, norms):
    held, path = tensor((" ".join(norms), (2, 2, 2), Squared, 1.0, False)), tmp_path / "x.cert"
    polar = {"rule": "corners", "axis": 0}
    replace(held, proof={**held.proof, "polar": polar}, witness={"W": held.witness["W"]}).save(path)
    assert answer(binary, path) == ("NOT VERIFIED  proof.polar.rule\n", REJECTED)
    assert agrees(binary, path) == REJECTED


@pytest.mark.parametrize("norms", [("l2", "l2", "linf"), ("linf", "l2", "l2")])
def test_the_largest_entry_as_a_norm_of_a_tensor_is_not_covered(binary, tmp_path, norms):
    y = np.random.default_rng(0).standard_normal((2, 3, 2))
    ones = [np.ones((k, 1)) for k in y.shape]
    check(Problem(Squared(y), CP(norms), 0.5), ones, budget=2).certificate.save(tmp_path / "x.cert")
    assert agrees(binary, tmp_path / "x.cert") == OUTSIDE


FLOORS = {  # of the candidate's factors with any offsets: the loss, what fits beside them, lam
    "columns": (Squared, [ColumnIntercept()], 0.3),
    "ridges": (Squared, [ColumnIntercept(0.5), RowIntercept(0.25)], 0.3),
    "at most one": (Squared, [ColumnIntercept()], 0.0),
    "huber": (lambda y: Huber(y, delta=0.5), [ColumnIntercept()], 0.3),
    "labels": (lambda y: Logistic((y > 0) + 0.0), [RowIntercept(0.25)], 0.3),
    "counts": (lambda y: Poisson(np.round(np.exp(y))), [ColumnIntercept()], 0.3),
}


def refuted(name):
    """Return the certificate of factors that are not the best, with the best offsets."""
    loss, offsets, lam = FLOORS[name]
    rng = np.random.default_rng(6)
    u, v = rng.standard_normal((7, 1)), rng.standard_normal((4, 1))
    y = u @ v.T + 0.1 * rng.standard_normal((7, 4)) + rng.standard_normal(4)
    problem = Problem(loss(y), RankOne("l2", "l2"), lam, offsets)
    return check(problem, (u, -0.1 * v), budget=5).certificate


@pytest.mark.parametrize("name", FLOORS)
def test_of_the_best_offsets_a_dual_point_refutes_factors(binary, tmp_path, name):
    held = refuted(name)
    assert held.statement["q"] == "found"
    assert held.claim["verdict"] in ("REFUTED", "RANK_LIMITED")
    assert "floor.W" in held.witness
    assert held.proof["floor"] == {"corrections": []}
    verify_and_change(binary, tmp_path / "x.cert", held, [])
    corrected = {**held.proof, "floor": {"corrections": [[0, "1/1"]]}}

    def tilted(x):
        x[0] += 1.0

    for lie in replace(held, proof=corrected), with_array(held, "witness", "floor.W", tilted):
        lie.save(tmp_path / "x.cert")
        assert agrees(binary, tmp_path / "x.cert") == (
            STATUS[held.claim["verdict"]] if name == "ridges" else REJECTED
        )


COVARIATES = np.random.default_rng(8).standard_normal((6, 2))

DESIGNS = {  # what is fitted beside the factors, and the loss
    "a constant": ([Intercept()], Squared),
    "a constant with a ridge beside means": (
        [RowIntercept(), Intercept(0.5), ColumnIntercept(1.0)],
        Squared,
    ),
    "covariates": ([Linear(COVARIATES)], Squared),
    "covariates with a ridge": ([Linear(COVARIATES, 0.5)], Squared),
    "covariates beside means": ([Linear(COVARIATES[:, :1]), ColumnIntercept()], Squared),
    "covariates with a ridge of labels": (
        [Linear(COVARIATES, 0.5)],
        lambda y: Logistic((y > 0) + 0.0),
    ),
    "covariates and a constant": (
        [Linear(COVARIATES[:, :1]), Intercept()],
        lambda y: Huber(y, 0.5),
    ),
    "modes": ([ModeIntercept(0), ModeIntercept(1, 0.5)], Squared),
    "a sparse part": ([Sparse(0.3)], Squared),
    "a sparse part of counts": ([Sparse(0.4)], lambda y: Poisson(np.round(np.exp(y)))),
    "sparse parts of absolute values": ([Sparse(0.7), ColumnIntercept()], Absolute),
    "a sparse part and covariates": ([Sparse(0.3), Linear(COVARIATES, 0.5), Intercept()], Squared),
}


def designed(name, seen=1.0):
    """Return the certificate of the best factors beside other offsets, of a part of Y."""
    offsets, loss = DESIGNS[name]
    rng = np.random.default_rng(4)
    told = replace(loss(rng.standard_normal((6, 4))), mask=rng.random((6, 4)) < seen)
    problem = Problem(told, RankOne("l2", "l2"), 0.6, offsets)
    return improve(problem, (np.zeros((6, 0)), np.zeros((4, 0))), budget=20).result.certificate


@pytest.mark.parametrize("seen", [1.0, 0.8])
@pytest.mark.parametrize("name", DESIGNS)
def test_other_offsets_are_covered_and_changes_answered_alike(binary, tmp_path, name, seen):
    held = designed(name, seen)
    if seen == 1.0:
        orthogonal = "covariates" in name and "ridge" not in name
        assert bool(held.proof["corrections"]) == orthogonal or "sparse" in name
    verify_and_change(binary, tmp_path / "x.cert", held, lies_of_offsets(held))


@pytest.mark.parametrize("name", ["covariates", "a sparse part"])
def test_a_dual_point_that_other_offsets_pay_for_bounds_nothing(binary, tmp_path, name):
    held, path = designed(name), tmp_path / "x.cert"
    replace(held, proof={**held.proof, "corrections": [[0, "1/10000"]]}).save(path)
    text, status = answer(binary, path)
    assert (text, status) == (
        ("NOT VERIFIED  proof\n", REJECTED)
        if name == "covariates"
        else ("NOT VERIFIED  claim.verdict: not proved, UNDECIDED\n", REJECTED)
    )


@pytest.mark.parametrize("offset", [Linear(COVARIATES), Intercept(), Sparse(0.2)])
def test_of_other_offsets_a_dual_point_refutes_factors(binary, tmp_path, offset):
    rng = np.random.default_rng(6)
    u, v = rng.standard_normal((6, 1)), rng.standard_normal((4, 1))
    y = 3 * u @ v.T + 0.1 * rng.standard_normal((6, 4))
    problem = Problem(Squared(y), RankOne("l2", "l2"), 0.3, [offset])
    held = check(problem, (u, -v), budget=5).certificate
    assert held.statement["q"] == "found"
    assert held.claim["verdict"] in ("REFUTED", "RANK_LIMITED")
    assert bool(held.proof["floor"]["corrections"]) == isinstance(offset, Linear)
    verify_and_change(binary, tmp_path / "x.cert", held, lies_of_offsets(held))


def test_corrections_are_covered_beside_a_form(binary, tmp_path):
    rng = np.random.default_rng(12)
    told = Linear(rng.standard_normal((4, 1)))
    problem = Problem(
        Squared(np.abs(rng.standard_normal((4, 3)))), RankOne("l2+", "l2+"), 0.8, told
    )
    held = improve(problem, (np.zeros((4, 0)), np.zeros((3, 0))), budget=20).result.certificate
    assert held.proof["polar"]["rule"] == "conic"
    assert any("/1" not in text[-2:] for _, text in held.proof["corrections"])
    verify_and_change(binary, tmp_path / "x.cert", held, lies_of_offsets(held))


def test_corrections_beside_a_cube_cost_more_than_their_length(binary, tmp_path):
    y, path = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0]]), tmp_path / "x.cert"
    problem = Problem(Squared(y), RankOne("linf", "l2"), 1.5, Linear([[1.0], [3.0]]))
    held = improve(problem, (np.zeros((2, 0)), np.zeros((3, 0))), budget=20).result.certificate
    assert held.proof["polar"]["rule"] in ("corners", "conic", "cones", "spectral")
    assert held.proof["corrections"]
    verify_and_change(binary, path, held, lies_of_offsets(held))


MODES = {  # of a tensor
    "one": [ModeIntercept(2)],
    "two, with a ridge": [ModeIntercept(1), ModeIntercept(0, 0.5)],
    "a constant": [Intercept()],
    "rows and a sparse part": [RowIntercept(), Sparse(0.5)],
}


@pytest.mark.parametrize("name", MODES)
def test_offsets_of_a_tensor_are_covered_and_changes_answered_alike(binary, tmp_path, name):
    y = np.random.default_rng(5).standard_normal((3, 2, 4))
    problem = Problem(Squared(y), CP(("l2", "l2", "l2")), 0.9, MODES[name])
    none = [np.zeros((k, 0)) for k in y.shape]
    held = improve(problem, none, budget=20).result.certificate
    verify_and_change(binary, tmp_path / "x.cert", held, lies_of_offsets(held))


def test_offsets_of_a_tensor_with_a_number_for_each_column_are_not_covered(binary, tmp_path):
    y = np.random.default_rng(5).standard_normal((3, 2, 4))
    for offset in (ColumnIntercept(), Linear(COVARIATES[:3])):
        problem = Problem(Squared(y), CP(("l2", "l2", "l2")), 0.9, [offset])
        held = check(problem, [np.zeros((k, 0)) for k in y.shape], budget=1).certificate
        polar = {**held.proof["polar"], "rows": [1, 2]}
        replace(held, proof={**held.proof, "polar": polar}).save(tmp_path / "x.cert")
        assert agrees(binary, tmp_path / "x.cert") == OUTSIDE


L1 = {  # an l1 penalty: its weights, lam, two norms, the form, and what is beside it
    "NMF": ((0.3, 0.5), 0.0, ("l2+", "l2+"), "sum", [], Squared),
    "beside squares": ((0.2, 0.1), 0.4, ("l2", "l2+"), "sum", [], Squared),
    "of one factor": ((0.0, 0.5), 0.7, ("l2", "l1"), "product", [], Squared),
    "cubes": ((0.1, 0.1), 0.6, ("linf", "l1-"), "sum", [], Squared),
    "means": ((0.2, 0.2), 0.5, ("l2", "l2"), "product", [ColumnIntercept()], Squared),
    "labels": ((0.2, 0.1), 0.3, ("l2", "l2"), "sum", [], lambda y: Logistic((y > 0) + 0.0)),
    "other norms": (
        (0.2, 0.1),
        0.9,
        (Weighted([1.0, 2.0, 0.5, 1.0]), "l2"),
        "product",
        [],
        Squared,
    ),
}


NOTHING_PAYS = Problem(Squared(np.eye(2)), RankOne("l2+", "l2+", form="sum"), 0.0, l1=(1.0, 1.0))


def sparse_factors(name):
    """Return the certificate of factors that are improved beside an l1 penalty."""
    weights, lam, norms, form, offsets, loss = L1[name]
    y = np.random.default_rng(9).standard_normal((4, 3))
    y = y + 2 * (name == "NMF")
    problem = Problem(loss(y), RankOne(*norms, form=form), lam, offsets, l1=weights)
    none = np.zeros((4, 0)), np.zeros((3, 0))
    return improve(problem, none, budget=20).result.certificate


@pytest.mark.parametrize("name", L1)
def test_an_l1_penalty_is_covered_and_changes_answered_alike(binary, tmp_path, name):
    held = sparse_factors(name)
    assert held.proof["lines"]
    verify_and_change(binary, tmp_path / "x.cert", held, lies_of_lines(held))


def test_lines_below_an_l1_penalty_prove_no_more_than_they_say(binary, tmp_path):
    held, path = Certificate.load(HERE / "concave.cert"), tmp_path / "x.cert"
    for field, value, count, why in (
        ("norm", "l2", 1, "proof.lines: norm"),
        ("norm", "own", 17, "proof.lines"),
    ):
        lines = [{**line, field: value} for line in held.proof["lines"]] * count
        replace(held, proof={**held.proof, "lines": lines}).save(path)
        assert answer(binary, path) == (f"NOT VERIFIED  {why}\n", REJECTED)
        assert kernel(path) is None
    other = sparse_factors("other norms")
    lines = [{**line, "slope": HALF} for line in other.proof["lines"]]
    replace(other, proof={**other.proof, "lines": lines}).save(path)
    assert answer(binary, path) == ("NOT VERIFIED  proof.lines: scope\n", REJECTED)
    assert kernel(path) is None
    none = check(NOTHING_PAYS, (np.zeros((2, 0)), np.zeros((2, 0)))).certificate
    replace(none, proof={}, witness={}).save(path)
    assert answer(binary, path) == (
        "NOT VERIFIED  claim.verdict: not proved, UNDECIDED\n",
        REJECTED,
    )


@pytest.mark.parametrize("held", ["slice", "cube"])
def test_of_some_atoms_an_l1_penalty_is_not_covered(binary, tmp_path, held):
    y = np.eye(2) if held == "slice" else np.ones((2, 2, 2))
    atom = Symmetric() if held == "slice" else CP(("l2",) * 3)
    weights = (0.5,) if held == "slice" else (0.5, 0.5, 0.5)
    none = [np.zeros((2, 0))] * (1 if held == "slice" else 3)
    check(Problem(Squared(y), atom, 0.5, l1=weights), none, budget=1).certificate.save(
        tmp_path / "x.cert"
    )
    assert agrees(binary, tmp_path / "x.cert") == OUTSIDE


def rated(form):
    """Return the certificate of ratings with biases whose squares cost something."""
    rng = np.random.default_rng(5)
    users, items = np.divmod(rng.permutation(30)[:22], 5)
    stars = csr_array((rng.integers(1, 6, 22) - 3.5, (users, items)), shape=(6, 5))
    many = 1.0 + np.bincount(users, minlength=6)
    offsets = [RowIntercept(0.5 * many), ColumnIntercept(0.25)]
    problem = Problem(Squared(stars), RankOne("l2", "l2", form=form), 1.0, offsets)
    return improve(problem, (np.zeros((6, 0)), np.zeros((5, 0))), budget=5).result.certificate


@pytest.mark.parametrize("form", ["product", "sum"])
def test_ratings_with_biases_are_covered_and_changes_of_them_answered_alike(binary, tmp_path, form):
    held, path, seen = rated(form), tmp_path / "x.cert", set()
    held.save(path)
    assert agrees(binary, path) == 0
    for lie in lies(held):
        lie.save(path)
        seen.add(agrees(binary, path))
    assert {0, REJECTED, OUTSIDE} <= seen


def test_a_free_bias_needs_a_constant_feature_and_sums_of_zero(binary, tmp_path):
    held, path = layered(**FREE), tmp_path / "x.cert"
    assert (as_numpy(held.given["features"])[:, 2] == 1.0).all()
    held = replace(held, claim={**held.claim, "verdict": "UNDECIDED"})
    last = 3 * np.arange(7) + 2
    for change, told in (
        (lambda x: x.put(last, 2.0), None),
        (lambda x: x.put(last, 2.0**-30), None),
        (lambda x: x.put(last, 0.0), "statement.features"),
        (lambda x: x.put(last, -1.0), "statement.features"),
        (lambda x: x.put(last[:1], 1.0 + 2.0**-52), "statement.features"),
    ):
        with_array(held, "given", "features", change).save(path)
        assert agrees(binary, path) == (REJECTED if told else STATUS["UNDECIDED"])
        if told:
            assert answer(binary, path) == (f"NOT VERIFIED  {told}\n", REJECTED)

    def tilt(w):
        w[0] += 2.0**-50

    with_array(held, "witness", "W", tilt).save(path)
    assert answer(binary, path) == ("NOT VERIFIED  proof\n", REJECTED)
    assert kernel(path) is None


FACTS = (
    {},
    {"right": "l2+"},
    {"features": 3},
    {"activation": "leaky_relu", "slope": 0.25},
    {"right": "l2-", **FREE},
)


def with_facts(seed, kinds=("above",), **layer):
    """Return a certificate whose tree is random and has nodes of these kinds that add facts."""
    held, given = layered(**layer), {k: x for k, x in layer.items() if k != "offsets"}
    X = as_numpy(held.given["features"])[:, : given.pop("features", 2)]
    atom, W = ReLU(X, **given), as_numpy(held.witness["W"])
    rng, proof = np.random.default_rng(seed), {"nodes": []}
    while {"above", "range"} & {key for node in proof["nodes"] for key in node} != set(kinds):
        proof = random_proof(rng, atom, W.reshape(-1, 1))
    arrays = {k: array(x) for k, x in proof.items() if isinstance(x, np.ndarray)}
    polar = {k: x for k, x in proof.items() if k not in arrays}
    claim = {**held.claim, "verdict": "UNDECIDED"}
    proof, witness = {**held.proof, "polar": polar}, {**held.witness, **arrays}
    return replace(held, claim=claim, proof=proof, witness=witness)


def lies_of_a_fact(held, kind="above"):
    """Change the first node of a kind."""
    nodes = held.proof["polar"]["nodes"]
    k, node = next((k, node) for k, node in enumerate(nodes) if kind in node)
    for new in (lies_of_an_above if kind == "above" else lies_of_a_range)(k, node, len(nodes)):
        polar = {**held.proof["polar"], "nodes": [*nodes[:k], new, *nodes[k + 1 :]]}
        yield replace(held, proof={**held.proof, "polar": polar})


def lies_of_an_above(k, node, count):
    """Return a node "above" k with other rows, coefficients or children."""
    (child,), (row, *_) = node["next"], [i for i in range(7) if i != node["above"]]
    return (
        *({**node, "above": i} for i in (row, 7, -1, "0")),
        *({**node, "of": x} for x in ([], [[row, ONE]], [[row, MINUS]], [[row, MORE], [row, ONE]])),
        *({**node, "of": x} for x in ([[node["above"], HALF]], [[7, ONE]], [row], 0, [[row, 1]])),
        *({**node, "next": x} for x in ([], child, [k], [child, child], [count])),
        {**node, "next": [child], "row": 0},
        {"above": node["above"], "plus": child, "minus": child},
        {"of": [], "next": [child]},
    )


def lies_of_a_range(k, node, count):
    """Return a node "range" k with other rows, coefficients or children."""
    (child,), terms = node["next"], node["range"]
    return (
        *({**node, "range": x} for x in ([], [[6, ONE]], [[6, MINUS]], [[0, MORE], [6, HALF]])),
        *({**node, "range": x} for x in ([[7, ONE]], [[-1, ONE]], [[0, ONE], [0, ONE]], [[0, 1]])),
        *({**node, "range": x} for x in ([0], 0, ONE, [["0", ONE]], [[0, ONE, ONE]])),
        *({**node, "next": x} for x in ([], child, [k], [child, child], [count])),
        *({**node, x: 0} for x in ("row", "cut", "above", "leaf")),
        {**node, "of": terms},
        {"range": terms, "plus": child, "minus": child},
        {"next": [child]},
    )


@pytest.mark.parametrize("layer", FACTS, ids=str)
def test_random_trees_with_added_facts_are_bounded_as_in_python(binary, tmp_path, layer):
    path = tmp_path / "x.cert"
    for seed in range(10):
        with_facts(seed, **layer).save(path)
        assert agrees(binary, path) == STATUS["UNDECIDED"]


RANGES = (
    {},
    {"right": "l2-"},
    {"features": 3},
    {"activation": "leaky_relu", "slope": 0.25, "right": "l2+"},
)


@pytest.mark.parametrize("layer", RANGES, ids=str)
def test_random_trees_with_ranges_are_bounded_as_in_python(binary, tmp_path, layer):
    path = tmp_path / "x.cert"
    for seed, kinds in product(range(5), (("range",), ("above", "range"))):
        with_facts(seed, kinds, **FREE, **layer).save(path)
        assert agrees(binary, path) == STATUS["UNDECIDED"]


def test_lies_of_ranges_are_refused_as_in_python(binary, tmp_path):
    path, seen = tmp_path / "x.cert", set()
    for seed in range(5):
        for lie in lies_of_a_fact(with_facts(seed, ("range",), **FREE), "range"):
            lie.save(path)
            seen.add(agrees(binary, path))
    assert seen == {STATUS["UNDECIDED"], REJECTED, OUTSIDE}


def test_a_range_is_of_a_free_bias_and_needs_a_radial_leaf(binary, tmp_path):
    path = tmp_path / "x.cert"
    tree = [{"range": [[0, ONE]], "next": [1]}, {"leaf": 0, "tau": ONE, "shift": "5/1"}]
    for layer, radial, status in (
        (FREE, {"radial": ONE}, STATUS["UNDECIDED"]),
        (FREE, {}, REJECTED),
        ({}, {"radial": ONE}, REJECTED),
    ):
        held = layered(**layer)
        polar = {"rule": "network", "nodes": [tree[0], {**tree[1], **radial}]}
        proof, witness = {**held.proof, "polar": polar}, {"W": held.witness["W"]}
        claim = {**held.claim, "verdict": "UNDECIDED"}
        replace(held, proof=proof, witness=witness, claim=claim).save(path)
        assert agrees(binary, path) == status


def test_lies_of_added_facts_are_refused_as_in_python(binary, tmp_path):
    path, seen = tmp_path / "x.cert", set()
    for seed in range(5):
        for lie in lies_of_a_fact(with_facts(seed)):
            lie.save(path)
            seen.add(agrees(binary, path))
    assert seen == {STATUS["UNDECIDED"], REJECTED, OUTSIDE}


def signed(left, right, seed):
    """Return a certificate of factors with signs, optimal but for what the bound leaves open."""
    draw = np.random.default_rng(seed)
    u, v = draw.random((6, 2)), draw.random((4, 2)) * (1 if "+" in right else -1)
    u = u if "+" in left else draw.standard_normal((6, 2)) if left == "l2" else -u
    y = u @ v.T + 0.01 * draw.standard_normal((6, 4))
    return check(Problem(Squared(y), RankOne(left, right), 0.25), (u, v), budget=1).certificate


SIGNED = (("l2", "l2+"), ("l2-", "l2+"), ("l2-", "l2-"), ("l2+", "l2"))


@pytest.mark.parametrize(("left", "right"), SIGNED)
def test_multipliers_of_signs_are_answered_as_python_answers_them(binary, tmp_path, left, right):
    held, path = signed(left, right, 5), tmp_path / "x.cert"
    held.save(path)
    assert agrees(binary, path) in STATUS.values()
    seen = set()
    for name, shape in {"N": (24,), "M": (4, 4)}.items():
        for value in (0.0, 2.0**-20, -(2.0**-20)):
            more = array(np.full(shape, value))
            replace(held, witness={**held.witness, name: more}).save(path)
            seen.add(agrees(binary, path))
    assert REJECTED in seen


LINES = (  # an l1 norm on a side: signs, the other norm and the form, one after the other
    ("l1", "l1", "sum"),
    ("l1", "l2", "product"),
    ("l1+", "l1-", "product"),
    ("l1+", "l2-", "sum"),
    ("l1-", "l1+", "product"),
    ("l1-", "l2", "sum"),
    ("l2", "l1-", "product"),
    ("l2+", "l1", "product"),
    ("l2+", "l1+", "sum"),
)


@pytest.mark.parametrize(("left", "right", "form"), LINES)
def test_lines_of_signs_are_covered_and_changes_answered_alike(binary, tmp_path, left, right, form):
    y, path = np.random.default_rng(1).standard_normal((6, 4)), tmp_path / "x.cert"
    problem = Problem(Squared(y), RankOne(left, right, form=form), 0.5)
    held = improve(problem, (np.zeros((6, 0)), np.zeros((4, 0))), budget=1).result.certificate
    assert held.proof["polar"]["rule"] == "lines"
    held.save(path)
    assert agrees(binary, path) == 0
    seen = set()
    for lie in lies(held):
        lie.save(path)
        seen.add(agrees(binary, path))
    assert {0, REJECTED, OUTSIDE} <= seen


def coned(left, right, shape, axis, seed):
    """Return a certificate whose polar is bounded by a tree of cones that is drawn."""
    draw = np.random.default_rng(seed)
    y = draw.standard_normal(shape) * 2.0 ** draw.integers(-3, 4, shape)
    none = np.zeros((shape[0], 0)), np.zeros((shape[1], 0))
    held = check(Problem(Squared(y), RankOne(left, right), 0.75), none, budget=1).certificate
    short, other = (right, left) if axis else (left, right)
    signed = [norm[-1] in "+-" for norm in (short, other)]
    roots = 1 if signed[0] else 2 ** (shape[axis] - (not any(signed)))
    tree = as_tree(drawn_codes(draw, roots, shape[axis], 7, 0.75)).get("tree", (None,), "q")
    return replace(
        held,
        proof={"corrections": [], "polar": {"rule": "cones", "axis": axis}},
        witness={"W": array(y.reshape(-1)), "tree": tree},
        claim={**held.claim, "verdict": "UNDECIDED"},
    )


CONES = (  # norms, shape, and on which side the cones are
    ("l2", "l2", (3, 7), 0),
    ("l2", "l2+", (5, 3), 1),
    ("l2+", "l2-", (4, 6), 0),
    ("l2-", "l2", (4, 3), 0),
    ("l2", "l2-", (3, 4), 0),
    ("l1", "l2", (5, 3), 1),
    ("l2+", "l1", (4, 4), 0),
    ("l1-", "l1+", (3, 5), 0),
    ("l1", "l1", (4, 2), 1),
    ("l1", "l2+", (1, 4), 0),
    ("l2+", "l2+", (6, 2), 0),
    ("linf", "l2", (3, 5), 0),
    ("l2+", "linf", (4, 3), 0),
    ("linf+", "linf", (4, 3), 1),
    ("l1", "linf-", (5, 3), 1),
)


@pytest.mark.parametrize("case", CONES)
def test_cones_are_covered_and_changes_of_them_answered_alike(binary, tmp_path, case):
    path, plain, seen = tmp_path / "x.cert", Counter(), set()
    with Session(binary) as session:
        for seed in range(20):
            held = coned(*case, seed)
            held.save(path)
            plain[agrees(session, path)] += 1
            for number in range(5):
                drawn(held, np.random.default_rng(number)).save(path)
                seen.add(agrees(session, path))
        for lie in lies(held):
            lie.save(path)
            seen.add(agrees(session, path))
    assert plain[STATUS["UNDECIDED"]] > plain.total() / 2  # else more is proved than they claim
    assert {STATUS["UNDECIDED"], REJECTED, OUTSIDE} <= seen


def test_a_tree_of_cones_is_read_to_its_end_and_no_further(binary, tmp_path):
    held, path = coned("l2", "l2", (3, 7), 0, 0), tmp_path / "x.cert"
    wide = coned("l2+", "l2", (16, 17), 0, 0)

    def change(held, axis=0, **witness):
        polar = {"rule": "cones", "axis": axis}
        held = replace(held, proof={**held.proof, "polar": polar})
        replace(held, witness={**held.witness, **witness}).save(path)
        return agrees(binary, path)

    def tree(*codes):
        return as_tree(codes).get("tree", (None,), "q")

    ends = [0, 0, 0, 0]
    good = (
        {"tree": tree(*ends)},
        {"tree": tree(3, 0, 0, 0, 0, 0)},
        {"tree": tree(1, 2, *ends, 0, 0)},
    )
    assert [change(held, **one) for one in good] == [STATUS["UNDECIDED"]] * 3
    for codes in (
        (1, 0, 0, 1, 1, 0, 0, 0),  # two roots are left
        (1, 0, 0, 1, 0, 0, 1, 0),  # a child is left
        (4, *ends, 0),  # there are three pairs
        (255, *ends, 0),
        (*ends, 1),  # more than the roots
        (*ends, 0, 0, 0, 0, 0),  # a word too many
        (*ends, 0, 0, 0, 1),
    ):
        assert change(held, tree=tree(*codes)) == REJECTED
    assert change(held, tree=array(np.array([[0]]))) == REJECTED
    assert change(held, tree=array(np.array([0.0]))) == REJECTED
    assert change(held, tree=array(np.array([], dtype=np.int64))) == REJECTED
    assert change(held, axis=2) == REJECTED
    assert change(held, axis=1, tree=tree(*ends)) == REJECTED  # 64 roots
    assert change(wide, tree=tree(0)) == STATUS["UNDECIDED"]
    assert change(wide, tree=tree(120, 0, 0)) == STATUS["UNDECIDED"]
    assert change(wide, tree=tree(121, 0, 0)) == REJECTED
    assert change(wide, axis=1, tree=tree(0)) == REJECTED  # more than 16 coordinates


TENSORS = (  # norms of the modes, their sizes, the loss, what part is seen, whether weighed
    ("l2 l2 l2", (2, 3, 2), Squared, 1.0, False),
    ("l2 l2 l2", (3, 2, 4), Squared, 0.7, True),
    ("l2+ l2+ l2+", (3, 2, 2), Squared, 1.0, False),
    ("l2- l2 l2+", (2, 2, 3), Squared, 0.8, False),
    ("l2+ l2+ l2+", (2, 2, 2), Huber, 1.0, False),
    ("l2 l2 l2", (2, 2, 3), Logistic, 1.0, False),
    ("l2 l2 l2", (2, 2, 2), Poisson, 0.8, False),
    ("l2 l2 l2 l2", (2, 2, 2, 3), Squared, 1.0, False),
    ("l2+ l2+ l2 l2+", (2, 3, 2, 2), Absolute, 1.0, True),
    ("l2 l1+", (4, 3), Squared, 1.0, False),  # a matrix
)


def tensor(case, seed=2, form="product"):
    """Return the certificate of the best factors found for a random tensor, by relaxations.

    Cones of factors that differ are not covered.
    """
    (norms, dims, loss, seen, weighed), rng = case, np.random.default_rng(seed)
    y = rng.standard_normal(dims)
    y = {Poisson: np.round(np.exp(y)), Logistic: (y > 0) + 0.0}.get(loss, y)
    told = {"delta": 0.5} if loss is Huber else {}
    made = loss(y, mask=rng.random(dims) < seen, **told)
    made = replace(made, weights=np.exp(rng.standard_normal(dims))) if weighed else made
    problem = Problem(made, CP(norms.split(), form=form), 0.9 if loss is Squared else 0.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "few_factors", lambda *_, **__: False)
        return improve(problem, tuple(np.zeros((k, 0)) for k in dims), budget=2).result.certificate


@pytest.mark.parametrize("case", TENSORS)
def test_tensors_are_covered_and_changes_of_them_answered_alike(binary, tmp_path, case):
    held, path = tensor(case), tmp_path / "x.cert"
    held.save(path)
    if "copies" in str(held.proof["polar"]):  # what a budget allows: a rule that is not covered
        assert agrees(binary, path) == OUTSIDE
        return
    assert agrees(binary, path) in STATUS.values()
    assert {REJECTED, OUTSIDE} <= answers_to_lies(binary, path, held)
    for seed in range(20):
        drawn(held, np.random.default_rng(seed)).save(path)
        agrees(binary, path)


SLICES = (
    ("l1 l2 l2", (2, 3, 2), Squared, 1.0, False),
    ("l2 l1- l2+", (2, 3, 2), Squared, 0.8, True),
    ("l1 l1 l1+", (2, 2, 3), Huber, 1.0, False),
    ("l1 l2+ l2-", (3, 2, 2), Squared, 1.0, False),
    ("linf linf l1", (2, 2, 3), Squared, 1.0, False),
    ("l1+ linf+ l2+", (2, 2, 2), Squared, 1.0, False),
)


def lies_of_slices(held):
    """Change which mode is sliced, and the proofs of its slices."""
    polar = held.proof["polar"]
    each, k = polar["each"], polar["axis"]
    for field, value in (
        *(("axis", x) for x in (0, 1, 2, 3, "0")),
        *(("each", x) for x in (each[1:], [*each, each[0]], each[::-1], [], 0)),
        *(("each", [{"rule": x} for _ in each]) for x in ("signs", "lines", "slices")),
        *(("each", [{**each[0], "axis": x}, *each[1:]]) for x in (0, 1)),
        *(("each", [{**x, "shift": y} for x in each]) for y in ("0/1", "1/400", "7/1")),
    ):
        yield replace(held, proof={**held.proof, "polar": {**polar, field: value}})
    signs = {"+": "-", "-": "+"}
    norms = held.statement["atom"]["norms"]
    for at, sign in ((at, sign) for at in range(3) for sign in ("", "+", "-")):
        changed = [*norms]
        changed[at] = norms[at].rstrip("".join(signs)) + sign
        yield replace(
            held, statement={**held.statement, "atom": {**held.statement["atom"], "norms": changed}}
        )
    assert norms[k].startswith("l1")


@pytest.mark.parametrize("case", SLICES)
def test_slices_of_tensors_are_covered_and_changes_answered_alike(binary, tmp_path, case):
    held, path = tensor(case), tmp_path / "x.cert"
    assert held.proof["polar"]["rule"] == "slices"
    held.save(path)
    assert agrees(binary, path) in STATUS.values()
    assert {REJECTED, OUTSIDE} <= answers_to_lies(binary, path, held, [*lies_of_slices(held)])
    for seed in range(100):
        drawn(held, np.random.default_rng(seed)).save(path)
        agrees(binary, path)


def test_a_slice_that_is_not_there_or_of_another_norm_is_rejected_by_name(binary, tmp_path):
    path = tmp_path / "x.cert"
    for case, change, reason in (
        (SLICES[0], {"axis": 3}, "proof.polar.axis"),
        (SLICES[0], {"axis": 1}, "proof.polar.rule"),
        (SLICES[2], {"each": [{"rule": "lines"}]}, "proof.polar.each"),
    ):
        held = tensor(case)
        polar = held.proof["polar"]
        replace(held, proof={**held.proof, "polar": {**polar, **change}}).save(path)
        assert answer(binary, path) == (f"NOT VERIFIED  {reason}\n", REJECTED)
        assert agrees(binary, path) == REJECTED


SUMS = (
    ("l2 l2 l2", (2, 3, 2), Squared, 1.0, False),
    ("l2- l2 l2+", (2, 2, 3), Huber, 0.8, False),
    ("l2 l2 l2 l2", (2, 2, 2, 2), Squared, 1.0, True),
)


@pytest.mark.parametrize("case", SUMS)
def test_the_sum_form_of_tensors_is_covered_and_changes_answered_alike(binary, tmp_path, case):
    held, path = tensor(case, form="sum"), tmp_path / "x.cert"
    held.save(path)
    assert agrees(binary, path) in STATUS.values()
    assert {REJECTED, OUTSIDE} <= answers_to_lies(binary, path, held)
    for seed in range(200):
        drawn(held, np.random.default_rng(seed)).save(path)
        agrees(binary, path)


@pytest.mark.parametrize("name", ["Q0", "F0.0", "F1.0"])
def test_splits_of_a_tensor_are_answered_as_python_answers_them(binary, tmp_path, name):
    held, path = Certificate.load(HERE / "tensor_splits.cert"), tmp_path / "x.cert"
    seen = set()
    for at in range(as_numpy(held.witness[name]).size):
        for by in (-1.0, 2.0**-30, 2.0**-3, 1.0):

            def change(x, at=at, by=by):
                x[at] += by
                if name == "Q0" and at in (1, 2):  # symmetric
                    x[3 - at] += by

            for lie in (with_array(held, "witness", name, change), held):
                polar = lie.proof["polar"]
                for mode in (0, 1, 2, 3):
                    split = replace(lie, proof={**lie.proof, "polar": {**polar, "splits": [mode]}})
                    for verdict in ("RANK_LIMITED", "UNDECIDED"):
                        replace(split, claim={**lie.claim, "verdict": verdict}).save(path)
                        seen.add(agrees(binary, path))
    assert {REJECTED, STATUS["RANK_LIMITED"]} <= seen


MULTIPLIERS = ("K0.rows", "K0.cols", "P0.rows", "P0.cols", "N")


@pytest.mark.parametrize("name", MULTIPLIERS)
def test_multipliers_of_products_are_answered_as_python_answers_them(binary, tmp_path, name):
    held, path = Certificate.load(HERE / "transpose.cert"), tmp_path / "x.cert"
    if name == "K0.cols":  # one mode has no null multiplier
        polar = {**held.proof["polar"], "rows": [0]}
        small = {k: a for k, a in held.witness.items() if k in ("W", "N")}
        leaf = {"leaf": 0, "shift": "0/1"}
        held = replace(held, proof={**held.proof, "polar": {**polar, "nodes": [leaf]}})
        held = replace(held, witness={**small, "K0.cols": array(np.zeros(6))})
    size = as_numpy(held.witness[name]).size
    for at in range(size):
        for by in (-(2.0**-1074), -1.0, 2.0**-3, 1.0, 2.0**40):

            def change(x, at=at, by=by):
                x[at] += by

            lie = with_array(held, "witness", name, change)
            for verdict in STATUS:
                replace(lie, claim={**lie.claim, "verdict": verdict}).save(path)
                assert agrees(binary, path) != OUTSIDE
