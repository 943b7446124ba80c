"""MLPRegressor and MLPClassifier with one hidden layer: weight decay, biases without decay."""

import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from certify.atoms import Factors
from certify.base.arrays import Array, Ints, finite, real, short
from certify.base.errors import InputError, OutOfScopeError
from certify.losses import Logistic, Loss, Poisson, Softmax, Squared
from certify.pipeline.units import ROUNDED, Units
from certify.problem import Values

from ._fitted import AGREE, MARGIN, demand_agreement, dense
from ._network import PAIR, Decay, Judged, Weights, deep, problem_of_network, targets
from ._rebuilt import demand_features, rebuild_last

ACTIVATIONS = {"relu": "relu", "identity": "linear"}
LOSSES: dict[str, Callable[[Array, Array | None], Loss]] = {  # by out_activation_
    "identity": Squared,
    "exp": Poisson,
    "logistic": Logistic,
    "softmax": lambda Y, w: Softmax(Y, None if w is None else w[:, 0]),
}
OTHER = "the objective whose gradient the fit follows, a mean over rows (not loss_)"
BATCH = 200  # rows, of batch_size="auto"
WINDOW = 10  # epochs whose losses estimate how far an epoch's mean is from the loss at its end
ROWS = "pass rows=, the indices of the rows it trained on (training_rows finds them)"
DATA = "pass the X and y of the fit, and its sample_weight if it had one"


@dataclass(frozen=True)
class FittedMLP:
    """A fitted network and the rows it was trained on.

    labels   the targets as the caller gave them
    shares   sample weights; a row of weight 0 still has a place in its batch
    """

    model: Any
    X: Array
    Y: Array
    labels: Any
    shares: Array | None

    @property
    def name(self) -> str:
        """The estimator's class."""
        return type(self.model).__name__

    @property
    def batches(self) -> Ints:
        """The first row of each batch."""
        return np.arange(0, len(self.X), batch(self.model, len(self.X)))

    @property
    def lengths(self) -> Ints:
        """The number of rows of each batch."""
        return np.diff(np.append(self.batches, len(self.X)))

    @property
    def sizes(self) -> Array:
        """The sum of the sample weights in each batch."""
        return np.add.reduceat(self.each, self.batches)

    @property
    def each(self) -> Array:
        """The sample weights, all 1 if there are none."""
        return np.ones(len(self.X)) if self.shares is None else self.shares

    @property
    def weighted_rows(self) -> npt.NDArray[np.bool_]:
        """Whether the weight of each row is > 0."""
        return self.each > 0

    def loss(self, weights: Array | None) -> Loss:
        """Return the loss of the rows whose sample weight is > 0, with these weights."""
        family, Y = LOSSES[self.model.out_activation_], self.Y[self.weighted_rows]
        if weights is None:
            return family(Y, None)
        return family(Y, np.broadcast_to(weights[self.weighted_rows][:, None], Y.shape).copy())


def mlp(model: Any, X: Any, y: Any, rows: Any, sample_weight: Any) -> Judged:
    """Return S times the objective of a fit to n rows; S is n, or the sum of the weights s:

        sum_i s_i l(f(x_i), y_i) + alpha/2 (|coefs_[0]|^2 + |coefs_[1]|^2),
        f(x) = coefs_[1]^T s(coefs_[0]^T x + intercepts_[0]) + intercepts_[1].

    l is 1/2 |f - y|^2, or e^f - y f (loss="poisson"), or the log-loss of labels: logistic
    for two classes or many labels, softmax for more classes.  The intercepts have no penalty.
    With alpha = 0 only networks with as many units are compared.

    With J batches of weight S_j, a stationary point of adam or sgd has

        lam = alpha S mean_j 1 / S_j      instead of alpha, and rows weighted by S / (J S_j)

    if the batches stay the same; with shuffle=True rows have weight 1.  For K outputs the library
    reports the mean of 1/2 |f - y|^2 over them but uses the gradient of the sum; the sum is
    judged, and the reported figure may be either.  `factors.units` is in terms of loss_ where the
    objective is a multiple of it plus a constant (that of loss="poisson"): where all batches have
    the same length and there is one output, or alpha = 0.
    """
    demand_scope(model)
    trained = read(model, X, y, rows, sample_weight)
    demand_objective(trained)
    averaged = compare_loss(trained)
    weights = Weights(
        U=real(model.coefs_[0], "coefs_[0]", ndim=2),
        V=np.ascontiguousarray(real(model.coefs_[1], "coefs_[1]", ndim=2).T),
        b=real(model.intercepts_[0], "intercepts_[0]", ndim=1),
        c=real(model.intercepts_[1], "intercepts_[1]", ndim=1),
        activation=ACTIVATIONS[model.activation],
    )
    lam, shares = effective(trained)
    X, loss = trained.X[trained.weighted_rows], trained.loss(shares)
    return problem_of_network(
        weights, X, loss, Decay(lam, lam), units_of(trained, shares, averaged)
    )


