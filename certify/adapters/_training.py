"""Training objectives of PyTorch: a loss, its mean or sum, and weight decay."""

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from types import FunctionType
from typing import Any

import numpy as np

from certify.base.arrays import Array, accept_word, finite, from_torch, real, scalar, short
from certify.base.errors import InputError, OutOfScopeError
from certify.losses import Absolute, Huber, Logistic, Loss, Softmax, Squared
from certify.pipeline.units import Units

from ._fitted import AGREE, MARGIN
from ._network import PAIR, Decay, Judged, Weights, problem_of_network, targets

Reported = float | Sequence[float] | None
REDUCTIONS = ("mean", "sum")
PAIRS = 10_000_000  # the most pairs of outputs and targets that are formed (80 MB)
CURES = {
    "BCELoss": "leave the sigmoid out and use BCEWithLogitsLoss",
    "NLLLoss": "leave the log_softmax out and use CrossEntropyLoss",
}


@dataclass(frozen=True)
class TorchLoss:
    """How a loss of torch.nn is read.

    module      its name in torch.nn             make    our loss of Y, weights, and delta or beta
    ratio       our loss in units of this one: a number, or None for delta
    weights     its setting with a number for each output; by default it has none
    defaults    settings that must have their defaults
    broadcasts  whether outputs (n, 1) and targets (n,) become n x n differences
    labels      whether its weights are those of labels 1; else of classes
    by_rows     whether y may hold classes, and the mean is over rows
    """

    module: str
    make: Callable[[Array, Array | None, float], Loss]
    ratio: float | None = 1.0
    weights: str = ""
    defaults: tuple[str, ...] = ()
    broadcasts: bool = True
    labels: bool = False
    by_rows: bool = False


LOSSES = {
    "mse": TorchLoss("MSELoss", lambda Y, scale, _: Squared(Y, scale), 0.5),
    "l1": TorchLoss("L1Loss", lambda Y, scale, _: Absolute(Y, scale)),
    "huber": TorchLoss("HuberLoss", lambda Y, scale, delta: Huber(Y, delta, scale)),
    "smooth_l1": TorchLoss("SmoothL1Loss", lambda Y, scale, beta: Huber(Y, beta, scale), None),
    "bce": TorchLoss(
        "BCEWithLogitsLoss",
        lambda Y, scale, _: Logistic(Y, scale),
        weights="pos_weight",
        defaults=("weight",),
        broadcasts=False,
        labels=True,
    ),
    "cross_entropy": TorchLoss(
        "CrossEntropyLoss",
        lambda Y, scale, _: Softmax(Y, scale),
        weights="weight",
        defaults=("label_smoothing",),
        broadcasts=False,
        by_rows=True,
    ),
}
MODULES = {kind.module: name for name, kind in LOSSES.items()}


@dataclass(frozen=True)
class NamedLoss:
    """A loss by name, averaged or summed.

    name        "mse" |f - y|^2, "l1" |f - y|, "huber" (delta), "smooth_l1" (huber / delta), "bce"
                of logits f and labels 0 and 1, "cross_entropy" of logits f and classes
    reduction   "mean": over all n K numbers, of "cross_entropy" over the n rows; or "sum"
    weights     None, or (K,): of "bce" that of a label 1, of "cross_entropy" that of each class
    """

    name: str
    reduction: str = "mean"
    delta: float = 1.0
    weights: Array | None = None

    def __post_init__(self) -> None:
        """Refuse unknown names."""
        accept_word(self.name, "loss", tuple(LOSSES))
        accept_word(self.reduction, "reduction", REDUCTIONS)

    @property
    def kind(self) -> TorchLoss:
        """How it is read."""
        return LOSSES[self.name]

    def read(self, y: Array, outputs: int) -> tuple[Loss, float]:
        """Return the loss that is judged, and its ratio to this one.

        The mean of "cross_entropy" is that with its weights where y holds classes, and divides by
        n where y holds rows.
        """
        Y = hot(y, outputs) if self.kind.by_rows else targets(y)
        scale = None if self.weights is None else self.scale(Y)
        count = 1.0
        if self.reduction == "mean":
            rows = len(Y) if scale is None or Y is y else float(scale.sum())
            count = rows if self.kind.by_rows else Y.size
        ratio = self.delta if self.kind.ratio is None else self.kind.ratio
        return self.kind.make(Y, scale, self.delta), ratio * count

    def scale(self, Y: Array) -> Array:
        """Return the weight of each row of classes, or of each label.

        Raises InputError unless there is one weight for each output.
        """
        name, labels = self.kind.weights, self.kind.labels
        weights = finite(real(self.weights, name), name)
        if weights.size not in (1, Y.shape[1]) or (weights.size == 1 and not labels):
            wanted = f"{name} must have {Y.shape[1]} numbers, one for each output"
            raise InputError(f"{wanted}, got shape {weights.shape}")
        return np.where(Y == 1, weights, 1.0) if labels else np.asarray(Y @ weights)


