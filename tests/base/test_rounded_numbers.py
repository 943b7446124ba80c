"""A number is taken exactly or refused by name, wherever it enters."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from certify import InputError, Problem
from certify.atoms import RankOne, ReLU
from certify.base.arrays import real, scalar
from certify.losses import Huber, Squared
from certify.norms import Weighted
from certify.offsets import Linear

ODD = 2**53 + 1  # between two floats
THIRD = np.longdouble(1) / 3
NARROW = np.dtype(np.longdouble).itemsize == 8
LONG = pytest.mark.skipif(NARROW, reason="a long double is a double here")
ROUNDED = {
    "list beside a float": ([[1.0, ODD]], "[0, 1] the integer 9007199254740993"),
    "tuple beside a float": (((0.5,), (ODD,)), "[1, 0] the integer 9007199254740993"),
    "numpy integer beside a float": ([[np.int64(ODD), 0.5]], "[0, 0] the integer 9007"),
    "array beside an array": ([np.array([ODD]), np.array([0.5])], "[0, 0] the integer 9007"),
    "int64": (np.array([[1, -ODD]]), "[0, 1] the integer -9007199254740993"),
    "uint64": (np.array([[2**64 - 1]], dtype=np.uint64), "[0, 0] the integer 18446744073709551615"),
    "uint64 beside a negative": ([[2**63 + 1, -1]], "[0, 0] the integer 9223372036854775809"),
    "long integer": ([[1, 2**70 + 1]], "[0, 1] the integer 1180591620717411303425"),
    "beyond float64": ([[1, 10**400]], "[0, 1] an integer of 1329 bits"),
    "object array": (np.array([[0, ODD]], dtype=object), "[0, 1] the integer 9007199254740993"),
    "fraction": ([[Fraction(1, 2), Fraction(1, 3)]], "[0, 1] the number 1/3"),
    "decimal": ([[Decimal("0.5"), Decimal("0.1")]], "[0, 1] the number 0.1"),
    "large decimal": ([[Decimal("1e400")]], "[0, 0] the number 1E+400"),
    "long double": (np.array([[0.5, THIRD]]), "[0, 1] the number 0.3333333333333333333"),
    "large long double": (np.array([[np.longdouble("1e400")]]), "[0, 0] the number 1e+400"),
    "long double in a list": ([[0.5, THIRD]], "[0, 1] the number 0.3333333333333333333"),
}


def at(names):
    wide = [n for n in names if "long double" in n]
    return [pytest.param(n, marks=LONG) if n in wide else n for n in names]


@pytest.mark.parametrize("name", at(ROUNDED))
def test_a_number_that_float64_would_round_is_named(name):
    x, told = ROUNDED[name]
    with pytest.raises(InputError) as caught:
        Problem(Squared(x), RankOne(), 1.0)
    assert str(caught.value).startswith(f"Y has at {told}")
    assert str(caught.value).endswith(", which float64 would round")


@pytest.mark.parametrize(
    "x",
    [
        [[2**53, 0.5], [-(2**60), 2.0]],
        [[True, 0.5]],
        np.array([[2**62]]),
        np.array([[2**63]], dtype=np.uint64),
        [[2**63, -1]],
        [[2**80, 1]],
        [[Fraction(1, 2), Decimal("0.25"), 3, 1.5]],
        np.array([[1, 0.5]], dtype=object),
        np.array([[np.longdouble("0.5"), np.nan]]),
        [[Decimal("NaN"), np.float32(0.1)]],
        np.array([[0.1]], dtype=np.float16),
    ],
)
def test_a_number_that_is_a_float64_is_taken(x):
    a = real(x, "Y")
    for held, given in zip(a.reshape(-1), np.asarray(x, dtype=object).reshape(-1), strict=True):
        whole = int(given) if isinstance(given, np.integer) else given
        assert float(held) == whole or (held != held and given != given)  # noqa: PLR0124


@pytest.mark.parametrize(
    ("x", "told"),
    [
        ([[1.0, None]], "got None at [0, 1]"),
        (np.array([[object]]), "got <class 'object'> at [0, 0]"),
        ([["1", "2"]], "got dtype <U1"),
        ([[1j, 2]], "got dtype complex128"),
        (np.array([["a", 1]], dtype=object), "got 'a' at [0, 0]"),
    ],
)
def test_what_is_no_number_is_refused(x, told):
    with pytest.raises(InputError) as caught:
        real(x, "Y")
    assert str(caught.value).startswith("Y must hold real float64 or integers, ")
    assert told in str(caught.value)


ENTRIES = {
    "weights": lambda: Squared(np.ones((1, 2)), weights=[[1.0, ODD]]),
    "sparse data": lambda: Squared(sp.coo_array((np.array([ODD]), ([0], [1])), shape=(2, 2))),
    "factors": lambda: PROBLEM.accept(([[ODD, 0.5]], [[0.5, 0.5], [1, 1]])),
    "covariates": lambda: Linear([[0.5, ODD]]),
    "weights of a norm": lambda: Weighted([0.5, ODD]),
    "features": lambda: ReLU([[0.5, ODD]]),
    "lam": lambda: Problem(PROBLEM.loss, RankOne(), ODD),
    "lam in numpy": lambda: Problem(PROBLEM.loss, RankOne(), np.int64(ODD)),
    "lam as a fraction": lambda: Problem(PROBLEM.loss, RankOne(), Fraction(1, 3)),
    "lam as a decimal": lambda: Problem(PROBLEM.loss, RankOne(), Decimal("0.1")),
    "delta": lambda: Huber([[1.0]], delta=ODD),
}
PROBLEM = Problem(Squared(np.ones((1, 2))), RankOne(), 1.0)


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_point_names_what_it_would_round(name):
    with pytest.raises(InputError, match="which float64 would round"):
        ENTRIES[name]()


@pytest.mark.parametrize(
    "x",
    [2**53, np.int64(4), Fraction(1, 2), Decimal("0.5"), np.float32(0.1), np.array(0.25)],
)
def test_a_scalar_that_is_a_float64_is_taken(x):
    assert Fraction(scalar(x, "lam", zero=True)) == Fraction(float(x))


@pytest.mark.parametrize(
    "x",
    [
        *(True, np.True_, "1", None, -1, 10**400, Decimal("sNaN"), Decimal("Infinity"), 1j),
        *(np.array(True), np.array([0.5]), np.array("1")),
    ],
)
def test_a_scalar_that_is_no_number_is_refused(x):
    with pytest.raises(InputError, match="lam must be a finite number >= 0, got "):
        scalar(x, "lam", zero=True)


def test_tensors_are_scalars_as_arrays_are():
    tensor = pytest.importorskip("torch").tensor
    for x in tensor(0.1), tensor(3):
        assert Fraction(scalar(x, "lam", zero=True)) == Fraction(float(x))
    for x in tensor([0.5]), tensor(1j):
        with pytest.raises(InputError, match="lam must be a finite number >= 0, got "):
            scalar(x, "lam", zero=True)


def test_a_fraction_below_every_float_is_not_zero():
    with pytest.raises(InputError, match="which float64 would round"):
        scalar(Fraction(1, 10**400), "lam", zero=True)
