"""Proofs of layers are carried between scales by powers of two."""

from fractions import Fraction

import numpy as np
import pytest

from certify.kernel.exact import Exact
from certify.polar.scale import rescale_array, rescale_proof
from tests.network_cases import cone_leaf, made, proved, truth


def cone_proof(signs, dtype):
    """Return a layer, W and a proof by leaves with "Y<t>", in floats of a kind."""
    atom, W = made(3, (4, 2, 1), bias="free")
    nodes, arrays = [{"signs": [1, 2]}] if len(signs) == 2 else [], {}
    for t, sign in enumerate(signs):
        found = cone_leaf(atom, W, np.zeros((0, 7)), sign)[0]
        nodes.append({"leaf": t, **found["node"]})
        arrays |= {f"{k}{t}": x for k, x in found["arrays"].items()}
        if dtype == np.float32:  # rows of a cone are still above
            arrays[f"N{t}"] = arrays[f"N{t}"].astype(dtype)
            arrays[f"Y{t}"][:, -1] *= 1 + 2.0**-20
            arrays[f"Y{t}"] = arrays[f"Y{t}"].astype(dtype)
    return atom, W, {"rule": "network", "nodes": nodes, **arrays}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("signs", [(0,), (1, -1)])
@pytest.mark.parametrize("e", [-300, -200, -1, 1, 151, 300])
def test_a_tree_of_leaves_with_a_cone_proves_the_same_at_every_scale(signs, e, dtype):
    atom, W, proof = cone_proof(signs, dtype)
    bound = proved(Exact, atom, W, proof)
    moved = rescale_proof(proof, e)
    there = proved(Exact, atom, np.ldexp(W, e), moved) / Fraction(2) ** e
    assert abs(there - bound) <= bound * Fraction(1, 2**40)  # a factor is rounded for an odd e
    assert bound >= Fraction(truth(atom, W) * (1 - 1e-12))
    kinds = {moved[f"{letter}0"].dtype for letter in "NY"}
    assert kinds == {np.dtype(dtype if abs(e) < 100 else np.float64)}


def test_a_row_that_would_leave_its_cone_is_left_out():
    Y = np.array([[3.0, 4.0, 5.0], [2.0**-1074, 0.0, 2.0**-1074], [3.0, 2.0**-1074, 4.0]])
    moved = rescale_array("Y0", Y, -1)
    assert moved.tolist() == [[1.5, 2.0, 2.5], [0.0] * 3, [0.0] * 3]
    assert rescale_array("Y0", Y, 1).tolist() == (2 * Y).tolist()
    assert rescale_array("N0", Y[0], -1).tolist() == [1.5, 2.0, 2.5]