def hot(y: Array, outputs: int) -> Array:
    """Return classes 0, 1, ... as one-hot rows; rows of several numbers unchanged.

    Raises InputError for a class that has no output.
    """
    if y.ndim == PAIR and y.shape[1] > 1:
        return y
    classes = y.reshape(-1)
    wrong = classes[(classes < 0) | (classes >= outputs) | (classes != np.floor(classes))]
    if wrong.size:
        raise InputError(f"y must hold classes 0..{outputs - 1}, one for an output, got {wrong[0]}")
    return np.asarray(classes[:, None] == np.arange(outputs), dtype=float)


def read_loss(loss: Any, reduction: str) -> NamedLoss:
    """Return a loss that is given by name, as a module of torch.nn, or as a NamedLoss.

    Raises OutOfScopeError, with the name and the cure, for a loss that is not covered; InputError
    for a class or a function.
    """
    if isinstance(loss, NamedLoss):
        return loss
    if isinstance(loss, str):
        return NamedLoss(loss, reduction)
    if isinstance(loss, type | FunctionType):
        wanted = f"one of {', '.join(LOSSES)}, or a module of torch.nn such as MSELoss()"
        raise InputError(f"loss must be {wanted}, got {short(loss)}")
    name = type(loss).__name__
    if name not in MODULES or not type(loss).__module__.startswith("torch.nn."):
        cure = CURES.get(name, f"train with one of {', '.join(MODULES)}")
        raise OutOfScopeError(f"the loss {type(loss).__module__}.{name} is not covered: {cure}")
    key = MODULES[name]
    for setting in LOSSES[key].defaults:
        if (value := getattr(loss, setting, None)) is not None and np.any(from_torch(value) != 0):
            raise OutOfScopeError(f"{name} with {setting} is not covered: train without it")
    if (skipped := getattr(loss, "ignore_index", -1)) >= 0:
        reason = f"{name} with ignore_index={skipped} leaves rows out"
        raise OutOfScopeError(f"{reason}: pass X and y without them, and a loss without it")
    delta = float(getattr(loss, "beta", getattr(loss, "delta", 1.0)))
    if delta == 0 and LOSSES[key].ratio is None:  # SmoothL1Loss is then the absolute loss
        key = "l1"
    weights = from_torch(getattr(loss, LOSSES[key].weights, None))
    return NamedLoss(key, loss.reduction, delta, weights)


