"""Error bounds of float64 operations.

Model.  With u = 2^-53 and eta = 2^-1074, one operation returns (x op y)(1 + d) + e,
|d| <= u, |e| <= eta, and e = 0 for sums.  Its result z also has an error of at most u |z| + eta
(Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., (2.4), (2.5), ch. 3).  A sum of k
products in any order, fused or not, has an error of at most gamma_k sum |x y| + k eta,
gamma_k = k u / (1 - k u).  An overflow leaves a value that is not finite, which is rejected.
"""

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from certify.kernel.arrays import Array
from certify.kernel.errors import RejectedError
from certify.kernel.scalars import Enclosure, power, root

Floats = npt.NDArray[np.float64]
U = power(-53)
ETA = power(-1074)
CHUNK = 1024  # products summed in floats before one exact sum


def gamma(k: int) -> Fraction:
    """Return gamma_k = k u / (1 - k u)."""
    return k * U / (1 - k * U)


def view(a: Array) -> Floats:
    """Return an array as float64 without a copy; float32 is converted, exactly."""
    if not len(a.data):
        return np.zeros(a.shape)
    kind = np.float32 if memoryview(a.data).format == "f" else np.float64
    return np.frombuffer(a.data, dtype=kind).reshape(a.shape).astype(np.float64, copy=False)


def finite(x: float) -> Fraction:
    """Return x as a Fraction; raise RejectedError if it is not finite."""
    if not np.isfinite(x):
        raise RejectedError("rounded", "overflow", x)
    return Fraction(float(x))


def nearest(x: Fraction) -> float:
    """Return the nearest float; raise RejectedError on overflow."""
    try:
        return float(x)
    except OverflowError:
        raise RejectedError("rounded", "overflow", "a shift beyond float64") from None


def up(x: Fraction, k: int) -> Fraction:
    """Bound t from above when x >= (1 - gamma_k) t."""
    return x / (1 - gamma(k))


def dots(x: Floats, y: Floats) -> tuple[float, int]:
    """Return (sum x y in floats, k): its error is at most gamma_k sum |x y|.

    Runs of CHUNK products, then one correctly rounded sum of the runs.
    """
    whole = x.size - x.size % CHUNK
    runs = np.einsum("ij,ij->i", x[:whole].reshape(-1, CHUNK), y[:whole].reshape(-1, CHUNK))
    rest = float(np.dot(x[whole:], y[whole:]))
    try:
        return math.fsum([*runs.tolist(), rest]), CHUNK + 2
    except (OverflowError, ValueError) as error:  # beyond float64, or inf - inf
        raise RejectedError("rounded", "overflow", error) from None


def square_sum(x: Floats) -> Enclosure:
    """Enclose the sum of squares; only nonzero numbers can underflow."""
    flat = x.reshape(-1)
    value, k = dots(flat, flat)
    slack = 2 * int(np.count_nonzero(flat)) * ETA
    low = max(finite(value) / (1 + gamma(k)) - slack, Fraction(0))
    return Enclosure(low, up(finite(value), k) + slack)


def norm_up(x: Floats) -> Fraction:
    """Bound the Frobenius norm from above."""
    return root(square_sum(x).hi).hi


def rounding(x: Floats) -> Fraction:
    """Bound the Frobenius error of a result x whose entries were rounded once each."""
    return sum_rounding(x) + x.size * ETA


def sum_rounding(x: Floats) -> Fraction:
    """Bound the Frobenius error of a sum x of two fields; subnormal sums are exact."""
    return U * norm_up(x)


def selects(x: Floats) -> bool:
    """Whether each row has at most one nonzero entry, and this is 1 or -1."""
    there = x != 0
    return bool((there.sum(axis=1) <= 1).all() and (np.abs(x[there]) == 1).all())


def product_error(left: Floats, right: Floats, k: int) -> Fraction:
    """Bound the Frobenius error of a floating-point left right^T with inner size k.

    |fl(A B^T) - A B^T| <= gamma_k |A||B|^T + k eta, and
    | |A||B|^T |_F^2 = <|A|^T|A|, |B|^T|B|>, a sum of nonnegative terms.  For a large k the product
    |A||B|^T is cheaper: each entry t of it is computed as p with t <= (p + k eta) / (1 - gamma_k).
    There is no error if a factor selects entries: each sum has one term, an entry of the other
    factor or its negative.
    """
    if selects(left) or selects(right):
        return Fraction(0)
    (m, _), n = left.shape, right.shape[0]
    a, b = np.abs(left), np.abs(right)
    lost = k * ETA * root(Fraction(m * n)).hi
    if m * n < k * k:
        return gamma(k) * up(norm_up(a @ b.T) + lost, k) + lost
    inside = finite(((a.T @ a) * (b.T @ b)).sum())
    size = up(up(up(inside, m), n), k * k + 2)
    size += (m + n + 2) * k * k * ETA * (1 + norm_up(a) ** 2 + norm_up(b) ** 2)
    return gamma(k) * root(size).hi + lost
