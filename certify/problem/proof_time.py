"""About how long the kernel takes for a proof: the one place where that is estimated.

An estimate chooses an arithmetic and ends a search in time.  It costs time, never truth.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.base.clock import Clock
from certify.base.cluster import PLACE
from certify.base.gram import CORES

from .problem import Problem

WHOLE = 1.2e-5  # seconds of a core of an entry of a table, exactly, all that is proved included
BRIEF = 0.1  # seconds of a proof that are always spent
BITS = 8  # of each number of a packed tree: each is about a cone
Json = dict[str, Any]


@dataclass(frozen=True)
class Rates:
    """Seconds of a core in one arithmetic, as measured.

    leaf           a relaxation of a layer, by its side squared
    cone, bend     a simplicial cone, and each sample or line of the longer side that bends it
    entry, curved  what is done with each observed entry, of squares and of other losses
    product        an entry, for each component of factors
    pair           of entries in a line of the longer side: the Gram matrix of a sparse W
    cube, square   its Cholesky factorization, by powers of the shorter side
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


EXACT = Rates(
    leaf=9e-6,
    cone=5e-5,
    bend=3e-7,
    entry=3e-6,
    curved=3e-6,
    product=1.4e-7,
    pair=3.2e-8,
    cube=1.2e-10,
    square=7e-7,
)
ROUNDED = Rates(
    leaf=8e-7,
    cone=5e-6,
    bend=2e-8,
    entry=2.2e-6,
    curved=1.2e-5,
    product=0.0,
    pair=1.6e-8,
    cube=9e-12,
    square=0.0,
)


def tree_seconds(problem: Problem, proof: Json, rates: Rates) -> float:
    """Return what the relaxations and simplicial cones of a polar's proof take."""
    layer = problem.atom.layer
    lines = max(problem.loss.shape) if layer is None else len(layer.features)
    side = 0 if layer is None else sum(layer.features.shape)
    cones = count_cones(proof) * (rates.cone + rates.bend * lines)
    return cones + relaxed_leaves(proof) * rates.leaf * side**2


def relaxed_leaves(proof: Json) -> int:
    """Return how many leaves of a proof are relaxations."""
    return sum(("level" in part) + relaxed_leaves(part) for part in parts_of(proof))


def count_cones(proof: Json) -> int:
    """Return how many simplicial cones the trees of a proof have, about."""
    trees = (BITS * len(a) for name, a in proof.items() if name.endswith("tree"))
    return sum(trees) + sum(map(count_cones, parts_of(proof)))


def parts_of(proof: Json) -> list[Json]:
    """Return the proofs and nodes inside a proof; a node cut by groups lists numbers instead."""
    listed = (*proof.get("nodes", ()), *proof.get("each", ()))
    return [part for part in listed if isinstance(part, dict)]


@dataclass(frozen=True)
class Work:
    """About what the proof of a dual point of a sparse table takes, in seconds of a core.

    pairs    of each line of the longer side, for the Gram matrix by sparse products
    cube     its Cholesky factorization: these two on all cores, or those of a cluster
    entries  what is done with every entry, on one
    """

    pairs: Array
    cube: float
    entries: float

    def alone(self) -> float:
        """Return how long that is on one core."""
        return float(self.pairs.sum()) + self.cube + self.entries

    def seconds(self, clock: Clock) -> float:
        """Return how long that is; longer where the process had less than a core until now."""
        shared = float(self.pairs.sum()) + self.cube
        return (shared / PLACE.get().cores(CORES) + self.entries) / min(clock.cores(), 1.0)

    def afford(self, clock: Clock) -> float:
        """Return the seconds of a core that a budget leaves, beside the entries; a few anyway."""
        rest = clock.allowed() * min(clock.cores(), 1.0) - self.entries
        return max(rest, BRIEF) * PLACE.get().cores(CORES)


def work_of(problem: Problem, rates: Rates, points: int = 0, components: int = 0) -> Work:
    """Return what a proof takes.

    points      whose objectives are proved beside it, each in half of what is done with an entry
    components  of factors whose products are formed at every entry
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
