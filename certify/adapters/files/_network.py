"""A trained network in problem.toml: its weights, data, loss and decay in one table.

    [network]
    model = "net.safetensors"        # or "net.onnx"
    X = "X.npy"
    y = "y.npy"
    loss = "mse"                     # "l1", "huber" (delta), "bce", "cross_entropy"
    weight_decay = 0.01              # or [hidden layer, output layer]

It takes the place of lam and of the tables data, loss, atom, offsets and factors.
Optional: reduction = "sum", decay_bias = false, reported (the loss that training printed, or
the last losses of its log, [before, last]), reported_rtol (how far it may be from that of X, y),
and of weights that a .safetensors file holds activation, slope and layout = "sklearn".

scikit-learn's networks, coefs_[k] and intercepts_[k] saved as k.weight and k.bias: reduction =
"sum", decay_bias = false and weight_decay = alpha, or 2 alpha of an MLPRegressor; in batches
of b_j of the n rows that is times n mean 1 / b_j.
"""

from pathlib import Path
from typing import Any

from pydantic import Field

from certify.adapters import onnx, torch
from certify.adapters._network import Judged
from certify.adapters._training import NamedLoss
from certify.base.errors import InputError

from ._schema import Epsilon, Json, validate
from ._source import Reader, Ref, Strict

KINDS = (".safetensors", ".onnx")
TOLD = {"lam", "data", "loss", "atom", "offsets", "factors"}  # by the table of a network


class Top(Strict):
    """The file."""

    network: Json
    epsilon: Json = Field(default_factory=dict)


class Table(Strict):
    """The arguments of `certify.adapters.torch.from_model`."""

    model: str
    X: Ref
    y: Ref
    weight_decay: float | list[float]
    loss: str = "mse"
    reduction: str = "mean"
    delta: float = Field(default=1.0, gt=0)
    decay_bias: bool = True
    reported: float | list[float] | None = None
    reported_rtol: float | None = None
    activation: str = "relu"
    slope: float | None = None
    layout: str | None = None


def read_network(path: Path, document: Json, reader: Reader) -> tuple[Judged, Epsilon, list[Path]]:
    """Return the problem and the factors of a network, epsilon, and the files that were read.

    Raises InputError, naming the file and the key, for anything that is wrong.
    """
    if extra := sorted(set(document) & TOLD):
        raise InputError(f"{path}: [network] is the whole problem: leave {', '.join(extra)} out")
    top = validate(Top, document, path, "")
    table = validate(Table, top.network, path, "network")
    model = path.parent / table.model
    X, y = (reader.read(x, f"network.{k}") for k, x in (("X", table.X), ("y", table.y)))
    given: dict[str, Any] = {
        "loss": NamedLoss(table.loss, table.reduction, table.delta),
        "weight_decay": table.weight_decay,
        "decay_bias": table.decay_bias,
        "reported": table.reported,
        "reported_rtol": table.reported_rtol,
    }
    return (
        judge(model, X, y, (table, given)),
        validate(Epsilon, top.epsilon, path, "epsilon"),
        named_files(path, document, reader),
    )


def named_files(path: Path, document: Json, reader: Reader) -> list[Path]:
    """Return the files that a [network] names."""
    top = validate(Top, document, path, "")
    table = validate(Table, top.network, path, "network")
    arrays = [reader.path(x) for x in (table.X, table.y) if x.file]
    return [path.parent / table.model, *arrays]


def judge(model: Path, X: Any, y: Any, settings: tuple[Table, dict[str, Any]]) -> Judged:
    """Read the weights by the file's kind."""
    table, given = settings
    options = {k: getattr(table, k) for k in ("activation", "slope", "layout")}
    kind = model.suffix.lower()
    if kind == ".onnx":
        if extra := [k for k in options if k in table.model_fields_set]:
            raise InputError(
                f"network.{extra[0]} is already defined by the ONNX graph {model}: remove it"
            )
        return onnx.from_model(model, X, y, **given)
    if kind != ".safetensors":
        raise InputError(f"network.model must end in {' or '.join(KINDS)}, got {model}")
    return torch.from_model(model, X, y, **given, **options)
