"""Small trained networks, and the gradient of a problem's objective by differences."""

import warnings

import numpy as np
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning

N, D = 24, 3
_DATA = load_diabetes()
X = np.round(_DATA.data[:N, 2 : 2 + D] * 2**7) / 8  # dyadic, about unit size
Y = np.round((_DATA.target[:N] - 150) / 8) / 8
Y3 = np.column_stack([Y, Y[::-1], X[:, 0] - Y / 2])
COUNTS = np.abs(np.round(2 * Y))
IRIS, KINDS = load_iris(return_X_y=True)
IRIS, KINDS = IRIS[::5] - 4, KINDS[::5]
STEP = 2.0**-20  # of a central difference: errors of about STEP^2 and 2^-52 / STEP


def fitted(estimator, data, labels, **given):
    """Fit, whatever the library thinks of its own convergence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(data, labels, **given)


def objective(problem, factors):
    """Return the problem's objective at the factors and their offsets."""
    return problem.objective(tuple(factors), factors.q or ())


def differences(value, arrays):
    """Return the central differences of value(arrays) in every number of the arrays."""
    out = []
    for k, a in enumerate(arrays):
        slope = np.zeros(a.shape)
        for at in np.ndindex(a.shape):
            ends = []
            for sign in (1, -1):
                moved = [x.copy() for x in arrays]
                moved[k][at] += sign * STEP
                ends.append(value(moved))
            slope[at] = (ends[0] - ends[1]) / (2 * STEP)
        out.append(slope)
    return out


def counted(monkeypatch, module, name):
    """Return a list that grows by one entry whenever a function of a module is called."""
    calls, plain = [], getattr(module, name)

    def wrapped(*args, **kwargs):
        calls.append(args)
        return plain(*args, **kwargs)

    monkeypatch.setattr(module, name, wrapped)
    return calls
