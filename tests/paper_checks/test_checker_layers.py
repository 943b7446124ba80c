"""What the proved checker covers of hidden layers and of deep networks."""

from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from certify import Problem, check, improve
from certify.atoms import DeepLinear, DeepReLU, ReLU
from certify.losses import (
    Huber,
    Logistic,
    Softmax,
    Squared,
)
from certify.offsets import (
    ColumnIntercept,
    Intercept,
    Linear,
    Sparse,
)
from certify.pipeline.certificate.file import as_kernel_array as array
from certify.pipeline.certificate.file import as_numpy
from tests.kernel.test_cones import drawn as drawn_codes
from tests.kernel_cases import as_tree
from tests.paper_checks.checker_cases import (
    BUILT,
    FREE,
    HALF,
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
    lies_of_a_tree,
    lies_of_lines,
    lies_of_offsets,
    verify_and_change,
    with_array,
)

pytestmark = [pytest.mark.thorough, BUILT]


def test_classes_of_a_hidden_layer_with_weights_and_biases_are_covered(binary, tmp_path):
    rng, path = np.random.default_rng(2), tmp_path / "x.cert"
    x, y = rng.standard_normal((5, 2)), np.eye(3)[[0, 1, 2, 1, 0]]
    loss = Softmax(y, [1.0, 0.5, 2.0, 1.0, 0.25])
    problem = Problem(loss, ReLU(x), 0.5, [ColumnIntercept(1.0)])
    held = improve(problem, (np.zeros((2, 0)), np.zeros((3, 0))), budget=5).result.certificate
    held.save(path)
    assert agrees(binary, path) in STATUS.values()
    assert {REJECTED, OUTSIDE} <= answers_to_lies(binary, path, held)


@pytest.mark.parametrize("right", ["linf", "linf-"])
def test_outputs_of_a_layer_are_covered_by_the_largest_entry_as_a_norm(binary, tmp_path, right):
    rng, path, seen = np.random.default_rng(1), tmp_path / "x.cert", set()
    x, y = rng.standard_normal((6, 2)), rng.standard_normal((6, 2))
    problem = Problem(Squared(y), ReLU(x, right=right), 0.6)
    none = np.zeros((2, 0)), np.zeros((2, 0))
    held = improve(problem, none, budget=3).result.certificate
    assert held.proof["polar"]["rule"] in ("network", "outputs", "cones")
    held.save(path)
    assert agrees(binary, path) in STATUS.values()
    for lie in lies(held):
        lie.save(path)
        seen.add(agrees(binary, path))
    assert {REJECTED, OUTSIDE} <= seen


def test_offsets_of_a_hidden_layer_are_covered(binary, tmp_path):
    for offset in (Sparse(0.5), Intercept(), Linear(np.ones((7, 1)))):
        held = layered(2, seed=3, offsets=[offset])
        verify_and_change(binary, tmp_path / "x.cert", held, lies_of_offsets(held))


def lies_within(x):
    """Change the trees and the lists of proofs in a part of a proof, however deep."""
    if isinstance(x, dict):
        for name, value in x.items():
            if name == "nodes":
                yield from ({**x, name: nodes} for nodes in lies_of_a_tree(value))
            if name == "each":
                for k in range(len(value)):
                    yield {**x, name: [*value[:k], *value[k + 1 :]]}
            yield from ({**x, name: changed} for changed in lies_within(value))
    elif isinstance(x, list):
        for k, value in enumerate(x):
            yield from ([*x[:k], changed, *x[k + 1 :]] for changed in lies_within(value))


def labelled(Y):
    return Logistic((Y > 0) + 0.0)


def mean_huber(Y):
    return Huber(Y, delta=0.5)


