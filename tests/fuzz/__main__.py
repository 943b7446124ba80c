"""Fuzz the readers of other people's files: python -m tests.fuzz READER [EXAMPLES [SEED]].

Hypothesis damages valid files: bytes, numbers in text, the JSON and the arrays inside them, with
digests that are right again.  A reader may accept or refuse a file, in a sentence.  It may raise
nothing else, take MEMORY more than before, or SECONDS for a file of at most SMALL bytes.
"""

import json
import resource
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path
from time import perf_counter

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from .readers import READERS

MEMORY, SECONDS, SMALL = 1 << 30, 5.0, 10_000


def fuzz(name, examples, number):
    """Return what a reader did with the examples: outcomes, errors, seconds, bytes."""
    reader = READERS[name]
    outcomes, errors, slowest = Counter(), {}, 0.0
    with tempfile.TemporaryDirectory() as folder:
        read = reader(Path(folder))
        read.warm()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        held = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * 4096
        resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY,) * 2)

        @seed(number)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=[*HealthCheck],
        )
        @given(st.data())
        def run(data):
            nonlocal slowest
            size = read.write(data)
            start = perf_counter()
            try:
                outcomes[read.read()] += 1
            except read.refusals as error:
                outcomes["refused"] += 1
                assert "\n" not in str(error)[:200]  # noqa: PT017  a refusal is a sentence
            except BaseException as error:  # noqa: BLE001  each is a finding
                note(error)
            spent = perf_counter() - start
            slowest = max(slowest, spent)
            if spent > SECONDS and size <= SMALL:
                note(TimeoutError(f"{spent:.1f} seconds for {size} bytes"))

        def note(error):
            """Keep the first file of each kind of error, and count the others."""
            frames = traceback.extract_tb(error.__traceback__)
            where = [
                f"{Path(f.filename).name}:{f.lineno}" for f in frames if "certify/" in f.filename
            ]
            key = f"{type(error).__name__} at {' '.join(where[-2:])}"
            if key not in errors:
                errors[key] = [0, f"{error}"[:300], read.keep(len(errors))]
            errors[key][0] += 1

        run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "reader": name,
        "outcomes": dict(outcomes),
        "errors": errors,
        "slowest": round(slowest, 2),
        "megabytes": (peak - before) >> 10,
    }


def main(name, examples="200", number="0"):
    """Print a line of JSON; the exit status is 1 if there is an error."""
    warnings.simplefilter("ignore")
    found = fuzz(name, int(examples), int(number))
    sys.stdout.write(json.dumps(found) + "\n")
    return bool(found["errors"])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
