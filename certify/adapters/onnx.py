"""ONNX networks with one hidden layer, with an objective that the user states.

from certify.adapters.onnx import from_model
problem, factors = from_model("net.onnx", X, y, loss="mse", weight_decay=0.01)
check(problem, factors, q=factors.q)
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from certify.base.arrays import Array, real
from certify.base.errors import InputError, OutOfScopeError, accessing
from certify.base.extras import optional

from ._network import PAIR, Judged, Weights, deep
from ._training import Reported, TrainingProblem, data, read_decay, read_loss

__all__ = ["from_model"]
PRODUCTS = ("Gemm", "MatMul")
ACTIVATIONS = ("Relu", "LeakyRelu")
SHAPES = ("Flatten", "Reshape", "Squeeze")
SLOPE = 0.01  # of a LeakyRelu without alpha


def from_model(  # noqa: PLR0913  the settings of a training
    model: Any,
    X: Any,
    y: Any,
    *,
    loss: str = "mse",
    weight_decay: float | tuple[float, float] | None = None,
    decay_bias: bool = True,
    reduction: str = "mean",
    reported: Reported = None,
    reported_rtol: float | None = None,
) -> Judged:
    """Return the problem of a network x -> f(x) on X (n, d) and y, and its factors (U, V):

        loss(f(X), y) + 1/2 sum over the weights of decay |p|^2.

    model   the path of an .onnx file, or the ModelProto: Gemm or MatMul (+ Add), Relu or
            LeakyRelu or nothing, Gemm or MatMul (+ Add); Flatten and Reshape may stand between
            them if rows stay rows, and Reshape or Squeeze may make a vector of one output

    The other arguments are those of `certify.adapters.torch.from_model`; the objective times
    `factors.multiple` is judged.  y (n,) beside outputs (n, 1) is refused as there: a graph does
    not say whether PyTorch trained it, and on n x n differences.  The graph is never run.

    Raises OutOfScopeError, with the node, for any other graph; InputError for weights, X and y
    that do not fit each other, for a file that is not an ONNX model, or without onnx.
    """
    features, labels = data(X, y)
    criterion = read_loss(loss, reduction)
    if weight_decay is None:
        raise InputError("weight_decay must be given, a graph does not contain it: 0 for none")
    optional("onnx.numpy_helper", "onnx", "onnx")
    onnx = optional("onnx", "onnx", "onnx")
    proto = model if isinstance(model, onnx.ModelProto) else load_model(Path(model), onnx)
    weights = graph_weights(proto, onnx)
    decay = read_decay(weight_decay, biases=decay_bias)
    trained = TrainingProblem(features, labels, criterion, decay, reported, reported_rtol)
    judged = trained.judge(weights)
    trained.demand_alike(weights)
    return judged


def load_model(path: Path, onnx: Any) -> Any:
    """Read a file, but no other file that it names; raise InputError for other formats."""
    with accessing(path, "read"):
        blob = path.read_bytes()
    try:
        return onnx.load_model_from_string(blob)
    except Exception as error:  # noqa: BLE001  protobuf's error class is not public
        raise InputError(f"{path} is not an ONNX model: {error}") from None


@dataclass
class Walk:
    """What was read on the path from the input of a graph to its output."""

    constants: dict[str, Array]
    layers: list[tuple[Array, Array | None]] = field(default_factory=list)  # (in, out), (out,)
    activation: str | None = None
    slope: float | None = None
    behind: Any = None  # the activation behind the last layer
    flat: bool = False  # whether the one output is a vector by now

    def weight(self, node: Any, k: int) -> Array:
        """Return the k-th input of a node; raise OutOfScopeError if it is not a constant."""
        name = node.input[k]
        if name not in self.constants:
            raise unsupported_node(node, f" whose input {name!r} is no weight")
        return self.constants[name]


def graph_weights(model: Any, onnx: Any) -> Weights:
    """Return the weights of a graph x -> product, activation, product, with or without biases.

    Gemm(transB=1) has a weight (outputs, inputs), MatMul and Gemm(transB=0) have (inputs, outputs).

    Raises OutOfScopeError, with the node, for every other graph; InputError for weights in
    another file.
    """
    graph = model.graph
    constants, eps = read(graph, onnx)
    walk = Walk(constants)
    inputs = [x.name for x in graph.input if x.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        counts = f"{len(inputs)} inputs and {len(graph.output)} outputs"
        raise OutOfScopeError(f"the graph has {counts}: export a network from X to f(X)")
    at = inputs[0]
    for node in graph.node:
        if node.op_type == "Constant":
            continue
        if at not in node.input:
            raise unsupported_node(node, f" beside the path from {inputs[0]!r}")
        take(walk, node, at, onnx)
        at = node.output[0]
    if at != graph.output[0].name:
        raise OutOfScopeError(f"the output {graph.output[0].name!r} is not the end of the graph")
    return path_weights(walk, eps)


def path_weights(walk: Walk, eps: float) -> Weights:
    """Return the weights of the layers on the path."""
    if len(walk.layers) != PAIR:
        raise deep("the graph", len(walk.layers))
    if walk.behind is not None:
        raise unsupported_node(walk.behind, " behind the second layer")
    (U, b), (W, c) = walk.layers
    if b is not None and b.shape != U.shape[1:]:
        raise InputError(f"the hidden bias must have shape {U.shape[1:]}, got {b.shape}")
    if W.shape[0] != U.shape[1] or (c is not None and c.shape != W.shape[1:]):
        raise InputError(f"the layers do not fit together: {U.shape} and {W.shape}")
    return Weights(U, W.T.copy(), b, c, walk.activation or "linear", walk.slope, eps, walk.flat)


def take(walk: Walk, node: Any, at: str, onnx: Any) -> None:
    """Read one node of the path; an activation ends the layer before it.

    Raises OutOfScopeError, with the node, for one that does not belong there.
    """
    kind, done = node.op_type, len(walk.layers)
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    hidden = done == 1 and walk.activation is None
    if node.domain not in ("", "ai.onnx"):
        raise unsupported_node(node, f" of the domain {node.domain!r}")
    if walk.flat and kind != "Identity":
        raise unsupported_node(node, " behind the vector of outputs")
    if kind in SHAPES:
        walk.flat = flattens(walk, node, attributes)
    elif kind in PRODUCTS:
        walk.layers.append(product(walk, node, at, attributes))
        walk.behind = None
    elif kind == "Add" and (hidden or done > 1) and walk.layers[-1][1] is None:
        k = 1 - list(node.input).index(at)
        walk.layers[-1] = (walk.layers[-1][0], row(node, walk.weight(node, k)))
    elif kind in ACTIVATIONS and hidden:
        walk.activation = "relu" if kind == "Relu" else "leaky_relu"
        walk.slope = float(attributes.get("alpha", SLOPE)) if kind == "LeakyRelu" else None
    elif kind in ACTIVATIONS and done > 1 and walk.behind is None:
        walk.behind = node
    elif kind != "Identity":
        raise unsupported_node(node, "")


def flattens(walk: Walk, node: Any, attributes: dict[str, Any]) -> bool:
    """Return whether a node makes a vector of the one output, or leaves rows (n, d) as they are.

    Raises OutOfScopeError for a node that does anything else.
    """
    width = walk.layers[-1][0].shape[1] if walk.layers else None
    if node.op_type == "Flatten":
        rows, flat = attributes.get("axis", 1) in (1, -1), False
    elif node.op_type == "Squeeze":
        axes = walk.weight(node, 1) if len(node.input) > 1 else attributes.get("axes", ())
        rows, flat = False, list(axes) in ([], [1], [-1])
    else:
        shape = [int(k) for k in walk.weight(node, 1)]
        rows = len(shape) == PAIR and shape[0] in (-1, 0) and not attributes.get("allowzero", 0)
        rows = rows and shape[1] in (-1, 0, width or shape[1])
        flat = shape == [-1]
    if not rows and not (flat and width == 1):
        raise unsupported_node(node, "")
    return flat


def product(
    walk: Walk, node: Any, at: str, attributes: dict[str, Any]
) -> tuple[Array, Array | None]:
    """Return a product's weight as (inputs, outputs), and its bias.

    Gemm computes alpha A B + beta C with A or B transposed; alpha and beta must be 1.
    """
    if node.input[0] != at:
        reason = f" whose first factor is {node.input[0]!r}: the data come first"
        raise unsupported_node(node, reason)
    W = walk.weight(node, 1)
    if W.ndim != PAIR:
        raise unsupported_node(node, f" with a weight of shape {W.shape}")
    if node.op_type == "MatMul":
        return W, None
    for name, value in (("alpha", 1.0), ("beta", 1.0), ("transA", 0)):
        if attributes.get(name, value) != value:
            raise unsupported_node(node, f" with {name}={attributes[name]}")
    bias = row(node, walk.weight(node, 2)) if len(node.input) > 2 and node.input[2] else None  # noqa: PLR2004  A, B, C
    return (np.ascontiguousarray(W.T) if attributes.get("transB", 0) else W), bias


def row(node: Any, bias: Array) -> Array:
    """Return a bias that is added to every row, (outputs,)."""
    if bias.ndim != 1 and bias.shape != (1, bias.size):
        raise unsupported_node(node, f" with a bias of shape {bias.shape}")
    return bias.reshape(-1)


def read(graph: Any, onnx: Any) -> tuple[dict[str, Array], float]:
    """Return the constants of a graph, and the coarsest precision of its weights."""
    constants = {x.name: x for x in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            tensors = [a.t for a in node.attribute if a.name == "value"]
            if not tensors:
                raise unsupported_node(node, " that is no tensor")
            constants[node.output[0]] = tensors[0]
    if graph.sparse_initializer:
        raise OutOfScopeError("the graph has sparse weights: export them dense")
    out, eps = {}, 0.0
    for name, tensor in constants.items():
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise InputError(f"the weight {name!r} is in another file: export one file")
        try:
            a = onnx.numpy_helper.to_array(tensor)
        except (LookupError, TypeError, ValueError) as error:
            raise InputError(f"the weight {name!r} is damaged: {error}") from None
        if a.dtype.kind not in "iufb":  # bfloat16 and narrower types, which float32 contains
            a = a.astype(np.float32)
        out[name] = real(a, f"the weight {name!r}") if a.dtype.kind in "fiu" else np.zeros(0)
        eps = max(eps, float(np.finfo(a.dtype).eps)) if a.dtype.kind == "f" else eps
    return out, eps


def unsupported_node(node: Any, why: str) -> OutOfScopeError:
    """Return the error for a node, with its kind and its name."""
    name = node.name or (node.output[0] if node.output else "")
    cure = "export Gemm or MatMul (+ Add), Relu, Gemm or MatMul (+ Add), without it"
    return OutOfScopeError(f"the graph has the node {node.op_type} {name!r}{why}: {cure}")
