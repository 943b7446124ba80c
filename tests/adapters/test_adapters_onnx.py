"""ONNX graphs are read as the reference evaluator runs them, or refused by node."""

import re
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from certify import InputError, OutOfScopeError
from certify.adapters import from_model as from_any
from certify.adapters.onnx import from_model
from certify.adapters.torch import from_model as from_state
from tests.network_models import objective
from tests.onnx_graphs import B1, B2, W1, W2, D, K, R, graph, network, node

RNG = np.random.default_rng(12)
N = 7
X = RNG.integers(-16, 17, (N, D)) / 8
Y = RNG.integers(-16, 17, (N, K)) / 8
DECAY = 0.125
LEAKY = (("LeakyRelu", {"alpha": 0.25}),)


def read(model, **given):
    return from_model(model, X, Y, **{"weight_decay": DECAY, **given})


def ran(model, dtype=np.float32):
    return ReferenceEvaluator(model).run(None, {"x": X.astype(dtype)})[0]


@pytest.mark.parametrize("middle", [(("Relu", {}),), LEAKY, (), (("Identity", {}), ("Relu", {}))])
@pytest.mark.parametrize("second", ["Gemm", "Gemm^T", "MatMul", "bare"])
@pytest.mark.parametrize("first", ["Gemm", "Gemm^T", "MatMul", "bare"])
def test_a_graph_is_read_as_it_runs(first, second, middle):
    model = network(first, second, middle)
    onnx.checker.check_model(model)
    problem, factors = read(model)
    mine = problem.predict(tuple(factors), factors.q or ())
    assert np.array_equal(mine, ran(model))  # dyadic: nothing is rounded
    assert np.array_equal(factors[0][:D], W1)
    assert np.array_equal(factors[1], W2.T)
    assert problem.atom.bias == ("none" if first == "bare" else "regularized")
    assert len(problem.offsets) == (second != "bare")


