"""A stored proof with one bit changed, and sealed again, is rejected or proves what is true."""

import json
import random
from array import array
from dataclasses import replace
from fractions import Fraction

import pytest

import problems
from certify.base.rigor.flint import Flint
from certify.kernel.arrays import Array
from certify.kernel.claim import check
from certify.kernel.errors import RejectedError
from certify.kernel.file import read
from tests import golden

NAMES = [name for name in golden.CASES if read(golden.HERE / f"{name}.cert").witness]
EACH = 6  # changes of a certificate


def flipped(a, rng):
    """Return an array with one bit of one of its numbers changed."""
    kind, blob = memoryview(a.data).format, bytearray(memoryview(a.data).tobytes())
    blob[rng.randrange(len(blob))] ^= 1 << rng.randrange(8)
    return Array(a.shape, array(kind, bytes(blob)))


def rewritten(proof, rng):
    """Return a proof with one letter of its numbers, indices or names changed."""
    text = list(json.dumps(proof))
    places = [k for k, letter in enumerate(text) if letter.isalnum()]
    text[rng.choice(places)] = rng.choice("0123456789abcdef")
    try:
        return json.loads("".join(text))
    except ValueError:  # no number starts with 0: a change that the file's reader refuses
        return proof | {"K": None}


def changes(file, rng):
    """Yield a certificate's proof with one change of an array, or of what is written."""
    arrays = [name for name, a in sorted(file.witness.items()) if len(a.data)]
    for k in range(EACH):
        if k % 3 == 2 or not arrays:
            yield replace(file, proof=rewritten(file.proof, rng))
        else:
            name = rng.choice(arrays)
            yield replace(file, witness=file.witness | {name: flipped(file.witness[name], rng)})


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.thorough) if n == "cones" else n for n in NAMES]
)
def test_a_changed_proof_is_rejected_or_true(name):
    file, rng = read(golden.HERE / f"{name}.cert"), random.Random(name)  # noqa: S311  a choice, no secret
    told = check(file, file.given, Flint())
    held, case = golden.CASES[name].split("/")
    optimum = Fraction(problems.load(held)[case].optimum)
    slack = Fraction(1, 2**50) * max(abs(optimum), 1)  # the nearest float, of a sum of many
    assert told.lower <= optimum + slack
    for changed in changes(file, rng):
        try:
            found = check(changed, file.given, Flint())
        except RejectedError:
            continue
        assert found.verdict == told.verdict
        assert found.lower <= optimum + slack
        for value in (found.upper, found.better):
            assert value is None or value >= optimum - slack
