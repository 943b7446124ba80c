"""The proved checker: run the program that is proved in Coq and extracted from the proof."""

import hashlib
import json
import math
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from certify.base.errors import InputError, NotCoveredError, accessing
from certify.kernel import arrays, statement
from certify.kernel.budget import Budget
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.metered import Metered
from certify.kernel.rules.polar import polar_bound
from certify.polar.proved import above, below

from .file import Certificate, StatedQuestion, polar_part
from .verdict import EXIT_CODES, REJECTED_EXIT, Verdict

PACKAGE = Path(__file__).parents[2]
VARIABLE = "CERTIFY_CHECKER"
NOT_COVERED_EXIT = 3
CLOSED = "Closed under the global context\n"  # Coq's words for a theorem without axioms
LINE = re.compile(
    r"VERIFIED (\w+)  (\S+) <= optimum, candidate <= (\S+)\nof (.*)  by the proved checker\n"
)
REFUSED = re.compile(r"(NOT COVERED|NOT VERIFIED)  (.*)\n")
BUILD = (
    "build it: certify checker build (or name it: --checker PATH, or the variable CERTIFY_CHECKER)"
)


def sources() -> Path:
    """Return the folder of checker/ and formal/, in the checkout or in the installed package."""
    places = (PACKAGE.parent / "paper_checks", PACKAGE / "proved_checker")
    return next((p for p in places if (p / "checker" / "Main.v").is_file()), places[-1])


def files(folder: Path) -> list[Path]:
    """Return the source files of the program and of its proofs."""
    checker = folder / "checker"
    made = {checker / "kernel.ml", checker / "kernel.mli"}
    paths = [p for end in ("*.v", "*.ml", "Makefile") for p in sorted(checker.glob(end))]
    names = ("Base.v", "Concave.v", "Entries.v", "Forms.v", "KyFan.v", "Network.v", "Norms.v")
    return [*(p for p in paths if p not in made), *(folder / "formal" / name for name in names)]


def built(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the path of the program that `certify checker build` makes of these sources."""
    folder = sources()
    digest = hashlib.sha256()
    for path in files(folder):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    data = environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "certify" / f"certcheck-{digest.hexdigest()[:16]}"


def program(named: str | Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the program: `named`, else CERTIFY_CHECKER, else the one built by command or make.

    Raises InputError if there is none.
    """
    name = named or environ.get(VARIABLE)
    places = [Path(name)] if name else [built(environ), sources() / "checker" / "certcheck"]
    for path in places:
        if path.is_file() and os.access(path, os.X_OK):
            return path.resolve()
    missing = f"there is no program {name}" if name else "the proved checker is not built"
    raise InputError(f"{missing}; {BUILD}")


class Unwalked(Exact):
    """Exact arithmetic that walks no tree: the cost of a tree is counted before the walk."""

    def bounds(self, bound: object, items: Sequence[object]) -> list[Any]:
        """Return no bounds for a tree of cases."""
        return []

    def cones(self, form: object, span: object) -> Fraction:
        """Return 0 for a tree of cones."""
        return Fraction(0)


def afford_trees(question: StatedQuestion, certificate: Certificate, limit: float) -> None:
    """Raise RejectedError at "budget" if the trees of a proof exceed the limit of work.

    The program has no limit: the integers of a tree with one long path may keep it busy for hours.
    All other tests are left to the program.
    """
    c = certificate
    polar = c.proof.get("polar")
    if not isinstance(polar, dict) or not (
        {"nodes", "each"} & {*polar} or polar.get("rule") == "cones"
    ):
        return
    metered = Metered(Unwalked(), Budget(limit))
    evidence = arrays.Arrays(polar_part(c.statement, c.witness), "proof")
    try:
        asked = statement.question(question.statement, question.given)
        w = metered.load(arrays.Arrays(c.witness, "proof").get("W", (asked.at.size,)))
        polar_bound(metered, asked.space, w, Evidence(polar, evidence))
    except RejectedError as error:
        if error.where == "budget":
            raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return  # the program says why it is not a proof


def run_checker(
    question: StatedQuestion, certificate: Certificate, path: Path, limit: float = math.inf
) -> tuple[Verdict, float, float]:
    """Return the verdict and the bounds, rounded outward, that the program proves.

    It reads a file with the reader's own question and this certificate's claim and proof.  Its
    answer must name the same question.

    limit  the units of work for the trees of the proof

    Raises RejectedError if it proves nothing or the trees take more work, NotCoveredError if it
    does not cover the question or the proof, InputError if it is not the proved checker.
    """
    c = certificate
    afford_trees(question, certificate, limit)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "x.cert")
        Certificate(question.statement, question.given, c.claim, c.proof, c.witness).save(file)
        with accessing(path, "run"):
            done = subprocess.run(  # noqa: S603  the program that the reader chose
                [str(path), str(file)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="ascii",
                errors="backslashreplace",
                check=False,
            )
    refused = REFUSED.fullmatch(done.stdout)
    if refused and (done.returncode, refused[1]) == (NOT_COVERED_EXIT, "NOT COVERED"):
        raise NotCoveredError(
            f"the proved checker does not know {refused[2]}; --tier exact proves it by the kernel"
        )
    if refused and (done.returncode, refused[1]) == (REJECTED_EXIT, "NOT VERIFIED"):
        where, _, why = refused[2].partition(": ")
        raise RejectedError(where, "not_proved", why or "by the proved checker")
    answer = LINE.fullmatch(done.stdout)
    if answer is None or not answers_question(question, answer, done.returncode):
        raise InputError(
            f"{path} is not the proved checker: it ended with status {done.returncode} and "
            f"{done.stdout[:80]!r}"
        )
    return Verdict[answer[1]], below(Fraction(answer[2])), above(Fraction(answer[3]))


def answers_question(question: StatedQuestion, answer: re.Match[str], status: int) -> bool:
    """Whether an answer names a verdict, with its exit status, two decimals and the question."""
    decimal = re.compile(r"-?\d+(\.\d*)?(e-?\d+)?")
    numbers = all(decimal.fullmatch(answer[k]) for k in (2, 3))
    same = answer[4] == json.dumps(question.statement, sort_keys=True)
    return numbers and same and EXIT_CODES.get(answer[1]) == status
