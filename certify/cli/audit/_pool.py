"""Run jobs on an executor, each in a process of its own; a crash or a time-out is a row."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from functools import partial
from json import loads
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, NamedTuple, TypeVar

import psutil

from certify.base.cluster import connect

from ._family import descendants, kill
from ._job import CERTIFICATE, FAILED, LONGEST, OWN, REPORT, ROW, as_json, failed_row
from ._plan import Job

T = TypeVar("T")
R = TypeVar("R")
UNDECIDED = 12  # exit status
GRACE = 60.0  # seconds; a job without a timeout is stopped after twice its budget and these
SCRIPT = f"import os, sys; from {__package__}._job import main; main(*sys.argv[1:]); os._exit(0)"
LAST = 300  # characters of the last output of a process that failed
TAIL = 4 * LAST  # the most bytes of these characters
STDERR = "stderr.txt"
KILLED = 9  # the number of SIGKILL, which some systems do not have
STEP = 0.5  # seconds between two tests of the clock


class Done(NamedTuple):
    """The results of a job: row and files; own: the certificate at the model's own size."""

    row: dict[str, Any]
    certificate: bytes | None = None
    own: bytes | None = None
    report: bytes | None = None


def execute(job: Job, halt: Event | None = None) -> Done:
    """Judge one job in a process of its own; all errors in it become a row.

    The output of the process is dropped, and its children end with it.  A job with a fault needs
    no process.
    """
    if job.fault:
        return Done(failed_row(FAILED, 2, job.fault[:LONGEST]))
    limit = job.settings["timeout"] or 2 * job.settings["budget"] + GRACE
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory(prefix="certify-audit-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "job.json").write_text(as_json(job), encoding="utf-8")
        given = [str(folder / "job.json"), name, str(os.getpid())]
        with (folder / STDERR).open("wb") as log:
            process = subprocess.Popen(  # noqa: S603  this interpreter, on this package
                [sys.executable, "-c", SCRIPT, *given],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={**one, **os.environ},
                start_new_session=True,
            )
        status = wait_for(process, limit, halt)
        if status is None:
            return Done(failed_row("TIMEOUT", UNDECIDED, f"no answer within {limit:g} seconds"))
        return outcome_of(folder, status)


def wait_for(process: subprocess.Popen[bytes], limit: float, halt: Event | None) -> int | None:
    """Return the exit status of a process, or None if it and its children were killed."""
    end = monotonic() + limit
    family = set[psutil.Process]()
    try:
        while monotonic() < end and not (halt and halt.is_set()):
            try:
                return process.wait(STEP)
            except subprocess.TimeoutExpired:
                family |= descendants(process.pid)
        return None
    finally:
        kill(process.pid, family)
        process.wait()


def outcome_of(folder: Path, status: int) -> Done:
    """Return the results of a process that ended with this status."""
    try:
        row = loads((folder / ROW).read_text("utf-8"))
    except OSError:
        stderr = (folder / STDERR).read_bytes()[-TAIL:]
        return Done(failed_row(FAILED, 1, how_it_ended(status, stderr)))
    files = [folder / name for name in (CERTIFICATE, OWN, REPORT)]
    return Done(row, *(p.read_bytes() if p.exists() else None for p in files))


def how_it_ended(status: int, stderr: bytes) -> str:
    """Return how a process without a row ended."""
    why = f"the process ended with status {status}"
    if status < 0:
        why = f"the process was ended by signal {-status}"
    if status == -KILLED:
        why += ", as the system does when memory runs out"
    text = stderr.decode(errors="replace").strip()[-LAST:]
    return f"{why}: {text}" if text else why


def as_finished(jobs: list[Job], pool: Executor) -> Generator[tuple[Job, Done], None, None]:
    """Yield jobs as they end; closing the generator stops all of them."""
    halt = Event()
    here = isinstance(pool, ThreadPoolExecutor)
    work = partial(execute, halt=halt) if here else execute  # other processes share no Event
    try:
        with closing(as_answered(jobs, pool, work)) as answers:
            for k, done in answers:
                yield jobs[k], done if isinstance(done, Done) else Done(done)
    finally:
        halt.set()


def as_answered(
    items: Sequence[T], pool: Executor, work: Callable[[T], R]
) -> Generator[tuple[int, R | dict[str, Any]], None, None]:
    """Yield (place, answer) as answers come; closing the generator cancels the others.

    If a worker is lost, the answer is a FAILED row.
    """
    futures: dict[Future[R], int] = {pool.submit(work, x): k for k, x in enumerate(items)}
    try:
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except Exception as error:  # noqa: BLE001  a lost worker is a row
                why = f"the worker was lost: {type(error).__name__}: {error}"
                yield futures[future], failed_row(FAILED, 1, why)
    finally:
        for future in futures:
            future.cancel()


@contextmanager
def workers(count: int, scheduler: str | None) -> Iterator[Executor]:
    """Yield an executor: threads that wait for local processes, or the workers of a Dask cluster.

    Raises InputError if dask is not installed or the scheduler does not answer.
    """
    if scheduler is None:
        pool = ThreadPoolExecutor(count)
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return
    with connect(scheduler) as client:
        yield client.get_executor(pure=False)
