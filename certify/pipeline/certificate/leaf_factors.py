"""Cholesky factors that the leaves of a tensor's proof leave out; exact proofs need them.

A factor is only a witness: a wrong one cannot make a false claim pass.
"""

import math
from fractions import Fraction

import numpy as np

from certify.base.arrays import Array
from certify.base.rigor.fields import Ball
from certify.base.rigor.rounded import Rounded
from certify.kernel import arrays, statement
from certify.kernel.budget import Budget
from certify.kernel.evidence import Evidence
from certify.kernel.metered import Metered
from certify.kernel.rules import tree
from certify.kernel.rules.polar import polar_bound
from certify.polar import eigen as spectra
from certify.polar.proved import above, as_kernel_array

from .file import Arrays, Json, StatedQuestion


class Factors(Rounded):
    """Rounded arithmetic that keeps a Cholesky factor of every matrix that it bounds."""

    def __init__(self) -> None:
        """Start without factors."""
        super().__init__()
        self.made: list[Array | None] = []

    def top(self, g: Ball, shift: Fraction, factor: arrays.Array | None) -> Fraction:
        """Keep a factor of shift I - G, unless the proof has one or there is none."""
        made = None if factor is not None else spectra.factorize(g.mid, above(shift))
        self.made.append(None if made is None else spectra.pack_triangle(made))
        return shift


def leaf_factors(
    request: StatedQuestion, polar: Json, witness: Arrays, limit: float = math.inf
) -> Arrays:
    """Return the Cholesky factors of a tensor's leaves that a certificate leaves out."""
    question = statement.question(request.statement, request.given)
    recorder = Factors()
    metered = Metered(recorder, Budget(limit))
    try:
        w = recorder.load(arrays.Arrays(witness, "proof").get("W", (question.at.size,)))
        with np.errstate(all="ignore"):  # a matrix that is not finite has no factor
            polar_bound(
                metered, question.space, w, Evidence(polar, arrays.Arrays(witness, "proof"))
            )
        splits = tree.signed_splits(len(polar.get("splits", [])))
        walk = tree.walk(Budget(limit), polar, splits, tree.ROOT)
        leaves = [node["leaf"] for node, _ in walk]
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return {}  # the proof is refused for its own reason
    pairs = zip(leaves, recorder.made, strict=True)
    return {f"L{t}": as_kernel_array(made) for t, made in pairs if made is not None}
