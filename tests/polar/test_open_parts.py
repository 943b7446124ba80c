"""A bound by a tree says what parts of it are undecided, through all that is made of it."""

from dataclasses import replace

import numpy as np
import pytest

from certify.atoms import ReLU
from certify.norms import gauge
from certify.polar import layers, products
from certify.polar.branching.products import branch
from certify.polar.methods import smallest
from certify.polar.methods._slices import largest_slice
from certify.polar.product_query import ProductQuery
from certify.polar.query import PolarQuery, Proposal

RNG = np.random.default_rng(0)
V, W = RNG.standard_normal((24, 8)), RNG.standard_normal((24, 2))
TENSOR, SQUARE = np.random.default_rng(3).standard_normal((3, 3, 3)), RNG.standard_normal((20, 20))


def of_pair(nodes):
    return smallest(PolarQuery(SQUARE, *2 * [gauge("linf")], nodes=nodes))


def of_layer(outputs, kind="l2"):
    def bound(nodes):
        atom = ReLU(V, right=kind)
        return layers.propose(replace(atom.query(W[:, :outputs], target=0.1), nodes=nodes))

    return bound


def of_tensor(nodes):
    # every two orthonormal vectors and their cross product are maximizers: an interior solution of
    # the relaxation mixes them; with one maximizer, rounding decides if the root is closed
    cross = np.cross(np.eye(3)[:, None], np.eye(3)[None])
    form = next(products.forms(ProductQuery(cross, (gauge("l2"),) * 3)))
    return branch(form, products.solve_form(form, 0.0), 0.0, nodes)


def of_pool(nodes):
    samples = np.repeat(np.arange(12), 2)
    atom = ReLU(V[:, :4], samples=samples, pool="max")
    return layers.propose(replace(atom.query(W[:12, :1], target=1e-3), nodes=nodes))


CASES = {
    "pair": of_pair,
    "layer": of_layer(1),
    "outputs": of_layer(2),
    "each output": of_layer(2, "l1"),
    "tensor": of_tensor,
    "pool": of_pool,
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", CASES)
def test_a_tree_cut_short_says_so(name):
    assert "parts of its tree undecided, which a larger budget narrows" in CASES[name](5).open


def test_the_largest_slice_says_what_a_slice_says():
    def bound(query):
        return Proposal(float(abs(query.T).max()), {}, open="two parts")

    query = ProductQuery(TENSOR, (gauge("l1"), gauge("l2"), gauge("l2")))
    assert largest_slice(query, 0, bound).open == "two parts"
