"""pyscnn's convex two-layer networks: columns of norm 1, one output for each unit."""

from typing import Any

import numpy as np

from certify.atoms import ReLU
from certify.atoms.relu import gated
from certify.base.arrays import Array, finite, real
from certify.base.errors import InputError
from certify.losses import Squared
from certify.pipeline.units import Units
from certify.problem import Problem

from ._fitted import AGREE, MARGIN, demand_agreement, weight
from ._network import PAIR, Judged, Network
from ._training import data

OBJECTIVE = "the package's objective"
CONVEX = 3  # dimensions of the weights of a convex model: outputs, gates, features


def scnn_relu(parameters: Any, X: Any, y: Any, lam: float, *, unitize_data: bool = True) -> Judged:
    """Return n c times the objective of pyscnn's networks with n rows, c outputs:

        1/(2 n c) |sum_i (X u_i)_+ v_i^T - y|^2 + lam sum_i |N u_i|_2 |v_i|_1,
        N = diag(norms of the columns of X),  1 where unitize_data is False
            = 1/(n c) (1/2 |Z - y|^2 + lam n c sum_i |N u_i|_2 |v_i|_1),  features X N^-1.

        scnn_relu(model.parameters, X_train, y_train, lam)       model a NonConvexReLU

    parameters   [W1 (r, d), W2 (c, r)], or [W1, b, W2] with a bias: X then gets a column of
                 ones, which is normalized too
    lam          of the regularizer NeuronGL1(lam)

    The package solves over a sample of the activation patterns, this problem over all of them.
    The objective of its convex program is not compared: there (X u)_+ is a linear function of u,
    and u satisfies its cone constraint only approximately.

    Raises InputError for shapes that do not fit, OutOfScopeError for lam = 0.
    """
    W1, bias, W2 = split(parameters)
    features = len(W1[0]) if bias is None else None
    inputs, labels, norms = unit_features(X, y, features, unit=unitize_data)
    U = W1 if bias is None else np.column_stack([W1, bias])
    if U.shape[1] != inputs.shape[1] or W2.shape != (labels.shape[1], len(U)):
        wanted = f"W1 (r, {inputs.shape[1]}) and W2 ({labels.shape[1]}, r)"
        raise InputError(f"parameters must be {wanted}, got {W1.shape} and {W2.shape}")
    judged_lam = weight(lam, "lam", "pyscnn") * labels.size
    problem = Problem(Squared(labels), ReLU(inputs, right="l1"), judged_lam)
    return problem, Network(
        np.ascontiguousarray((U * norms).T), W2, units=Units(labels.size, 0.0, OBJECTIVE)
    )


def scnn_gated(  # noqa: PLR0913  the package's own arguments
    parameters: Any,
    gates: Any,
    X: Any,
    y: Any,
    lam: float,
    *,
    unitize_data: bool = True,
    reported: float | None = None,
) -> Judged:
    """Return n c times the objective of pyscnn's gated networks, a group lasso:

        1/(2 n c) |sum_i D_i X U_i^T - y|^2 + lam sum_i sum_k |N U_ik|_2,
        D_i = diag(X N^-1 g_i > 0).

        scnn_gated(model.parameters, np.vstack([model.G, model.G_bias]) if bias else model.G,
                   X_train, y_train, lam)       model a ConvexGatedReLU

    parameters   [U (c, p, d)], or [U, b (c, p)] with a bias
    gates        (d, p), with one more row for a bias.  They act on the *unit-norm* columns in
                 training, but model(X) applies them to X itself, so its predictions differ from
                 those of the training
    reported     metrics.objective[-1], to be compared; None: unknown

    Raises InputError for shapes that do not fit, or another objective than the reported
    one, with both figures; OutOfScopeError for lam = 0.
    """
    parts = [finite(real(x, "parameters"), "parameters") for x in parameters]
    U = parts[0] if len(parts) == 1 else np.concatenate([parts[0], parts[1][..., None]], axis=-1)
    G = finite(real(gates, "gates", ndim=PAIR), "gates")
    if U.ndim != CONVEX or U.shape[1:] != G.shape[::-1]:
        wanted = "(c, p, d) with gates (d, p)"
        raise InputError(f"parameters must be {wanted}, got {U.shape} and {G.shape}")
    features = len(G) if len(parts) == 1 else None
    inputs, labels, norms = unit_features(X, y, features, unit=unitize_data)
    if (len(U), len(G)) != (labels.shape[1], inputs.shape[1]):
        wanted = f"{labels.shape[1]} outputs and {inputs.shape[1]} features"
        raise InputError(f"parameters must be for {wanted}, got {U.shape}")
    atom = gated(inputs, (inputs @ G > 0).astype(float), right="l1")
    problem = Problem(Squared(labels), atom, weight(lam, "lam", "pyscnn") * labels.size)
    network = Network(*slices(U * norms), units=Units(labels.size, 0.0, OBJECTIVE))
    if reported is not None:
        mine = problem.objective(tuple(network)) / labels.size
        slack = max(AGREE, MARGIN * float(np.finfo(np.float32).eps) * inputs.size**0.5) * abs(mine)
        cure = "pass the X, y, gates and lam of the fit"
        given, ours = ("the objective", float(reported)), (mine, "these parameters")
        demand_agreement("pyscnn", given, ours, cure, slack)
    return problem, network


def split(parameters: Any) -> tuple[Array, Array | None, Array]:
    """Return W1, b or None, W2."""
    arrays = [finite(real(x, "parameters"), "parameters") for x in parameters]
    if len(arrays) not in (PAIR, PAIR + 1) or arrays[0].ndim != PAIR or arrays[-1].ndim != PAIR:
        cure = "train with return_convex=False"
        shapes = [x.shape for x in arrays]
        raise InputError(f"parameters must be [W1, W2] or [W1, b, W2], got {shapes}: {cure}")
    return arrays[0], None if len(arrays) == PAIR else arrays[1], arrays[-1]


def unit_features(X: Any, y: Any, d: int | None, *, unit: bool) -> tuple[Array, Array, Array]:
    """Return the features divided by their norms, the targets as columns, and the norms.

    d   the number of features of the weights; None: one more than X has, for a column of ones
    """
    inputs, labels = data(X, y)
    if d is None or d == inputs.shape[1] + 1:
        inputs = np.column_stack([inputs, np.ones(len(inputs))])
    norms = np.linalg.norm(inputs, axis=0) if unit else np.ones(inputs.shape[1])
    return inputs / np.where(norms > 0, norms, 1.0), labels.reshape(len(labels), -1), norms


def slices(U: Array) -> tuple[Array, Array]:
    """Return the nonzero U_ki as slices: u has a block for each gate, v is a unit vector."""
    c, p, d = U.shape
    where = np.argwhere(np.abs(U).max(axis=2) > 0)
    u, v = np.zeros((p * d, len(where))), np.zeros((c, len(where)))
    for s, (k, i) in enumerate(where):
        u[i * d : i * d + d, s], v[k, s] = U[k, i], 1.0
    return u, v
