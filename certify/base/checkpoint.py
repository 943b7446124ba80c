"""Save the state of a long computation, to resume it later, and stop a computation on request.

A `Checkpoint` holds the state inside `save_to`.  Branch and bound recalls its tree from it by a
key, and saves it from time to time; loops ask `stop_requested()`.  The saved state is not trusted:
the bounds of a tree are proved again from its witnesses.
"""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from time import monotonic
from types import FrameType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from .errors import MALFORMED, InputError

T = TypeVar("T")
Arrays = dict[str, npt.NDArray[Any]]
Kinds = Sequence[type]
Tell = Callable[[int, float], None]  # of the number of parts of a tree, and its bound
EVERY = 20.0  # seconds between two writes
MOST = 8  # trees that are kept
POOLS = ("float64", "float32", "int64", "bool")
SHARE = 0.05  # of the time, for writing


class Checkpoint:
    """The saved values of a computation by key; the keys of trees begin with "tree.".

    write  write(json, arrays) saves all values from time to time; None: they stay in memory
    size   the bytes of the file from which it was filled
    """

    def __init__(self, write: Callable[[Any, Arrays], None] | None = None) -> None:
        self.write, self.kept = write, dict[str, Any]()
        self.read = dict[str, tuple[Any, Arrays]]()
        self.stopped = False
        self.above = CHECKPOINT.get()  # the checkpoint of the enclosing computation
        self.tell: Tell | None = None
        self.last, self.pause = monotonic(), EVERY
        self.size, self.ignored = 0, tuple[str, ...]()

    def ignore(self, *names: str) -> None:
        """Neither recall nor replace values whose keys begin with these names."""
        self.ignored = names

    def keep(self, key: str, value: Callable[[], Any], *, now: bool = False) -> None:
        """Keep value(), if it is time or `now`; otherwise value is not called."""
        if key.startswith(self.ignored) or (not now and monotonic() - self.last < self.pause):
            return
        self.kept.pop(key, None)
        self.read.pop(key, None)
        self.kept[key] = value()
        for old in [k for k in self.kept if k.startswith("tree.")][:-MOST]:
            del self.kept[old]
        begun = monotonic()
        if self.write is not None:
            self.write(*self.pack())
        self.last = monotonic()
        self.pause = max(EVERY, (self.last - begun) / SHARE)

    def pack(self) -> tuple[dict[str, Any], Arrays]:
        """Return all values as JSON and arrays."""
        parts = self.read | {k: pack(v) for k, v in self.kept.items()}
        arrays = {f"{k}/{n}": a for k, (_, pool) in parts.items() for n, a in pool.items()}
        return {k: text for k, (text, _) in parts.items()}, arrays

    def recall(self, key: str, kinds: Kinds = ()) -> Any:  # noqa: ANN401  what was kept
        """Return the value of a key, or None.

        Raises InputError if the checkpoint is damaged.
        """
        if key.startswith(self.ignored):
            return None
        if key in self.kept:
            return self.kept[key]
        entry = self.read.get(key)
        try:
            return None if entry is None else unpack(*entry, kinds)
        except MALFORMED as error:
            raise InputError(f"the checkpoint is damaged at {key}: {error}") from None

    def fill(self, text: dict[str, Any], arrays: Arrays) -> None:
        """Take the values that `write` has saved."""
        for key, value in text.items():
            self.read[key] = value, {n: arrays[f"{key}/{n}"] for n in POOLS}


CHECKPOINT: ContextVar[Checkpoint | None] = ContextVar("certify_checkpoint", default=None)
INSIDE: ContextVar[bool] = ContextVar("certify_stoppable", default=False)


@contextmanager
def bind(variable: ContextVar[T], value: T) -> Iterator[T]:
    """Set a context variable while the body runs."""
    token = variable.set(value)
    try:
        yield value
    finally:
        variable.reset(token)


def save_to(checkpoint: Checkpoint) -> AbstractContextManager[Checkpoint | None]:
    """Make a checkpoint the current one while the body runs."""
    return bind(CHECKPOINT, checkpoint)


@contextmanager
def report_trees(tell: Tell | None) -> Iterator[None]:
    """Report the growth of trees to `tell` while the body runs, if there is a checkpoint."""
    checkpoint = CHECKPOINT.get()
    if checkpoint is None:
        yield
        return
    before, checkpoint.tell = checkpoint.tell, tell
    try:
        yield
    finally:
        checkpoint.tell = before


