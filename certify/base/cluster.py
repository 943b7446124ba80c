"""Where the tasks of a large proof run: here, on every core, or on the workers of a Dask cluster.

Both run the same tasks with the same arguments, so that a sum has the same order on any number of
workers.  A task changes none of its arguments: Dask makes what was lost with a worker again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from .errors import InputError
from .extras import optional
from .gram import CORES

Task = Any  # what a task returns, or what stands for it until the values are asked for


class Client(Protocol):
    """What is used of a distributed.Client."""

    def compute(self, tasks: Sequence[Task]) -> Any:  # noqa: ANN401  futures
        """Begin."""

    def gather(self, futures: Any) -> Any:  # noqa: ANN401  futures, values
        """Wait."""


class Place(Protocol):
    """Where tasks run."""

    def run(self, work: Callable[..., Any], *given: Task) -> Task:
        """Return the task work(*given)."""

    def each(self, made: Callable[[Any], Task], items: Iterable[Any]) -> list[Task]:
        """Return tasks that do not need each other, made(item) for each item."""

    def values(self, tasks: Sequence[Task]) -> list[Any]:
        """Return what tasks return."""


class Here:
    """In this process: a task has run when it is named."""

    def run(self, work: Callable[..., Any], *given: Task) -> Task:
        """Run it."""
        return work(*given)

    def each(self, made: Callable[[Any], Task], items: Iterable[Any]) -> list[Task]:
        """Run one on each core."""
        with ThreadPoolExecutor(CORES) as pool:
            return list(pool.map(made, items))

    def values(self, tasks: Sequence[Task]) -> list[Any]:
        """Return them."""
        return list(tasks)


class Cluster:
    """The workers of a Dask client; nothing runs before its value is asked for."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.delayed = optional("dask", "dask", "scale").delayed

    def run(self, work: Callable[..., Any], *given: Task) -> Task:
        """Note it."""
        return self.delayed(work, pure=False, traverse=False)(*given)

    def each(self, made: Callable[[Any], Task], items: Iterable[Any]) -> list[Task]:
        """Note them."""
        return [made(item) for item in items]

    def values(self, tasks: Sequence[Task]) -> list[Any]:
        """Run all that they need.

        Raises InputError where the cluster gives up.
        """
        config = optional("dask", "dask", "scale").config
        try:
            with config.set({"distributed.admin.large-graph-warning-threshold": "1 PB"}):
                return list(self.client.gather(self.client.compute(list(tasks))))
        except Exception as error:
            raise InputError(
                f"the Dask cluster gave up: {type(error).__name__}: {error}"
            ) from error


PLACE: ContextVar[Place] = ContextVar("PLACE", default=Here())  # noqa: B039  it holds nothing


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
    try:
        return client(scheduler, timeout="10s", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(f"no Dask scheduler answers at {scheduler}: {error}") from None