def test_a_graph_and_a_state_dict_are_one_problem():
    held = {"0.weight": W1.T, "0.bias": B1, "2.weight": W2.T, "2.bias": B2}
    one, two = read(network()), from_state(held, X, Y, weight_decay=DECAY)
    assert objective(*one) == objective(*two)
    assert one[1].multiple == two[1].multiple == N
    pair = read(network(), weight_decay=(0.5, 0.125), decay_bias=False, reduction="sum")
    assert (pair[0].lam, pair[0].atom.bias, pair[1].multiple) == (0.125, "free", 0.5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_weights_in_any_precision_are_exact(dtype):
    _, factors = read(network(dtype=dtype))
    assert np.array_equal(factors[0], np.vstack([W1, B1]))


def test_a_bfloat16_weight_is_exact():
    model = network()
    for tensor in model.graph.initializer:
        a = numpy_helper.to_array(tensor)
        words = (a.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
        tensor.CopyFrom(
            helper.make_tensor(
                tensor.name, onnx.TensorProto.BFLOAT16, a.shape, words.tobytes(), raw=True
            )
        )
    _, factors = read(model)
    assert np.array_equal(factors[0], np.vstack([W1, B1]))


def test_constants_may_be_nodes():
    model = network("MatMul", "MatMul")
    held = list(model.graph.initializer)
    del model.graph.initializer[:]
    for k, tensor in enumerate(held):
        made = helper.make_node("Constant", [], [tensor.name], value=tensor)
        model.graph.node.insert(k, made)
    _, factors = read(model)
    assert np.array_equal(factors[1], W2.T)


def test_a_bias_may_be_a_row_and_the_first_term():
    nodes = [
        node("MatMul", ("x", "W1"), "m"),
        node("Add", ("b1", "m"), "h"),
        node("Relu", ("h",), "a"),
        node("Gemm", ("a", "W2", "b2"), "y"),
    ]
    model = graph(nodes, {"W1": W1, "b1": B1[None], "W2": W2, "b2": B2[None]})
    problem, factors = read(model)
    assert np.array_equal(problem.predict(tuple(factors), factors.q), ran(model))


def test_a_file_is_read(tmp_path):
    path = tmp_path / "net.onnx"
    onnx.save(network(), path)
    assert objective(*read(path)) == objective(*read(str(path))) == objective(*read(network()))


def test_a_graph_needs_the_weight_decay_by_name(tmp_path):
    path = tmp_path / "net.onnx"
    onnx.save(network(), path)
    for reader in (from_model, from_any):
        with pytest.raises(InputError, match=r"weight_decay must be given.* 0 for none"):
            reader(path, X, Y)
        assert reader(path, X, Y, weight_decay=0)[0].lam == 0


CORE = [node("Gemm", ("x", "W1", "b1"), "h"), node("Relu", ("h",), "a")]
LAST = node("Gemm", ("a", "W2", "b2"), "y")
HELD = {"W1": W1, "W2": W2, "b1": B1, "b2": B2}
MORE = {
    **HELD,
    "s": np.ones(R),
    "W3": np.ones((K, K)),
    "W5": np.ones((R, R)),
    "tall": np.ones((R, 1)),
}


BARE = [
    node("MatMul", ("x", "W1"), "h"),
    node("Relu", ("h",), "a"),
    node("Add", ("a", "s"), "late"),
    node("Gemm", ("late", "W2"), "y"),
]
THREE = [
    *CORE,
    node("Gemm", ("a", "W5"), "c"),
    node("Relu", ("c",), "e"),
    node("Gemm", ("e", "W2"), "y"),
]
LINEAR = [
    node("Gemm", ("x", "W1"), "h"),
    node("Gemm", ("h", "W2"), "z"),
    node("Gemm", ("z", "W3"), "y"),
]


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        (
            [*CORE, node("Gemm", ("a", "W2", "b2"), "z"), node("Softmax", ("z",), "y")],
            "Softmax 'y'",
        ),
        ([CORE[0], node("Sigmoid", ("h",), "a"), LAST], "Sigmoid 'a'"),
        ([CORE[0], node("Tanh", ("h",), "a"), LAST], "Tanh 'a'"),
        ([CORE[0], node("Mul", ("h", "s"), "a"), LAST], "Mul 'a'"),
        ([node("Relu", ("x",), "x1"), node("Gemm", ("x1", "W1"), "a"), LAST], "Relu 'x1'"),
        ([*CORE, node("Relu", ("a",), "a2"), node("Gemm", ("a2", "W2"), "y")], "Relu 'a2'"),
        (
            [*CORE, node("Gemm", ("a", "W2"), "z"), node("Relu", ("z",), "y")],
            "Relu 'y' behind the se",
        ),
        (
            [node("Gemm", ("x", "W1", "b1"), "h", alpha=2.0), CORE[1], LAST],
            "Gemm 'h' with alpha=2.0",
        ),
        ([node("Gemm", ("x", "W1", "b1"), "h", beta=0.5), CORE[1], LAST], "Gemm 'h' with beta=0.5"),
        ([node("Gemm", ("x", "W1", "b1"), "h", transA=1), CORE[1], LAST], "Gemm 'h' with transA=1"),
        (
            [node("MatMul", ("W1", "x"), "h"), CORE[1], LAST],
            "MatMul 'h' whose first factor is 'W1'",
        ),
        (
            [node("MatMul", ("x", "x"), "h"), CORE[1], LAST],
            "MatMul 'h' whose input 'x' is no weight",
        ),
        (
            [node("MatMul", ("x", "s"), "h"), CORE[1], LAST],
            r"MatMul 'h' with a weight of shape \(5,\)",
        ),
        ([CORE[0], node("Add", ("h", "h"), "a"), LAST], "Add 'a'"),
        ([CORE[0], node("Add", ("h", "s"), "a"), LAST], "Add 'a'"),
        (
            [node("MatMul", ("x", "W1"), "m"), node("Add", ("m", "tall"), "a"), LAST],
            r"Add 'a' with a bias of shape \(5, 1\)",
        ),
        (
            [
                *CORE,
                node("Gemm", ("a", "W2"), "z"),
                node("Gemm", ("x", "W1"), "q"),
                node("Add", ("z", "q"), "y"),
            ],
            "Gemm 'q' beside the path from 'x'",
        ),
        (
            [*CORE, node("MatMul", ("a", "W2"), "z"), node("Add", ("z", "a"), "y")],
            "Add 'y' whose input 'a'",
        ),
        ([*CORE, node("Add", ("a", "s"), "a2"), node("Gemm", ("a2", "W2"), "y")], "Add 'a2'"),
        (BARE, "Add 'late'"),
        ([*CORE, node("Relu", ("a",), "y", domain="mine"), LAST], "Relu 'y' of the domain 'mine'"),
    ],
)
def test_another_node_is_refused_by_name(nodes, told):
    with pytest.raises(OutOfScopeError, match=rf"has the node {told}.*: export Gemm or MatMul"):
        read(graph(nodes, MORE))


