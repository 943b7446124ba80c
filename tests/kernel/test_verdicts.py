"""A verdict follows from the two bounds and epsilon alone, at the unit where it turns."""

import math
from array import array
from fractions import Fraction

import pytest

from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel.arrays import Array
from certify.kernel.exact import Exact
from certify.kernel.statement import FORMAT
from certify.kernel.verdict import prove

TIERS = pytest.mark.parametrize("tier", [Exact, Flint, Rounded])


def column(*values):
    return Array((len(values), 1), array("d", values))


def flat(*values):
    return Array((len(values),), array("d", values))


def stated(**changed):
    """State 1/2 |2 - u v|^2 + |u||v|: its optimum is 3/2, at u v = 1."""
    return {
        "format": FORMAT,
        "claim": "any size",
        "loss": "squared",
        "atom": {"kind": "rank_one", "left": "l2", "right": "l2", "form": "product"},
        "lam": "0x1p0",
        "rtol": "0x0p0",
        "atol": "0x0p0",
        "shape": [1, 1],
        "observed": "all",
        "offsets": [],
        "q": "given",
        **changed,
    }


PROOF = {"polar": {"rule": "spectral", "axis": 0, "shift": "1"}}


def verdict(tier, candidate, *, atol=0.0, rtol=0.0, better=None):
    """Prove what W = 1 (the bound 3/2) says about u v = candidate."""
    given = {"Y": flat(2.0), "U": column(candidate), "V": column(1.0)}
    witness, proof = {"W": flat(1.0)}, dict(PROOF)
    if better is not None:
        witness |= {"better.U": column(better), "better.V": column(1.0)}
        proof["better"] = True
    said = stated(atol=atol.hex(), rtol=rtol.hex())
    return prove(said, given, proof, witness, tier())


@TIERS
def test_epsilon_is_the_larger_of_the_two_and_not_their_sum(tier):
    # u v = 2 costs 2, which is 1/2 above the optimum
    for atol, rtol, wanted in [
        (0.375, 0.1875, "UNDECIDED"),  # each allows 3/8
        (0.0, 0.1875, "UNDECIDED"),
        (0.375, 0.0, "UNDECIDED"),
        (0.625, 0.125, "CERTIFIED"),
        (0.125, 0.3125, "CERTIFIED"),
        (0.625, 0.3125, "CERTIFIED"),
    ]:
        assert verdict(tier, 2.0, atol=atol, rtol=rtol).verdict == wanted


@TIERS
@pytest.mark.parametrize("u", [(1.0, 0.5), (0.1, 0.7), (3.0, 1.0)])
def test_certified_is_where_the_upper_end_is_within_epsilon_of_the_lower_bound(tier, u):
    given = {"Y": flat(2.0, 1.0), "U": column(*u), "V": column(1.0)}  # |u| is irrational
    proof = {"polar": {"rule": "spectral", "axis": 1, "shift": "1"}}

    def proved(atol):
        said = stated(shape=[2, 1], atol=atol.hex())
        return prove(said, given, proof, {"W": flat(0.5, 0.25)}, tier())

    plain = proved(0.0)
    gap = plain.upper - plain.lower
    near = float(gap)
    low = near if Fraction(near) < gap else math.nextafter(near, 0.0)
    high = math.nextafter(low, math.inf)
    assert Fraction(low) < gap <= Fraction(high)
    assert proved(low).verdict == "UNDECIDED"
    assert proved(high).verdict == "CERTIFIED"


@TIERS
def test_refuted_is_better_by_more_than_epsilon(tier):
    # u v = 0 costs 2, u v = 1/2 costs 1.625, and the bound 1.5 never certifies it
    for atol, wanted in [(0.25, "REFUTED"), (0.375, "UNDECIDED"), (0.4375, "UNDECIDED")]:
        assert verdict(tier, 0.0, atol=atol, better=0.5).verdict == wanted
    assert verdict(tier, 0.0, atol=0.375 - 2.0**-30, better=0.5).verdict == "REFUTED"


@TIERS
def test_more_slices_than_the_candidate_has_limit_its_rank_and_refute_nothing(tier):
    given = {"Y": flat(2.0), "U": Array((1, 0), array("d")), "V": Array((1, 0), array("d"))}
    witness = {"better.U": column(1.0), "better.V": column(1.0)}
    found = prove(stated(), given, {"better": True}, witness, tier())
    assert found.verdict == "RANK_LIMITED"
    given |= {"U": column(0.0), "V": column(0.0)}
    assert prove(stated(), given, {"better": True}, witness, tier()).verdict == "REFUTED"
    two = {"better.U": Array((1, 2), array("d", [1, 0])), "better.V": flat_row(1.0, 1.0)}
    assert prove(stated(), given, {"better": True}, two, tier()).verdict == "REFUTED"
    two = {"better.U": flat_row(0.5, 0.5), "better.V": flat_row(1.0, 1.0)}
    assert prove(stated(), given, {"better": True}, two, tier()).verdict == "RANK_LIMITED"


def flat_row(*values):
    return Array((1, len(values)), array("d", values))
