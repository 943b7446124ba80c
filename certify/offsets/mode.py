"""One number for each index of one mode of a tensor."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from certify.base.arrays import Array, Ints, natural, short
from certify.base.errors import InputError
from certify.base.observed import Observed

from ._base import Offset, placement_matrix
from ._means import GroupMeans


@dataclass(frozen=True, eq=False, init=False)
class ModeIntercept(GroupMeans, Offset):
    """(A q)_{i_1 ... i_K} = q_{i_axis}, q of shape (n_axis,); A* W sums over all other modes.

    axis     0 ... K - 1; axis 0 of a matrix is its rows, axis 1 its columns
    ridge    one number >= 0

    A problem may have intercepts of several modes.

    Raises InputError for an axis that is not an integer >= 0, for data without this axis, and for
    a ridge that is negative.
    Source: the means of multiway data, Bro and Smilde (2003).
    """

    axis: int = field(default=0)
    name = "mode"

    def __init__(self, axis: int, ridge: float = 0.0) -> None:
        """Take the mode first: ModeIntercept(axis, ridge=0.0)."""
        object.__setattr__(self, "axis", natural(axis, "ModeIntercept.axis"))
        object.__setattr__(self, "ridge", ridge)
        self.__post_init__()

    @property
    def slot(self) -> str:
        """The kind and the mode: each mode may have an intercept."""
        return f"{self.name} {self.axis}"

    def check(self, observed: Observed) -> None:
        """Raise InputError if the data have no such axis."""
        if self.axis >= len(observed.dims):
            wanted = f"one of {len(observed.dims)} modes, 0 the first"
            raise InputError(f"ModeIntercept.axis must be {wanted}, got {short(self.axis)}")

    def shape(self, observed: Observed) -> tuple[int, ...]:
        """Return (n_axis,)."""
        return (observed.dims[self.axis],)

    def operator(self, observed: Observed) -> Any:  # noqa: ANN401  scipy.sparse
        """Return A."""
        return placement_matrix(self.places(observed), observed.dims[self.axis])

    def places(self, observed: Observed) -> Ints:
        """Return the index in this mode of every observed entry, flat."""
        rows, cols = observed.listed
        return rows if self.axis == 0 else self.columns(observed)[cols]

    def columns(self, observed: Observed) -> Ints:
        """Return the index in this mode of every column of the data, for an axis > 0."""
        rest = observed.dims[1:]
        index = np.indices(rest, dtype=np.int64)[self.axis - 1]
        return np.asarray(index.reshape(-1))

    def factors(self, q: Array, observed: Observed) -> tuple[Array, Array]:
        """Return q and 1 for the first mode, else 1 and the q of each column."""
        if self.axis == 0:
            return q[:, None], np.ones((observed.n, 1))
        return np.ones((observed.m, 1)), q[self.columns(observed)][:, None]

    def adjoint(self, W: Array, observed: Observed) -> Array:
        """Return A* W: the sums of W over all other modes."""
        if self.axis == 0:
            return observed.line_sums(W, 0)
        others = tuple(k for k in range(len(observed.dims) - 1) if k != self.axis - 1)
        return np.asarray(observed.line_sums(W, 1).reshape(observed.dims[1:]).sum(axis=others))

    def statement_fields(self) -> dict[str, Any]:
        """Return the mode."""
        return {"axis": self.axis}
