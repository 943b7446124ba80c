"""A small question as files, with any part replaced by something else, and a way to run on it.

Y = diag(5, 4) in the l1 x l1 gauge at lam = 2: the optimum soft-thresholds each entry, so it
is Z = diag(3, 2) with objective 1/2 (2^2 + 2^2) + 2 (3 + 2) = 14, exactly.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np

from certify.cli import main

Y = np.array([[5.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
U = np.array([[3.0, 0.0], [0.0, 2.0]])
V = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
OPTIMUM = 14.0
ATOM = 'kind = "rank_one"\nleft = "l1"\nright = "l1"'
PLAIN = 'kind = "rank_one"'  # l2 x l2
OLD = b"what was here before"


def write(folder, **changed):
    """Write problem.toml and Y.npy, U.npy, V.npy; return the path of the first.

    lam, head (top of the file), data, atom and tail are text; all else are arrays by name.
    """
    plain = {"lam": "2.0", "head": "", "data": 'Y = "Y.npy"', "atom": ATOM, "tail": ""}
    lam, head, data, atom, tail = ({**plain, **changed}[k] for k in plain)
    arrays = {k: v for k, v in changed.items() if k not in plain}
    for name, a in {"Y": Y, "U": U, "V": V, **arrays}.items():
        np.save(folder / f"{name}.npy", a)
    factors = 'U = "U.npy"\nV = "V.npy"'
    path = folder / "problem.toml"
    path.write_text(
        f"lam = {lam}\n{head}\n[data]\n{data}\n[atom]\n{atom}\n[factors]\n{factors}\n{tail}\n"
    )
    return path


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        (line,) = self.out.splitlines()
        assert self.err == ""
        assert "NaN" not in line
        assert "Infinity" not in line
        return json.loads(line)

    @property
    def sentence(self):
        """The one sentence on stderr, when nothing is on stdout."""
        (line,) = self.err.splitlines()
        assert line.startswith("certify: ")
        assert "Traceback" not in line
        assert self.out == ""
        return line


def inside(capsys, *arguments):
    """Run the command in this process."""
    capsys.readouterr()
    status = main([str(a) for a in arguments])
    return Ended(status, *capsys.readouterr())


def outside(*arguments, cwd=None, warnings="error", **changed):
    """Run the command as a user does; a warning of any library is an error."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **changed}
    command = [sys.executable, "-W", warnings, "-m", "certify", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def outputs(folder):
    """Files of an earlier run, which a failing command must leave alone."""
    for name in ("x.cert", "b.npz"):
        (folder / name).write_bytes(OLD)
    return folder / "x.cert", folder / "b.npz"


def arguments(command, problem):
    cert, better = outputs(problem.parent)
    second = "--better" if command == "check" else "-o"
    first = "-o" if command == "check" else "--certificate"
    return [command, problem, first, cert, second, better]


def untouched(folder):
    """Whether the old outputs are as they were, with nothing half-written beside them."""
    olds = [(folder / name).read_bytes() for name in ("x.cert", "b.npz")]
    return olds == [OLD, OLD] and not [p for p in folder.iterdir() if p.name.startswith(".")]


def drained(handle):
    """Everything written to a terminal until its other end is closed."""
    parts = []
    try:
        while part := os.read(handle, 4096):
            parts.append(part)
    except OSError:  # how Linux reports that the other end is closed
        pass
    finally:
        os.close(handle)
    return b"".join(parts).decode()
