"""The paper's Q: variables that are fitted beside the factorization."""

from certify.base.registry import load

from ._base import Offset
from .column import ColumnIntercept
from .intercept import Intercept
from .linear import Linear
from .mode import ModeIntercept
from .row import RowIntercept
from .smooth import Smooth
from .sparse import Sparse

__all__ = [
    "OFFSETS",
    "ColumnIntercept",
    "Intercept",
    "Linear",
    "ModeIntercept",
    "Offset",
    "RowIntercept",
    "Smooth",
    "Sparse",
]

OFFSETS = load(__name__, Offset)
