"""What a search found, and what the kernel is given of it."""

from dataclasses import dataclass
from typing import Any

from certify.base.arrays import Array

from .descent.alternating import State
from .dual.orthogonal import Orthogonal
from .dual.points import Dual


@dataclass(frozen=True)
class SearchResult:
    """The steps of a search, the best at the candidate's size and of all, and dual points."""

    steps: tuple[tuple[str, State], ...]
    same: State
    best: State
    duals: tuple[Array, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """All that the search brings to the kernel."""

    start: State
    dual: Dual | None = None
    ky_fan: dict[str, Any] | None = None
    blocks: tuple[dict[str, Any], ...] = ()
    better: State | None = None
    floor: Orthogonal | None = None
    steps: tuple[tuple[str, State], ...] = ()
    note: str = ""
    given: bool = True
