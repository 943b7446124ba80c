"""The result of a search, and the evidence that the kernel is given."""

from dataclasses import dataclass, field
from typing import Any

from certify.base.arrays import Array

from .candidate import Candidate
from .dual.orthogonal import Orthogonal
from .dual.points import Dual

REACHED = "search"  # the name under which a search is kept: same, best, dual points, cut short


@dataclass(frozen=True)
class SearchResult:
    """The steps of a search, the best at the candidate's size and of all, and dual points."""

    steps: tuple[tuple[str, Candidate], ...]
    same: Candidate
    best: Candidate
    duals: tuple[Array, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """Everything that the search gives the kernel."""

    start: Candidate
    dual: Dual | None = None
    ky_fan: dict[str, Any] | None = None
    blocks: tuple[dict[str, Any], ...] = ()
    better: Candidate | None = None
    floor: Orthogonal | None = None
    steps: tuple[tuple[str, Candidate], ...] = ()
    note: str = ""
    given: bool = True
    counts: dict[str, Array] = field(default_factory=dict)  # the squares below counts, of a block
    ended: bool = False  # whether the search found no more to do before its time was over
