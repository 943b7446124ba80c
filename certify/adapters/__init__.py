"""Fitted models of other libraries, read as a Problem and its factors.

There is one module for each library, which imports the library only when it is called.

    from certify.adapters.sklearn import from_model
    problem, factors = from_model(estimator, X)
    check(problem, factors, q=factors.q)

`from_model` of this package chooses the module by the class of the model.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from certify.base.arrays import short
from certify.base.errors import InputError
from certify.base.registry import names

NETWORKS = ("torch", "onnx")


def from_model(model: Any, X: Any, y: Any = None, **keywords: Any) -> Any:
    """Return (problem, factors) of a model that another library trained on X (and y).

        check(problem, factors, q=factors.q)

    model     an estimator of scikit-learn, a decomposition of TensorLy (also a CPTensor or
              (weights, factors)), a module of PyTorch or its state dict, or the path of an .onnx
              or .safetensors file
    X, y      the data it was trained on, as its `fit` takes them
    keywords  further arguments of that library's adapter: see certify.adapters.sklearn,
              .tensorly, .torch and .onnx

    Raises InputError for a model of another library, for a network without y, and as the adapter.
    """
    name = library_of(model)
    if y is None and name in NETWORKS:
        raise InputError("y must be given for a network: the targets it was trained on")
    module = import_module(f"{__name__}.{name}")
    data = (X,) if y is None else (X, y)
    return module.from_model(model, *data, **keywords)


def library_of(model: object) -> str:
    """Return the name of the module that reads a model, by its class or its file's name."""
    if isinstance(model, str | Path):
        kinds = {".onnx": "onnx", ".safetensors": "torch", ".pt": "torch", ".pth": "torch"}
        name = kinds.get(Path(model).suffix)
        if name is None:
            raise InputError(f"a model's file must be .onnx or .safetensors, got {short(model)}")
        return name
    if isinstance(model, Mapping) and any(str(k).endswith(".weight") for k in model):
        return "torch"  # a state dict
    if type(model) in (tuple, list):  # a named tuple belongs to the library that defines it
        return "tensorly"  # (weights, factors)
    if isinstance(model, type):
        raise InputError(f"model must be a fitted one, got the class {model.__name__}")
    for kind in type(model).__mro__:
        name = kind.__module__.partition(".")[0]
        if is_adapter(name):
            return name
    known = "scikit-learn, TensorLy, PyTorch or an .onnx file"
    raise InputError(f"model must be of {known}, got {type(model).__name__}; see certify.adapters")


def is_adapter(name: str) -> bool:
    """Whether a module of this package is an adapter: its own from_model reads that library."""
    if name not in names(__name__):
        return False
    reader = getattr(import_module(f"{__name__}.{name}"), "from_model", from_model)
    return reader is not from_model
