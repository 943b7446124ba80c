"""Check the claim of a certificate; the report and the exit status of the command line.

The report contains the question that was read, so that a reader can compare it with their own.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, TextIO

from .arithmetic import Arithmetic
from .arrays import Array
from .budget import UNIT
from .errors import RejectedError, clean, demand, shown
from .fields import Json, number
from .file import File, dtype_of, identity, question_arrays, read
from .verdict import EXITS, Outcome, prove

REJECTED, WRONG_CALL = 20, 2
LONG = 10  # seconds: proofs this long are announced


def same_question(theirs: Json, ours: Json, where: str = "statement") -> None:
    """Reject unless the certificate's statement is the reader's, field by field.

    They are compared as JSON: true is not 1, and null is not a missing field.
    """
    both = theirs, ours
    for name in sorted({*theirs, *ours}):
        a, b = (json.dumps(x[name], sort_keys=True) if name in x else "none" for x in both)
        if all(isinstance(x.get(name), dict) for x in both):
            same_question(theirs[name], ours[name], f"{where}.{name}")
        else:
            message = f"certificate has {a:.500}, reader asks {b:.500}"
            demand(a == b, f"{where}.{name}", "question", message)


def check_digests(statement: Json, given: Mapping[str, Array]) -> None:
    """Reject unless the arrays have the names, types, shapes and digests of the statement."""
    ours = {k: identity(a) for k, a in given.items()}
    named = statement.get("arrays")
    demand(isinstance(named, dict), "statement.arrays", "missing", type(named).__name__)
    same_question(dict(named or {}), ours, "statement.arrays")


def check(
    file: File,
    given: Mapping[str, Array],
    ar: Arithmetic[Any] | None = None,
    *,
    limit: float | None = None,
) -> Outcome:
    """Prove the certificate's claim about its question, with these arrays."""
    check_digests(file.statement, given)
    parts = file.proof, file.witness
    outcome = prove(file.statement, given, *parts, ar, limit=limit)
    claimed = file.claim.get("verdict")
    demand(isinstance(claimed, str) and claimed in EXITS, "claim.verdict", "unknown", claimed)
    idle = "better" in file.proof and outcome.verdict not in ("REFUTED", "RANK_LIMITED")
    demand(not idle, "proof.better", "idle", f"better factors beside {outcome.verdict}")
    bracket = f"[{shown(outcome.lower)}, {shown(outcome.upper)}]"
    message = f"claims {claimed}, proved {outcome.verdict} in {bracket}"
    demand(outcome.verdict == claimed, "claim.verdict", "not proved", message)
    return outcome


def describe_question(statement: Json, given: Mapping[str, Array]) -> str:
    """Return the question for a reader: every field and array, numbers in decimals.

    The rank is included because the question depends on it at lam = 0, and every array because
    an unexpected one (weights, a ridge) changes the question.  Only the middle of a long cone is
    replaced, by a digest.
    """
    summary: Json = {k: shown(number(statement[k], k)) for k in ("lam", "rtol", "atol")}
    summary |= {k: statement[k] for k in ("claim", "loss", "shape", "observed", "q")}
    if "l1" in statement:
        summary["l1"] = [shown(number(x, "l1")) for x in statement["l1"]]
    summary["rank"] = given["U"].shape[1]
    summary["offsets"] = [
        {k: shown(number(v, k)) if isinstance(v, str) and k != "kind" else v for k, v in o.items()}
        for o in statement["offsets"]
    ]
    summary["atom"] = {k: shorten_cone(v) for k, v in statement["atom"].items()}
    summary["arrays"] = {
        k: f"{dtype_of(a)} {list(a.shape)} {summarize(a)}" for k, a in sorted(given.items())
    }
    return ascii(json.dumps(summary))[1:-1]


def summarize(a: Array) -> str:
    """Return the range of an array, or its value if all entries are equal."""
    if not len(a.data):
        return "empty"
    low, high = min(a.data), max(a.data)
    return f"all {low!r}" if low == high else f"from {low!r} to {high!r}"


def shorten_cone(side: object) -> object:
    """Return a norm with a long cone shortened to its ends, its length and its digest."""
    if not isinstance(side, dict) or len(side.get("cone", "")) <= 100:
        return side
    cone = side["cone"]
    mark = hashlib.sha256(cone.encode()).hexdigest()
    return {**side, "cone": f"{cone[:20]}...{cone[-20:]} ({len(cone)} signs, sha256 {mark})"}


USAGE = "usage: python -I -S certify/kernel CERTIFICATE [QUESTION] [--limit N]"


class UsageError(ValueError):
    """The command was called wrongly, and no file has been read."""


def read_limit(arguments: list[str]) -> tuple[list[str], int | None]:
    """Split `--limit N` from the files.

    Raises UsageError unless the limit is a natural number.
    """
    if "--limit" not in arguments:
        return arguments, None
    at = arguments.index("--limit")
    text = arguments[at + 1] if at + 1 < len(arguments) else "nothing"
    natural = text.isascii() and text.isdecimal() and len(text) < 80
    if not natural:
        raise UsageError(f"--limit must be a natural number, got {clean(text)}")
    return arguments[:at] + arguments[at + 2 :], int(text)


def announce(work: object, out: TextIO | None) -> None:
    """Say on a terminal how long a long verification takes.

    work  the units that the proof took when the file was written: an estimate, not a claim
    """
    if not isinstance(work, int) or not LONG / UNIT <= work < 1 << 62:
        return
    if out is None or not out.isatty():
        return
    seconds = int(work * UNIT)
    time = f"{seconds // 60} minutes" if seconds >= 120 else f"{seconds} seconds"
    cure = "`certify verify` proves it in fast integers, many times faster"
    with suppress(OSError, ValueError):
        out.write(f"up to {time} in exact integers of Python; {cure}\n")
        out.flush()


def report_on(arguments: Iterable[str]) -> tuple[str, int]:
    """Return the report on a certificate file, and the exit status."""
    files, limit = read_limit([*arguments])
    if len(files) not in (1, 2):
        raise UsageError(f"one or two files are wanted, got {len(files)}")
    file = read(files[0])
    given = question_arrays(files[1]) if len(files) == 2 else file.given
    announce(file.claim.get("work"), sys.stderr)
    outcome = check(file, given, limit=limit)
    lower, upper = shown(outcome.lower), shown(outcome.upper)
    first = f"VERIFIED {outcome.verdict}  {lower} <= optimum, candidate <= {upper}"
    second = f"of {describe_question(file.statement, given)}  by {', '.join(outcome.rules)}"
    return f"{first}\n{second}", EXITS[outcome.verdict]


def main(arguments: Iterable[str]) -> int:
    """Verify a certificate file: return EXITS[verdict], or 20 if anything goes wrong with it.

    A wrong call is told on stderr, and returns 2.
    A report that cannot be printed counts as not verified: its reader must see the question.
    """
    try:
        text, status = report_on(arguments)
    except UsageError as error:
        with suppress(OSError, ValueError):
            print(f"{USAGE}\n{error}", file=sys.stderr)
        return WRONG_CALL
    except RejectedError as error:
        text, status = f"NOT VERIFIED  {error}", REJECTED
    except Exception as error:  # noqa: BLE001  any doubt is a rejection
        text, status = f"NOT VERIFIED  {type(error).__name__}: {clean(error)}", REJECTED
    try:
        print(text, flush=True)
    except (OSError, ValueError):  # output pipe closed; without close() the exit would flush to it
        with suppress(OSError, ValueError):
            sys.stdout.close()
        return REJECTED
    return REJECTED if sys.stdout is None else status
