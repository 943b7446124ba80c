"""Networks that libraries trained on real data, each saved as files beside a problem.toml."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper, save
from safetensors.numpy import save_file
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

Array = np.ndarray
PART, SOME = 60, 100  # rows of the smaller regression and classification
CONSTANT = 7  # the diabetes feature that is a ratio of two others, left out of the part
PLANE = 2  # principal components of the classification


@dataclass(frozen=True)
class Data:
    """X and y with a name."""

    name: str
    X: Array
    y: Array


@dataclass(frozen=True)
class Case:
    """A question about a network: its data and units, epsilon, and seconds of search."""

    name: str
    data: Data
    units: int
    rtol: float = 1e-2
    budget: float = 60.0


def standard(a: Array) -> Array:
    """Return columns of mean 0 and deviation 1."""
    return (a - a.mean(axis=0)) / a.std(axis=0)


def diabetes(rows: int | None = None) -> Data:
    """Return the patients, or the first rows of a permutation without one feature."""
    X, y = load_diabetes(return_X_y=True)
    if rows is None:
        return Data("diabetes 442 x 10", standard(X), standard(y))
    kept = np.random.default_rng(0).permutation(len(X))[:rows]
    X = np.delete(X[kept], CONSTANT, axis=1)
    return Data(f"diabetes {rows} x {X.shape[1]}", standard(X), standard(y[kept]))


def cancer(rows: int | None = None) -> Data:
    """Return the first two principal components of 30 standardized features (63 % of them)."""
    X, y = load_breast_cancer(return_X_y=True)
    U, sizes, _ = np.linalg.svd(standard(X), full_matrices=False)
    X = standard(U[:, :PLANE] * sizes[:PLANE])
    kept = np.random.default_rng(0).permutation(len(X))[:rows]
    return Data(f"breast cancer {len(kept)} x {PLANE}", X[kept], y[kept])


def fitted(kind: type, data: Data, units: int, alpha: float, **given: object):  # noqa: ANN201  kind's
    """Fit one of scikit-learn's networks by L-BFGS, from one start, until nothing moves."""
    plain = {"max_iter": 20_000, "max_fun": 10**6, "tol": 1e-10, "random_state": 0}
    model = kind(hidden_layer_sizes=(units,), solver="lbfgs", alpha=alpha, **(plain | given))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(data.X, data.y)


def regressor(data: Data, units: int, alpha: float, **given: object) -> MLPRegressor:
    """Fit 1/(2 n) |f - y|^2 + alpha/(2 n) |weights|^2."""
    return fitted(MLPRegressor, data, units, alpha, **given)


def classifier(data: Data, units: int, alpha: float, **given: object) -> MLPClassifier:
    """Fit the mean log loss + alpha/(2 n) |weights|^2."""
    return fitted(MLPClassifier, data, units, alpha, **given)


def torch_network(data: Data, units: int, decay: float, steps: int) -> torch.nn.Sequential:
    """Train Linear, ReLU, Linear in single precision by Adam on all rows, steps getting short."""
    torch.manual_seed(0)
    X, y = (torch.tensor(a, dtype=torch.float32) for a in (data.X, data.y[:, None]))
    net = torch.nn.Sequential(
        torch.nn.Linear(X.shape[1], units), torch.nn.ReLU(), torch.nn.Linear(units, 1)
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01, weight_decay=decay)
    shorter = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(net(X), y).backward()
        optimizer.step()
        shorter.step()
    return net


def sklearn_files(case: Case, model: MLPRegressor | MLPClassifier, folder: Path) -> Path:
    """Save the weights, and a table that says how they were trained; return its path."""
    arrays = zip(model.coefs_, model.intercepts_, strict=True)
    state = {}
    for k, (weight, bias) in enumerate(arrays):
        state |= {f"{k}.weight": weight, f"{k}.bias": bias}
    save_file({k: np.ascontiguousarray(a) for k, a in state.items()}, folder / "net.safetensors")
    squared = isinstance(model, MLPRegressor)
    loss, decay = ("mse", 2 * model.alpha) if squared else ("bce", model.alpha)
    lines = (
        f'model = "net.safetensors"\nloss = "{loss}"\nreduction = "sum"\n'
        f'weight_decay = {decay!r}\ndecay_bias = false\nlayout = "sklearn"\n'
    )
    return written(case, lines, folder)


def torch_files(case: Case, net: torch.nn.Sequential, decay: float, file: Path) -> Path:
    """Save the weights in a .safetensors or an .onnx file, and a table beside it."""
    state = {k: p.detach().numpy() for k, p in net.state_dict().items()}
    if file.suffix == ".onnx":
        save(graph(state), file)
    else:
        save_file(state, file)
    lines = f'model = "{file.name}"\nloss = "mse"\nweight_decay = {decay!r}\n'
    return written(case, lines, file.parent)


def graph(state: dict[str, Array]):  # noqa: ANN201  onnx's model
    """Return x -> Gemm, Relu, Gemm -> y."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", None]) for name in "xy")
    nodes = [
        helper.make_node("Gemm", ["x", "0.weight", "0.bias"], ["h"], transB=1),
        helper.make_node("Relu", ["h"], ["a"]),
        helper.make_node("Gemm", ["a", "2.weight", "2.bias"], ["y"], transB=1),
    ]
    weights = [numpy_helper.from_array(a, name) for name, a in state.items()]
    made = helper.make_graph(nodes, "net", [x], [y], initializer=weights)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def written(case: Case, lines: str, folder: Path) -> Path:
    """Save X, y (classes as 0 and 1) and problem.toml; return its path."""
    np.save(folder / "X.npy", case.data.X)
    np.save(folder / "y.npy", np.asarray(case.data.y, dtype=float))
    file = folder / "problem.toml"
    file.write_text(
        f'[network]\n{lines}X = "X.npy"\ny = "y.npy"\n\n[epsilon]\nrtol = {case.rtol!r}\n'
    )
    return file
