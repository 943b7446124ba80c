"""The exact maximum of a neuron's value on a great circle, and over its bias."""

import numpy as np

from certify.base.arrays import Array


def on_circle(omega: Array, alpha: Array, beta: Array, slope: float) -> float:
    """Return theta that maximizes sum omega_i s(alpha_i cos theta + beta_i sin theta).

    Between two kinks, where a term changes its sign, the sum is A cos theta + B sin theta: its
    maximum is at an end or at the angle of (A, B).  A and B change by one term at a kink.
    """
    used = (np.hypot(alpha, beta) > 0) & (omega != 0)
    omega, alpha, beta = omega[used], alpha[used], beta[used]
    if not omega.size:
        return 0.0
    zero = np.arctan2(-alpha, beta) % np.pi
    angles = np.concatenate([zero, zero + np.pi])
    order = np.argsort(angles, kind="stable")
    angles = angles[order]
    rise = np.sign(beta * np.cos(zero) - alpha * np.sin(zero))
    jump = np.concatenate([rise, -rise])[order] * (1 - slope)
    rows = order % omega.size
    before = 0.5 * (angles[0] + angles[-1]) + np.pi  # between the last kink and the first
    z = alpha * np.cos(before) + beta * np.sin(before)
    weights = omega * np.where(z > 0, 1.0, slope)
    A = weights @ alpha + np.cumsum(jump * omega[rows] * alpha[rows])
    B = weights @ beta + np.cumsum(jump * omega[rows] * beta[rows])
    ends = np.append(angles[1:], angles[0] + 2 * np.pi)
    at = angles + (np.arctan2(B, A) - angles) % (2 * np.pi)
    inside = at <= ends
    tops = np.where(inside, np.hypot(A, B), -np.inf)
    kinks = A * np.cos(angles) + B * np.sin(angles)
    k, j = int(tops.argmax()), int(kinks.argmax())
    return float(at[k] if tops[k] > kinks[j] else angles[j])


def best_kink(omega: Array, z: Array) -> int:
    """Return i such that b = -z_i maximizes sum omega_j s(z_j + b) over all b, if sum omega = 0.

    The sum is then piecewise linear and flat at both ends.  As s(z) = slope z + (1 - slope) z_+, it
    is sum omega_j (z_j + b)_+ times 1 - slope >= 0, plus a term that does not depend on b.
    """
    order = np.argsort(-z, kind="stable")  # rising b
    w, x = omega[order], z[order]
    # at b = -x_k the terms before k are positive
    return int(order[int((np.cumsum(w * x) - np.cumsum(w) * x).argmax())])
