"""The problem statement: l(Y, sum phi(X_i) + A q) + lam sum theta(X_i) + H(q)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from certify.atoms import Atom, Factors
from certify.base.arrays import Array, brief, finite, frozen, real, scalar, short
from certify.base.errors import InputError
from certify.losses import Loss, Squared
from certify.losses.squared import DENSE, UNKNOWN
from certify.offsets import Offset
from certify.polar.scale import ldexp_steps

from .best_offsets import Values, best, joint_fit, least_squares, shift, split_values
from .scaling import data_exponent, scale_loss
from .stationary import StationaryLam, stationary_lam

FOREIGN = ("sklearn", "tensorly", "torch", "onnx", "implicit", "surprise", "cornac")


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Problem:
    """The objective of factors X of any size r, and offsets q:

        f_r(X, q) = l(sum_{i <= r} phi(X_i) + sum_k A_k q_k) + lam sum_i theta(X_i)
                    + sum_k H_k(q_k),    H_k = ridge_k / 2 |q_k|^2 for most offsets.

    loss     a Loss, with its data           atom     an Atom: phi and theta
    lam      lam > 0, or 0 for a question at a fixed rank; or (a, b), the separate weights of

                 a/2 |u|^2 + b/2 |v|^2

             on the two sides of a matrix (l2 norms, form="sum"): then `lam` is a power of two
             near sqrt(a b), and the norms of `atom` have the weights a / lam and b / lam, which
             is exactly the same objective
    offsets  Offsets, in the order of q
    l1       weights of an l1 penalty, one for each factor: a |u|_1 + b |v|_1 more for a component

    Raises InputError for a lam that is negative or not finite, or offsets that do not fit.
    """

    loss: Loss
    atom: Atom
    lam: float
    offsets: Sequence[Offset]
    l1: Sequence[float] | None

    def __init__(
        self,
        loss: Loss,
        atom: Atom,
        lam: float | Sequence[float],
        offsets: Offset | Sequence[Offset] = (),
        *,
        l1: Sequence[float] | None = None,
    ) -> None:
        """Check the parts."""
        for name, part, kind in (("loss", loss, Loss), ("atom", atom, Atom)):
            if not isinstance(part, kind):
                article = "an" if kind is Atom else "a"
                raise InputError(f"{name} must be {article} {kind.__name__}, got {short(part)}")
        atom.check(loss.dims)
        if isinstance(lam, tuple | list) and len(lam) > 1:
            weights = tuple(scalar(x, f"lam[{k}]", zero=False) for k, x in enumerate(lam))
            atom, lam = atom.with_weights(weights, loss.dims)
        for name, value in (("loss", loss), ("atom", atom), ("lam", scalar(lam, "lam", zero=True))):
            object.__setattr__(self, name, value)
        given = [offsets] if isinstance(offsets, Offset) else offsets
        if not isinstance(given, Sequence):
            raise InputError(f"offsets must be a sequence of Offset objects, got {short(given)}")
        items = tuple(given)
        for o in items:
            if not isinstance(o, Offset):
                raise InputError(f"offsets must be Offset objects, got {short(o)}")
            o.check(self.loss.observed)
        if len({o.slot for o in items}) < len(items):
            names = [o.slot for o in items]
            raise InputError(f"each kind of offset may be given once, got {names}")
        object.__setattr__(self, "offsets", items)
        object.__setattr__(self, "l1", None if l1 is None else self.accept_l1(l1))
        if loss.observed.zeros:
            self.accept_zeros()

    def __repr__(self) -> str:
        """Show the parts, and the shapes of their arrays."""
        more = f", offsets=[{', '.join(map(brief, self.offsets))}]" if self.offsets else ""
        more += "" if self.l1 is None else f", l1={self.l1}"
        return f"Problem({self.loss!r}, {self.atom!r}, lam={self.lam!r}{more})"

    def accept_l1(self, l1: Sequence[float]) -> tuple[float, ...]:
        """Return the weights of an l1 penalty, one for each factor."""
        count = len(self.atom.shapes(self.loss.dims))
        if not isinstance(l1, tuple | list) or len(l1) != count:
            wanted = f"{count} weights, one for each factor" if count > 1 else "one weight"
            raise InputError(f"l1 must be {wanted}, got {short(l1)}")
        weights = tuple(scalar(x, f"l1[{k}]", zero=True) for k, x in enumerate(l1))
        if not any(weights):
            raise InputError(f"l1 must have a weight > 0, got {short(l1)}")
        return weights

    def accept_zeros(self) -> None:
        """Raise InputError for parts that need all m x n entries, zeros included."""
        gauges = self.atom.gauges
        plain = self.atom.kind == "rank_one" and all(g.is_plain and g.spherical for g in gauges)
        if not plain or self.offsets or self.l1 is not None:
            known = "RankOne of plain l2 norms, without offsets and l1"
            raise InputError(f'zeros="observed" is for {known}: {DENSE}')

    @property
    def has_both_l1(self) -> bool:
        """Whether both sides of a matrix with plain norms have an l1 penalty."""
        plain = self.atom.kind == "rank_one" and all(g.is_plain for g in self.atom.gauges)
        return plain and self.l1 is not None and all(self.l1)

    @property
    def has_penalty(self) -> bool:
        """Whether components cost something, so that factors of every size can be compared."""
        return self.lam > 0 or self.l1 is not None

    def over(self, size: int | None) -> str:
        """Return over what a bound holds, in words: "any size", "at most 3 components"; with any
        offsets, if there are some.

        size   None: factors of any size; else of at most so many components
        """
        return self.atom.over(size) + " and any offsets" * bool(self.offsets)

    def rates(self, factors: Factors, l1: float | None = None) -> Array:
        """Return lam theta + l1 (a |u|_1 + b |v|_1) of each component.

        l1  1 for the penalty itself; by default 1 / degree, for its growth with phi
        """
        l1 = 1 / self.atom.degree if l1 is None else l1
        price = self.lam * np.asarray(self.atom.theta(factors))
        for weight, x in zip(self.l1 or (), factors, strict=False):
            price = price + l1 * weight * np.abs(x).sum(axis=tuple(range(x.ndim - 1)))
        return np.asarray(price)

    def accept(self, factors: Sequence[Any], name: str = "factors") -> Factors:
        """Return the caller's factors as read-only float64 arrays.

        factors  a sequence of K arrays, or a CP tensor: (weights, [K arrays]), or an object with
                 `weights` and `factors`, as TensorLy's CPTensor; weights go into the factors

        Raises InputError for wrong shapes, values that are not finite, or wrong signs.
        """
        arrays = self.as_factors(factors, name)
        if wrong := self.atom.wrong_sign(arrays):
            raise InputError(f"{name}: {wrong}")
        return arrays

    def project(self, factors: Sequence[Any]) -> Factors:
        """Return the nearest factors with allowed signs, as read-only arrays.

        Raises InputError for wrong shapes or values that are not finite.
        """
        return tuple(frozen(x) for x in self.atom.project(self.as_factors(factors, "factors")))

    def as_factors(self, factors: Sequence[Any], name: str) -> Factors:
        """Return the caller's factors as read-only float64 arrays, whatever their signs."""
        shapes, factors = self.atom.shapes(self.loss.dims), self.fold_weights(factors, name)
        if not isinstance(factors, Sequence) or len(factors) != len(shapes):
            got = str(len(factors)) if isinstance(factors, Sequence) else type(factors).__name__
            foreign = type(factors).__module__.partition(".")[0] not in ("builtins", "numpy")
            cure = "; certify.adapters reads other packages' models" if foreign else ""
            raise InputError(f"{name} must be a sequence of {len(shapes)} arrays, got {got}{cure}")
        arrays = []
        for k, (x, shape) in enumerate(zip(factors, shapes, strict=True)):
            a = finite(real(x, f"{name}[{k}]"), f"{name}[{k}]")
            if a.ndim != len(shape) + 1 or a.shape[:-1] != shape:
                wanted = ", ".join([*map(str, shape), "r"])
                turned = a.ndim == 2 and a.shape[1:] == shape  # noqa: PLR2004  as scikit-learn's H
                got = f"{a.shape}{': pass its transpose' if turned else ''}"
                raise InputError(f"{name}[{k}] must have shape ({wanted}), got {got}")
            arrays.append(frozen(a))
        if len(sizes := {x.shape[-1] for x in arrays}) > 1:
            raise InputError(f"{name} must have one number of components, got {sorted(sizes)}")
        return tuple(arrays)

    def fold_weights(self, factors: Any, name: str) -> Any:  # noqa: ANN401  of any package
        """Return the factors of a CP tensor with its weights multiplied in; others unchanged.

        phi does not change.  In the product form the weights go into the first factor, and theta
        does not change; in the sum form each factor takes their K-th root, which gives the least
        theta for normalized factors.

        Raises InputError for weights that are not (r,) or not finite.
        """
        weights, parts = getattr(factors, "weights", None), getattr(factors, "factors", None)
        if parts is None:
            if not (isinstance(factors, tuple | list) and len(factors) == 2):  # noqa: PLR2004
                return factors
            weights, parts = factors
            numbers = weights is None or getattr(weights, "ndim", depth(weights)) == 1
            if not (numbers and isinstance(parts, tuple | list)):
                return factors
        if weights is None or not len(parts):
            return tuple(parts)
        first, w = (real(x, name) for x in (parts[0], weights))
        if w.shape != first.shape[-1:]:
            wanted = f"the weights of {name} must have shape {first.shape[-1:]}"
            raise InputError(f"{wanted}, got {w.shape}")
        if getattr(self.atom, "form", "product") != "sum":
            return (first * w, *parts[1:])
        root = np.abs(w) ** (1 / len(parts))
        return (first * np.copysign(root, w), *(real(x, name) * root for x in parts[1:]))

    def accept_offsets(self, q: Sequence[Any]) -> Values:
        """Return the caller's offset values, one array for each offset."""
        if not isinstance(q, Sequence) or len(q) != len(self.offsets):
            got = len(q) if isinstance(q, Sequence) else type(q).__name__
            wanted = f"{len(self.offsets)} arrays, one for each offset"
            raise InputError(f"q must be a sequence of {wanted}, got {got}")
        observed = self.loss.observed
        pairs = zip(self.offsets, q, strict=True)
        return tuple(frozen(o.accept(x, observed)) for o, x in pairs)

    def shift(self, q: Values) -> Array | float:
        """Return the field of sum_k A_k q_k."""
        return shift(self.offsets, q, self.loss.observed)

    def arrays(self, factors: Sequence[Any], q: Sequence[Any] | None) -> tuple[Factors, Values]:
        """Return the caller's factors and offset values as arrays, whatever their signs.

        q   None, as in an adapter's `factors.q`, where there are no offsets

        Raises InputError, with the expected shapes, for other shapes.
        """
        shapes = self.atom.shapes(self.loss.dims)
        if not (isinstance(factors, tuple) and have_shapes(factors, [(*s, -1) for s in shapes])):
            factors = self.as_factors(factors, "factors")
        wanted = [o.shape(self.loss.observed) for o in self.offsets]
        q = () if q is None else q
        if not (isinstance(q, tuple) and have_shapes(q, wanted)):
            if isinstance(q, tuple | list) and not q and self.offsets:
                cure = "problem.best_offsets(factors) finds the best"
                raise InputError(f"q must be given, {len(self.offsets)} arrays: {cure}")
            q = self.accept_offsets(q)
        return tuple(factors), tuple(q)

    def predict(self, factors: Factors, q: Values | None = ()) -> Array:
        """Return the field of sum phi(X_i) + A q."""
        factors, q = self.arrays(factors, q)
        return np.asarray(self.atom.predict(factors, self.loss.observed) + self.shift(q))

    def objective(self, factors: Factors, q: Values | None = ()) -> float:
        """Return f_r(X, q) in floats."""
        factors, q = self.arrays(factors, q)
        if isinstance(self.loss, Squared) and self.loss.observed.zeros:
            value = self.loss.value_of_product(factors[0], factors[1])
        else:
            value = self.loss.value(self.predict(factors, q))
        value += float(self.rates(factors, l1=1.0).sum())
        return value + sum(o.penalty(x) for o, x in zip(self.offsets, q, strict=True))

    def dual_point(self, factors: Factors, q: Values | None = ()) -> Array:
        """Return W = -grad l at the candidate, a field."""
        return -self.loss.gradient(self.predict(factors, q))

    def inner_products(self, factors: Factors, q: Values | None = ()) -> tuple[Array, Array, float]:
        """Return <W, phi(X_i)> and |phi(X_i)| of each component, and |W|, with W = -grad l."""
        if isinstance(self.loss, Squared) and self.loss.observed.zeros:
            left, right = factors
            sizes = np.linalg.norm(left, axis=0) * np.linalg.norm(right, axis=0)
            size = (2 * self.loss.value_of_product(left, right)) ** 0.5
            return self.loss.inner_products(left, right), sizes, size
        W = self.dual_point(factors, q)
        inner, sizes = self.atom.inner_products(W, factors, self.loss.observed)
        return inner, sizes, float(np.linalg.norm(W))

    def stationary_lam(
        self, factors: Sequence[Any], q: Sequence[Any] | None = None
    ) -> StationaryLam:
        """Return the lam at which factors are stationary; the problem's own lam does not matter.

        q  the values of the offsets; None: the best ones
        """
        arrays = self.accept(factors)
        values = self.best_offsets(arrays) if q is None else self.accept_offsets(q)
        predicted, alone = self.predict(arrays, values), self.shift(values)
        start = -self.loss.gradient(np.zeros_like(predicted) + alone)
        points = -self.loss.gradient(predicted), start
        return stationary_lam(self.atom, self.loss.observed, arrays, points, self.lam)

    def best_offsets(self, factors: Factors) -> Values:
        """Return the offsets that minimize the objective for these factors."""
        observed, pair = self.loss.observed, None
        if self.loss.positive:
            pair = self.atom.outer_factors(factors)
        terms = None if pair is None else observed.product(*map(np.abs, pair))
        return self.fit_offsets(self.atom.predict(factors, observed), terms)

    def fit_offsets(self, Z: Array, terms: Array | None = None) -> Values:
        """Return argmin_q of the loss at Z + A q plus H(q).

        terms   the sum of the moduli whose sum with signs is Z, for its rounding; None: |Z|

        Raises OutOfScopeError if there is no minimizer.
        """
        if not self.offsets:
            return ()
        if not isinstance(self.loss, Squared):
            return self.fit_at_scale_one(Z, np.abs(Z) if terms is None else terms)
        data, scale = self.loss.data, self.loss.scale
        weights = np.ones(Z.shape) if scale is None else scale.reshape(Z.shape)
        observed, target = self.loss.observed, np.asarray(data - Z)
        if len(self.offsets) > 1 and self.joint is not None:
            shapes = [o.shape(observed) for o in self.offsets]
            return split_values(self.joint @ (np.sqrt(weights) * target).reshape(-1), shapes)
        return least_squares(self.offsets, target, weights, observed)

    def fit_at_scale_one(self, Z: Array, terms: Array) -> Values:
        """Return `fit_offsets` of another loss than squares: of data near 1, then scaled back."""
        a, loss = data_exponent(self.loss), self.loss
        if not a:
            return best(loss, self.offsets, Z, terms)
        offsets = [o.rescale(-a, (2 - loss.degree) * a) for o in self.offsets]
        q = best(scale_loss(loss, a), offsets, *(ldexp_steps(x, -a) for x in (Z, terms)))
        return tuple(ldexp_steps(x, a) for x in q)

    @cached_property
    def joint(self) -> Array | None:
        """The matrix that maps sqrt(w) times a target to the best offsets; None if it is large."""
        scale, observed = getattr(self.loss, "scale"), self.loss.observed  # noqa: B009  least squares
        weights = np.ones(observed.size) if scale is None else scale.reshape(-1)
        return joint_fit(self.offsets, weights, observed)


