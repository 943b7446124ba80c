"""Jobs on an executor: each in a process of its own, so that a crash or a time-out is a row."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from importlib.util import find_spec
from json import loads
from pathlib import Path
from typing import Any, NamedTuple

from certify._errors import InputError

from ._job import CERTIFICATE, FAILED, REPORT, ROW, failed, told
from ._plan import Job

UNDECIDED = 12  # the exit status of a bracket only
GRACE = 60.0  # seconds beyond a budget before a job is given up, and twice the budget
SCRIPT = f"import sys; from {__package__}._job import main; main(*sys.argv[1:])"
LAST = 300  # characters of what a dead process said


class Done(NamedTuple):
    """What a job left: its row, and the files."""

    row: dict[str, Any]
    certificate: bytes | None = None
    report: bytes | None = None


def executed(job: Job) -> Done:
    """Judge one job in a process of its own; whatever happens there is a row."""
    limit = job.settings["timeout"] or 2 * job.settings["budget"] + GRACE
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory(prefix="certify-audit-") as name:
        folder = Path(name)
        (folder / "job.json").write_text(told(job), encoding="utf-8")
        command = [sys.executable, "-c", SCRIPT, str(folder / "job.json"), name]
        try:
            ended = subprocess.run(  # noqa: S603  this interpreter, on this package
                command, capture_output=True, check=False, timeout=limit, env={**one, **os.environ}
            )
        except subprocess.TimeoutExpired:
            return Done(failed("TIMEOUT", UNDECIDED, f"no answer within {limit:g} seconds"))
        if not (folder / ROW).exists():
            said = ended.stderr.decode(errors="replace").strip()[-LAST:]
            why = f"the process ended with status {ended.returncode}"
            return Done(failed(FAILED, 1, f"{why}: {said}" if said else why))
        row = loads((folder / ROW).read_text("utf-8"))
        return Done(row, held(folder / CERTIFICATE), held(folder / REPORT))


def held(path: Path) -> bytes | None:
    """Return a file's bytes, if it is there."""
    return path.read_bytes() if path.exists() else None


def finished(jobs: list[Job], pool: Executor) -> Iterator[tuple[Job, Done]]:
    """Yield jobs as they end, on any executor; what waits is given up when this is left."""
    futures: dict[Future[Done], Job] = {pool.submit(executed, j): j for j in jobs}
    try:
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except Exception as error:  # noqa: BLE001  a lost worker is a row
                why = f"the worker was lost: {type(error).__name__}: {error}"
                yield futures[future], Done(failed(FAILED, 1, why))
    finally:
        for future in futures:
            future.cancel()


@contextmanager
def workers(count: int, scheduler: str | None) -> Iterator[Executor]:
    """Give an executor: threads that wait for processes here, or a Dask cluster's workers.

    Raises InputError if dask is not installed or the scheduler does not answer.
    """
    if scheduler is None:
        pool = ThreadPoolExecutor(count)
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return
    if find_spec("distributed") is None:
        raise InputError("--scheduler needs dask: pip install 'certify[scale]'")
    import distributed  # noqa: PLC0415  an extra

    connect: Any = distributed.Client
    try:
        client = connect(scheduler, timeout="10s", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(f"no Dask scheduler answers at {scheduler}: {error}") from None
    with client:
        yield client.get_executor(pure=False)
