"""Estimates of how long the kernel takes for a proof.

They choose the arithmetic and end searches in time; no claim depends on them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.base.clock import Clock
from certify.base.cluster import PLACE
from certify.base.gram import CORES

from .problem import Problem

WHOLE = 1.2e-5  # core seconds of an entry of a table in exact arithmetic, for the whole proof
BRIEF = 0.1  # seconds that any proof may take
BITS = 8  # cones of each byte of a packed tree, about
Json = dict[str, Any]


@dataclass(frozen=True)
class Rates:
    """Measured core seconds in one arithmetic.

    leaf           a relaxation of a layer, per side squared
    cone, bend     a simplicial cone; more for each sample, or line of the longer side
    entry, curved  an observed entry, for least squares and for other losses
    product        an entry, for each component of the factors
    pair           two entries in a line of the longer side: the Gram matrix of a sparse W
    cube, square   the Cholesky factorization, per power of the shorter side
    """

    leaf: float
    cone: float
    bend: float
    entry: float
    curved: float
    product: float
    pair: float
    cube: float
    square: float


SECONDS = {  # exact, rounded
    "leaf": (9e-6, 8e-7),
    "cone": (5e-5, 9e-6),
    "bend": (7e-7, 4e-8),
    "entry": (3e-6, 2.2e-6),
    "curved": (3e-6, 1.2e-5),
    "product": (1.4e-7, 0.0),
    "pair": (3.2e-8, 1.6e-8),
    "cube": (1.2e-10, 9e-12),
    "square": (7e-7, 0.0),
}
EXACT, ROUNDED = (Rates(**{k: x[i] for k, x in SECONDS.items()}) for i in (0, 1))


def tree_seconds(problem: Problem, proof: Json, rates: Rates) -> float:
    """Return the core seconds of the relaxations and simplicial cones in a polar's proof."""
    layer = problem.atom.layer
    lines = max(problem.loss.shape) if layer is None else len(layer.features)
    side = 0 if layer is None else sum(layer.features.shape)
    cones = count_cones(proof) * (rates.cone + rates.bend * lines)
    return cones + relaxed_leaves(proof) * rates.leaf * side**2


def relaxed_leaves(proof: Json) -> int:
    """Return the number of leaves of a proof that are relaxations."""
    return sum(("level" in part) + relaxed_leaves(part) for part in parts_of(proof))


def count_cones(proof: Json) -> int:
    """Return about how many simplicial cones the trees of a proof have."""
    trees = (BITS * len(a) for name, a in proof.items() if name.endswith("tree"))
    return sum(trees) + sum(map(count_cones, parts_of(proof)))


def parts_of(proof: Json) -> list[Json]:
    """Return the proofs and nodes inside a proof; a node that is split by groups lists numbers."""
    listed = (*proof.get("nodes", ()), *proof.get("each", ()))
    return [part for part in listed if isinstance(part, dict)]


@dataclass(frozen=True)
class Work:
    """Estimated core seconds of the proof of a dual point of a sparse table.

    pairs    the Gram matrix, for each line of the longer side
    cube     the Cholesky factorization; both run on all cores, or on those of a cluster
    entries  the work for each entry, on one core
    """

    pairs: Array
    cube: float
    entries: float

    def alone(self) -> float:
        """Return the seconds on one core."""
        return float(self.pairs.sum()) + self.cube + self.entries

    def seconds(self, clock: Clock) -> float:
        """Return the seconds on all cores; more if the process had less than a core until now."""
        shared = float(self.pairs.sum()) + self.cube
        return (shared / PLACE.get().cores(CORES) + self.entries) / min(clock.cores(), 1.0)

    def afford(self, clock: Clock) -> float:
        """Return the core seconds that the budget leaves for `pairs` and `cube`."""
        rest = clock.until_overrun() * min(clock.cores(), 1.0) - self.entries
        return max(rest, BRIEF) * PLACE.get().cores(CORES)


def work_of(problem: Problem, rates: Rates, points: int = 0, components: int = 0) -> Work:
    """Return the work of a proof.

    points      the number of objectives proved with it, each at half the cost of an entry
    components  the number of components of the factors that are multiplied out
    """
    observed = problem.loss.observed
    dims = observed.m, observed.n
    short = float(min(dims))
    counts = np.bincount(observed.listed[dims[0] < dims[1]], minlength=max(dims)).astype(float)
    each = (1 + points / 2) * (rates.entry if problem.loss.quadratic else rates.curved)
    return Work(
        rates.pair * counts**2 / 2,
        rates.cube * short**3 + rates.square * short**2,
        (each + rates.product * components) * observed.size,
    )
