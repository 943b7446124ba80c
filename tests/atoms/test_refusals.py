"""What an atom refuses is one sentence with what was got; what is said of one's own."""

import re

import numpy as np
import pytest

from certify import InputError, Problem
from certify.atoms import CP, DeepReLU, ReLU, Symmetric, Words, atom_of
from certify.atoms.relu import gated
from certify.losses import Squared
from certify.norms import KEYS, L1, L2, Elastic, gauge
from tests.pipeline.test_numerical import Entrywise

V = np.eye(3)
REFUSED = {
    "a tensor's sign of symmetry": (
        lambda: CP(symmetric=2),
        "symmetric must be True or False, got 2",
    ),
    "norms that are no keys": (
        lambda: CP(norms=(1, 2)),
        f"norms[0] must be one of {', '.join(KEYS)}, got 1",
    ),
    "norms of a tensor with parameters": (
        lambda: CP(norms=("l2", Elastic(0.5), "l2")),
        f"norms[1] must be one of {', '.join(KEYS)}, got Elastic(",
    ),
    "the key of a norm with parameters": (
        lambda: CP("elastic", order=3),
        f"norms[0] must be one of {', '.join(KEYS)}, got 'elastic'",
    ),
    "a norm of a tensor whose signs differ": (
        lambda: CP(L2(cone="+-"), order=3),
        f"norms[0] must be one of {', '.join(KEYS)}, got L2(cone='+-')",
    ),
    "norms that are no list": (
        lambda: CP(norms=3),
        "norms must be a list, a norm for each mode, got 3",
    ),
    "a norm of a symmetric matrix": (
        lambda: Symmetric(Elastic(0.5)),
        "norm must be one of l2, l2+, l1+, got Elastic(",
    ),
    "an empty tensor": (
        lambda: CP().polar(np.zeros((0, 2, 2))),
        "W must not be empty, got shape (0, 2, 2)",
    ),
    "an empty layer": (lambda: ReLU(np.zeros((0, 3))), "V must not be empty, got shape (0, 3)"),
    "a norm of outputs": (
        lambda: ReLU(V, right=Elastic(0.5)),
        f"right must be one of {', '.join(KEYS)}, got Elastic(",
    ),
    "samples with a gap": (
        lambda: ReLU(V, samples=[0, 2, 2], pool="sum"),
        "samples must be 0, 1, ... without a gap",
    ),
    "gates that are neither": (
        lambda: gated(V, 0.5 * np.ones((3, 2))),
        "gates must be 0 or 1 in 3 rows, got shape (3, 2)",
    ),
    "gates of other rows": (
        lambda: gated(V, np.ones((4, 2))),
        "gates must be 0 or 1 in 3 rows, got shape (4, 2)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_what_was_got(name):
    make, said = REFUSED[name]
    with pytest.raises(InputError, match=re.escape(said)):
        make()


def test_a_norm_of_a_tensor_may_be_an_object():
    assert CP([L2(), "l1+", L1(cone="-")]) == CP(["l2", "l1+", "l1-"])
    assert CP(L2(cone="+"), symmetric=True, order=3) == CP(["l2+"] * 3, symmetric=True)
    assert Symmetric(L2(cone="+")) == Symmetric("l2+")
    for key in KEYS:
        atom = CP(gauge(key), order=3)
        assert atom == CP(key, order=3) == CP(np.array([key] * 3))
        assert {type(k) for k in atom.norms} == {str}


def test_deep_networks_come_back_from_their_statement():
    atom = DeepReLU(V, hidden=(4, 2), slope=0.25)
    again = atom_of(atom.statement(), {"features": V})
    assert isinstance(again, DeepReLU)
    assert (again.hidden, again.slope, again.form) == ((4, 2), 0.25, atom.form)
    assert again.statement() == atom.statement()
    assert atom.title() == "parallel deep ReLU networks"
    assert Problem(Squared(np.ones((3, 1))), again, 1.0).atom is again


def test_an_atom_of_ones_own_is_a_factorization_without_a_statement():
    atom = Entrywise()
    assert atom.title() == "a factorization"
    assert atom.words() == Words()
    with pytest.raises(LookupError, match="Entrywise has no statement"):
        Entrywise.from_statement(atom.statement(), {})