def shaped(kind, at, to, to_shape=None, **settings):
    """Return a node that reshapes, with its constant shape or axes."""
    if to_shape is None:
        return [node(kind, (at,), to, **settings)]
    made = numpy_helper.from_array(np.array(to_shape, np.int64))
    constant = helper.make_node("Constant", [], [f"{to}_shape"], value=made)
    return [constant, node(kind, (at, f"{to}_shape"), to, **settings)]


@pytest.mark.parametrize(
    "given",
    [
        ("Flatten",),
        *(("Reshape", shape) for shape in ([-1, D], [0, D], [0, -1], [-1, 0])),
    ],
    ids=str,
)
def test_rows_may_be_reshaped_to_rows(given):
    kind, *shape = given
    middle = [[R if k == D else k for k in x] for x in shape]
    nodes = [
        *shaped(kind, "x", "x1", *shape),
        node("Gemm", ("x1", "W1", "b1"), "h"),
        *shaped(kind, "h", "h1", *middle),
        node("Relu", ("h1",), "a"),
        LAST,
    ]
    model = graph(nodes, HELD)
    assert np.array_equal(ran(model), ran(network()))
    assert objective(*read(model)) == objective(*read(network()))


ONE = HELD | {"W2": W2[:, :1], "b2": B2[:1]}


@pytest.mark.parametrize(
    "given", [("Squeeze", [1]), ("Squeeze", [-1]), ("Squeeze", None), ("Reshape", [-1])], ids=str
)
def test_one_output_may_end_as_a_vector(given):
    last = node("Gemm", ("a", "W2", "b2"), "z")
    flat = graph([*CORE, last, *shaped(given[0], "z", "y", given[1])], ONE)
    column = graph([*CORE, LAST], ONE)
    assert np.array_equal(ran(flat), ran(column)[:, 0])
    decay = {"weight_decay": DECAY}
    mine, wanted = from_model(flat, X, Y[:, 0], **decay), from_model(column, X, Y[:, :1], **decay)
    assert objective(*mine) == objective(*wanted)
    loss = np.square(ran(flat) - Y[:, 0]).mean()
    for model, y, form in ((flat, Y[:, :1], "vector, y[:, 0]"), (column, Y[:, 0], "column, y[:,")):
        with pytest.raises(InputError, match=re.escape(f"y must be a {form}")):
            from_model(model, X, y, **decay)
        told = from_model(model, X, y, reported=loss, **decay)
        assert objective(*told) == objective(*wanted)


def test_targets_of_a_graph_may_be_a_row_of_numbers_if_nothing_broadcasts_them():
    column, labels = graph([*CORE, LAST], ONE), (X[:, 0] > 0) * 1.0
    mine = from_model(column, X, labels, loss="bce", weight_decay=DECAY)
    wanted = from_model(column, X, labels[:, None], loss="bce", weight_decay=DECAY)
    assert objective(*mine) == objective(*wanted)


