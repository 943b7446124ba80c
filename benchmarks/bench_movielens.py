"""Claim 7: MovieLens-100k, mean removed, fitted by alternating least squares.

The ratings come inside the recbole package, which is downloaded by pip into a temporary
folder and never imported or installed.  Their terms allow research and forbid passing them
on: they are read and forgotten.
"""

import io
import subprocess
import sys
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from candidates import alternating
from measure import Claim, Options, Report, Rounds, Row, at_most, main, same
from scipy import sparse

from certify import Problem, check, verify
from certify.atoms import RankOne
from certify.losses import Squared

PACKAGE = "recbole==1.2.1"
MEMBER = "recbole/dataset_example/ml-100k/ml-100k.inter"
SHAPE, COUNT = (943, 1682), 100_000
LAM, R, RTOL = 30.0, 20, 1e-5
SWEEPS = 60
TITLE = f"7. MovieLens-100k, mean removed, lam = {LAM:g}, r = {R}"


def run(options: Options) -> Report:
    """Read, fit, check and verify; or say why the ratings could not be read."""
    try:
        Y = ratings(text())
    except (OSError, subprocess.SubprocessError, zipfile.BadZipFile, KeyError) as error:
        told = str(getattr(error, "stderr", None) or error).strip().splitlines()[-1]
        return Report(TITLE, skipped=f"{PACKAGE} could not be read: {told}")
    problem = Problem(Squared(Y), RankOne("l2", "l2"), LAM)
    factors = alternating(problem, R, SWEEPS, 0)
    steps = {
        "check": lambda _: check(problem, factors, rtol=RTOL),
        "exact": lambda got: verify(got["check"].certificate, problem, factors, rtol=RTOL),
    }
    rounds = Rounds(steps, options.rounds(3))
    result, proved = rounds.values["check"], rounds.values["exact"]
    size = np.linalg.norm(factors[0], axis=0)
    row: Row = {
        "observed": Y.nnz,
        "sweeps": SWEEPS,
        "slices in use": int((size > 1e-3 * size.max()).sum()),
        "verdict": proved.verdict.name,
        "objective": result.upper,
        "relative gap": result.relative_gap,
        "check s": rounds.median("check"),
        "exact verify s": rounds.median("exact"),
    }
    return Report(TITLE, [row], claims(row))


def claims(row: Row) -> list[Claim]:
    """Claim the verdict at rtol."""
    return [
        same("verdict, verified exactly", row["verdict"], "CERTIFIED"),
        at_most("relative gap", row["relative gap"], RTOL, ""),
    ]


def text() -> bytes:
    """Return the file of ratings, from an installed package or a wheel fetched for a moment."""
    found = find_spec("recbole")
    if found is not None and found.origin is not None:
        return (Path(found.origin).parents[1] / MEMBER).read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder, PACKAGE]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            return wheel.read(MEMBER)


def ratings(raw: bytes) -> sparse.coo_array:
    """Return user x item ratings minus their mean."""
    users, items, stars = np.loadtxt(io.BytesIO(raw), skiprows=1, usecols=(0, 1, 2)).T
    where = users.astype(int) - 1, items.astype(int) - 1
    Y = sparse.coo_array((stars - stars.mean(), where), shape=SHAPE)
    if Y.nnz != COUNT:
        raise ValueError(f"{MEMBER} has {Y.nnz} ratings, not {COUNT}")
    return Y


if __name__ == "__main__":
    main(run, threads=1)
