"""What certify.testing.strategies draws is what it says, and Hypothesis is asked for by name."""

import doctest
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import find, given
from hypothesis import strategies as st

import certify.testing
from certify import InputError
from certify.atoms import ATOMS, RankOne, ReLU
from certify.losses import LOSSES
from certify.testing import strategies
from tests.norm_cases import MAKERS, made

MATRICES = st.tuples(st.integers(1, 3), st.integers(1, 3))


@given(data=st.data(), name=st.sampled_from(list(strategies.RANGES)))
def test_numbers_are_in_their_range(data, name):
    x = data.draw(strategies.numbers(name))
    assert np.isfinite(x)
    inside = {
        "zero": x == 0,
        "tied": x in (-1.0, 0.0, 1.0),
        "dyadic": (8 * x).is_integer() and abs(x) <= 4,
        "denormal": abs(x) < 2.0**-1022 and x * x == 0,
        "huge": x == 0 or (2.0**497 <= abs(x) <= 2.0**502 and np.isfinite(x * x)),
    }
    assert inside[name]


@pytest.mark.parametrize("name", ["tied", "dyadic", "denormal", "huge"])
def test_ranges_reach_beyond_zero_and_shrink_to_their_least(name):
    assert (
        find(strategies.numbers(name), lambda x: x > 0)
        == {
            "tied": 1.0,
            "dyadic": 0.125,
            "denormal": 2.0**-1074,
            "huge": 2.0**497,
        }[name]
    )
    assert find(strategies.numbers("zero", name), lambda _: True) == 0.0


def test_an_unknown_range_is_named():
    with pytest.raises(InputError, match=r"zero, tied, dyadic, denormal, huge, got 'small'"):
        strategies.numbers("dyadic", "small")


@given(data=st.data(), shape=MATRICES | st.just((2, 1, 2)))
def test_factors_are_in_the_domain_of_an_atom_for_the_shape(data, shape):
    atom = data.draw(strategies.atoms(shape))
    atom.check(shape)
    X = data.draw(strategies.factors(atom, shape, 2))
    assert [x.shape for x in X] == [(*s, 2) for s in atom.shapes(shape)]
    assert not atom.wrong_sign(X)


@given(st.data())
def test_problems_have_an_objective_where_their_fields_are(data):
    problem = data.draw(strategies.problems())
    X = data.draw(strategies.factors(problem.atom, problem.loss.dims, 1))
    assert problem.lam > 0
    assert not np.isnan(problem.objective(problem.accept(X)))
    Z = data.draw(strategies.fields(problem.loss))
    assert np.isfinite(problem.loss.value(Z))


@pytest.mark.parametrize("kind", [*ATOMS, "gated"])
@given(data=st.data())
def test_an_atom_of_every_kind_can_be_asked_for(kind, data):
    atom = data.draw(strategies.atoms((2, 2, 2) if kind == "cp" else (2, 2), [kind]))
    assert isinstance(atom, ATOMS["relu" if kind == "gated" else kind])


def test_an_atom_of_which_only_its_file_is_known_is_drawn(monkeypatch):
    monkeypatch.setitem(ATOMS, "squares_of_sums", type("Bare", (), {"examples": lambda s: [s]}))
    assert find(strategies.atoms((2, 3), ["squares_of_sums"]), lambda _: True) == (2, 3)


@pytest.mark.parametrize("name", MAKERS)
def test_every_norm_is_drawn(name):
    wanted = made(name, "", 3)
    assert find(strategies.norms(3), lambda norm: replace(norm, cone="") == wanted) == wanted


@given(data=st.data(), d=st.integers(1, 4))
def test_norms_fit_their_length_whatever_their_signs(data, d):
    data.draw(strategies.norms(d)).check(d)


@pytest.mark.parametrize("cone", ["", "-", "*0"])
def test_any_signs_are_drawn(cone):
    assert find(strategies.norms(2), lambda norm: norm.cone == cone)


def test_an_atom_without_arguments_is_its_own_example():
    assert RankOne.examples((2, 3)) == (RankOne(),)
    assert RankOne.examples((2, 3, 2)) == ()
    assert ReLU.examples((2, 3)) == ()


@pytest.mark.parametrize("name", LOSSES)
@given(data=st.data())
def test_losses_of_every_class_are_drawn(name, data):
    loss = data.draw(strategies.losses(LOSSES[name], (2, 2)))
    assert isinstance(loss, LOSSES[name])


@pytest.mark.thorough
def test_the_documentation_runs():
    result = doctest.testmod(certify.testing)
    assert (result.failed, result.attempted > 5) == (0, True)


@pytest.mark.thorough
def test_without_hypothesis_the_extra_is_named_and_the_rest_works():
    script = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import certify, certify.cli\n"
        "try:\n    import certify.testing\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "Hypothesis cannot be imported" in done.stdout
    assert "pip install 'certifact[testing]'" in done.stdout
