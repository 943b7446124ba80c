"""A smooth part: columns that vary slowly along a graph on the rows."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph, linalg

from certify.base.arrays import Array, Ints, finite, frozen, real, scalar
from certify.base.errors import InputError
from certify.base.observed import Observed

from ._base import TINY, Offset, placement_matrix, scaled_price


@dataclass(frozen=True, eq=False, init=False)
class Smooth(Offset):
    """(A q)_ij = q_ij at the observed entries, q (m, n), penalized along edges between rows:

        H(q) = rho/2 sum_(i,j) w_ij |q_i - q_j|^2 + ridge/2 |q|^2
             = 1/2 <q, K q>,   K = rho L + ridge I,   L the graph's Laplacian.

    edges    (k, 2) row numbers, each pair once       weights  (k,) >= 0, default 1
    rho      > 0                                      ridge    >= 0

        inf_q <W, q> + H(q) = -1/2 tr(W^T K^+ W), W zero where nothing is observed.

    This is finite iff W is orthogonal to ker K: with ridge 0, iff in every column the sum of W
    over every connected component is 0.  (A row without edges is then fitted exactly.)
    For a tensor the rows are its first mode, the columns all indices of the other modes.

    Raises InputError for edges that are not pairs of different rows or that are listed twice, and
    for weights that are negative.
    Source: Kalofolias, Bresson, Bronstein and Vandergheynst (2014), smoothness on graphs.
    """

    edges: Ints = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    rho: float = 0.0
    weights: Array | None = None
    name = "smooth"
    entrywise = levels = True
    stored: ClassVar = {"edges": "edges{k}", "weights": "edges{k}.weights"}

    def __init__(
        self, edges: object, rho: float, ridge: float = 0.0, weights: object = None
    ) -> None:
        """Take the graph first: Smooth(edges, rho, ridge=0.0, weights=None)."""
        pairs, scale = _graph(edges, weights)
        parts = {"edges": pairs, "weights": scale, "ridge": ridge}
        parts["rho"] = scalar(rho, "Smooth.rho", zero=False)
        for name, value in parts.items():
            object.__setattr__(self, name, value)
        self.__post_init__()

    def check(self, observed: Observed) -> None:
        """Raise InputError for edges to rows that the data do not have."""
        if len(self.edges) and (top := int(self.edges.max())) >= observed.m:
            raise InputError(f"Smooth.edges must lie in 0..{observed.m - 1}, got {top}")

    def shape(self, observed: Observed) -> tuple[int, ...]:
        """Return (m, n)."""
        return (observed.m, observed.n)

    def factors(self, q: Array, observed: Observed) -> tuple[Array, Array]:
        """Return Q and I."""
        return q, np.eye(observed.n)

    def field(self, q: Array, observed: Observed) -> Array:
        """Return q at the observed entries."""
        return q if observed.full else np.asarray(q[observed.listed])

    def penalty(self, q: Array) -> float:
        """Return rho/2 sum w |q_i - q_j|^2 + ridge/2 |q|^2."""
        i, j = self.edges.T
        squares = np.square(q[i] - q[j]).sum(axis=1)
        bent = float((squares if self.weights is None else self.weights * squares).sum())
        return 0.5 * self.rho * bent + 0.5 * float(self.ridge) * float(np.vdot(q, q))

    def solve(self, target: Array, weights: Array, observed: Observed) -> Array:
        """Solve (diag(w_j) + K) q_j = w_j target_j for each column j."""
        full, k = observed.spread(weights), self.stiffness(observed.m)
        pull = full * observed.spread(target)
        if observed.full and weights.min() == weights.max():
            whole = (k + full[0, 0] * sparse.eye_array(observed.m)).tocsc()
            return np.asarray(linalg.splu(whole).solve(pull))
        labels, out = self.labels(observed.m), np.zeros(full.shape)
        for j, (w, p) in enumerate(zip(full.T, pull.T, strict=True)):
            seen = np.zeros(labels.max() + 1)
            np.add.at(seen, labels, w)
            lost = (seen[labels] == 0) & (self.ridge == 0)  # q is 0 where any constant is best
            out[:, j] = linalg.splu((k + sparse.diags_array(w + lost)).tocsc()).solve(p)
        return out

    def operator(self, observed: Observed) -> Any:  # noqa: ANN401  scipy.sparse
        """Return A: q at the observed entries."""
        rows, cols = observed.listed
        return placement_matrix(rows * observed.n + cols, observed.m * observed.n)

    def roots(self, observed: Observed) -> Any:  # noqa: ANN401  scipy.sparse
        """Return sqrt(rho w) (q_i - q_j) for each edge, and sqrt(ridge) q."""
        k, rows = len(self.edges), np.arange(len(self.edges))
        size = np.sqrt(self.rho * (np.ones(k) if self.weights is None else self.weights))
        at = np.hstack([rows, rows]), self.edges.T.reshape(-1)
        edges = sparse.csr_array((np.hstack([size, -size]), at), shape=(k, observed.m))
        whole = sparse.vstack([edges, self.ridge**0.5 * sparse.eye_array(observed.m)])
        return sparse.kron(whole, sparse.eye_array(observed.n)).tocsr()

    def curvature(self, observed: Observed) -> Any:  # noqa: ANN401  scipy.sparse
        """Return K for all columns."""
        return sparse.kron(self.stiffness(observed.m), sparse.eye_array(observed.n)).tocsr()

    def adjoint(self, W: Array, observed: Observed) -> Array:
        """Return W, zero where nothing is observed."""
        return observed.spread(W)

    def stiffness(self, m: int) -> Any:  # noqa: ANN401  scipy.sparse
        """Return K = rho L + ridge I."""
        i, j = self.edges.T
        w = np.ones(len(i)) if self.weights is None else self.weights
        adjacent = sparse.coo_array((w, (i, j)), shape=(m, m)).tocsr()
        adjacent = adjacent + adjacent.T
        degrees = np.asarray(adjacent.sum(axis=1)).reshape(-1)
        return self.rho * (sparse.diags_array(degrees) - adjacent) + self.ridge * sparse.eye_array(
            m
        )

    def labels(self, m: int) -> Ints:
        """Return the number of each row's component."""
        i, j = self.edges.T
        graph = sparse.coo_array((np.ones(len(i)), (i, j)), shape=(m, m))
        return np.asarray(csgraph.connected_components(graph, directed=False)[1], dtype=np.int64)

    def unbent(self, W: Array, observed: Observed) -> Array:
        """Return q with K q = -W in floats: the infimum in the dual value is attained there.

        With ridge 0, q is 0 at one vertex of each component.  If the sums of W over the
        components are 0, this does not change the value.
        """
        full, k = observed.spread(W), self.stiffness(observed.m).tocsr()
        free = np.ones(observed.m, dtype=bool)
        if not self.ridge:
            free[np.unique(self.labels(observed.m), return_index=True)[1]] = False
        out = np.zeros(full.shape)
        if free.any():
            inner = k[free][:, free].tocsc()
            out[free] = linalg.splu(inner).solve(-full[free])
        return out

    def cost(self, W: Array, observed: Observed) -> float:
        """Return tr(W^T K^+ W)."""
        return -float(np.vdot(observed.spread(W), self.unbent(W, observed)))

    def witness(self, W: Array, observed: Observed) -> dict[str, Array]:
        """Return the q where the infimum is attained."""
        return {"smooth": self.unbent(W, observed)}

    def numbers(self) -> dict[str, float]:
        """Return rho and ridge."""
        return {"rho": self.rho, "ridge": self.ridge}

    def arrays(self, k: int) -> dict[str, Any]:
        """Return the edges and their weights, under the k-th offset's names."""
        out: dict[str, Any] = {f"edges{k}": self.edges}
        if self.weights is not None:
            out[f"edges{k}.weights"] = self.weights
        return out

    def rescale(self, data: int, weights: int) -> "Smooth":
        """Return the offset at another scale: rho and ridge change as the weights do."""
        rho, ridge = max(scaled_price(self.rho, weights), TINY), scaled_price(self.ridge, weights)
        return Smooth(self.edges, rho, ridge, self.weights)


