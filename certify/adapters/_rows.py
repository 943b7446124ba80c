"""The rows that a fit of MLPRegressor or MLPClassifier was trained on."""

from typing import Any

import numpy as np

from certify.base.arrays import Ints, short
from certify.base.errors import InputError

from ._fitted import dense

ROWS = "pass rows=, the indices of the rows it trained on (training_rows finds them)"


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
        raise InputError(
            f"random_state must be an integer to draw the rows again, got {short(seed)}"
        )
    rng = np.random.RandomState(seed)  # the library's generator
    for w in model.coefs_:
        rng.uniform(size=w.shape)
        rng.uniform(size=w.shape[1])
    labels = np.asarray(y)
    stratify = labels if hasattr(model, "classes_") and len(model.intercepts_[-1]) == 1 else None
    rows = np.arange(len(dense(X)))
    split = {"test_size": model.validation_fraction, "stratify": stratify, "random_state": rng}
    return np.asarray(train_test_split(rows, **split)[0])