def units_of(trained: FittedMLP, shares: Array | None, averaged: int) -> Units:
    """Return the units of loss_ or, where the objective is no function of loss_, of itself / S.

    loss_ has a mean over outputs where its gradient is that of the sum; and of batches of different
    lengths it is a mean weighted by the lengths, while each makes one step.

    shares     the weight of each row in the objective; None: all 1
    averaged   the number of outputs over which loss_ has a mean
    """
    model, total = trained.model, float(trained.each.sum())
    alike = len(set(trained.lengths.tolist())) == 1
    if not alike or (averaged > 1 and model.alpha):
        return Units(total, 0.0, OTHER)
    if model.out_activation_ != "exp":
        return Units(total * averaged, 0.0, "loss_")
    weights = np.ones(len(trained.X)) if shares is None else shares
    terms = weights[:, None] * (np.abs(xlogy(trained.Y, trained.Y)) + trained.Y)
    error = ROUNDED * float(terms.sum())
    return Units(total, -left_out(trained, weights), "loss_", error)


def left_out(trained: FittedMLP, shares: Array) -> float:
    """Return sum of s (y ln y - y), which Poisson's loss here leaves out and the library's has."""
    return float((shares[:, None] * (xlogy(trained.Y, trained.Y) - trained.Y)).sum())


def batch(model: Any, n: int) -> int:
    """Return the number of rows in a batch: all of them for lbfgs."""
    if model.solver == "lbfgs":
        return n
    return min(BATCH, n) if model.batch_size == "auto" else int(np.clip(model.batch_size, 1, n))


def effective(trained: FittedMLP) -> tuple[float, Array | None]:
    """Return lam, and the weight of each row (None: all 1)."""
    alpha, sizes = float(trained.model.alpha), trained.sizes
    total = float(trained.each.sum())
    if len(sizes) == 1:
        return alpha, trained.shares
    lam = alpha * total * float((1 / sizes).mean())
    if trained.model.shuffle:
        return lam, None
    return lam, trained.each * total / (len(sizes) * np.repeat(sizes, trained.lengths))


def read(model: Any, X: Any, y: Any, rows: Any, sample_weight: Any) -> FittedMLP:
    """Return the network with the rows it was trained on.

    Raises InputError for wrong shapes, or other rows.
    """
    name = type(model).__name__
    if y is None:
        raise InputError(f"y must be given for {name}: the targets of the fit")
    data = dense(X)
    if data.shape[1] != (d := len(model.coefs_[0])):
        raise InputError(f"X must have {d} features, as in the fit, got shape {data.shape}")
    Y, shares = numeric_targets(model, y), weights_of(sample_weight, len(data))
    if len(Y) != len(data):
        raise InputError(f"X and y must have the same number of rows, got {len(data)} and {len(Y)}")
    kept = row_indices(model, rows, len(data))
    if shares is not None and not shares[kept].any():
        raise InputError("sample_weight must be > 0 for at least one row")
    shares = None if shares is None else shares[kept]
    return FittedMLP(model, data[kept], Y[kept], np.asarray(y)[kept], shares)


def weights_of(sample_weight: Any, n: int) -> Array | None:
    """Return the sample weights."""
    if sample_weight is None:
        return None
    weights = finite(real(sample_weight, "sample_weight", ndim=1), "sample_weight")
    if weights.shape != (n,) or weights.min() < 0 or not weights.any():
        got = f"shape {weights.shape}" if weights.shape != (n,) else f"{weights.min()}"
        raise InputError(f"sample_weight must be {n} numbers >= 0, not all 0, got {got}")
    return weights


def numeric_targets(model: Any, y: Any) -> Array:
    """Return the targets as numbers (n, outputs), labels as 0 and 1.

    Raises InputError for a label that was not in the fit, or another number of outputs.
    """
    outputs, classes = len(model.intercepts_[-1]), getattr(model, "classes_", None)
    given = np.asarray(y)
    if given.ndim == PAIR and given.shape[1] == 1:
        given = given[:, 0]
    if classes is None or given.ndim == PAIR:
        Y = targets(finite(real(given, "y"), "y"))
        if Y.ndim != PAIR or Y.shape[1] != outputs:
            raise InputError(f"y must have {outputs} outputs, as in the fit, got shape {Y.shape}")
        return Y
    if unknown := set(given.tolist()) - set(classes.tolist()):
        listed = ", ".join(map(str, classes))
        raise InputError(f"y must hold the classes {listed}, got {min(map(str, unknown))}")
    if outputs == 1:
        hit = given == classes[1] if len(classes) > 1 else np.zeros(len(given))
        return np.asarray(hit, dtype=float)[:, None]
    return np.asarray(given[:, None] == classes, dtype=float)