def _graph(edges: object, weights: object) -> tuple[Ints, Array | None]:
    """Return the edges and weights as arrays; edges of weight 0 are left out."""
    raw = finite(real(edges, "Smooth.edges"), "Smooth.edges")
    if raw.size == 0:
        raw = raw.reshape(0, 2)
    if raw.ndim != 2 or raw.shape[1] != 2:  # noqa: PLR2004  pairs
        raise InputError(f"Smooth.edges must have shape (k, 2), got {raw.shape}")
    indices = raw.astype(np.int64)
    if raw.size and ((indices != raw).any() or indices.min() < 0):
        raise InputError(f"Smooth.edges must be row numbers >= 0, got {raw.min()}")
    if (loops := np.nonzero(indices[:, 0] == indices[:, 1])[0]).size:
        raise InputError(f"Smooth.edges must join two rows, got {indices[loops[0]].tolist()}")
    pairs, counts = np.unique(np.sort(indices, axis=1), axis=0, return_counts=True)
    if (counts > 1).any():
        twice = pairs[int(counts.argmax())].tolist()
        raise InputError(f"Smooth.edges must list each pair once, got {twice} twice")
    if weights is None:
        return frozen(indices), None
    scale = finite(real(weights, "Smooth.weights"), "Smooth.weights")
    if scale.shape != (len(indices),) or (scale.size and scale.min() < 0):
        got = scale.shape if scale.shape != (len(indices),) else scale.min()
        raise InputError(f"Smooth.weights must be {len(indices)} numbers >= 0, got {got}")
    return frozen(indices[scale > 0]), frozen(scale[scale > 0])
