"""Write the stored certificates again: python -m tests.golden [NAME ...]."""

import shutil
import sys
from dataclasses import replace
from unittest.mock import patch

import numpy as np

import problems
from certify import Problem, check
from certify.atoms import CP, RankOne, ReLU
from certify.kernel.statement import FORMAT
from certify.losses import Squared
from certify.norms import Elastic, Group, Variation, Weighted
from certify.offsets import ColumnIntercept
from certify.pipeline.own_size import bound
from certify.polar.methods import corners

from . import CASES, EARLIER, HERE, answer, format_of, names

Y = np.array([[3.0, -1.0, 2.0], [1.0, 2.0, -2.0], [-1.0, 0.0, 1.0], [2.0, 1.0, 0.0]])
SQUARE = np.random.default_rng(0).integers(-4, 5, (4, 4)).astype(float)
CUBE = np.random.default_rng(3).integers(-4, 5, (2, 2, 2)).astype(float)
BRICK = np.random.default_rng(5).integers(-4, 5, (2, 3, 2)).astype(float)
PATH = [(0, 1), (1, 2), (2, 3)]
DRAWN = np.random.default_rng(1).integers(-4, 5, (14, 18)).astype(float)
UNITS = ReLU(DRAWN[:, :-1] / 2, bias="free", right="l2+")
MORE = {  # what no file of the zoo needs: its candidate has no slices
    "boxed": (np.abs(SQUARE[:3, :3]), RankOne("linf", "linf+"), 8.0),
    "elastic": (Y, RankOne(Elastic(0.5), "l1"), 2.0),
    "elastic_conic": (Y, RankOne(Elastic(0.5), "l2"), 2.0),
    "equal": (SQUARE, RankOne("linf", "linf"), 20.0),
    "groups": (SQUARE, RankOne(Group([0, 0, 1, 1]), "l2"), 6.0),
    "groups_largest": (SQUARE, RankOne(Group([0, 0, 1, 1], outer="linf"), "l2"), 6.0),
    "network_range": (DRAWN[:, -1:], UNITS, 60.0, ColumnIntercept()),
    "tensor_cones": (BRICK, CP(("l2+", "l2", "l2")), 6.125),
    "tensor_splits": (CUBE, CP(("l2+", "l2", "l2")), 4.0),
    "variation": (Y, RankOne(Variation(PATH, 0.5), "l1"), 2.0),
    "weighted": (Y, RankOne(Weighted([1.0, 2.0, 4.0, 1.0]), "l2"), 3.0),
}

BESIDE = ("own_size", "trivial")  # at most as many slices; no witness at all


def certificate(name):
    """Return the certificate of that name, made by check()."""
    if name == "trivial":  # no witness: the objective is at least the least loss
        held = certificate("spectral")
        return replace(held, claim=held.claim | {"verdict": "UNDECIDED"}, proof={}, witness={})
    if name == "own_size":
        held = problems.load("denoised")["first_component_only"]
        return bound(held.problem, held.factors).certificate
    if name in CASES:
        file, case = CASES[name].split("/")
        held = problems.load(file)[case]
        return check(held.problem, held.factors, q=held.q).certificate
    data, atom, lam, *offsets = MORE[name]
    problem = Problem(Squared(data), atom, lam, tuple(offsets))
    none = tuple(np.zeros((*shape, 0)) for shape in atom.shapes(data.shape))
    return check(problem, none).certificate


def store(name):
    """Write NAME.cert and NAME.out; corners of cubes are enumerated in one of them alone."""
    path = HERE / f"{name}.cert"
    most = corners.MOST if name == "corners" else 0
    with patch.object(corners, "MOST", most):
        certificate(name).save(path)
    (HERE / f"{name}.out").write_text(answer(path)[1], encoding="ascii")


def keep_earlier(path):
    """Keep a certificate of another format than today's, to be refused from now on."""
    version = format_of(path)
    if version != FORMAT:
        shutil.copy(path, EARLIER / f"{version.replace('/', '_')}.cert")


def main(chosen):
    """Write the named certificates, or all of them and none besides."""
    if (HERE / "spectral.cert").exists():
        keep_earlier(HERE / "spectral.cert")
    wanted = sorted(chosen) or sorted([*CASES, *MORE, *BESIDE])
    for name in set(names()) - {*CASES, *MORE, *BESIDE}:
        (HERE / f"{name}.cert").unlink()
        (HERE / f"{name}.out").unlink()
    for name in wanted:
        store(name)
        size = (HERE / f"{name}.cert").stat().st_size
        sys.stdout.write(f"{name} {size}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
