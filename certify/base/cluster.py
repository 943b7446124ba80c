"""Run the tasks of a large proof: on this machine, or on the workers of a Dask cluster.

Both run the same tasks with the same arguments, so that a sum has the same order on any number of
workers.  A task does not change its arguments, because Dask repeats the tasks of a lost worker.
A repeated task must give the same bits, or a factorization is not proved, so a task only takes
results from workers with the same libraries and the same kind of processor.  Arrays that were sent
may be unaligned.  numpy copies such arrays, and then calls another routine of BLAS for X^T X, as it
no longer sees one X: so they are aligned when they arrive.
"""

import copyreg
from array import array
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar, copy_context
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pickle import PickleBuffer
from time import monotonic
from typing import Any, Generic, NamedTuple, SupportsIndex, TypeVar

import numpy as np
from numpy.linalg import LinAlgError
from threadpoolctl import threadpool_info

from certify.kernel.errors import RejectedError

from .checkpoint import bind
from .errors import InputError
from .extras import optional
from .gram import CORES

OUT_OF_BAND = 5  # the protocol of pickle from which arrays are sent out of band
ALIGNED = 16  # bytes, the alignment of numpy's own arrays
QUICK = 0.05  # seconds of a call: quicker ones are not sent
T = TypeVar("T")
Task = Any  # the result of a task, or a Dask object that stands for it
Client = Any  # a distributed.Client


class Here:
    """Runs tasks in this process, each at once."""

    def run(self, work: Callable[..., Any], *given: Task) -> Task:
        """Return the task work(*given)."""
        return work(*given)

    def each(self, made: Callable[[Any], Task], items: Iterable[Any]) -> list[Task]:
        """Return the tasks made(item), which are independent, one on each core at a time."""
        with ThreadPoolExecutor(CORES) as pool:
            return list(pool.map(made, items))

    def persist(self, task: Task) -> Task:
        """Return a task that runs once, though its value is needed more than once."""
        return task

    def values(self, tasks: Sequence[Task]) -> list[Any]:
        """Return the results of tasks."""
        return list(tasks)

    def cores(self, here: int) -> int:
        """Return how many tasks run at once; here: the cores of this machine."""
        return here


class Cluster:
    """Runs tasks on the workers of a Dask client, once their values are needed."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.delayed = optional("dask", "dask", "scale").delayed

    def run(self, work: Callable[..., Any], *given: Task) -> Task:
        """Return a delayed task."""
        return self.delayed(run_signed, pure=False, traverse=False)(work, *given)

    def each(self, made: Callable[[Any], Task], items: Iterable[Any]) -> list[Task]:
        """Return the tasks made(item)."""
        return [made(item) for item in items]

    def persist(self, task: Task) -> Task:
        """Start a task, and leave its result with a worker."""
        with self.silent():
            return self.client.compute(task)

    def values(self, tasks: Sequence[Task]) -> list[Any]:
        """Run the tasks and return their results.

        Raises RejectedError and LinAlgError of the tasks, InputError for any other failure.
        """
        try:
            with self.silent():
                made = self.client.gather(self.client.compute(list(tasks)))
                agree({x.by for x in made})
        except (RejectedError, LinAlgError):
            raise
        except Exception as error:
            cause = f"{type(error).__name__}: {error}"
            raise InputError(f"the Dask cluster gave up: {cause}") from error
        return [x.value for x in made]

    def silent(self) -> AbstractContextManager[object]:
        """Suppress Dask's warning of large graphs while the body runs."""
        config = optional("dask", "dask", "scale").config
        return config.set({"distributed.admin.large-graph-warning-threshold": "1 PB"})  # type: ignore[no-any-return]

    def cores(self, here: int) -> int:
        """Return the number of threads of the present workers, or `here` if there are none."""
        return sum(self.client.nthreads().values()) or here


Place = Here | Cluster


class Signed(NamedTuple):
    """The result of a task, and the signature of the process that computed it."""

    by: str
    value: Any

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:  # noqa: ANN401  as pickle has it
        """Reduce for pickle; before protocol 5 numpy itself makes new, aligned arrays."""
        if int(protocol) < OUT_OF_BAND:
            return tuple.__reduce_ex__(self, protocol)
        return receive_signed, (self.by, *pack(self.value))


@cache
def signature() -> str:
    """Return the names of all that rounding depends on: libraries, threads, the processor."""
    libraries = {f"{name} {version(name)}" for name in ("numpy", "scipy")}
    keys = "internal_api", "version", "architecture", "num_threads"
    import_module("scipy.linalg")  # it may have its own BLAS
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    blas = {" ".join(str(pool.get(k)) for k in keys) for pool in pools}
    return ", ".join([*sorted(libraries), *sorted(blas)])


def agree(names: set[str]) -> None:
    """Raise ArithmeticError unless all signatures are equal."""
    if len(names) > 1:
        raise ArithmeticError(f"workers round differently: {'; '.join(sorted(names))}")


