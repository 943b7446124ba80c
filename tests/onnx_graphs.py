"""Small ONNX graphs, made by hand."""

import numpy as np
from onnx import helper, numpy_helper

D, R, K = 3, 5, 2
_RNG = np.random.default_rng(11)
W1, B1 = (_RNG.integers(-8, 9, s) / 8 for s in ((D, R), (R,)))
W2, B2 = (_RNG.integers(-8, 9, s) / 8 for s in ((R, K), (K,)))


def node(kind, inputs, output, **settings):
    """Make a node that is named as its output."""
    return helper.make_node(kind, list(inputs), [output], name=output, **settings)


def graph(nodes, weights, *, inputs=("x",), output="y", dtype=np.float32):
    """Make a model of nodes and weights by name."""
    held = [numpy_helper.from_array(np.asarray(a, dtype), name) for name, a in weights.items()]
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    sides = [
        [helper.make_tensor_value_info(k, kind, ["n", None]) for k in names]
        for names in (inputs, (output,))
    ]
    made = helper.make_graph(list(nodes), "net", *sides, initializer=held)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def layer(kind, at, to, name):
    """Return the nodes and the weights' layout of one layer: Gemm, Gemm^T or MatMul + Add."""
    if kind == "MatMul":
        return [
            node("MatMul", (at, f"W{name}"), f"m{name}"),
            node("Add", (f"m{name}", f"b{name}"), to),
        ]
    if kind == "bare":
        return [node("MatMul", (at, f"W{name}"), to)]
    settings = {"transB": 1} if kind == "Gemm^T" else {}
    return [node("Gemm", (at, f"W{name}", f"b{name}"), to, **settings)]


def network(first="Gemm^T", second="Gemm^T", middle=(("Relu", {}),), dtype=np.float32):
    """Make x -> layer -> activations -> layer -> y."""
    nodes, at = layer(first, "x", "h", "1"), "h"
    for k, (kind, settings) in enumerate(middle):
        nodes.append(node(kind, (at,), f"a{k}", **settings))
        at = f"a{k}"
    nodes += layer(second, at, "y", "2")
    turn = {"Gemm^T": np.transpose}
    weights = {"W1": turn.get(first, np.asarray)(W1), "W2": turn.get(second, np.asarray)(W2)}
    weights |= {"b1": B1} if first != "bare" else {}
    weights |= {"b2": B2} if second != "bare" else {}
    return graph(nodes, weights, dtype=dtype)
