"""ONNX networks with one hidden layer, with an objective that the user states.

from certify.adapters.onnx import from_model
problem, factors = from_model("net.onnx", X, y, loss="mse", weight_decay=0.01)
check(problem, factors, q=factors.q)
"""

from pathlib import Path
from typing import Any

from certify.base.errors import InputError, accessing
from certify.base.extras import optional

from . import _graph
from ._network import Judged
from ._training import Reported, TrainingProblem, data, read_decay, read_loss

__all__ = ["from_model"]


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
            LeakyRelu or nothing, Gemm or MatMul (+ Add)

    The other arguments are those of `certify.adapters.torch.from_model`; the objective times
    `factors.multiple` is judged.  The graph is never run.

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
    weights = _graph.weights(proto, onnx)
    decay = read_decay(weight_decay, biases=decay_bias)
    trained = TrainingProblem(features, labels, criterion, decay, reported, reported_rtol)
    return trained.judge(weights)


def load_model(path: Path, onnx: Any) -> Any:
    """Read a file, but no other file that it names; raise InputError for other formats."""
    with accessing(path, "read"):
        blob = path.read_bytes()
    try:
        return onnx.load_model_from_string(blob)
    except Exception as error:  # noqa: BLE001  protobuf's error class is not public
        raise InputError(f"{path} is not an ONNX model: {error}") from None