def report_growth(parts: int, upper: float) -> None:
    """Report the number of parts of a tree and its bound."""
    checkpoint = CHECKPOINT.get()
    if checkpoint is not None and checkpoint.tell is not None:
        checkpoint.tell(parts, upper)


def stop_requested() -> bool:
    """Whether the computation, or one that encloses it, shall stop."""
    checkpoint = CHECKPOINT.get()
    while checkpoint is not None and not checkpoint.stopped:
        checkpoint = checkpoint.above
    return checkpoint is not None


def request_stop() -> None:
    """Ask all running computations to stop and return what they have."""
    checkpoint = CHECKPOINT.get()
    while checkpoint is not None:
        checkpoint.stopped, checkpoint = True, checkpoint.above


@contextmanager
def stoppable() -> Iterator[None]:
    """Let the first Ctrl-C request a stop, and the second one interrupt.

    An inner call leaves this to the outer one.
    """
    if INSIDE.get() or threading.current_thread() is not threading.main_thread():
        yield
        return
    token = INSIDE.set(True)
    before = signal.getsignal(signal.SIGINT)

    def stop(number: int, frame: FrameType | None) -> None:
        """Request a stop, and restore the handler."""
        del number, frame
        request_stop()
        signal.signal(signal.SIGINT, before)

    if callable(before):  # the signal is not ignored, and the handler is not one in C
        signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        INSIDE.reset(token)
        if callable(before):
            signal.signal(signal.SIGINT, before)


class Packer:
    """Turns values into JSON, and their arrays into one array of each dtype."""

    def __init__(self) -> None:
        self.pools: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in POOLS}
        self.sizes, self.seen = dict.fromkeys(POOLS, 0), dict[int, Any]()

    def array(self, x: npt.NDArray[Any]) -> Any:  # noqa: ANN401  JSON
        """Return the place of an array; equal objects are stored once."""
        if id(x) not in self.seen:
            name = x.dtype.name
            self.seen[id(x)] = {"array": [name, self.sizes[name], list(x.shape)]}
            self.pools[name].append(x.reshape(-1))
            self.sizes[name] += x.size
        return self.seen[id(x)]

    def put(self, x: Any) -> Any:  # noqa: ANN401  JSON
        """Return a value as JSON."""
        if isinstance(x, np.generic):
            x = x.item()
        if isinstance(x, float):
            return {"float": x.hex()}
        if isinstance(x, np.ndarray):
            return self.array(x)
        if is_dataclass(x):
            items = [self.put(getattr(x, f.name)) for f in fields(x)]
            return {"object": type(x).__name__, "of": items}
        if isinstance(x, list | tuple):
            named = hasattr(x, "_fields")
            items = [self.put(y) for y in x]
            return {"object": type(x).__name__, "of": items} if named else {"list": items}
        if isinstance(x, dict):
            return {"dict": [[self.put(k), self.put(y)] for k, y in x.items()]}
        if x is not None and not isinstance(x, bool | int | str):
            raise TypeError(f"{type(x).__name__} cannot be kept")
        return x


def pack(value: object) -> tuple[Any, Arrays]:
    """Return a value as JSON and one array of each dtype; `unpack` returns lists as tuples."""
    packer = Packer()
    text = packer.put(value)
    pools = {n: np.concatenate([np.zeros(0, n), *a]).astype(n) for n, a in packer.pools.items()}
    return text, pools


def unpack(text: Any, arrays: Arrays, kinds: Kinds) -> Any:  # noqa: ANN401  what was packed
    """Return the value; kinds: the classes of its objects."""
    named = {k.__name__: k for k in kinds}

    def get(x: Any) -> Any:  # noqa: ANN401  what was packed
        """Return one value."""
        if not isinstance(x, dict):
            return x
        (tag, content), *rest = x.items()
        if tag == "float":
            return float.fromhex(content)
        if tag == "array":
            name, start, shape = content
            size = int(np.prod(shape, dtype=np.int64))
            return arrays[name][start : start + size].reshape(shape)
        if tag == "object":
            return named[content](*map(get, rest[0][1]))
        if tag == "dict":
            return {get(k): get(y) for k, y in content}
        return tuple(map(get, content))

    return get(text)