def demand_scope(model: Any) -> None:
    """Raise OutOfScopeError, with the cure, for a model that the theory does not cover.

    Raises InputError for an unfitted model.
    """
    name = type(model).__name__
    if not hasattr(model, "coefs_"):
        raise InputError(f"the estimator must be fitted first, got an unfitted {short(model)}")
    if len(model.coefs_) != PAIR:
        raise deep(name, len(model.coefs_))
    if model.activation not in ACTIVATIONS:
        reason = f"activation={model.activation!r} is not positively homogeneous"
        raise OutOfScopeError(f"{name} with {reason}: fit with activation='relu' or 'identity'")
    if model.solver == "lbfgs":
        return
    if not model.warm_start and len(model.loss_curve_) != model.n_iter_:
        reason = "partial_fit makes one step on each batch, so there is no fixed objective"
        raise OutOfScopeError(f"{name} after {reason}: use fit")
    if model.warm_start and model.early_stopping:
        reason = "warm_start and early_stopping may have kept the weights of an earlier fit"
        raise OutOfScopeError(f"{name} with {reason}: fit without one of them")


def demand_objective(trained: FittedMLP) -> None:
    """Raise OutOfScopeError if the training has no fixed objective."""
    if trained.shares is not None and len(trained.batches) > 1 and trained.model.shuffle:
        why = "each batch divides by the weights that it draws, so there is no fixed objective"
        cure = "fit with batch_size of all rows, or shuffle=False"
        raise OutOfScopeError(f"{trained.name} with sample_weight: {why}: {cure}")


def compare_loss(trained: FittedMLP) -> int:
    """Return over how many outputs the reported loss has a mean: 1 if it has their sum.

    Raise InputError, with both figures, if it is not the loss of these weights.

    lbfgs reports the objective at the weights it returns.  adam and sgd report the mean of the
    losses before each step of an epoch; it may differ by MARGIN times the spread of the means of
    the last WINDOW epochs.  With early_stopping the weights are those of the best epoch.  Where
    batches stay the same, the steps of an epoch may repeat, and the spread vanish: then one more
    epoch must report nearly the same.
    """
    model = trained.model
    name, theirs, slack = "loss_", float(model.loss_), 0.0
    if model.solver != "lbfgs":
        epoch = epoch_kept(model)
        name, theirs = f"loss_curve_[{epoch}]", float(model.loss_curve_[epoch])
        near = np.asarray(model.loss_curve_[max(0, epoch - WINDOW) : epoch + 2])
        spread = float(near.max() - near.min()) if len(near) > 1 else abs(theirs)
        slack = MARGIN * spread
    data, paid = figures(trained)
    eps = float(np.finfo(model.coefs_[0].dtype).eps)
    slack += max(AGREE, MARGIN * eps * trained.X.size**0.5) * (abs(theirs) + abs(data) + paid)
    outputs = trained.Y.shape[1] if model.out_activation_ == "identity" else 1
    either = [data / outputs + paid, data + paid]
    if all(abs(x - theirs) > slack for x in either):
        either += next_epoch(trained)
    mine = min(either, key=lambda x: abs(x - theirs))
    demand_agreement(
        trained.name, (name, theirs), (mine, "these weights on this X and y"), DATA, slack
    )
    return 1 if mine == data + paid else outputs


def next_epoch(trained: FittedMLP) -> list[float]:
    """Return the loss that one more epoch reports where batches stay the same, or nothing."""
    model = trained.model
    repeats = len(trained.batches) > 1 and not (model.shuffle or model.early_stopping)
    if not (repeats and hasattr(model, "_optimizer")):
        return []
    more, shares = deepcopy(model), trained.shares
    given = {} if shares is None else {"sample_weight": shares}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # names of features
        more.partial_fit(trained.X.astype(model.coefs_[0].dtype), trained.labels, **given)
    return [float(more.loss_)]


def epoch_kept(model: Any) -> int:
    """Return the epoch whose weights were returned: the last, or the best in validation."""
    if model.early_stopping:
        return int(np.argmax(model.validation_scores_))
    return len(model.loss_curve_) - 1


def figures(trained: FittedMLP) -> tuple[float, float]:
    """Return the parts of the reported loss that are due to the data and to the penalty.

    A batch of b of the n rows has the weight b / n, and a row s_i b / (n S_j), S_j = sum of s_i.
    """
    model, n, lengths, sizes = trained.model, len(trained.X), trained.lengths, trained.sizes
    share = trained.each * np.repeat(lengths / (n * sizes), lengths)
    X = trained.X[trained.weighted_rows]
    z = X @ real(model.coefs_[0], "W") + real(model.intercepts_[0], "b")
    hidden = np.maximum(z, 0.0) if model.activation == "relu" else z
    Z = hidden @ real(model.coefs_[1], "V") + real(model.intercepts_[1], "c")
    data = trained.loss(share).value(Z)
    if model.out_activation_ == "exp":
        data += left_out(trained, share)
    size = sum(float(np.vdot(w, w)) for w in (real(c, "coefs_") for c in model.coefs_))
    return data, 0.5 * float(model.alpha) * size * float((lengths / sizes).sum()) / n


