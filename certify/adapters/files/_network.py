"""A trained network in problem.toml: a table with its weights, data, loss and decay.

    [network]
    model = "net.safetensors"        # or "net.onnx"
    X = "X.npy"
    y = "y.npy"
    loss = "mse"                     # "l1", "huber", "smooth_l1" (delta), "bce", "cross_entropy"
    weight_decay = 0.01              # or [hidden layer, output layer]

It replaces lam and the tables data, loss, atom, offsets and factors.
Optional: reduction = "sum", decay_bias = false, reported (the loss that the training printed, or
the last losses of its log, [before, last]), reported_rtol (its accepted relative difference), and,
for a .safetensors file, activation, slope and layout = "sklearn".

For networks of scikit-learn, save coefs_[k] and intercepts_[k] as k.weight and k.bias, and set
reduction = "sum", decay_bias = false and weight_decay = alpha, or 2 alpha for an MLPRegressor.
With batches of b_j of the n rows, multiply weight_decay by n mean 1 / b_j.
"""

from pathlib import Path
from typing import Any

from pydantic import Field

from certify.adapters import onnx, torch
from certify.adapters._network import Judged
from certify.adapters._training import NamedLoss
from certify.base.errors import InputError
from certify.base.files import demand_regular

from ._schema import Epsilon, Json, validate
from ._source import Reader, Ref, Strict

KINDS = (".safetensors", ".onnx")
REPLACED = {"lam", "data", "loss", "atom", "offsets", "factors"}  # by the table of a network
LAYER = ("activation", "slope", "layout")  # what an ONNX graph contains, but a state dict does not


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

    Raises InputError, with the file and the key, for anything that is wrong.
    """
    if extra := sorted(set(document) & REPLACED):
        raise InputError(f"{path}: [network] is the whole problem: leave {', '.join(extra)} out")
    top = validate(Top, document, path, "")
    table = validate(Table, top.network, path, "network")
    X, y = (reader.read(x, f"network.{k}") for k, x in (("X", table.X), ("y", table.y)))
    judged = judge(path.parent / table.model, X, y, table)
    epsilon = validate(Epsilon, top.epsilon, path, "epsilon")
    return judged, epsilon, named_files(path, document, reader)


def named_files(path: Path, document: Json, reader: Reader) -> list[Path]:
    """Return the files that a [network] names."""
    table = validate(Table, validate(Top, document, path, "").network, path, "network")
    arrays = [reader.path(x) for x in (table.X, table.y) if x.file]
    return [path.parent / table.model, *arrays]


def judge(model: Path, X: Any, y: Any, table: Table) -> Judged:
    """Return the problem and the factors of the network in a file."""
    shared = ("weight_decay", "decay_bias", "reported", "reported_rtol")
    given: dict[str, Any] = {k: getattr(table, k) for k in shared}
    given["loss"] = NamedLoss(table.loss, table.reduction, table.delta)
    kind = model.suffix.lower()
    if kind not in KINDS:
        raise InputError(f"network.model must end in {' or '.join(KINDS)}, got {model}")
    demand_regular(model)
    if kind == ".safetensors":
        return torch.from_model(model, X, y, **given, **{k: getattr(table, k) for k in LAYER})
    if extra := [k for k in LAYER if k in table.model_fields_set]:
        message = f"network.{extra[0]} is already defined by the ONNX graph"
        raise InputError(f"{message} {model}: remove it")
    return onnx.from_model(model, X, y, **given)
