"""The verifier that runs alone says how long it takes, on a terminal and nowhere else."""

import io
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from certify import Certificate, Problem, check
from certify.atoms import RankOne
from certify.kernel import claim
from certify.kernel.claim import announce, report_on
from certify.losses import Squared

PROBLEM = Problem(Squared(np.diag([5.0, 4.0])), RankOne("l2", "l2"), 1.0)
FACTORS = np.diag([4.0, 3.0]), np.eye(2)


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Closed(Terminal):
    def write(self, text):
        raise OSError(text)


@pytest.fixture(scope="module")
def certificate():
    return check(PROBLEM, FACTORS).certificate


def test_the_work_of_a_proof_is_kept_and_is_what_the_verifier_spends(certificate):
    outcome = claim.check(replace(certificate), certificate.given)
    assert certificate.claim["work"] == outcome.work > 0


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (int(40 * 60 / 4e-8), "up to 40 minutes in exact integers of Python; `certify verify` "),
        (int(90 / 4e-8) + 1, "up to 90 seconds in exact integers"),
        (int(5 / 4e-8), ""),
        (None, ""),
        ("many", ""),
        (True, ""),
        (-1, ""),
        (1 << 70, ""),
    ],
)
def test_a_long_verification_is_announced(work, said):
    out = Terminal()
    announce(work, out)
    assert out.getvalue().startswith(said)
    assert bool(out.getvalue()) == bool(said)


@pytest.mark.parametrize("out", [io.StringIO(), None, Closed()], ids=["pipe", "none", "closed"])
def test_nothing_is_announced_elsewhere_and_a_closed_terminal_is_no_error(out):
    announce(int(1e12), out)
    assert out is None or out.getvalue() == ""


def test_an_estimate_that_lies_changes_no_verdict(certificate, tmp_path):
    for work in (1, 1 << 60, "a", None):
        lie = replace(certificate, claim={**certificate.claim, "work": work})
        lie.save(tmp_path / "x.cert")
        text, status = report_on([str(tmp_path / "x.cert")])
        assert text.startswith("VERIFIED CERTIFIED")
        assert status == 0
    assert Certificate.load(tmp_path / "x.cert").verdict == "CERTIFIED"


def test_a_pipe_gets_nothing_on_stderr(certificate, tmp_path):
    lie = replace(certificate, claim={**certificate.claim, "work": 1 << 60})
    lie.save(tmp_path / "x.cert")
    command = [sys.executable, "-I", "-S", claim.__file__.replace("claim.py", ""), "x.cert"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.startswith("VERIFIED CERTIFIED")