def rebuilt_mlp(
    given: tuple[Any, ...], estimator: Any, Y: Array, factors: Factors, q: Values
) -> Any:
    """Return a fitted copy with these hidden units, whatever their number, and their loss.

    given   X, y, rows and sample_weight of `mlp`

    Raises InputError for another estimator, or one of other data.
    """
    del Y
    U, V = factors

    def make(model: Any) -> Any:
        """Return the copy of the last step."""
        name = type(model).__name__
        if not hasattr(model, "coefs_"):
            wanted = "a fitted MLPRegressor or MLPClassifier"
            raise InputError(f"estimator must be {wanted}, got {name}")
        demand_features(name, len(model.coefs_[0]), len(U) - 1)
        out, kind = deepcopy(model), model.coefs_[0].dtype
        out.set_params(hidden_layer_sizes=(U.shape[1],))
        out.coefs_ = [np.ascontiguousarray(x, dtype=kind) for x in (U[:-1], V.T)]
        out.intercepts_ = [np.array(x, dtype=kind) for x in (U[-1], q[0])]
        vars(out).pop("_optimizer", None)  # its moments are of the other weights
        data, paid = figures(read(out, *given))
        out.loss_ = data / (V.shape[0] if model.out_activation_ == "identity" else 1) + paid
        if model.solver != "lbfgs":
            at = epoch_kept(model)
            out.loss_curve_ = [*model.loss_curve_[:at], out.loss_, *model.loss_curve_[at + 1 :]]
            out.best_loss_ = model.best_loss_ and min(out.loss_curve_)  # None beside early stopping
        return out

    return rebuild_last(estimator, make)


def row_indices(model: Any, rows: Any, n: int) -> Ints:
    """Return the indices of the rows that were trained on.

    Raises InputError for a fit with early_stopping, which held some out, without `rows`.
    """
    name, stochastic = type(model).__name__, model.solver != "lbfgs"
    if rows is None:
        if model.early_stopping and stochastic:
            message = "early_stopping held out a part of the rows"
            raise InputError(f"{name} with {message}: {ROWS}")
        kept = np.arange(n)
    else:
        array = np.asarray(rows)
        masked = array.dtype == bool and array.shape == (n,)
        if masked and stochastic and model.early_stopping and not model.shuffle:
            message = "rows must be indices in the order of the split, not a mask"
            raise InputError(f"{message}: with shuffle=False {name}'s batches follow it")
        kept = np.flatnonzero(array) if masked else array
        whole = kept.ndim == 1 and kept.dtype.kind in "iu"
        distinct = whole and len(np.unique(kept)) == kept.size
        if not distinct or not kept.size or kept.min() < 0 or kept.max() >= n:
            wanted = f"different indices in 0..{n - 1} or a mask of {n} booleans"
            raise InputError(f"rows must be {wanted}, got {array.dtype} of shape {array.shape}")
    if stochastic and not model.warm_start and model.n_iter_ * len(kept) != model.t_:
        message = f"{name} was trained on {model.t_ / max(model.n_iter_, 1):.10g} rows"
        raise InputError(f"{message}, but {len(kept)} are given: {ROWS}")
    return kept.astype(np.int64)


def training_rows(model: Any, X: Any, y: Any) -> Ints:
    """Return the rows that a fit with early_stopping was trained on, by drawing them again.

    The fit draws its first weights and then its split from one generator.  So random_state must
    be an integer, and the fit must have been without warm_start and sample_weight.

    Raises InputError for another random_state.
    """
    from sklearn.model_selection import train_test_split  # noqa: PLC0415  an extra

    seed = model.random_state
    if not isinstance(seed, int | np.integer):
        wanted = "an integer to draw the rows again"
        raise InputError(f"random_state must be {wanted}, got {short(seed)}")
    rng = np.random.RandomState(seed)  # the library's generator
    for w in model.coefs_:
        rng.uniform(size=w.shape)
        rng.uniform(size=w.shape[1])
    labels = np.asarray(y)
    stratify = labels if hasattr(model, "classes_") and len(model.intercepts_[-1]) == 1 else None
    rows = np.arange(len(dense(X)))
    split = {"test_size": model.validation_fraction, "stratify": stratify, "random_state": rng}
    return np.asarray(train_test_split(rows, **split)[0])
