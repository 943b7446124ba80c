"""Every loss from its definition alone, at 100 digits."""

from fractions import Fraction

import mpmath
import numpy as np

DIGITS = 100
mp = mpmath.mp.clone()
mp.dps = DIGITS
NEAR = Fraction(1, 10**80)  # relative: far beyond what a hundred operations lose of 100 digits


def number(x):
    """Return an mpmath number, exactly."""
    x = Fraction(x)
    return mp.mpf(x.numerator) / x.denominator


def rational(x):
    """Return an mpmath number as a fraction, exactly."""
    sign, man, exp, _ = x._mpf_
    return Fraction(int(man)) * Fraction(2) ** exp * (-1 if sign else 1)


def xlogx(x):
    return x * mp.log(x) if x else mp.mpf(0)


VALUES = {  # h(z; y, parameter) of one entry
    "squared": lambda z, y, _: (z - y) ** 2 / 2,
    "logistic": lambda z, y, _: mp.log1p(mp.exp(-abs(z))) + max(z, 0) - y * z,
    "huber": lambda z, y, d: (z - y) ** 2 / 2 if abs(z - y) <= d else d * abs(z - y) - d * d / 2,
    "absolute": lambda z, y, _: abs(z - y),
    "quantile": lambda z, y, t: t * max(y - z, 0) + (1 - t) * max(z - y, 0),
    "hinge": lambda z, y, _: max(0, 1 - y * z),
    "squared_hinge": lambda z, y, _: max(0, 1 - y * z) ** 2,
    "kullback_leibler": lambda z, y, _: z - (y * mp.log(z) if y else 0) + xlogx(y) - y,
    "poisson": lambda z, y, _: mp.exp(z) - y * z,
}
DUALS = {  # inf over z of h(z; y) + w z
    "squared": lambda w, y, _: w * y - w * w / 2,
    "logistic": lambda w, y, _: -xlogx(y - w) - xlogx(1 - y + w),
    "huber": lambda w, y, _: w * y - w * w / 2,
    "absolute": lambda w, y, _: w * y,
    "quantile": lambda w, y, _: w * y,
    "hinge": lambda w, y, _: w * y,
    "squared_hinge": lambda w, y, _: w * y - w * w / 4,
    "kullback_leibler": lambda w, y, _: y * mp.log(1 + w) if y else mp.mpf(0),
    "poisson": lambda w, y, _: (y - w) - xlogx(y - w),
}
DOMAINS = {  # whether that is finite, for exact rationals; t the parameter
    "squared": lambda w, y, t: True,  # noqa: ARG005
    "logistic": lambda w, y, t: 0 <= y - w <= 1,  # noqa: ARG005
    "huber": lambda w, y, t: abs(w) <= t,  # noqa: ARG005
    "absolute": lambda w, y, t: abs(w) <= 1,  # noqa: ARG005
    "quantile": lambda w, y, t: t - 1 <= w <= t,  # noqa: ARG005
    "hinge": lambda w, y, t: 0 <= y * w <= 1,  # noqa: ARG005
    "squared_hinge": lambda w, y, t: y * w >= 0,  # noqa: ARG005
    "kullback_leibler": lambda w, y, t: w > -1 or (w == -1 and y == 0),  # noqa: ARG005
    "poisson": lambda w, y, t: y - w >= 0,  # noqa: ARG005
}


def parameter(loss):
    """Return the loss's parameter, or None."""
    return next((Fraction(getattr(loss, name)) for name in loss.intervals), None)


def entries(loss, field):
    """Yield exact (x, y, c) of each entry."""
    alone = loss.name != "softmax" or loss.scale is None
    c = np.ones(loss.data.shape) if loss.scale is None else loss.scale
    c = np.broadcast_to(c if alone else c[:, None], loss.data.shape)
    parts = (field, loss.data, c)
    return zip(
        *([Fraction(v) for v in np.asarray(p).reshape(-1).tolist()] for p in parts), strict=True
    )


def rows(loss, field):
    """Return the entries row by row."""
    found, n = list(entries(loss, field)), loss.shape[1]
    return [found[k : k + n] for k in range(0, len(found), n)]


def value(loss, Z):
    """Return l(Z) at 100 digits; Z an array or exact rationals."""
    if loss.name == "softmax":
        return mp.fsum(number(row[0][2]) * cross_entropy(row) for row in rows(loss, Z))
    h, t = VALUES[loss.name], parameter(loss)
    return mp.fsum(
        number(c) * h(number(z), number(y), t and number(t)) for z, y, c in entries(loss, Z)
    )


def cross_entropy(row):
    own = next(z for z, y, _ in row if y)
    return mp.log(mp.fsum(mp.exp(number(z - own)) for z, _, _ in row))


def inside(loss, W):
    """Whether W is in the domain of d, exactly."""
    if loss.name == "softmax":
        return all(
            all(c * y - w >= 0 for w, y, c in row) and sum(w for w, _, _ in row) == 0
            for row in rows(loss, W)
        )
    good, t = DOMAINS[loss.name], parameter(loss)
    return all(good(w / c, y, t) for w, y, c in entries(loss, W))


def dual(loss, W):
    """Return d(W) at 100 digits for W in its domain; W an array or exact rationals."""
    if loss.name == "softmax":
        return mp.fsum(-number(c) * xlogx(number(y - w / c)) for w, y, c in entries(loss, W))
    d, t = DUALS[loss.name], parameter(loss)
    return mp.fsum(
        number(c) * d(number(w / c), number(y), t and number(t)) for w, y, c in entries(loss, W)
    )
