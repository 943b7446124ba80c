"""The paper's Q: variables that are fitted beside the factorization."""

from certify._registry import load

from ._base import Offset
from .column import ColumnIntercept
from .intercept import Intercept
from .linear import Linear
from .row import RowIntercept

__all__ = ["OFFSETS", "ColumnIntercept", "Intercept", "Linear", "Offset", "RowIntercept"]

OFFSETS = load(__name__, Offset)
