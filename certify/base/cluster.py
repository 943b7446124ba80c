"""Where the tasks of a large proof run: here, on every core, or on the workers of a Dask cluster.

Both run the same tasks with the same arguments, so that a sum has the same order on any number of
workers.  A task changes none of its arguments: Dask makes what was lost with a worker again.  A
factorization is proved only if that has the same bits, so that a task takes results from workers of
the same libraries and the same kind of processor alone.  What was sent lies at any address; numpy
copies an array that is not aligned and then, for one, no longer sees that X^T X is of one X, so
that it calls another routine of BLAS: such arrays are aligned as they arrive.
"""

import copyreg
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
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

from .errors import InputError
from .extras import optional
from .gram import CORES

BESIDE = 5  # protocol of pickle from which on arrays are sent beside it
ALIGNED = 16  # bytes: of numpy's own arrays, and of what arrives
QUICK = 0.05  # seconds of a call: quicker ones do not travel
T = TypeVar("T")
Task = Any  # what a task returns, or what stands for it until the values are asked for
Client = Any  # a distributed.Client


class Here:
    """Where tasks run: in this process, where a task has run when it is named."""

    def run(self, work: Callable[..., Any], *given: Task) -> Task:
        """Return the task work(*given)."""
        return work(*given)

    def each(self, made: Callable[[Any], Task], items: Iterable[Any]) -> list[Task]:
        """Return tasks that do not need each other, made(item) for each item: one on each core."""
        with ThreadPoolExecutor(CORES) as pool:
            return list(pool.map(made, items))

    def persist(self, task: Task) -> Task:
        """Return a task that is asked for more than once, and runs once."""
        return task

    def values(self, tasks: Sequence[Task]) -> list[Any]:
        """Return what tasks return."""
        return list(tasks)

    def cores(self, here: int) -> int:
        """Return how many tasks run at once; here: on this machine's cores."""
        return here


class Cluster:
    """The workers of a Dask client; nothing runs before its value is asked for."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.delayed = optional("dask", "dask", "scale").delayed

    def run(self, work: Callable[..., Any], *given: Task) -> Task:
        """Note it."""
        return self.delayed(run_signed, pure=False, traverse=False)(work, *given)

    def each(self, made: Callable[[Any], Task], items: Iterable[Any]) -> list[Task]:
        """Note them."""
        return [made(item) for item in items]

    def persist(self, task: Task) -> Task:
        """Begin it, and leave what it returns with a worker."""
        with self.silent():
            return self.client.compute(task)

    def values(self, tasks: Sequence[Task]) -> list[Any]:
        """Run all that they need.

        Raises InputError where the cluster gives up, and what ends a task here as well.
        """
        try:
            with self.silent():
                made = self.client.gather(self.client.compute(list(tasks)))
                agree({x.by for x in made})
        except (RejectedError, LinAlgError):  # as here
            raise
        except Exception as error:
            raise InputError(
                f"the Dask cluster gave up: {type(error).__name__}: {error}"
            ) from error
        return [x.value for x in made]

    def silent(self) -> AbstractContextManager[object]:
        """Enter a context that does not warn of what has to be sent."""
        config = optional("dask", "dask", "scale").config
        return config.set({"distributed.admin.large-graph-warning-threshold": "1 PB"})  # type: ignore[no-any-return]

    def cores(self, here: int) -> int:
        """Return the threads of the workers there are now, or one's own without any."""
        return sum(self.client.nthreads().values()) or here


Place = Here | Cluster


class Signed(NamedTuple):
    """What a task has returned, and what its last bits depend on."""

    by: str
    value: Any

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:  # noqa: ANN401  as pickle has it
        """Return how it is sent; before protocol 5 numpy's arrays are made anew, and aligned."""
        if int(protocol) < BESIDE:
            return tuple.__reduce_ex__(self, protocol)
        return receive_signed, (self.by, *pack(self.value))


@cache
def signature() -> str:
    """Name what this process rounds with: libraries, threads, the processor's kind."""
    libraries = {f"{name} {version(name)}" for name in ("numpy", "scipy")}
    keys = "internal_api", "version", "architecture", "num_threads"
    import_module("scipy.linalg")  # it may bring a BLAS of its own
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    blas = {" ".join(str(pool.get(k)) for k in keys) for pool in pools}
    return ", ".join([*sorted(libraries), *sorted(blas)])


def agree(names: set[str]) -> None:
    """Demand one signature.

    Raises ArithmeticError for two.
    """
    if len(names) > 1:
        raise ArithmeticError(f"workers round differently: {'; '.join(sorted(names))}")