LAYERS = {  # and the rule that proves it, and whether it is of cells
    "one output": ({}, "network", True),
    "two outputs": ({"outputs": 2, "features": 4}, "network", False),
    "each output": ({"outputs": 2, "right": "l1"}, "outputs", True),
    "a sign": ({"right": "l2+"}, "network", True),
    "the other sign": ({"outputs": 2, "right": "l1-"}, "outputs", True),
    "leaky": ({"activation": "leaky_relu", "slope": 0.25, "form": "sum"}, "network", True),
    "absolute values": ({"activation": "abs"}, "network", True),
    "turned": (
        {"outputs": 2, "activation": "leaky_relu", "slope": -1.5, "right": "l1"},
        "outputs",
        True,
    ),
    "turned, with free biases": (
        {**FREE, "activation": "leaky_relu", "slope": -0.25},
        "network",
        True,
    ),
    "huber": ({"loss": mean_huber, "offsets": [ColumnIntercept(1.0)]}, "network", True),
    "free bias": ({**FREE}, "network", True),
    "logistic": ({"loss": labelled}, "network", True),
    "logistic with free biases": ({**FREE, "loss": labelled}, "network", True),
    "free biases of a sign": ({**FREE, "right": "l2-", "form": "sum"}, "network", True),
    "free biases of leaky units": (
        {**FREE, "activation": "leaky_relu", "slope": 0.25, "loss": mean_huber},
        "network",
        True,
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_hidden_layers_are_covered_and_changes_of_them_answered_alike(binary, tmp_path, name):
    asked, rule, cells = LAYERS[name]
    held = layered(**asked)
    polar = held.proof["polar"]
    trees = [polar] if "nodes" in polar else polar["each"]
    assert polar["rule"] == rule
    assert any("cell" in node for tree in trees for node in tree["nodes"]) == cells
    verify_and_change(binary, tmp_path / "x.cert", held, lies_of_a_layer(held))


@pytest.mark.parametrize("free", [False, True])
def test_an_l1_penalty_of_a_layer_is_covered_and_changes_answered_alike(binary, tmp_path, free):
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((7, 2)), rng.standard_normal((7, 1))
    atom = ReLU(x, bias="free" if free else "none")
    offsets = [ColumnIntercept()] if free else []
    problem = Problem(Squared(y), atom, 0.6, offsets, l1=(0.1, 0.2))
    none = np.zeros((2 + free, 0)), np.zeros((1, 0))
    held = improve(problem, none, budget=3).result.certificate
    assert [line["norm"] for line in held.proof["lines"]] == ["own"]
    assert held.proof["lines"][0]["proof"]["polar"]["rule"] == "network"
    verify_and_change(binary, tmp_path / "x.cert", held, lies_of_lines(held))


def lies_of_a_layer(held):
    """Change the layer, and the trees of its outputs."""
    for field, value in (
        ("slope", HALF),
        ("slope", ONE),
        ("slope", MORE),
        ("slope", MINUS),
        ("bias", "free"),
        ("bias", "none"),
        ("bias", "priced"),
        ("left", "l2+"),
        ("right", "linf"),
        ("right", "l1"),
        ("right", "l2-"),
        ("pool", "max"),
    ):
        atom = {**held.statement["atom"], field: value}
        yield replace(held, statement={**held.statement, "atom": atom})
    polar = held.proof["polar"]
    for changed in lies_within({"each": polar.get("each", [])}):
        yield replace(held, proof={**held.proof, "polar": {**polar, **changed}})
    for nodes in ([{"signs": [1]}, {"cell": 0}], [{"signs": [2, 1]}, {"cell": 0}, {"cell": 0}]):
        yield replace(held, proof={**held.proof, "polar": {"rule": "network", "nodes": nodes}})


def patched(outputs=1, right="l2", seed=1, loss=Squared, **layer):
    """Return the certificate of a hidden layer whose samples have patches."""
    sizes, k, offsets = (
        layer.pop(*x) for x in (("sizes", (2, 2, 1, 3)), ("inputs", 2), ("offsets", ()))
    )
    rng = np.random.default_rng(seed)
    samples = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    X, Y = rng.standard_normal((len(samples), k)), rng.standard_normal((len(sizes), outputs))
    atom = ReLU(X, right=right, samples=samples, **layer)
    none = np.zeros((k + (layer.get("bias") == "free"), 0)), np.zeros((outputs, 0))
    problem = Problem(loss(Y), atom, 0.6, offsets)
    return (
        improve(problem, none, budget=3).result.certificate
        if "pool" not in layer
        else (check(problem, none, budget=2).certificate)
    )


PATCHES = {
    "sums": {},
    "sums of each output": {"outputs": 2, "right": "l1", "seed": 2},
    "sums with free biases": {**FREE, "sizes": (2, 2, 2, 2)},
    "largest": {"pool": "max"},
    "largest of a sign": {"pool": "max", "inputs": 3, "sizes": (3, 2, 3), "right": "l2-"},
    "largest of each output": {"pool": "max", "outputs": 2, "right": "l1"},
    "largest of outputs of a sign": {"pool": "max", "outputs": 2, "right": "linf+", "form": "sum"},
    "largest of labels": {"pool": "max", "loss": labelled},
    "largest beside biases": {"pool": "max", "loss": mean_huber, "offsets": [ColumnIntercept(1.0)]},
}


@pytest.mark.parametrize("name", PATCHES)
def test_layers_of_patches_are_covered_and_changes_of_them_answered_alike(binary, tmp_path, name):
    held = patched(**PATCHES[name])
    verify_and_change(binary, tmp_path / "x.cert", held, lies_of_a_layer(held))


def test_every_sample_has_patches_and_each_patch_is_of_one(binary, tmp_path):
    path = tmp_path / "x.cert"
    largest, free = patched(pool="max"), patched(**PATCHES["sums with free biases"])
    samples = as_numpy(largest.given["samples"])
    alone = np.flatnonzero(np.bincount(samples)[samples] == 1)

    def stated(held, **fields):
        atom = {**held.statement["atom"], **fields}
        return replace(held, statement={**held.statement, "atom": atom})

    def moved_to(row):
        return lambda x: x.put(alone, row)

    less = {k: a for k, a in largest.given.items() if k != "samples"}
    for held, told in (
        (with_array(largest, "given", "samples", moved_to(4)), "statement.samples"),
        (
            with_array(largest, "given", "samples", moved_to(samples[alone - 1])),
            "statement.samples",
        ),
        (
            with_array(free, "given", "samples", lambda x: x.put(0, 1 - x[0] // 2)),
            "statement.samples",
        ),
        (stated(largest, slope=HALF), "statement.atom.pool"),
        (replace(largest, given=less), "statement.atom.pool"),
    ):
        held.save(path)
        assert answer(binary, path) == (f"NOT VERIFIED  {told}\n", REJECTED)
        assert kernel(path) is None
    with_array(largest, "given", "samples", moved_to(-1)).save(path)
    assert agrees(binary, path) == OUTSIDE


def test_the_base_of_a_sample_is_one_of_its_patches(binary, tmp_path):
    held, path, seen = patched(pool="max"), tmp_path / "x.cert", Counter()
    kept = STATUS[held.claim["verdict"]]
    for name in (k for k in held.witness if k.endswith("base")):
        for sample in range(4):
            for base in range(-1, 8):
                with_array(held, "witness", name, lambda x, k=sample, b=base: x.put(k, b)).save(
                    path
                )
                seen[agrees(binary, path)] += 1
    assert set(seen) == {REJECTED, kept}
    for high in (2.0**1020, 2.0**1023):  # a difference of patches that is no float

        def raised(x, high=high):
            x[:] = np.where(x > 0, high, -high)

        with_array(held, "given", "features", raised).save(path)
        assert agrees(binary, path) in (REJECTED, kept)


def deeply(widths, slope=None, loss=Squared, scale=1.0, form="product"):
    """Return the certificate of two deep networks side by side, linear if no slope is given."""
    rng, outputs = np.random.default_rng(1), widths[-1]
    F, Y = rng.standard_normal((5, widths[0])), scale * rng.standard_normal((5, outputs))
    hidden = widths[1:-1]
    kind = DeepLinear if slope is None else partial(DeepReLU, slope=slope)
    atom = kind(F, hidden, form=form)
    nets = tuple(rng.standard_normal((a, b, 2)) / 2 for a, b in pairwise(widths))
    return check(Problem(loss(Y), atom, 0.8), nets, budget=2).certificate


LINEAR = {"activation": "leaky_relu", "slope": 1.0}

REGRESSIONS = {  # layers of slope 1, and the rule of F^T W
    "one output": ({}, "lines"),
    "labels": ({"loss": labelled, "right": "l2-"}, "lines"),
    "two outputs": ({"outputs": 2}, "spectral"),
    "sums of patches": ({"outputs": 2, "sizes": (2, 2, 2, 2)}, "spectral"),
    "outputs of a sign": ({"right": "l1+", "form": "sum"}, "lines"),
}


@pytest.mark.parametrize("name", REGRESSIONS)
def test_layers_of_slope_one_are_covered_and_changes_answered_alike(binary, tmp_path, name):
    asked, rule = REGRESSIONS[name]
    held, path = (patched if "sizes" in asked else layered)(**asked, **LINEAR), tmp_path / "x.cert"
    polar = held.proof["polar"]
    assert (polar["rule"], polar["of"]["rule"]) == ("linear", rule)
    inner = (
        {"rule": "lines"},
        {"rule": "lines", "level": "1/1"},
        {"rule": "cones", "axis": 0},
        *({"rule": "spectral", "axis": k, "shift": x} for k in (0, 1) for x in ("1/1", "-1/1")),
    )
    changed = [replace(held, proof={**held.proof, "polar": {**polar, "of": x}}) for x in inner]
    verify_and_change(binary, path, held, [*lies_of_a_layer(held), *changed])
    steep = {**held.statement["atom"], "slope": MORE}
    replace(held, statement={**held.statement, "atom": steep}).save(path)
    assert agrees(binary, path) == REJECTED
    free = {**held.statement["atom"], "bias": "free"}
    replace(held, statement={**held.statement, "atom": free}).save(path)
    assert agrees(binary, path) == REJECTED


DEEP = {
    "linear": {"widths": (3, 2, 2)},
    "linear of four layers": {"widths": (2, 3, 1, 2, 2)},
    "relu": {"widths": (3, 2, 2), "slope": 0.0},
    "relu of four layers": {"widths": (2, 3, 1, 2, 1), "slope": 0.0},
    "leaky": {"widths": (2, 2, 2, 2), "slope": 0.25, "scale": 0.1},
    "steep": {"widths": (2, 2, 2, 3), "slope": 1.5, "loss": mean_huber},
    "labels": {"widths": (3, 2, 2), "slope": 0.0, "loss": labelled},
    "sum form": {"widths": (3, 2, 2), "slope": 0.0, "form": "sum"},
    "sum form, four layers": {"widths": (2, 3, 1, 2, 2), "form": "sum"},
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_networks_are_covered_and_changes_of_them_answered_alike(binary, tmp_path, name):
    held = deeply(**DEEP[name])
    verify_and_change(binary, tmp_path / "x.cert", held, lies_of_a_network(held))


def lies_of_a_network(held):
    """Change the sizes of the layers, the slope, and both singular values."""
    atom, polar = held.statement["atom"], held.proof.get("polar", {})
    hidden = atom["hidden"]
    for field, value in (
        ("hidden", hidden[::-1]),
        ("hidden", [*hidden, 1]),
        ("hidden", []),
        ("hidden", [0, *hidden[1:]]),
        ("slope", HALF),
        ("slope", ONE),
        ("slope", MINUS),
        ("kind", "deep_linear"),
        ("kind", "deep_relu"),
        ("kind", "relu"),
        ("form", "sum"),
    ):
        yield replace(held, statement={**held.statement, "atom": {**atom, field: value}})
    for part in ("W", "F", "of"):
        for field, value in (
            ("axis", 0),
            ("axis", 1),
            ("shift", "0/1"),
            ("shift", "1/1"),
            ("rule", "conic"),
        ):
            inner = {**polar.get(part, {}), field: value}
            yield replace(held, proof={**held.proof, "polar": {**polar, part: inner}})
    for rule in ("layers", "linear"):
        yield replace(held, proof={**held.proof, "polar": {**polar, "rule": rule}})


ENDS = [  # of one output: fields of a leaf
    {},
    {"radial": HALF},
    {"radial": MINUS, "level": ONE},
    {"radial": ONE, "linear": True},
    {"radial": ONE, "linear": True, "level": MINUS, "tau": float.hex(2.0**-3)},
    {"level": float.hex(1.25), "tau": float.hex(2.0**5)},
    {"bias": HALF},
    {"bias": MINUS, "level": ONE, "radial": HALF},
    {"bias": MORE, "radial": ONE, "linear": True, "tau": float.hex(2.0**-2)},
]


@pytest.mark.parametrize("bias", ["none", "free"])
@pytest.mark.parametrize("end", ENDS)
def test_quadratic_leaves_of_layers_are_answered_as_python_answers(binary, tmp_path, end, bias):
    held = layered(seed=3, **(FREE if bias == "free" else {}))
    path, seen = tmp_path / "x.cert", Counter()
    tree = [{"signs": [1, 2]}, {"row": 0, "plus": 3, "minus": 4}, {"shift": "1/1"}] + 2 * [{}]
    leaf = {"tau": ONE, **end}
    shifts = ("1/1", "3/2", "1/400")
    nodes = [*tree[:2], *({"leaf": t, "shift": s, **leaf} for t, s in enumerate(shifts))]
    facts = [14 + 15 * ("radial" in end) + cuts for cuts in (0, 1, 1)]
    draw = np.random.default_rng(7)
    for case in range(8):
        witness = {"W": held.witness["W"]}
        for t, h in enumerate(facts):
            n = np.tril(draw.random((h, h))) * 2.0 ** -draw.integers(1, 8)
            if case == 5:  # a product of p and q of a row is 0
                n[np.arange(7, 14), np.arange(7)] = -1.0
            if case > 5:  # any other is not
                n[np.arange(7, 14), (np.arange(7) + case - 5) % 7] = -(2.0**-20)
            if case:
                witness[f"N{t}"] = array(n[np.tril_indices(h)])
        proof = {"corrections": [], "polar": {"rule": "network", "nodes": nodes}}
        claim = {**held.claim, "verdict": "UNDECIDED"}
        replace(held, proof=proof, witness=witness, claim=claim).save(path)
        status = agrees(binary, path)
        assert status == (REJECTED if case > 5 else STATUS["UNDECIDED"])
        seen[status] += 1
    assert len(seen) == 2


CONES = {  # of rows (3, 4, 5) and (1, 1, above the root of 2): what is done to them, or to the node
    "as it is": lambda y: y,
    "in short floats": lambda y: (y * np.append(np.ones(y.shape[1] - 1), 2.0)).astype(np.float32),
    "one ulp less": lambda y: y - np.eye(len(y), y.shape[1], y.shape[1] - 1) * 2.0**-50,
    "an inexact root": lambda y: np.where(y == np.sqrt(2.0), np.nextafter(np.sqrt(2.0), 0), y),
    "below zero": lambda y: y * np.append(np.ones(y.shape[1] - 1), -1.0),
    "one row less": lambda y: y[1:],
    "one row more": lambda y: np.vstack([y, y[:1]]),
    "one column more": lambda y: np.hstack([0.0 * y[:, :1], y]),
    "one column less": lambda y: y[:, 1:],
    "no column": lambda y: y[:, :0],
    "a line": lambda y: y.reshape(-1),
    "not finite": lambda y: y + np.eye(*y.shape) * np.inf,
    "integers": lambda y: y.astype(np.int64),
    "without radial": lambda y: y,
}


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # 0 * inf
@pytest.mark.parametrize("bias", ["none", "free"])
@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("how", CONES)
def test_products_with_a_cone_are_answered_as_python_answers(binary, tmp_path, how, linear, bias):
    held = layered(seed=3, features=3 if bias == "free" else 2, **(FREE if bias == "free" else {}))
    path, draw = tmp_path / "x.cert", np.random.default_rng(5)
    width = 4 if bias == "free" else 3
    y = np.zeros((16, width))
    y[:, [0, 1, -1]] = [3.0, -4.0, 5.0]
    y[1::2, [0, 1, -1]] = [1.0, 1.0, np.sqrt(2.0)]
    node = {"tau": HALF, "level": ONE, "radial": HALF} | ({"linear": True} if linear else {})
    if how == "without radial":
        node = {"tau": HALF, "level": ONE}
    n = [np.tril(draw.random((h, h))) * 2.0**-7 for h in (14, 15, 15)]
    tree = [{"signs": [1, 2]}, {"row": 0, "plus": 3, "minus": 4}]
    leaves = [{"leaf": t, "shift": f"{t + 1}/2", **node} for t in range(3)]
    witness = {"W": held.witness["W"]}
    for t, h in enumerate((14, 15, 15)):
        witness |= {f"N{t}": array(n[t][np.tril_indices(h)]), f"Y{t}": array(CONES[how](y[:h]))}
    proof = {"corrections": [], "polar": {"rule": "network", "nodes": [*tree, *leaves]}}
    claim = {**held.claim, "verdict": "UNDECIDED"}
    replace(held, proof=proof, witness=witness, claim=claim).save(path)
    good = how in ("as it is", "in short floats")
    assert agrees(binary, path) == (STATUS["UNDECIDED"] if good else REJECTED)


@pytest.mark.parametrize("rule", ["network", "outputs"])
@pytest.mark.parametrize("right", ["l2", "l1", "linf-"])
def test_ranges_of_several_outputs(binary, tmp_path, right, rule):
    held, path = layered(outputs=2, right=right, **FREE), tmp_path / "x.cert"
    held = replace(held, claim={**held.claim, "verdict": "UNDECIDED"})
    leaf = {"leaf": 0, "tau": ONE, "shift": "3/1", "level": ONE, "bias": HALF, "radial": ONE}
    tree = {"rule": "network", "nodes": [{"range": [[0, ONE], [3, MINUS]], "next": [1]}, leaf]}
    polar = tree if rule == "network" else {"rule": rule, "each": [tree, tree]}
    names, lower = ["N0"] if rule == "network" else ["s0.N0", "s1.N0"], []
    places = np.tril_indices(30)
    for least in (0.0, 2.0**-3, -(2.0**-3)):
        last = np.where(places[0] == 29, least, 2.0**-3)  # products with the range
        witness = {"W": held.witness["W"], **dict.fromkeys(names, array(last))}
        proof = {"corrections": [], "polar": polar}
        replace(held, proof=proof, witness=witness).save(path)
        assert agrees(binary, path) == (REJECTED if least < 0 else STATUS["UNDECIDED"])
        lower += [kernel(path).lower] if least >= 0 else []
    assert lower[0] != lower[1]


@pytest.mark.parametrize("right", ["l2", "l1", "l2+"])
def test_several_outputs_of_units_with_free_biases(binary, tmp_path, right):
    held, path = layered(outputs=2, right=right, **FREE), tmp_path / "x.cert"
    held = replace(held, claim={**held.claim, "verdict": "UNDECIDED"})
    leaf = {"leaf": 0, "tau": ONE, "shift": "3/1", "bias": HALF, "level": ONE}
    both = [{"cut": 0, "plus": 1, "minus": 2}, leaf, leaf]
    signs = {"l2+": [{"signs": [1]}, {"cell": 0}]}
    one = signs.get(right, [{"signs": [1, 2]}, {"cell": 0}, {"cell": 0}])
    each = [{"rule": "network", "nodes": one}, {"rule": "network", "nodes": [leaf]}]
    for name in ("", "s1."):
        draw = np.random.default_rng(2)
        cuts = array(draw.standard_normal((1, 10)))
        witness = {"W": held.witness["W"], f"{name}cuts": cuts}
        for value in (0.0, 2.0**-6, -(2.0**-6)):
            h = 14 + (not name)
            witness[f"{name}N0"] = array(np.full(h * (h + 1) // 2, value))
            polar = (
                {"rule": "outputs", "each": each} if name else {"rule": "network", "nodes": both}
            )
            if name:
                witness["s0.cuts"] = cuts
            proof = {"corrections": [], "polar": polar}
            replace(held, proof=proof, witness=witness).save(path)
            assert agrees(binary, path) == (REJECTED if value < 0 else STATUS["UNDECIDED"])


def coned_layer(right, shape, seed, loss=Squared, **layer):
    """Return a certificate of a hidden layer whose polar is bounded by a tree that is drawn."""
    (m, d, n), draw, free = shape, np.random.default_rng(seed), layer.get("bias") == "free"
    x = draw.standard_normal((m, d)) * 2.0 ** draw.integers(-2, 3, (m, d))
    x[1] = x[0]  # one kink
    y = draw.integers(-9, 10, (m, n)) * 0.25
    y[-1] = -y[:-1].sum(axis=0)
    offsets = [ColumnIntercept()] if free else []
    none = np.zeros((d + free, 0)), np.zeros((n, 0))
    problem = Problem(loss(y), ReLU(x, right=right, **layer), 0.75, offsets)
    held = check(problem, none, budget=1).certificate
    roots = 2**d * (m - 1 if free else 1)
    tree = as_tree(drawn_codes(draw, roots, d, 5, 0.75)).get("tree", (None,), "q")
    offset = {name: a for name, a in held.witness.items() if name[0] == "q"}
    return replace(
        held,
        proof={"corrections": [], "polar": {"rule": "cones"}},
        witness={**offset, "W": array(y.reshape(-1)), "tree": tree},
        claim={**held.claim, "verdict": "UNDECIDED"},
    )


LEAKY = {"activation": "leaky_relu", "slope": 0.25}

CONED_LAYERS = (  # norm of the outputs, samples, features and outputs, and the layer
    ("l2", (7, 2, 1), {}),
    ("l2", (6, 3, 2), {"form": "sum"}),
    ("l1", (6, 2, 3), {}),
    ("l1+", (5, 3, 2), LEAKY),
    ("l2-", (6, 1, 2), {"activation": "leaky_relu", "slope": 0.1}),
    ("l1-", (6, 4, 1), {"form": "sum", **LEAKY}),
    ("l2", (5, 2, 1), {"bias": "free"}),
    ("l2+", (6, 1, 2), {"bias": "free", **LEAKY}),
    ("l1", (4, 3, 3), {"bias": "free", "form": "sum"}),
    ("l2-", (5, 2, 2), {"bias": "free", "activation": "leaky_relu", "slope": 0.1}),
    ("linf", (5, 2, 3), {}),
    ("linf+", (5, 2, 2), {"bias": "free", **LEAKY}),
)


@pytest.mark.parametrize("case", CONED_LAYERS)
def test_cones_of_hidden_layers_are_covered_and_changes_answered_alike(binary, tmp_path, case):
    right, shape, layer = case
    path, plain, seen = tmp_path / "x.cert", Counter(), set()
    with Session(binary) as session:
        for seed in range(12):
            held = coned_layer(right, shape, seed, **layer)
            held.save(path)
            plain[agrees(session, path)] += 1
            for number in range(5):
                drawn(held, np.random.default_rng(number)).save(path)
                seen.add(agrees(session, path))
        seen |= answers_to_lies(session, path, held, lies_of_a_layer(held))
    assert plain[STATUS["UNDECIDED"]] > plain.total() / 2
    assert {STATUS["UNDECIDED"], REJECTED, OUTSIDE} <= seen


def test_a_tree_of_a_layer_has_the_orthants_of_each_kink(binary, tmp_path):
    path = tmp_path / "x.cert"

    def change(held, codes, polar=None, **witness):
        tree = as_tree([*codes]).get("tree", (None,), "q")
        proof = {**held.proof, "polar": {"rule": "cones", **(polar or {})}}
        replace(held, proof=proof, witness={**held.witness, "tree": tree, **witness}).save(path)
        return agrees(binary, path)

    plain = coned_layer("l2", (5, 2, 1), 0)
    free = coned_layer("l2", (5, 2, 1), 0, bias="free")  # of four kinks
    half = {4: (1, 0, 0, 1, 1, 0, 0, 0), 16: 8 * (0,)}  # words of eight codes
    for held, roots in ((plain, 4), (free, 16)):
        assert change(held, [0] * roots) == STATUS["UNDECIDED"]
        assert change(held, [1, 0, 0] + [0] * (roots - 1)) == STATUS["UNDECIDED"]
        for codes in (
            half[roots],
            (1, 0, 0, 1, 0, 0, 1, 0),  # a child is left
            [0] * (roots + 8),
            [2] + [0] * (roots + 1),  # there is one pair
            [0] * roots + [1],
        ):
            assert change(held, codes) == REJECTED
        assert change(held, [0] * roots, {"axis": 0}) == OUTSIDE
        zeros = array(np.zeros(5))  # h(-z) = -h(z)
        assert change(held, half[roots], W=zeros) == STATUS["UNDECIDED"]
    tilted = as_numpy(free.witness["W"]).copy()
    tilted[0] += 2.0**-50
    assert change(free, [0] * 16, W=array(tilted)) == REJECTED

    def repeat(x):
        x[6:9] = x[:3]

    three, codes = with_array(free, "given", "features", repeat), [1, 0, 0, 1, *(12 * [0])]
    assert change(three, codes) == STATUS["UNDECIDED"]
    assert change(free, codes) == REJECTED
