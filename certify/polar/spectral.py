"""The largest singular value: exact for l2 x l2, an upper bound for every pair here."""

from typing import Any

import numpy as np

from certify._arrays import Array

from . import _spectra as spectra
from ._base import Ask, Matrix, Method, Proposal


class Spectral(Method):
    """t I - W^T W >= 0 proves sigma_1(W) <= sqrt(t); no norm here is below the l2 norm."""

    def applies(self, ask: Ask) -> bool:
        """Every pair of norms; closed for l2 x l2 without signs."""
        return "l1" not in (ask.left.name, ask.right.name)

    def propose(self, ask: Ask) -> Proposal | None:
        """Return sigma_1 with the Cholesky factor of t I - W^T W."""
        return of_matrix(ask.W, ask.target, ask.seed)


def of_matrix(
    W: Matrix, target: float | None = None, seed: int = 0, shifted: Array | None = None
) -> Proposal | None:
    """Return a bound of sigma_1(W), or of sqrt(lambda_max(Gram + shifted))."""
    axis = spectra.side(W)
    g = spectra.gram(W, axis)
    return of_gram(g if shifted is None else g + shifted, axis, target, seed)


def of_gram(g: Array, axis: int, target: float | None, seed: int) -> Proposal | None:
    """Return a bound from a Gram matrix; at the target first, when that may succeed."""
    small = g.shape[0] <= spectra.DENSE
    found = None
    if target is not None and not small:
        found = spectra.prove_top(g, target**2, spectra.AT_TARGET)
    if found is None:
        top = spectra.top_pair(g, seed)[0]
        found = spectra.prove_top(g, top, spectra.MARGINS if small else spectra.COARSE)
    if found is None:
        return None
    shift, factor = found
    proof: dict[str, Any] = {"rule": "spectral", "axis": axis, "shift": shift}
    if small:
        proof["L"] = spectra.packed(factor)
    return Proposal(float(np.sqrt(shift)), proof)
