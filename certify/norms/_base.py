"""The contract of a gauge: the norm of a factor's column, restricted to a cone."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from certify.base.arrays import Array, Bools, short
from certify.base.errors import InputError
from certify.base.registry import is_entry, refuse_heirs

from ._balls import Ellipsoids, Mixture

SIGNS = ("", "+", "-")  # cones that are the same for every coordinate
BELOW = {"": -np.inf, "+": 0.0, "-": -np.inf}  # the least value of each coordinate
ABOVE = {"": np.inf, "+": np.inf, "-": 0.0}
MARKS = "*+-0"  # of one coordinate: free, x >= 0, x <= 0, x = 0
BLOCK = 512  # sparse columns that are made dense at once
ROUNDED = 4 * float(np.finfo(np.float64).eps)  # relative rounding for each number in a line


@dataclass(frozen=True)
class Gauge(ABC):
    """g(x) = norm(x) for x in a cone, infinite outside.

    cone    "" (the whole space), "+" (x >= 0), "-" (x <= 0), or one mark a coordinate:
            "*" free, "+", "-", "0" fixed to zero (see `support`)

    Shapes: x (d,) or (d, r), one gauge value a column.

        g*(y) = sup { <y, x> : g(x) <= 1, x in the cone }         (dual)

    Every norm here except `variation` depends on the |x_i| only.  Then g*(y) is the dual norm
    without the cone at p = `positive(y)`, the projection of y on the cone: <y, x> <= <p, x> for x
    in the cone, and a maximizer of <p, x> can have the signs of p and zeros where p is zero.  For
    the same reason the prox at y is the prox without the cone at p.

    A new norm needs only the four abstract methods.  The other facts make bounds tighter and
    searches faster; by default they are false.

    spherical  the ball is |x|_2 <= 1                  cubic   the ball is max |x_i| <= 1
    axial      the extreme points are signed unit vectors
    ellipsoids   a product of ellipsoids that contains the ball, by default a box
    is_round   whether that is one ellipsoid           exact   whether it is equal to the ball
    summed     whether g is the sum of |x_g|_2 over `blocks`
    mixture    a and b, if g(x) = a |A x|_1 + b |x|_2
    normalized   whether g is 1 at every unit vector   slow    whether maximizers are costly

    Raises InputError for a cone of other marks, or one in which only zero lies.
    """

    cone: str = field(default="", kw_only=True)
    name: ClassVar[str]
    spherical: ClassVar[bool] = False
    cubic: ClassVar[bool] = False
    axial: ClassVar[bool] = False
    normalized: ClassVar[bool] = False
    slow: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Keep the entries of this package final."""
        refuse_heirs(cls, Gauge)

    def __post_init__(self) -> None:
        """Check the cone and the parameters, as far as they do not depend on the length."""
        if not isinstance(self.cone, str) or not set(self.cone) <= set(MARKS):
            wanted = f'"", "+", "-" or one of {", ".join(MARKS)} a coordinate'
            raise InputError(f"cone must be {wanted}, got {short(self.cone)}")
        if self.cone and set(self.cone) == {"0"}:
            raise InputError(f"cone {short(self.cone)} fixes every coordinate to zero: free one")
        self.prepare()

    def prepare(self) -> None:  # noqa: B027  most norms have nothing to check
        """Check the norm's own parameters, as far as they do not depend on the length."""

    @property
    def key(self) -> str:
        """The user's name, such as "l2+"; the repr of a gauge that has no such name."""
        return self.name + self.cone if self.is_plain else repr(self)

    @property
    def is_plain(self) -> bool:
        """Whether a key is enough: our own norm, no parameters, one sign for all coordinates."""
        entry = is_entry(type(self), Gauge) and not takes_parameters(type(self))
        return entry and self.cone in SIGNS

    @property
    def nonneg(self) -> bool:
        """Whether the cone requires x >= 0."""
        return bool(self.cone) and set(self.cone) <= {"+", "0"}

    @property
    def free(self) -> bool:
        """Whether the cone is the whole space."""
        return set(self.cone) <= {"*"}

    @property
    def unit_signs(self) -> tuple[int, ...]:
        """The signs that a unit vector may have, if the cone is the same for all coordinates."""
        return {"": (1, -1), "+": (1,), "-": (-1,)}[self.cone]

    def signs(self, d: int) -> Array:
        """Return the sign of each coordinate: 1, -1, or 0 for one that is free or fixed to zero."""
        low, high = self.sides(d)
        return np.asarray((low == 0) * 1.0 - (high == 0))

    def sides(self, d: int) -> tuple[Array, Array]:
        """Return the least and the largest value of each coordinate: 0 or infinite."""
        if self.cone in SIGNS:
            return np.full(d, BELOW[self.cone]), np.full(d, ABOVE[self.cone])
        cone = self.cone if len(self.cone) == d else self.cone * d
        marks = np.array(list(cone))
        low = np.where(np.isin(marks, ["*", "-"]), -np.inf, 0.0)
        return low, np.where(np.isin(marks, ["*", "+"]), np.inf, 0.0)

    def project_cone(self, x: Array) -> Array:
        """Return the nearest point of the cone to each column."""
        if self.cone == "+":
            return np.maximum(x, 0.0)
        if self.cone == "":
            return x
        low, high = (side.reshape(-1, *[1] * (x.ndim - 1)) for side in self.sides(len(x)))
        return np.clip(x, low, high)

    def positive(self, y: Array) -> Array:
        """Return p = the projection of y on the cone, which determines g*(y)."""
        return self.project_cone(y)

    def admits(self, x: Array) -> bool:
        """Whether x lies in the cone."""
        return self.free or bool((self.project_cone(x) == x).all())

    def check(self, d: int) -> None:
        """Raise InputError unless vectors of length d fit the cone and the parameters."""
        if self.cone not in SIGNS and len(self.cone) != d:
            raise InputError(f"the cone has {len(self.cone)} signs for {d} coordinates")

    def statement(self) -> str | dict[str, Any]:
        """Return the kernel's description of this norm."""
        if self.is_plain:
            return self.key
        return {"norm": self.name, "cone": self.cone, **self.parameters()}

    @classmethod
    def examples(cls, d: int) -> dict[str, "Gauge"]:
        """Return norms of this kind for vectors of length d, by name, for tests and strategies.

        A norm with parameters gives its own; none if no parameters fit that length.
        """
        return {cls.name: cls()}

    @classmethod
    def from_statement(cls, cone: str, texts: dict[str, str], arrays: dict[str, Any]) -> "Gauge":
        """Return the norm of a statement, from its cone, `parameters` and `arrays`."""
        return cls(cone=cone, **{k: cls.parameter(k, x) for k, x in texts.items()}, **arrays)

    @classmethod
    def parameter(cls, name: str, text: str) -> Any:  # noqa: ANN401  a number or a name
        """Return the value of an entry of `parameters`."""
        return float.fromhex(text)

    def parameters(self) -> dict[str, str]:
        """Return the norm's numbers and names in the statement."""
        return {}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays whose digests are in the statement."""
        return {}

    @property
    def is_round(self) -> bool:
        """Whether `ellipsoids` is one ellipsoid."""
        return False

    @property
    def exact(self) -> bool:
        """Whether the unit ball is the product of `ellipsoids`, where the cone is free."""
        return False

    @property
    def summed(self) -> bool:
        """Whether g(x) is the sum over `blocks` of |x_g|_2."""
        return False

    @property
    def mixture(self) -> Mixture | None:
        """The norm as a |A x|_1 + b |x|_2."""
        return None

    def blocks(self, d: int) -> tuple[Sequence[int], ...]:
        """Return blocks of coordinates such that each extreme point of the ball lies in one."""
        return (range(d),)

    def ellipsoids(self, d: int) -> Ellipsoids:
        """Return ellipsoids around the unit ball, by default the l2 ball if `is_round`, else a box:

        |x_i| <= max(g*(e_i), g*(-e_i)).
        """
        if self.is_round:
            return Ellipsoids(np.zeros(d, dtype=np.int64), np.ones(d))
        far = np.array([max(float(self.dual(s * e)) for s in (1.0, -1.0)) for e in np.eye(d)])
        return Ellipsoids(np.arange(d), np.where(far > 0, far, 1.0) ** -2.0)  # 0: x_i is fixed

    def unit_sizes(self, d: int) -> Array:
        """Return g of each unit vector."""
        if self.normalized:
            return np.ones(d)
        return np.array([float(self.value(e)) for e in np.eye(d)])

    def units(self, Y: Array) -> Array:
        """Return the best x on an axis of the cone, g(x) = 1, for each column y of Y (d, k)."""
        low, high = (side[:, None] for side in self.sides(len(Y)))
        sizes = self.unit_sizes(len(Y))
        gains = np.stack([np.where(high > 0, Y, -np.inf), np.where(low < 0, -Y, -np.inf)])
        best = (gains / sizes[:, None]).reshape(2 * len(Y), -1).argmax(axis=0)
        rows, k = np.divmod(best, len(Y))
        out = np.zeros(Y.shape)
        out[k, np.arange(Y.shape[1])] = np.where(rows, -1.0, 1.0) / sizes[k]
        return out

    def unit(self, y: Array) -> Array:
        """Return the result of `units` for one y."""
        return self.units(y[:, None])[:, 0]

    def cost(self, d: Array) -> float:
        """Return max sum d_i x_i^2 over the ellipsoids, so at least that over the ball."""
        return self.ellipsoids(len(d)).cost(d)

    def terms(self, d: int) -> int:
        """Return the number of terms in `value`, its relative rounding in units of eps."""
        return d

    def text(self, x: str) -> str:
        """Return the norm of x as a report prints it."""
        return f"{self.name}({x})"

    def free_dual(self, y: Array) -> float:
        """Return g*(y) without the cone."""
        return float(replace(self, cone="").dual(y))

    def maximizers(self, Y: Array) -> Array:
        """Return the maximizer of each column."""
        return np.column_stack([self.maximizer(y) for y in Y.T]) if Y.size else Y

    def dual_columns(self, lines: Any) -> Array:  # noqa: ANN401  an array or scipy.sparse
        """Return g* of each column, sparse or dense."""
        return self.dual_sparse(lines.tocsc()) if sparse.issparse(lines) else self.dual(lines)

    def dual_sparse(self, columns: Any) -> Array:  # noqa: ANN401  scipy.sparse: CSC
        """Return g* of each sparse column; by default BLOCK of them at a time are made dense."""
        starts = range(0, columns.shape[1], BLOCK)
        return np.concatenate([self.dual(columns[:, k : k + BLOCK].toarray()) for k in starts])

    def line_values(self, lines: Any, allowed: tuple[Bools, Bools]) -> tuple[Array, Array]:  # noqa: ANN401
        """Return g* of each column times its better sign, and that sign.

        allowed: where the signs +1 and -1 may be taken; a column without any has -inf.
        """
        up = self.dual_columns(lines)
        down = up if self.free else self.dual_columns(-lines)
        up, down = (np.where(a, x, -np.inf) for a, x in zip(allowed, (up, down), strict=True))
        return np.maximum(up, down), np.where(up >= down, 1.0, -1.0)

    def longest(self, lines: Any, allowed: tuple[Bools, Bools]) -> tuple[float, dict[str, Any]]:  # noqa: ANN401
        """Return a bound of the largest of `line_values`, and the kernel's evidence for it."""
        best = float(self.line_values(lines, allowed)[0].max(initial=0.0))
        return best * (1 + 1e-14 + lines.shape[0] * ROUNDED), {}

    @abstractmethod
    def value(self, x: Array) -> Array:
        """Return the norm of each column."""

    @abstractmethod
    def dual(self, y: Array) -> Array:
        """Return g*(y) of each column."""

    @abstractmethod
    def maximizer(self, y: Array) -> Array:
        """Return x of the cone, g(x) = 1, <y, x> = g*(y); a unit vector when g*(y) <= 0."""

    @abstractmethod
    def prox(self, x: Array, t: float) -> Array:
        """Return argmin_z 1/2 |z - x|^2 + t g(z), z in the cone, for each column."""

    def project_dual(self, y: Array, radius: float) -> Array:
        """Return the nearest point of { g* <= radius } to each column of y (Moreau)."""
        return np.asarray(y - self.prox(y, radius))


def takes_parameters(cls: type[Gauge]) -> bool:
    """Whether a norm has parameters besides the cone."""
    return len(fields(cls)) > 1


def support(mask: npt.ArrayLike, sign: str = "") -> str:
    """Return the cone of vectors that are zero outside a mask, with one sign inside.

    Raises InputError for a mask that is not boolean and one-dimensional, or a sign
    that is not "", "+" or "-".
    """
    flags = np.asarray(mask)
    if flags.ndim != 1 or flags.dtype != np.bool_:
        raise InputError(f"mask must be boolean (d,), got {flags.dtype} of shape {flags.shape}")
    if sign not in SIGNS:
        raise InputError(f'sign must be "", "+" or "-", got {short(sign)}')
    return "".join((sign or "*") if inside else "0" for inside in flags)
