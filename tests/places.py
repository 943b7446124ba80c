"""Places where tasks run that a cluster might be, and exact tests of what they prove."""

import pickle
import random
from fractions import Fraction

import numpy as np

from certify.base.cluster import Here, Signed, run_signed


class Frozen(Here):
    """Here, where nothing that a task was given can be changed."""

    def run(self, work, *given):
        """Freeze its arrays."""
        for x in given:
            for part in (x, getattr(x, "data", None), getattr(x, "U", None)):
                if isinstance(part, np.ndarray):
                    part.setflags(write=False)
        return work(*given)


class Odd(Here):
    """Here, but all is sent, and arrives where no number of eight bytes is aligned."""

    def run(self, work, *given):
        """Run it on what has arrived."""
        return self.send(run_signed(work, *map(self.send, given)))

    def values(self, tasks):
        """Return them."""
        return [x.value if isinstance(x, Signed) else x for x in tasks]

    def send(self, x):
        """Return a copy."""
        buffers = []
        sent = pickle.dumps(x, protocol=5, buffer_callback=buffers.append)
        return pickle.loads(sent, buffers=[self.misplace(b.raw()) for b in buffers])  # noqa: S301

    def misplace(self, raw):
        """Return the same bytes at an odd address."""
        held = np.empty(len(raw) + 2, dtype=np.uint8)
        first = 1 - held.ctypes.data % 2
        held[first : first + len(raw)] = np.frombuffer(raw, dtype=np.uint8)
        return held[first : first + len(raw)].data


class Lossy:
    """Nothing runs before it is asked for; then what was made is lost now and then."""

    def __init__(self):
        self.rng, self.runs = random.Random(0), 0  # noqa: S311  a sample

    def run(self, work, *given):
        """Note a task."""
        return Task(work, given)

    def each(self, made, items):
        """Note tasks."""
        return [made(x) for x in items]

    def persist(self, task):
        """Hold nothing for sure."""
        return task

    def values(self, tasks):
        """Run them, the last ones first."""
        return [self.value(t) for t in reversed(tasks)][::-1]

    def value(self, task):
        """Return what a task returns."""
        if not isinstance(task, Task):
            return task
        if task.held is None or self.rng.random() < 0.02:
            self.runs += 1
            task.held = [task.work(*map(self.value, task.given))]
        return task.held[0]


class Task:
    """What will be run."""

    def __init__(self, work, given):
        self.work, self.given, self.held = work, given, None


def is_semidefinite(a):
    """Tell whether A >= 0, by elimination in fractions."""
    a = [list(row) for row in a]
    while a:
        pivot, *rest = a[0]
        if pivot < 0 or (pivot == 0 and any(rest)):
            return False
        a = [
            [x - (row[0] * y / pivot if pivot else 0) for x, y in zip(row[1:], rest, strict=True)]
            for row in a[1:]
        ]
    return True


def shifted(X, t):
    """Return t I - X^T X in fractions."""
    rows = [[Fraction(x) for x in row] for row in X.toarray().tolist()]
    n = X.shape[1]
    return [[t * (i == j) - sum(r[i] * r[j] for r in rows) for j in range(n)] for i in range(n)]
