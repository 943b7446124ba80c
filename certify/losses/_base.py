"""The contract of a loss."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any, ClassVar, Self

import numpy as np

from certify.base.arrays import Array, brief
from certify.base.errors import InputError
from certify.base.observed import Observed
from certify.base.registry import refuse_heirs


class Loss(ABC):
    """A convex loss l(Z) of a matrix or tensor seen at its observed entries.

    Z, W and gradients are fields over `observed`.  For every W

        d(W) = inf_Z l(Z) + <W, Z> = -l*(-W),                     (dual value)

    so l(Z) + <W, Z> >= d(W), with equality exactly at W = -grad l(Z).

    smooth  whether l has a gradient wherever it is finite; else `gradient` returns a
            subgradient, and a certificate may need another W than that

    Optional facts, for searches, relaxations, plots and reports:

    quadratic  whether the gradient is linear
    degree     k with l(a Z; a Y) = a^k l(Z; Y) for a > 0; 0 where there is none
    positive   whether l is infinite where Z < 0
    rowwise    whether each row is one-hot, with one weight
    labels     the two numbers that Y may hold; (): any    counts   whether Y must be >= 0
    intervals  the open interval of each parameter, from 0 on
    measured   the parameters in the units of the data, which scale with them
    formula    the sum, with {c} for the weights           title    the name in a sentence
    """

    name: ClassVar[str]
    smooth: ClassVar[bool] = True
    quadratic: ClassVar[bool] = False
    degree: ClassVar[int] = 0
    positive: ClassVar[bool] = False
    rowwise: ClassVar[bool] = False
    labels: ClassVar[tuple[float, ...]] = ()
    counts: ClassVar[bool] = False
    intervals: ClassVar[Mapping[str, tuple[float, float]]] = {}
    measured: ClassVar[Sequence[str]] = ()
    formula: ClassVar[str] = "l(Z)"
    title: ClassVar[str] = "a loss of your own"
    observed: Observed

    def __new__(cls, *_: object, **named: object) -> Self:
        """Raise InputError if `zeros` is given to a loss without that argument."""
        if "zeros" in named and "zeros" not in signature(cls).parameters:
            message = (
                f"{cls.__name__} takes no zeros: only Squared counts what a sparse Y leaves out"
            )
            raise InputError(f"{message}; a dense Y contains them")
        return super().__new__(cls)

    def __init_subclass__(cls) -> None:
        """Keep the entries of this package final, and their reprs short."""
        refuse_heirs(cls, Loss)
        if "__repr__" not in vars(cls):  # a dataclass keeps a __repr__ that exists
            setattr(cls, "__repr__", brief)  # noqa: B010  mypy refuses an assignment

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (m, n) of the data; of a tensor its first mode by all the others."""
        return self.observed.m, self.observed.n

    @property
    def dims(self) -> tuple[int, ...]:
        """The shape of the data: (m, n), or that of a tensor."""
        return self.observed.dims

    @property
    def curvature(self) -> float:
        """A Lipschitz constant of the gradient, weights included; inf if none is known."""
        return np.inf

    @abstractmethod
    def value(self, Z: Array) -> float:
        """Return l(Z); inf outside its domain."""

    @abstractmethod
    def gradient(self, Z: Array) -> Array:
        """Return grad l(Z) or a subgradient, a field; its negative is in the domain of d."""

    @abstractmethod
    def dual_value(self, W: Array) -> float:
        """Return d(W); -inf outside its domain."""

    @abstractmethod
    def arrays(self) -> dict[str, Any]:
        """Return the arrays that a statement names: flat, in row-major order."""

    def prox(self, Z: Array, t: Array | float) -> Array:
        """Return argmin_X l(X) + |X - Z|^2 / (2 t), a field.

        t    a number, or one for each entry; for `rowwise` losses one for each row, (m, 1)
        """
        raise NotImplementedError(f"{type(self).__name__} has no proximal map for {t} at {Z}")

    def clip_dual(self, W: Array) -> Array:
        """Return the field nearest to W in the domain of d, exactly inside."""
        return W

    def outside(self, Z: Array) -> str:
        """Return why l(Z) is infinite, or ""."""
        return ""

    def relaxation(self, cp: Any, F: Any, y: Array, c: Array, unit: float) -> Any:  # noqa: ANN401, B027
        """Return l(F) as a cvxpy expression, or None if it is not known.

        F, y     the fit and the data, flat, both divided by `unit` (1 for degree 0)
        c        the weight of each entry, or of each row
        """

    def glosses(self) -> list[str]:
        """Return what the letters of the formula stand for."""
        return []

    def statement(self) -> str | dict[str, str]:
        """Return the kernel's description of this loss: its name, or kind and parameters."""
        parameters = {name: getattr(self, name).hex() for name in self.intervals}
        return {"kind": self.name, **parameters} if parameters else self.name