def run_signed(work: Callable[..., Any], *given: Any) -> Signed:  # noqa: ANN401  a task's arguments
    """Run a task; its arguments must have the signature of this process."""
    agree({signature(), *(x.by for x in given if isinstance(x, Signed))})
    values = (x.value if isinstance(x, Signed) else unpack(*pack(x)) for x in given)
    return Signed(signature(), work(*values))


def pack(x: Any) -> tuple[bytes, list[PickleBuffer]]:  # noqa: ANN401  anything
    """Return the pickle of x, and the memory of its arrays, which is not copied."""
    buffers: list[PickleBuffer] = []
    dumps = optional("distributed.protocol.pickle", "dask", "scale").dumps
    return dumps(x, buffer_callback=buffers.append), buffers


def unpack(sent: bytes, buffers: Iterable[Any]) -> Any:  # noqa: ANN401  anything
    """Return the pickled object, with aligned arrays."""
    loads = optional("distributed.protocol.pickle", "dask", "scale").loads
    return loads(sent, buffers=[align(b) for b in buffers])


def align(buffer: Any) -> Any:  # noqa: ANN401  a buffer of bytes
    """Return the same bytes at an aligned address."""
    numbers = np.frombuffer(buffer, dtype=np.uint8)
    return numbers.copy() if numbers.ctypes.data % ALIGNED else buffer


def receive_signed(by: str, sent: bytes, buffers: Iterable[Any]) -> Signed:
    """Return a result from its pickle."""
    return Signed(by, unpack(sent, buffers))


def as_memory(code: str, shape: tuple[int, ...], data: bytes) -> memoryview:
    """Return a view of memory from its pickle: numbers of a code, in row-major order."""
    view = memoryview(array(code, data))
    return view if len(shape) == 1 or 0 in shape else view.cast("B").cast(code, shape)  # type: ignore[call-overload]


def reduce_memory(view: memoryview) -> Any:  # noqa: ANN401  as pickle has it
    """Reduce a view of memory for pickle."""
    return as_memory, (view.format, view.shape, view.tobytes())


copyreg.pickle(memoryview, reduce_memory)  # the kernel's arrays are such views

PLACE: ContextVar[Place] = ContextVar("PLACE", default=Here())  # noqa: B039  it has no state


class Pool(Generic[T]):
    """Maps a function over many arguments: in this process while that is quick, then in PLACE.

    threads  in this process
    """

    def __init__(self, work: Callable[..., T], threads: int = 1) -> None:
        self.work, self.threads = work, threads
        self.quick, self.sent = True, None

    def map(self, items: Sequence[tuple[Any, ...]]) -> list[T]:
        """Return work(*item) for each item, in order."""
        place = PLACE.get()
        if len(items) > 1 and not self.quick and not isinstance(place, Here):
            if self.sent is None:  # once, not with every task
                self.sent = place.persist(place.run(as_it_is, self.work))
            return place.values([place.run(call, self.sent, *item) for item in items])
        begun = monotonic()
        out = self.map_here(items)
        self.quick = monotonic() - begun < QUICK * len(items)
        return out

    def map_here(self, items: Sequence[tuple[Any, ...]]) -> list[T]:
        """Return work(*item) for each item, computed in this process."""
        if self.threads == 1 or len(items) == 1:
            return [self.work(*item) for item in items]
        with ThreadPoolExecutor(self.threads) as pool:
            tasks = [pool.submit(copy_context().run, self.work, *item) for item in items]
            return [task.result() for task in tasks]


def share(x: object) -> Task:
    """Return a task for an array that many tasks need."""
    place = PLACE.get()
    return place.persist(place.run(np.asarray, x))


def keep_each(
    work: Callable[..., Any], *lists: Iterable[Any], given: tuple[Any, ...] = ()
) -> list[Task]:
    """Return the tasks work(*items, *given) for the items of lists; each runs once."""
    place = PLACE.get()
    return [place.persist(place.run(work, *x, *given)) for x in zip(*lists, strict=True)]


def as_it_is(x: T) -> T:
    """Return x."""
    return x


def call(work: Callable[..., T], *given: Any) -> T:  # noqa: ANN401  a task's arguments
    """Call a function that is the result of a task."""
    return work(*given)


def on_cluster(client: Client | None) -> AbstractContextManager[Any]:
    """Run large proofs in the body on a client's workers, if there is a client."""
    return nullcontext() if client is None else bind(PLACE, Cluster(client))


def connect(scheduler: str) -> Any:  # noqa: ANN401  distributed.Client
    """Return a client of the scheduler at an address, a context manager.

    Raises InputError if dask is not installed or the scheduler does not answer.
    """
    client = optional("distributed", "dask", "scale").Client
    read = optional("distributed.comm", "dask", "scale").get_address_host_port
    try:
        if not scheduler.startswith("inproc://"):  # a cluster within this process
            read(scheduler)  # otherwise a wrong address leaves a client that cannot be closed
        return client(scheduler, timeout="10s", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(f"no Dask scheduler answers at {scheduler}: {error}") from None
