"""The result of a search, and the evidence for the kernel."""

from dataclasses import dataclass, field
from typing import Any

from certify.base.arrays import Array

from .candidate import Candidate
from .dual.orthogonal import Orthogonal
from .dual.points import Dual

REACHED = "search"  # key of a search in a checkpoint: same, best, dual points, cut short


@dataclass(frozen=True)
class SearchResult:
    """The steps of a search, the best points of the candidate's size and of any, dual points."""

    steps: tuple[tuple[str, Candidate], ...]
    same: Candidate
    best: Candidate
    duals: tuple[Array, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """All results of the search that the kernel may use.

    counts  the arrays of a block of squares below counts
    ended   whether the search ended before its time was over
    """

    start: Candidate
    dual: Dual | None = None
    ky_fan: dict[str, Any] | None = None
    blocks: tuple[dict[str, Any], ...] = ()
    better: Candidate | None = None
    floor: Orthogonal | None = None
    steps: tuple[tuple[str, Candidate], ...] = ()
    note: str = ""
    counts: dict[str, Array] = field(default_factory=dict)
    ended: bool = False
