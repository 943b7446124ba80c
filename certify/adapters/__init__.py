"""Fitted models of other libraries, each read as a Problem and its factors.

One module a library; it imports that library only when it is called.

    from certify.adapters.sklearn import from_model
    problem, factors = from_model(estimator, X)
    check(problem, factors, q=factors.q)

`from_model` of this package picks the module by the model's own class.
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
    X, y      the data it was trained on, as its own `fit` takes them
    keywords  further arguments of that library's adapter: see certify.adapters.sklearn,
              .tensorly, .torch and .onnx

    Raises InputError for a model of another library, or a network without y; then what the
    adapter raises.
    """
    name = library_of(model)
    if y is None and name in NETWORKS:
        raise InputError("y must be given for a network: the targets it was trained on")
    module = import_module(f"{__name__}.{name}")
    data = (X,) if y is None else (X, y)
    return module.from_model(model, *data, **keywords)


def library_of(model: object) -> str:
    """Return the module that reads a model, by the class or its bases, or the file's name."""
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
    for kind in type(model).__mro__:
        name = kind.__module__.partition(".")[0]
        if name in names(__name__):  # a module here is named like the library it reads
            return name
    known = "scikit-learn, TensorLy, PyTorch or an .onnx file"
    raise InputError(f"model must be of {known}, got {type(model).__name__}: see certify.adapters")
