"""PyTorch networks with one hidden layer: the problem that training with weight decay solved.

from certify.adapters.torch import from_model
problem, factors = from_model(model, X, y, loss=loss, optimizer=optimizer)
result = check(problem, factors, q=factors.q)
result.lower / factors.multiple          # a bound of the training objective
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.base.errors import InputError, OutOfScopeError
from certify.base.extras import optional
from certify.pipeline.origin import Origin

from ._network import PAIR, Decay, Judged, Network, Weights
from ._training import Reported, TrainingProblem, data, read_decay, read_loss
from ._weights import (
    Oriented,
    join_layers,
    layers,
    orient,
    precision,
    read_safetensors,
    unsupported_part,
)

__all__ = ["from_model", "state_dict"]

COUPLED = (  # optimizers whose weight_decay (and the lambd of ASGD) adds decay times p
    *("SGD", "Adam", "Adadelta", "Adagrad", "Adamax", "ASGD", "NAdam", "RAdam", "RMSprop", "Rprop"),
    "LBFGS",
)
DECOUPLED = "AdamW"  # it is Adam if its decay is 0
CURE = "train with SGD or Adam(weight_decay=...), or name an L2 objective with weight_decay="
DROPOUTS = ("Dropout", "Dropout1d", "AlphaDropout", "FeatureAlphaDropout")
ACTIVATIONS = {"ReLU": "relu", "LeakyReLU": "leaky_relu"}


def from_model(  # noqa: PLR0913  the settings of a training
    model: Any,
    X: Any,
    y: Any,
    *,
    loss: Any = "mse",
    weight_decay: float | tuple[float, float] | None = None,
    optimizer: Any = None,
    decay_bias: bool = True,
    reduction: str = "mean",
    activation: str = "relu",
    slope: float | None = None,
    layout: str | None = None,
    reported: Reported = None,
    reported_rtol: float | None = None,
) -> Judged:
    """Return the problem of a trained network on X (n, d) and y, and its factors (U, V):

        loss(f(X), y) + 1/2 sum over the parameters of decay |p|^2,

    multiplied by `factors.multiple`: n K / 2 for MSELoss (a mean over n rows and K outputs), n for
    CrossEntropyLoss (the sum of the weights of the rows' classes if it has a weight), n K beta for
    SmoothL1Loss, n K for the others.  lam = multiple decay.

    model         Sequential(Linear, ReLU | LeakyReLU | Identity, Linear), with biases or
                  without, among modules that change nothing (Identity, Dropout(0), Flatten and
                  Unflatten of rows), the last of which may be Flatten(0), of one output; or a
                  state dict; or the path of a .safetensors file
    loss          "mse", "l1", "huber", "smooth_l1", "bce", "cross_entropy", or the module of
                  torch.nn (the way to another delta or beta than 1, to pos_weight and weight)
    reduction     "mean" or "sum", of a loss by name
    weight_decay  one number, or (hidden layer, output layer); for a *summed* loss over J batches
                  in an epoch, J times the optimizer's; or instead
    optimizer     the optimizer of the training, which has the decay of each parameter
    decay_bias    whether the biases decay with their layers, as by default in torch
    activation, slope   as in `ReLU`; a state dict does not contain them
    layout        "torch" or "sklearn": the layout of a state dict's weights, if their shapes do not
                  determine it
    reported      the loss without decay that the training printed, to be compared with that on
                  X, y; or the last losses of its log, in order: then the loss before the last step
                  is accepted too, and `factors.note` says which it was
    reported_rtol   the relative difference that is accepted

    A hidden bias that decays is the weight of a column of ones; an output bias that decays
    is an offset with a ridge.  Weights in half or single precision are exact numbers.
    PyTorch broadcasts f (n, 1) and y (n,) to n x n differences in MSELoss, L1Loss, HuberLoss and
    SmoothL1Loss, which is another objective.  So y (n,) is refused for them unless reported=
    agrees, and so is a reported loss of all pairs.  Pass y[:, None] only if outputs and targets had
    the same shape in training.  Behind Flatten(0) the outputs are (n,), and y must be so, too.

    Raises OutOfScopeError, with the name and the cure, for the decay of AdamW and of others
    that decouple it, for decay of one layer alone, and for other modules, losses or depths;
    InputError for weights, X and y that do not fit each other.
    """
    features, labels = data(X, y)
    criterion = read_loss(loss, reduction)
    is_state = isinstance(model, str | Path | Mapping)
    if is_state:
        outputs = labels.shape[1] if labels.ndim > 1 else 1
        known = None if criterion.kind.by_rows and outputs == 1 else outputs
        (hidden, out, layout), eps = read_state(model, (features.shape[1], known), layout)
        weights = join_layers(hidden, out, activation, slope, eps)
    else:
        weights, layout = weights_of(model), "torch"
    decay = decay_of(None if is_state else model, optimizer, weight_decay, biases=decay_bias)
    trained = TrainingProblem(features, labels, criterion, decay, reported, reported_rtol)
    problem, factors = trained.judge(weights)
    if layout == "torch":
        trained.demand_alike(weights)
    if not is_state:
        rebuild = partial(rebuilt_module, (factors.scale, factors.bias))
        factors.origin = Origin(type(model).__name__, None, rebuild)
    return problem, factors


def decay_of(module: Any, optimizer: Any, weight_decay: Any, *, biases: bool) -> Decay:
    """Return the decay given by the caller, or that of the optimizer of a module.

    Raises InputError if both are given or none, or for an optimizer without a module.
    """
    if optimizer is None:
        return read_decay(weight_decay, biases=biases)
    if module is None:
        raise InputError("an optimizer knows a module's parameters, not a state dict's")
    if weight_decay is not None:
        raise InputError("give weight_decay or the optimizer, not both")
    return optimizer_decay(optimizer, linear_layers(module))


def read_state(
    model: str | Path | Mapping[str, Any], sizes: tuple[int, int | None], layout: str | None
) -> tuple[Oriented, float]:
    """Return the hidden and the output layer of a state dict or its file, and their precision.

    sizes   the numbers of features and outputs of the data; None: unknown
    """
    state = model if isinstance(model, Mapping) else read_safetensors(Path(model))
    return orient(layers(state), sizes, layout), max(map(precision, state.values()), default=0.0)


def library() -> Any:
    """Import torch.nn."""
    return optional("torch.nn", "PyTorch", "torch")


def modules_of(model: Any) -> list[Any]:
    """Return the modules of a Sequential in order, nested ones too.

    Raises OutOfScopeError for another class, and for a module with hooks (as of weight_norm and
    prune) or a forward() of its own: what it computes is unknown.
    """
    if type(model) is not library().Sequential:
        name = type(model).__name__
        cure = "pass its state dict, with activation=, if it computes Linear, ReLU, Linear"
        raise OutOfScopeError(f"{name} is not a Sequential, so its forward() is unknown: {cure}")
    for m in (model, *model):
        if m._forward_hooks or m._forward_pre_hooks or "forward" in vars(m):  # noqa: SLF001
            raise unsupported_part(f"a {type(m).__name__} with hooks or a forward() of its own")
    sequence = library().Sequential
    return [m for part in model for m in (modules_of(part) if type(part) is sequence else [part])]


def linear_layers(model: Any) -> list[Any]:
    """Return the linear layers."""
    return [m for m in modules_of(model) if type(m) is library().Linear]


def weights_of(model: Any) -> Weights:
    """Return the weights of Sequential(Linear, activation, Linear).

    Raises OutOfScopeError, with its name, for any other module.
    """
    kinds, between, modules = [], [], modules_of(model)
    flat = bool(modules) and flattens_rows(modules[-1])
    for m in modules[:-1] if flat else modules:
        name = type(m).__name__
        if type(m) is not getattr(library(), name, None):
            raise unsupported_part(f"the module {name}")
        if name == "Linear":
            kinds.append(name)
        elif name in ACTIVATIONS:
            kinds.append("activation")
            between.append(m)
        else:
            demand_identity(m)
    state = {
        f"{k}.{part}": x
        for k, m in enumerate(linear_layers(model))
        for part, x in (("weight", m.weight), ("bias", m.bias))
        if x is not None
    }
    stack = layers(state)
    orders = ["Linear", "activation", "Linear"], ["Linear", "Linear"]
    if len(stack) == PAIR and kinds not in orders:
        raise unsupported_part(f"the order {', '.join(kinds)}")
    places = [x.data_ptr() for x in state.values() if x.numel()]
    if len(set(places)) < len(places):
        raise unsupported_part("one parameter in two places")
    eps = max(map(precision, state.values()), default=0.0)
    hidden, out, _ = orient(stack, ends(stack), "torch")
    if flat and ends(stack)[1] != 1:
        raise unsupported_part("the module Flatten behind several outputs")
    name = ACTIVATIONS[type(between[0]).__name__] if between else "linear"
    slope = float(between[0].negative_slope) if name == "leaky_relu" else None
    return replace(join_layers(hidden, out, name, slope, eps), flat=flat)


def demand_identity(module: Any) -> None:
    """Raise OutOfScopeError, with the reason, for a module that is not the identity in training."""
    name = type(module).__name__
    if name in DROPOUTS and module.p > 0:
        reason = f"{name}(p={module.p:g}) changes the objective in every step of training"
        raise OutOfScopeError(f"{reason}: train without it, or with p=0")
    rows = name == "Flatten" and flattened(module) in ((0, 0), (1, 1))
    rows |= name == "Unflatten" and module.dim in (1, -1) and len(module.unflattened_size) == 1
    if name not in ("Identity", *DROPOUTS) and not rows:
        raise unsupported_part(f"the module {name}")


def flattened(module: Any) -> tuple[int, int]:
    """Return the first and the last dimension, of rows (n, d), that a Flatten makes one.

    One up to a later dimension makes rows of data of more dimensions, which are read flat.
    """
    first, last = (k + 2 if k < 0 else min(k, 1) for k in (module.start_dim, module.end_dim))
    return first, last


def flattens_rows(module: Any) -> bool:
    """Return whether a module makes (n d,) of rows (n, d)."""
    return type(module) is library().Flatten and flattened(module) == (0, 1)


def ends(stack: list[tuple[str, Array, Array | None]]) -> tuple[int, int]:
    """Return the numbers of features and outputs of layers in torch's layout."""
    return (stack[0][1].shape[1], stack[-1][1].shape[0]) if stack else (0, 0)


def optimizer_decay(optimizer: Any, modules: list[Any]) -> Decay:
    """Return the decay of each part of two linear layers in an optimizer.

    ASGD shrinks each parameter by eta lambd beside its step eta: lambd is a decay, too.

    Raises OutOfScopeError, with the cure, for a decay that is not a penalty: p <- (1 - eta wd) p
    with an adaptive step does not minimize loss + wd/2 |p|^2 (AdamW at full batch tends to a
    stationary point of the loss subject to max |p| <= 1 / wd: Xie and Li, 2024).
    """
    name, optim = type(optimizer).__name__, import_module("torch.optim")
    groups = getattr(optimizer, "param_groups", [])
    decayed = [g for g in groups if g.get("weight_decay")]
    if decayed and (name == DECOUPLED or any(g.get("decoupled_weight_decay") for g in decayed)):
        why = "decouples its decay from the gradient, so it does not minimize loss + decay/2 |p|^2"
        raise OutOfScopeError(f"{name} {why}: {CURE}")
    if name not in (*COUPLED, DECOUPLED) or type(optimizer) is not getattr(optim, name, None):
        raise OutOfScopeError(f"the optimizer {name} has no known objective: {CURE}")
    if any(g.get("maximize") for g in groups):
        raise OutOfScopeError(f"{name} with maximize=True is not covered: negate the loss instead")
    rates = [float(g.get("weight_decay", 0.0)) + float(g.get("lambd", 0.0)) for g in groups]
    decay = {id(p): rate for g, rate in zip(groups, rates, strict=True) for p in g["params"]}
    out = []
    for part in ("weight", "bias"):
        for k, m in enumerate(modules):
            p = getattr(m, part)
            if p is not None and not (id(p) in decay and p.requires_grad):
                why = f"the {part} of linear layer {k} is not trained by this {name}"
                raise OutOfScopeError(f"{why}, so only the others can be optimal: {CURE}")
            out.append(0.0 if p is None else decay[id(p)])
    return Decay(*out)


def state_dict(factors: Any, q: Any = None, *, like: Network) -> dict[str, Array]:
    """Return factors as the arrays of a state dict: 0.weight, 0.bias, 2.weight, 2.bias.

        state = state_dict(better.factors, better.q, like=factors)      of improve()
        model.load_state_dict({k: torch.from_numpy(x) for k, x in state.items()})

    For a Sequential, `result.better_model(model)` returns a copy with these units.

    factors   (U, V), as returned by `from_model` and improve()
    q         the offset values of a network with an output bias
    like      the factors of `from_model`, which contain the scale, and whether U has a bias
    """
    return arrays_of((like.scale, like.bias), factors, q)


def arrays_of(form: tuple[float, bool], factors: Any, q: Any) -> dict[str, Array]:
    """Return the arrays of a state dict; form: `scale` and `bias` of the `Network`."""
    scale, bias = form
    U, V = (np.asarray(x) for x in factors)
    U, V = U / scale, V * scale
    out = {"0.weight": (U[:-1] if bias else U).T}
    if bias:
        out["0.bias"] = U[-1]
    out["2.weight"] = V
    if q:
        out["2.bias"] = np.asarray(q[0])
    return {k: np.ascontiguousarray(x) for k, x in out.items()}


def rebuilt_module(form: tuple[float, bool], model: Any, Y: Array, factors: Any, q: Any) -> Any:
    """Return a copy of a Sequential with these hidden units, whatever their number.

    Raises InputError for another network, or one of other data.
    """
    del Y
    state = arrays_of(form, factors, q)
    if type(model) is not library().Sequential or len(linear_layers(model)) != PAIR:
        name = type(model).__name__
        raise InputError(f"estimator must be the Sequential that from_model read, got {name}")
    demand_shape(model, state)
    out = deepcopy(model)
    for name, layer in zip("02", linear_layers(out), strict=True):
        kind = {"dtype": layer.weight.dtype, "device": layer.weight.device}
        layer.out_features, layer.in_features = state[f"{name}.weight"].shape
        for part in ("weight", "bias"):
            if f"{name}.{part}" in state:
                value = import_module("torch").tensor(state[f"{name}.{part}"], **kind)
                setattr(layer, part, library().Parameter(value))
    return out


def demand_shape(model: Any, state: Mapping[str, Array]) -> None:
    """Raise InputError unless a network has the features, outputs and biases of a state dict."""
    hidden, out = linear_layers(model)
    sizes = (
        ("features", hidden.in_features, state["0.weight"].shape[1]),
        ("outputs", out.out_features, len(state["2.weight"])),
        ("biases of hidden units", int(hidden.bias is not None), int("0.bias" in state)),
        ("biases of outputs", int(out.bias is not None), int("2.bias" in state)),
    )
    for what, got, of_data in sizes:
        if got != of_data:
            wanted = f"the network of this result, with {of_data} {what}"
            raise InputError(f"estimator must be {wanted}, got {got}")
