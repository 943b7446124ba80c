"""The lam at which factors are stationary, computed from the factors."""

from dataclasses import dataclass

import numpy as np

from certify.atoms import Atom, Factors
from certify.base.arrays import Array
from certify.base.observed import Observed

SETTLED = 0.02  # largest spread of a stationary fit; iterative fits stop at about 1e-3
APART = 0.05  # least relative difference of two lam that is reported
MOST = 6  # digits of a weight in a message
NOTHING = 1e-3  # inner products below this share of those without factors count as 0


@dataclass(frozen=True, repr=False)
class StationaryLam:
    """The weight of the penalty for which these factors are stationary.

    At a stationary point neither scaling a component lowers the objective nor replacing one of
    its parts by another of the same norm.  With W = -grad l, and theta at the best scaling,

        lam_k = <W, phi(X_k)> / theta(X_k)
              = sup { <W, phi(X)> : X differs from X_k in one part } / theta(X_k),

    and lam_k is the same for every component k.

    lam      the mean of lam_k, weighted by theta; NaN if all components are zero
    values   lam_k, (r,); NaN for a component that is zero
    spread   the largest mean deviation of these readings of lam_k from lam, relative, weighted
             by theta; 0 at a stationary point
    weights  for form="sum": the separate weights (a, b) of a/2 |u|^2 + b/2 |v|^2 at which the
             scales of the parts are stationary too; lam = sqrt(a b).  None for other forms
    free     whether lam is 0: the factors are stationary without a penalty
    slight   if free: whether the problem's penalty is too small to be told from 0
    given    the problem's own lam            separable  whether separate weights can be stated
    """

    lam: float
    values: Array
    spread: float
    given: float
    weights: tuple[float, ...] | None = None
    free: bool = False
    slight: bool = False
    separable: bool = False

    @property
    def settled(self) -> bool:
        """Whether the factors are stationary for some lam."""
        return self.free or self.spread <= SETTLED

    @property
    def unequal(self) -> bool:
        """Whether the scales of the parts imply separate weights."""
        top = max(self.weights or (0.0,))
        return top - min(self.weights or (0.0,)) > (APART + self.spread) * top

    def __repr__(self) -> str:
        """Show lam, the spread and separate weights."""
        suffix = "" if self.weights is None else f", weights={self.weights}"
        return f"StationaryLam(lam={self.lam:.6g}, spread={self.spread:.2g}{suffix})"

    @property
    def objection(self) -> str:
        """Return a message if the problem's lam is not that of the factors, else ""."""
        if not self.settled or self.given == 0 or self.slight:
            return ""
        opening, given = "these factors look stationary", f"you gave {self.given:.{MOST}g}"
        cure = "if you trained with that, training has not converged: improve() continues"
        if self.free:
            return f"{opening} without a penalty (lam = 0); {given}; {cure}"
        if self.unequal and self.weights is not None:
            listed = ", ".join(map(self.digits, self.weights))
            other = "form='product', with the geometric mean of the weights as lam"
            stated = f"lam=({listed})" if self.separable else other
            return f"{opening} at the separate weights ({listed}); {given} for all: state {stated}"
        if abs(self.lam - self.given) <= (APART + self.spread) * self.lam:
            return ""
        return f"{opening} at lam = {self.digits(self.lam)}; {given}; {cure}"

    def digits(self, x: float) -> str:
        """Return a weight with as many digits as the factors determine."""
        shown = [float(f"{x:.{k}g}") for k in range(1, MOST + 1)]
        near = (y for y in shown if abs(y - x) <= self.spread * x)
        return f"{next(near, shown[-1]):.{MOST}g}"


def stationary_lam(
    atom: Atom, observed: Observed, factors: Factors, points: tuple[Array, Array], given: float
) -> StationaryLam:
    """Return the lam of factors; points: W = -grad l at the factors, and without any."""
    W, start = points
    inner, _ = atom.inner_products(W, factors, observed)
    sizes = atom.sizes(factors)
    theta = np.prod(sizes, axis=0) if sizes else np.asarray(atom.theta(factors))
    live, whole = theta > 0, float(theta.sum())
    values = np.where(live, inner / np.where(live, theta, 1.0), np.nan)
    if not (live.any() and np.isfinite(whole) and np.isfinite(W).all()):
        return StationaryLam(np.nan, values, np.inf, given)
    lam = float(inner[live].sum()) / whole
    readings = (inner, *atom.best_responses(W, factors, observed))
    off = max(float(np.abs(x[live] - lam * theta[live]).sum()) for x in readings) / whole
    spread = off / lam if lam > 0 else np.inf
    first, _ = atom.inner_products(start, factors, observed)
    untouched = (first, *atom.best_responses(start, factors, observed))
    most, largest = (max(float(np.abs(x[live]).sum()) for x in r) for r in (untouched, readings))
    if np.isfinite(most) and largest <= NOTHING * most:
        slight = given * whole <= NOTHING * most
        return StationaryLam(0.0, values, spread, given, free=True, slight=slight)
    totals = [float((s**atom.degree).sum()) for s in sizes]
    if getattr(atom, "form", "") != "sum" or min(totals, default=0.0) == 0:  # or all underflow
        return StationaryLam(lam, values, spread, given)
    weights = tuple(lam * whole / t for t in totals)
    return StationaryLam(lam, values, spread, given, weights, separable=atom.separable)