@dataclass(frozen=True)
class TrainingProblem:
    """Data, loss and decay, in the units of training.

    decay      that of the loss + 1/2 sum of decay |part|^2
    reported   the loss, without decay, that the training printed, or the last losses of its log
               in order; None: unknown
    within     the relative difference from the last loss that is accepted

    A loop that prints before each step does not print the loss of its last weights.  With a log,
    the loss may therefore differ from the last one by as much as that differs from the one before.
    """

    X: Array
    y: Array
    loss: NamedLoss
    decay: Decay
    reported: Reported = None
    within: float | None = None

    def judge(self, weights: Weights) -> Judged:
        """Return the problem in the units of certify.losses, and its factors:

            multiple (loss + 1/2 sum of decay |part|^2),
            multiple = n K / 2 for "mse", n K beta for "smooth_l1", n for "cross_entropy" (with
            weights their sum over the rows), n K else; summed: 1/2, beta, 1, 1.

        Raises InputError, with both figures, if the loss is not the reported one.
        """
        loss, multiple = self.loss.read(self.y, len(weights.V))
        decay = Decay(*(multiple * x for x in astuple(self.decay)))
        problem, factors = problem_of_network(weights, self.X, loss, decay, Units(multiple))
        if self.reported is not None:
            fit = problem.predict(tuple(factors), factors.q or ())
            rounding = MARGIN * weights.eps * self.X.size**0.5
            factors.note = self.agreeing_note(loss.value(fit) / multiple, fit, rounding)
        return problem, factors

    def agreeing_note(self, mine: float, fit: Array, rounding: float) -> str:
        """Return how the loss of the weights differs from the reported one, "" if they are equal.

        Raises InputError, with both figures, if they do not agree; the message is another one if
        the reported loss is that of all pairs of outputs and targets.
        """
        note, last = self.difference_note(mine, rounding), logged_losses(self.reported)[-1]
        pairs = None if note == "" else self.loss_of_pairs(fit)
        if (
            pairs is not None
            and abs(pairs - last) < abs(mine - last)
            and self.difference_note(pairs, rounding) is not None
        ):
            n = len(fit)
            raise InputError(
                f"training reports the loss {last:.10g}, which is that of all {n} x {n} pairs of "
                f"outputs and targets: PyTorch broadcasts {(n, 1)} and {(n,)} to them; train with "
                "y[:, None] and outputs of the same shape"
            )
        if note is not None:
            return note
        cure = (
            "pass the X and y of the training, and its loss without decay; one printed before the "
            "last step is accepted beside the one before it, reported=[before, last], or within "
            "reported_rtol="
        )
        message = f"training reports the loss {last:.10g}, but these weights on X and y"
        raise InputError(f"{message} give {mine:.10g}: {cure}")

    def difference_note(self, mine: float, rounding: float) -> str | None:
        """Return how a loss differs from the reported one: "" if not, None if too much."""
        log, within = logged_losses(self.reported), self.within
        if within is not None:
            within = scalar(within, "reported_rtol", zero=True)
        last, size = log[-1], abs(mine) + 1e-300
        if abs(mine - last) <= max(AGREE, rounding) * size:
            return ""
        message = f"training printed the loss {last:.8g}, these weights have {mine:.8g}"
        if len(log) > 1 and abs(mine - last) <= abs(last - log[-2]):
            return f"{message}: it was printed before the last step"
        if within is not None and abs(mine - last) <= within * size:
            return f"{message}: within reported_rtol = {within:g}"
        return None

    def loss_of_pairs(self, fit: Array) -> float | None:
        """Return the mean loss of all pairs of an output f (n, 1) and a target y (n,).

        None if the loss does not broadcast them, or for more than PAIRS pairs.
        """
        n = len(fit)
        if not self.broadcasts(fit.shape[1]) or n * n > PAIRS:
            return None
        loss, multiple = self.loss.read(np.tile(self.y.reshape(1, n), (n, 1)), n)
        return loss.value(np.tile(fit, (1, n))) / multiple

    def broadcasts(self, outputs: int) -> bool:
        """Whether PyTorch broadcasts outputs (n, 1) and targets (n,) to n x n differences."""
        return self.loss.kind.broadcasts and outputs == 1 < len(self.y)

    def demand_alike(self, weights: Weights) -> None:
        """Raise InputError for outputs (n, 1) and targets (n,), unless a loss is reported.

        If the outputs are a vector (n,), targets must be so, too.
        """
        flat, outputs = weights.flat, len(weights.V)
        if self.y.ndim != 1 + flat or self.reported is not None or not self.broadcasts(outputs):
            return
        n = len(self.y)
        got, wanted = ((n, 1), "y[:, 0]") if flat else ((n,), "y[:, None]")
        mine, form = ((n,), "a vector") if flat else ((n, 1), "a column")
        other = "if the outputs were squeezed, or another library trained them"
        cure = "" if flat else f"; {other}, pass {wanted}, or reported="
        raise InputError(
            f"y must be {form}, {wanted}, got shape {got}: with outputs {mine} PyTorch trains on "
            f"all {n} x {n} differences. If this happened, train again with {wanted}{cure}"
        )


def logged_losses(reported: Reported) -> list[float]:
    """Return the reported losses, which may be tensors of torch.

    Raises InputError for anything but numbers.
    """
    given = from_torch(reported, "reported")
    given = np.atleast_1d(given) if isinstance(given, np.ndarray) else given
    listed = list(given) if isinstance(given, Sequence | np.ndarray) else [given]
    listed = [from_torch(x, "reported") for x in listed]
    if not listed:
        raise InputError("reported must be a loss or a list of losses, got none")
    losses: list[float] = finite(real(listed, "reported", ndim=1), "reported").tolist()
    return losses


def data(X: Any, y: Any) -> tuple[Array, Array]:
    """Return X (n, d) and y (n,) or (n, outputs), finite; raise InputError for other shapes."""
    features = finite(real(X, "X"), "X")
    if features.ndim != PAIR:
        flat = f"X.reshape({len(features)}, -1)" if features.ndim > PAIR else "X[:, None]"
        cure = f": pass {flat}" if features.ndim else ""
        raise InputError(f"X must have 2 dimensions, got shape {features.shape}{cure}")
    labels = finite(real(y, "y"), "y")
    if not features.size or labels.ndim not in (1, PAIR) or len(labels) != len(features):
        wanted = "(n, d) and (n,) or (n, outputs)"
        raise InputError(f"X and y must be {wanted}, got {features.shape} and {labels.shape}")
    return features, labels


def read_decay(weight_decay: Any, *, biases: bool) -> Decay:
    """Return the decay given by a number, or one for each layer."""
    if weight_decay is None:
        raise InputError("give weight_decay, or the optimizer it was trained with")
    pair = weight_decay if isinstance(weight_decay, tuple | list) else (weight_decay,) * 2
    if len(pair) != PAIR:
        raise InputError(f"weight_decay must be a number or a pair, got {len(pair)} numbers")
    a, b = (scalar(x, "weight_decay", zero=True) for x in pair)
    return Decay(a, b, *((a, b) if biases else (0.0, 0.0)))
