"""Networks with one hidden layer: the problem of their weights, data, loss and decay."""

from dataclasses import dataclass

import numpy as np

from certify.atoms import ReLU
from certify.base.arrays import Array, finite, short
from certify.base.errors import InputError, OutOfScopeError
from certify.losses import Loss
from certify.offsets import ColumnIntercept, Offset
from certify.pipeline.units import Units
from certify.problem import Problem

from ._fitted import Factors

PAIR = 2  # layers of weights that the theory covers


class Network(Factors):
    """(U, V) of a network, one column for each hidden unit, and the value q of its output bias.

    U         (d, r), with one row more for a hidden bias          V   (outputs, r)
    units     the loss of the training: result.lower / factors.multiple is a bound of it, less
              factors.constant / factors.multiple
    scale     U = scale times the trained hidden weights, V = the output weights / scale
    bias      whether the last row of U is a hidden bias
    """

    scale: float = 1.0
    bias: bool = False


Judged = tuple[Problem, Network]


@dataclass(frozen=True)
class Weights:
    """f(x) = V s(U^T x + b) + c.

    U (d, r), V (outputs, r), b (r,) or None, c (outputs,) or None; s as `ReLU` names it
    eps   the unit roundoff of the weights' precision
    flat  whether the one output is a vector (n,), not a column (n, 1)
    """

    U: Array
    V: Array
    b: Array | None = None
    c: Array | None = None
    activation: str = "relu"
    slope: float | None = None
    eps: float = float(np.finfo(np.float64).eps)
    flat: bool = False


@dataclass(frozen=True)
class Decay:
    """The penalty 1/2 sum of decay |part|^2 of each part of the weights."""

    hidden: float
    output: float
    hidden_bias: float = 0.0
    output_bias: float = 0.0


def problem_of_network(
    weights: Weights, X: Array, loss: Loss, decay: Decay, units: Units
) -> Judged:
    """Return the problem of a network, in the judged units, and its factors:

        l(Z) + a/2 |U|^2 + e/2 |V|^2 + a'/2 |b|^2 + e'/2 |c|^2
            = l(Z) + lam sum 1/2 (|u|^2 + |v|^2) + H(c),
        lam = sqrt(a e),  u = t U,  v = V / t,  t = (a / e)^(1/4).

    A hidden bias that decays like the weights is the weight of a column of ones; one that does not
    decay is free.  A free bias makes constant units free of penalty, so c must not decay then.
    Without any decay lam = 0 and t = 1: networks with as many units are compared.

    Raises OutOfScopeError, with the cure, for decays that are not of this form.
    """
    demand_shapes(weights, X, loss)
    demand_decay(decay)
    bias = bias_kind(weights, decay)
    t = (decay.hidden / decay.output) ** 0.25 if decay.output else 1.0
    lam = decay.hidden if decay.hidden == decay.output else (decay.hidden * decay.output) ** 0.5
    atom = ReLU(X, bias=bias, activation=weights.activation, slope=weights.slope, form="sum")
    U = weights.U if weights.b is None else np.vstack([weights.U, weights.b])
    offsets: tuple[Offset, ...] = ()
    q = None
    if weights.c is not None:
        offsets, q = (ColumnIntercept(decay.output_bias),), (weights.c,)
    network = Network(U * t, weights.V / t, q, units=units, scale=t, bias=weights.b is not None)
    return Problem(loss, atom, lam, offsets), network


def demand_shapes(weights: Weights, X: Array, loss: Loss) -> None:
    """Raise InputError unless the weights are finite and have the shapes of data and targets."""
    names = ("hidden weights", "output weights", "hidden bias", "output bias")
    for name, a in zip(names, (weights.U, weights.V, weights.b, weights.c), strict=True):
        if a is not None:
            finite(a, name)
    d, outputs = X.shape[1], loss.shape[1]
    if len(weights.U) != d:
        raise InputError(f"X must have {len(weights.U)} features, as in the fit, got {d}")
    if len(weights.V) != outputs:
        raise InputError(f"y must have {len(weights.V)} outputs, as in the fit, got {outputs}")
    if len(X) != loss.shape[0]:
        got = f"{len(X)} and {loss.shape[0]}"
        raise InputError(f"X and y must have the same number of rows, got {got}")


def demand_decay(decay: Decay) -> None:
    """Raise OutOfScopeError if one layer alone decays: there is no minimizer then."""
    for name, value in (("hidden", decay.hidden), ("output", decay.output)):
        if not 0 <= value < np.inf:
            raise InputError(f"the decay of the {name} weights must be >= 0, got {short(value)}")
        if value == 0 and decay.hidden + decay.output > 0:
            why = f"the {name} weights alone have no decay, so rescaling a unit removes the penalty"
            raise OutOfScopeError(f"{why}: train with a positive decay of both layers, or of none")


def bias_kind(weights: Weights, decay: Decay) -> str:
    """Return the kind of hidden bias, as `ReLU` names it."""
    if weights.b is None:
        return "none"
    if decay.hidden_bias == decay.hidden:
        return "regularized"
    if decay.hidden_bias != 0:
        reason = "a hidden bias whose decay differs from that of its weights is not covered"
        raise OutOfScopeError(f"{reason}: let it decay like the hidden weights, or not at all")
    if weights.c is None or decay.output_bias != 0:
        lack = "no output bias" if weights.c is None else "an output bias that decays"
        reason = "without decay of the hidden bias a constant unit has no penalty"
        cure = "let the hidden bias decay, or train an output bias without decay"
        raise OutOfScopeError(f"{reason}, so a network with {lack} is not covered: {cure}")
    return "free"


def deep(name: str, layers: int) -> OutOfScopeError:
    """Return the error for a network that does not have two layers of weights."""
    if layers < PAIR:
        reason = "has no hidden layer, so its training problem is convex"
        return OutOfScopeError(f"{name} {reason}: any convex solver's answer is global")
    reason = f"has {layers} layers of weights: weight decay has degree 2 and their product degree"
    why = f"{reason} {layers}, so 0 is always a local minimum and adding units proves nothing"
    penalty = f"the product of their layers' norms or the sum of the {layers}-th powers"
    cure = f"train one hidden layer, or parallel networks penalized by {penalty} (DeepReLU)"
    return OutOfScopeError(f"{name} {why}: {cure}")


def targets(y: Array) -> Array:
    """Return y with its outputs as columns."""
    return y[:, None] if y.ndim == 1 else y
