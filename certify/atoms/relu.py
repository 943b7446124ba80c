"""One hidden layer: phi(u, v) = s(V u) v^T, a hidden unit with its weights in and out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Array, accept_word, as_dense, finite, frozen, real, short
from certify.base.errors import InputError
from certify.base.observed import Observed
from certify.norms import Gauge, Group, gauge, norm_of, plain_key
from certify.offsets import Offset
from certify.polar import Matrix, PolarBound, Proposal
from certify.polar.ascent.layers import attain
from certify.polar.layer_query import Layer, LayerQuery
from certify.polar.layers import propose
from certify.polar.proved import unknown_norms

from ._base import Atom, Factors, Slice, combine, misfit
from ._enclosure import enclose_network
from ._hidden import SLOPES, demand_poolable, negative_slope, nonempty, sample_index
from ._words import Words, activation, penalty_formula, signs_of
from .rank_one import FORMS, LETTERS, matrix_only

BIASES = ("none", "regularized", "free")
POOLS = ("sum", "max")


@dataclass(frozen=True, eq=False)
class ReLU(Atom):
    """phi(u, v) = s(V u) v^T, V (N, d) the data, u (d,), v (outputs,); Z is N x outputs.

        form="product":  theta(u, v) = |u|_2 |v|_right
        form="sum":      theta(u, v) = 1/2 (|u|_2^2 + |v|_right^2)   (weight decay)

    A network of r hidden units is U (d, r), V (outputs, r); both forms have the same optimum.

    activation  s(z) = z for z >= 0 and slope z else: "relu" 0, "leaky_relu" (slope=0.01 unless
                given), "abs" -1, "linear" 1
    right       "l2", "l1" or "linf", with a sign or none
    bias        "none"; "regularized": V gets a column of ones and u one more entry, penalized like
                the others; "free": that entry has no penalty (scikit-learn).  Then Omega* is
                finite only at W whose columns sum to zero, so the problem must have an
                unpenalized ColumnIntercept.
    samples     None, or the sample that each row of V is pooled into: a convolution, whose
                patches are the rows of V
    pool        "sum" of a sample's rows (for mean pooling divide V by the number of patches), or
                "max", for relu with samples and no free bias
    left        "l2"; with activation="linear" any norm (see `gated`)

        Omega*(W) = sup { |W^T s(V u)|_* : |u|_2 <= 1 }                (polar)

    NP-hard in d; bounded by cells (exact, small d) and by the doubly nonnegative relaxation with
    branching.  pool="max" is bounded by layers with pool="sum", for one output and one sign of v at
    a time: where v w_k > 0, the largest (a_i)_+ is at most (a_b)_+ plus the sum of (a_i - a_b)_+
    for any row b, and at most the sum of (a_i)_+; where v w_k < 0, it is at least (a_b)_+.

    Raises InputError for an unknown norm, bias, activation or form, or V that is not a
    finite real matrix; a problem with it, for data of another number of rows.
    Source: the networks of Haeffele and Vidal (2015) with one hidden layer.
    """

    V: Any
    left: str | Gauge = "l2"
    right: str | Gauge = "l2"
    bias: str = "none"
    activation: str = "relu"
    slope: float | None = None
    samples: Any = None
    form: str = "product"
    pool: str = "sum"
    layer: Layer = field(init=False, repr=False)

    degree = 2
    kind = "relu"
    family = "layers"
    component = "hidden unit"
    hard = True

    def __post_init__(self) -> None:
        """Check the parts and build the layer."""
        choices = {"bias": BIASES, "activation": SLOPES, "form": FORMS, "pool": POOLS}
        for name, known in choices.items():
            accept_word(getattr(self, name), name, known)
        data = nonempty(self.V, "V")
        if self.bias != "none":
            data = np.column_stack([data, np.ones(len(data))])
        left, right = gauge(self.left), gauge(plain_key(self.right, "right"))
        slope = negative_slope(self.activation, self.slope)
        if slope != 1 and (not left.spherical or not left.free):
            raise InputError(f"left must be l2 unless activation is linear, got {short(self.left)}")
        samples = sample_index(self.samples, len(data))
        most = self.pool == "max"
        if most:
            demand_poolable(self)
        layer = Layer(frozen(data), slope, left, right, self.bias == "free", samples, most)
        object.__setattr__(self, "layer", layer)

    @property
    def gauges(self) -> tuple[Gauge, Gauge]:
        """The norms of u (without a free bias) and v."""
        return self.layer.left, self.layer.right

    def check(self, data_shape: tuple[int, ...]) -> None:
        """Raise InputError unless the data have a row for each row of V, or for each sample."""
        matrix_only(self, data_shape)
        samples = self.layer.samples
        rows = len(self.layer.features) if samples is None else int(samples.max()) + 1
        if data_shape[0] != rows:
            raise InputError(f"V stands for {rows} samples, but the data have {data_shape[0]} rows")

    def shapes(self, data_shape: tuple[int, ...]) -> tuple[tuple[int], tuple[int]]:
        """Return (d,), (outputs,)."""
        return (self.layer.features.shape[1],), (data_shape[1],)

    def phi(self, x: Slice) -> Array:
        """Return s(V u) v^T."""
        return np.outer(self.layer.act(x[0][:, None]), x[1])

    def outer_factors(self, factors: Factors) -> tuple[Array, Array]:
        """Return the hidden values s(V u) and the weights v."""
        return self.layer.act(factors[0]), factors[1]

    def sizes(self, factors: Factors) -> tuple[Array, ...]:
        """Return |u|, without a free bias, and |v| of each unit."""
        return self.layer.size(factors[0]), self.layer.right.value(factors[1])

    def best_responses(self, W: Array, factors: Factors, observed: Observed) -> tuple[Array, ...]:
        """Return |W^T s(V u)|* |v| of each unit; phi has kinks in u, which is left out."""
        pulled = observed.times_left(W, self.layer.act(factors[0]))
        return (self.layer.right.dual(pulled) * self.sizes(factors)[1],)

    def theta(self, factors: Factors) -> Array:
        """Return theta of each unit."""
        return combine(self.sizes(factors), self.form)

    def wrong_sign(self, factors: Factors) -> str:
        """Name the entry of V that is farthest outside its cone."""
        return misfit("V", self.layer.right, factors[1])

    def project(self, factors: Factors) -> Factors:
        """Return the nearest factors in the cones."""
        return factors[0], np.asarray(self.layer.right.project_cone(factors[1])) + 0.0  # no -0.0

    def query(self, W: Matrix, target: float | None = None, seed: int = 0) -> LayerQuery:
        """Return the query of the methods for hidden layers."""
        return LayerQuery(self.layer, as_dense(W), target, seed)

    def propose(
        self,
        W: Matrix,
        target: float | None,
        seed: int,
        deadline: float | None,
        starts: Factors = (),
    ) -> Proposal:
        """Return the smallest bound found; starts are units that may attain the polar."""
        slices = tuple(zip(*(x.T for x in starts), strict=True))
        return propose(LayerQuery(self.layer, as_dense(W), target, seed, deadline, slices))

    propose_near = propose

    def attain(self, W: Matrix, seed: int) -> tuple[float, Slice]:
        """Return the best unit found, of theta 1."""
        return attain(self.query(W, None, seed))

    def enclose(self, W: Any, propose: Callable[[Any], Proposal], seed: int) -> PolarBound:  # noqa: ANN401
        """Return both sides; the upper one is proved by the kernel."""
        return enclose_network(self, W, propose, seed)

    def why_infinite(self, offsets: Sequence[Offset]) -> str:
        """Return why a free bias makes the polar infinite, with the cure, or "".

        With a free bias constant units have no penalty, so W must sum to zero over the rows of V
        in each output.
        """
        if not self.layer.free:
            return ""
        samples = self.layer.samples
        if samples is not None and len(set(np.bincount(samples).tolist())) > 1:
            return (
                "bias='free' with samples of different numbers of rows has no finite polar: give "
                "each sample as many rows, or use bias='regularized'"
            )
        if any(o.free and o.levels for o in offsets):
            return ""
        return (
            "bias='free' needs an unpenalized intercept of each output, else Omega* is infinite: "
            "add ColumnIntercept() to the offsets, or use bias='regularized'"
        )

    def words(self) -> Words:
        """Return the output of a hidden unit, pooled over a sample's rows, and the norms."""
        layer, free = self.layer, self.bias == "free"
        norms = [g.text(x) for g, x in zip(self.gauges, LETTERS, strict=True)]
        unit = f"{'' if layer.samples is None else 'P '}s(V uₖ{' + bₖ' if free else ''})"
        glosses = [activation(layer.slope)]
        if layer.max_pooled:
            glosses.append("max the largest of each sample's rows")
        elif layer.samples is not None:
            glosses.append("P sums the rows of each sample")
        glosses += ["biases bₖ without penalty"] * free
        phi = f"{'max s(V uₖ)' if layer.max_pooled else unit} vₖᵀ"
        return Words(
            phi, penalty_formula(norms, self.form), signs_of(LETTERS, self.gauges), glosses
        )

    def title(self) -> str:
        """Return the name of the model."""
        return f"a {'max-pooled ' * self.layer.max_pooled}network with one hidden layer"

    @classmethod
    def from_statement(cls, statement: dict[str, Any], data: dict[str, Any]) -> "ReLU":
        """Return the layer; a regularized bias is a column of its features."""
        V, slope = data["features"], float.fromhex(statement["slope"])
        free = statement["bias"] == "free"
        names = {v: k for k, v in SLOPES.items() if k != "leaky_relu"}
        return cls(
            V[:, :-1] if free else V,
            norm_of(statement["left"], "left", data),
            norm_of(statement["right"], "right", data),
            bias="free" if free else "none",
            activation=names.get(slope, "leaky_relu"),
            slope=None if slope in names else slope,
            samples=data.get("samples"),
            form=statement["form"],
            pool=statement.get("pool", "sum"),
        )

    def statement(self) -> dict[str, Any]:
        """Return the kernel's description of this atom; {} if it does not have a norm."""
        if unknown_norms(self.gauges):
            return {}
        left, right = (g.statement() for g in self.gauges)
        bias = "free" if self.layer.free else "none"
        fields = {"kind": self.kind, "left": left, "right": right, "form": self.form, "bias": bias}
        fields |= {"slope": float(self.layer.slope).hex()}
        return fields | ({"pool": "max"} if self.layer.max_pooled else {})

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the features, with the column of a bias, and the samples."""
        out: dict[str, npt.NDArray[Any]] = {"features": self.layer.features}
        if self.layer.samples is not None:
            out["samples"] = self.layer.samples
        return out | {f"left.{k}": a for k, a in self.layer.left.arrays().items()}


def gated(V: npt.ArrayLike, gates: npt.ArrayLike, right: str = "l2", form: str = "product") -> ReLU:
    """Return the atom of gated units: phi(u, v) = D_g V u v^T, one gate g for each unit.

    gates (N, G), 0 or 1: D_g is the diagonal matrix of column g.  u has a block of d entries for
    each gate, and theta = (sum over g of |u_g|_2) |v|.  An extreme point uses one gate, so the
    problem is a group lasso; with one output its polar is max_g |V^T D_g W|.

    Raises InputError for gates that are not 0 or 1, or of another number of rows.
    """
    data, masks = finite(real(V, "V", ndim=2), "V"), real(gates, "gates", ndim=2)
    if masks.shape[0] != len(data) or not np.isin(masks, (0.0, 1.0)).all():
        raise InputError(f"gates must be 0 or 1 in {len(data)} rows, got shape {masks.shape}")
    blocks: Sequence[Array] = [data * g[:, None] for g in masks.T]
    d = data.shape[1]
    norm = Group([range(g * d, g * d + d) for g in range(masks.shape[1])])
    return ReLU(np.hstack(blocks), norm, right, activation="linear", form=form)