def run_signed(work: Callable[..., Any], *given: Any) -> Signed:  # noqa: ANN401  a task's arguments
    """Run a task on results that were rounded as here."""
    agree({signature(), *(x.by for x in given if isinstance(x, Signed))})
    values = (x.value if isinstance(x, Signed) else unpack(*pack(x)) for x in given)
    return Signed(signature(), work(*values))


def pack(x: Any) -> tuple[bytes, list[PickleBuffer]]:  # noqa: ANN401  anything
    """Return what is sent of it, and the memory of its arrays, which is not copied."""
    buffers: list[PickleBuffer] = []
    dumps = optional("distributed.protocol.pickle", "dask", "scale").dumps
    return dumps(x, buffer_callback=buffers.append), buffers


def unpack(sent: bytes, buffers: Iterable[Any]) -> Any:  # noqa: ANN401  anything
    """Return it, with all arrays aligned."""
    loads = optional("distributed.protocol.pickle", "dask", "scale").loads
    return loads(sent, buffers=[align(b) for b in buffers])


def align(buffer: Any) -> Any:  # noqa: ANN401  a buffer of bytes
    """Return the same bytes at an address that numpy's own arrays may have."""
    held = np.frombuffer(buffer, dtype=np.uint8)
    return held.copy() if held.ctypes.data % ALIGNED else buffer


def receive_signed(by: str, sent: bytes, buffers: Iterable[Any]) -> Signed:
    """Return a result that was sent."""
    return Signed(by, unpack(sent, buffers))


def as_memory(code: str, shape: tuple[int, ...], data: bytes) -> memoryview:
    """Return a view of memory that was sent: of numbers of a code, in row-major order."""
    view = memoryview(array(code, data))
    return view if len(shape) == 1 or 0 in shape else view.cast("B").cast(code, shape)  # type: ignore[call-overload]


def reduce_memory(view: memoryview) -> Any:  # noqa: ANN401  as pickle has it
    """Return how a view of memory is sent."""
    return as_memory, (view.format, view.shape, view.tobytes())


copyreg.pickle(memoryview, reduce_memory)  # the kernel's arrays are such views

PLACE: ContextVar[Place] = ContextVar("PLACE", default=Here())  # noqa: B039  it holds nothing


class Pool(Generic[T]):
    """Asks a function of many arguments: here as long as that is quick, then where tasks run.

    threads  at once, here
    """

    def __init__(self, work: Callable[..., T], threads: int = 1) -> None:
        self.work, self.threads = work, threads
        self.quick, self.sent = True, None

    def map(self, items: Sequence[tuple[Any, ...]]) -> list[T]:
        """Return work(*item) of each, in order."""
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
        """Return the same, in this process."""
        if self.threads == 1 or len(items) == 1:
            return [self.work(*item) for item in items]
        with ThreadPoolExecutor(self.threads) as pool:
            tasks = [pool.submit(copy_context().run, self.work, *item) for item in items]
            return [task.result() for task in tasks]


def share(x: object) -> Task:
    """Return a task of an array that many tasks take."""
    place = PLACE.get()
    return place.persist(place.run(np.asarray, x))


def keep_each(
    work: Callable[..., Any], *lists: Iterable[Any], given: tuple[Any, ...] = ()
) -> list[Task]:
    """Return tasks work(*items, *given) for the items of lists, each of which runs once."""
    place = PLACE.get()
    return [place.persist(place.run(work, *x, *given)) for x in zip(*lists, strict=True)]


def as_it_is(x: T) -> T:
    """Return it."""
    return x


def call(work: Callable[..., T], *given: Any) -> T:  # noqa: ANN401  a task's arguments
    """Call a function that was a task's result."""
    return work(*given)


@contextmanager
def on_cluster(client: Client | None) -> Iterator[None]:
    """Enter a context whose large proofs run on a client's workers; here, if there is none."""
    if client is None:
        yield
        return
    token = PLACE.set(Cluster(client))
    try:
        yield
    finally:
        PLACE.reset(token)


def connect(scheduler: str) -> Any:  # noqa: ANN401  distributed.Client
    """Return a client of the scheduler at an address; it is closed as a context ends.

    Raises InputError if dask is not installed or the scheduler does not answer.
    """
    client = optional("distributed", "dask", "scale").Client
    read = optional("distributed.comm", "dask", "scale").get_address_host_port
    try:
        if not scheduler.startswith("inproc://"):  # a cluster within this process
            read(scheduler)  # what is no address would leave a client that cannot be closed
        return client(scheduler, timeout="10s", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(f"no Dask scheduler answers at {scheduler}: {error}") from None
