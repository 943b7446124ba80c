"""A ReLU net with two inputs, grown by the polar: numbers for a picture.

phi(u, v) = (V u)_+ v, theta = |u|_2 |v|, u on a grid of the circle; loss 1/2 |Z - y|^2.
"""

from typing import Any

import numpy as np

Array = Any  # of floats
DATA = np.array([[2.0, 0.5], [1.0, 1.5], [-0.5, 2.0], [-1.5, 1.0], [-1.0, -1.0], [1.0, -1.5]])
ANGLES = np.linspace(0, 2 * np.pi, 1440, endpoint=False)
NEURONS = np.maximum(DATA @ np.stack([np.cos(ANGLES), np.sin(ANGLES)]), 0)  # (6, 1440)
Y = 1.5 * NEURONS[:, 160] - NEURONS[:, 700]
LAM = 1.0


def polar(W: Array) -> Array:
    """Return |W^T (V u)_+| at each angle: Omega*(W) is its largest value."""
    return np.abs(W @ NEURONS)


def settle(weights: Array) -> Array:
    """Descend: each neuron in turn takes its best weight, or gives it to the neighbour's angle."""
    squares = (NEURONS**2).sum(axis=0)
    for _ in range(400):
        for k in np.flatnonzero(weights):
            rest = Y - NEURONS @ weights + NEURONS[:, k] * weights[k]
            near = (k + np.arange(-3, 4)) % len(ANGLES)
            near = near[(weights[near] == 0) | (near == k)]
            pull = rest @ NEURONS[:, near]
            best = np.sign(pull) * np.maximum(np.abs(pull) - LAM, 0) / squares[near]
            gain = best * pull - best**2 * squares[near] / 2 - LAM * np.abs(best)
            weights[k] = 0
            weights[near[gain.argmax()]] = best[gain.argmax()]
    return weights


def grown(neurons: int) -> tuple[Array, Array]:
    """Append the polar's maximizer and descend, `neurons` times; return W and the weights."""
    weights = np.zeros(len(ANGLES))
    for _ in range(neurons):
        W = Y - NEURONS @ weights
        k = polar(W).argmax()
        weights[k] += np.sign(W @ NEURONS[:, k]) * 1e-3
        weights = settle(weights)
    return Y - NEURONS @ weights, weights