def have_shapes(arrays: tuple[Any, ...], shapes: Sequence[tuple[int, ...]]) -> bool:
    """Whether these are float64 arrays of these shapes; -1 is any length, the same in all."""
    if len(arrays) != len(shapes) or not all(isinstance(x, np.ndarray) for x in arrays):
        return False
    free = {x.shape[-1] for x, s in zip(arrays, shapes, strict=True) if x.ndim and -1 in s}
    return len(free) <= 1 and all(
        x.dtype == np.float64
        and x.ndim == len(s)
        and all(n in (-1, d) for d, n in zip(x.shape, s, strict=True))
        for x, s in zip(arrays, shapes, strict=True)
    )


def as_problem(problem: object, *, zeros: bool = False) -> Problem:
    """Return the problem.

    Raises InputError, with the cure, for anything else, or for observed zeros unless `zeros`.
    """
    if isinstance(problem, Problem):
        if problem.loss.observed.zeros and not zeros:
            raise InputError(UNKNOWN)
        return problem
    family = type(problem).__module__.partition(".")[0]
    cure = "state one: Problem(loss, atom, lam)"
    if family in FOREIGN or hasattr(problem, "fit"):
        data = "X, y, ..." if family in ("torch", "onnx") else "X"
        cure = f"read the model first: problem, factors = certify.from_model(model, {data})"
    raise InputError(f"problem must be a Problem, got {type(problem).__name__}; {cure}")


def depth(x: object) -> int:
    """Return the depth of nested lists; 0 for anything else."""
    return 1 + depth(x[0]) if isinstance(x, tuple | list) and x else 0