@pytest.mark.parametrize(
    ("weights", "kind", "shape", "settings"),
    [
        (HELD, "Squeeze", [1], {}),
        (HELD, "Reshape", [-1], {}),
        (ONE, "Squeeze", [0], {}),
        (HELD, "Squeeze", None, {}),
        (ONE, "Flatten", None, {"axis": 0}),
        (ONE, "Reshape", [1, -1], {}),
        (ONE, "Reshape", [-1, 1, 1], {}),
        (ONE, "Reshape", [], {}),
        (HELD, "Reshape", [-1, 1], {}),
        (HELD, "Reshape", [0, K], {"allowzero": 1}),
    ],
)
def test_other_shapes_are_refused(weights, kind, shape, settings):
    last = node("Gemm", ("a", "W2", "b2"), "z")
    model = graph([*CORE, last, *shaped(kind, "z", "y", shape, **settings)], weights)
    with pytest.raises(OutOfScopeError, match=f"the graph has the node {kind} 'y'"):
        read(model)


def test_nothing_may_follow_the_vector_of_outputs():
    last = [node("Gemm", ("a", "W2"), "z"), *shaped("Reshape", "z", "v", [-1])]
    with pytest.raises(OutOfScopeError, match="Add 'y' behind the vector of outputs"):
        read(graph([*CORE, *last, node("Add", ("v", "b2"), "y")], ONE))


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (graph(THREE, MORE), "has 3 layers of weights: .* train one hidden layer"),
        (graph([node("Gemm", ("x", "W1"), "y")], HELD), "the graph has no hidden layer"),
        (graph(LINEAR, MORE), "has 3 layers of weights: .* train one hidden layer"),
        (graph([*CORE, LAST], HELD, inputs=("x", "z")), "has 2 inputs and 1 outputs"),
        (graph([*CORE, LAST], HELD, output="a"), "the output 'a' is not the end of the graph"),
    ],
)
def test_other_graphs_are_refused(model, told):
    with pytest.raises(OutOfScopeError, match=told):
        read(model)


def test_weights_outside_the_file_are_not_read(tmp_path):
    path = tmp_path / "net.onnx"
    onnx.save(network(), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    with pytest.raises(InputError, match=r"the weight 'W1' is in another file: export one file"):
        read(path)


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ({"b1": np.ones(R + 1)}, r"the hidden bias must have shape \(5,\), got \(6,\)"),
        ({"b2": np.ones(K + 1)}, r"the layers do not fit together"),
        ({"W2": np.ones((R + 1, K))}, r"the layers do not fit together: \(3, 5\) and \(6, 2\)"),
        ({"W1": np.ones((D + 1, R))}, r"X must have 4 features, as in the fit, got 3"),
        ({"W2": np.ones((R, 1)), "b2": np.ones(1)}, r"y must have 1 outputs, as in the fit, got 2"),
        ({"W1": np.full((D, R), np.inf)}, r"hidden weights must be finite, got inf"),
    ],
)
def test_weights_that_do_not_fit_are_named(weights, told):
    with pytest.raises(InputError, match=told):
        read(graph([*CORE, LAST], {**HELD, **weights}))


def test_another_file_is_named(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"no protocol buffer")
    with pytest.raises(InputError, match=r"net.onnx is not an ONNX model: "):
        read(path)
    with pytest.raises(InputError, match=r"cannot read .*none.onnx: No such file"):
        read(tmp_path / "none.onnx")


def test_without_onnx_the_extra_is_named(monkeypatch):
    model = network()
    monkeypatch.setitem(sys.modules, "onnx.numpy_helper", None)
    with pytest.raises(
        InputError, match=r"onnx cannot be imported .*: pip install 'certifact\[onnx\]'"
    ):
        read(model)


@pytest.mark.thorough
def test_the_adapter_imports_onnx_only_when_called():
    code = (
        "import sys, certify.adapters.onnx, certify.adapters.files; sys.exit('onnx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [("dims", [8, 2]), ("data_type", onnx.TensorProto.UNDEFINED), ("data_type", 33)],
)
def test_a_weight_whose_bytes_are_not_of_its_shape_is_damaged(field, value):
    model = network()
    weight = model.graph.initializer[0]
    if field == "dims":
        del weight.dims[:]
        weight.dims.extend(value)
    else:
        weight.data_type = value
    with pytest.raises(InputError, match=f"the weight {weight.name!r} is damaged: "):
        read(model)
