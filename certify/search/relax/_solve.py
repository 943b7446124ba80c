"""Run a conic solver; whatever goes wrong in it is a status, never an exception."""

import warnings
from dataclasses import dataclass, field
from threading import Thread
from time import monotonic
from typing import Any

import numpy as np

from certify.base.arrays import Array, short
from certify.base.checkpoint import stop_requested
from certify.base.errors import InputError

from ._cvxpy import Expression, cp

PREFERRED = ("CLARABEL", "SCS")  # tried in this order until one returns numbers
# An accuracy near what the solver can reach: cost of the search, never truth.
OPTIONS: dict[str, dict[str, Any]] = {
    "SCS": {"eps_abs": 1e-9, "eps_rel": 1e-9, "max_iters": 50_000}
}
CLOCKS = {"CLARABEL": "time_limit", "SCS": "time_limit_secs"}
LOOK = 0.1  # seconds between two looks for a request to stop
ANSWERED = ("optimal", "optimal_inaccurate", "user_limit")


@dataclass(frozen=True)
class Using:
    """Which solver to run, until when, and the statuses that it reported.

    solver    a name that cvxpy knows, or None for the first of PREFERRED that answers
    deadline  on the clock of time.monotonic; None: no limit
    statuses  (solver, status) of every program, in order
    """

    solver: str | None = None
    deadline: float | None = None
    statuses: list[tuple[str, str]] = field(default_factory=list, compare=False)

    @classmethod
    def within(cls, budget: float | None, solver: str | None = None) -> "Using":
        """Return a solver with a budget in seconds for all its programs."""
        return cls(solver, None if budget is None else monotonic() + budget)

    def left(self) -> float | None:
        """Return the seconds that are left, none after a stop was requested; None: no limit."""
        if stop_requested():
            return 0.0
        return None if self.deadline is None else max(self.deadline - monotonic(), 0.0)

    def solve(self, program: Expression) -> bool:
        """Solve in place; return whether a solver reports an answer.

        Raises InputError for a solver that is not installed.
        """
        accept_solver(self.solver)
        installed = cp.installed_solvers()
        names = [self.solver] if self.solver else [s for s in PREFERRED if s in installed]
        used, status = "", "no solver"
        for used in names:
            status = attempt(program, used, self.left())
            if status in ANSWERED:
                break
        self.statuses.append((used, status))
        return status in ANSWERED

    def all_optimal(self) -> bool:
        """Whether the solver called every answer optimal."""
        return all(status == "optimal" for _, status in self.statuses)

    def note(self) -> str:
        """Return the last status other than "optimal", or else the last one, as a sentence."""
        bad = [t for t in self.statuses if t[1] != "optimal"] or self.statuses
        used, status = bad[-1] if bad else ("", "no solver")
        if not used:
            return "cvxpy has no solver for it"
        cure = "" if used in PREFERRED else f"; solver= may be {' or '.join(PREFERRED)}"
        return f"cvxpy's {used} reports {status!r}{cure}"


def accept_solver(solver: object) -> None:
    """Raise InputError for a solver that is not installed; None is any."""
    installed = cp.installed_solvers()
    if solver is not None and not (isinstance(solver, str) and solver in installed):
        wanted = f"solver must be one of those installed, {', '.join(installed)}"
        raise InputError(f"{wanted}, got {short(solver)}")


def attempt(program: Expression, name: str, budget: float | None) -> str:
    """Run one solver until a stop is requested, and return the status it reports.

    A solver cannot be interrupted: it runs in a thread, and is left alone after a request.  The
    process ends after the thread; a thread that is killed in C++ aborts the process (Python 3.11).
    """
    options = dict(OPTIONS.get(name, {}))
    if budget is not None and name in CLOCKS:
        options[CLOCKS[name]] = max(budget, 1e-3)  # 0 would mean no limit
    if stop_requested():
        return "interrupted"
    statuses: list[str] = []

    def run() -> None:
        """Solve the program; a panic of a solver in Rust is no Exception."""
        try:
            program.solve(solver=name, **options)
            statuses.append(str(program.status))
        except BaseException:  # noqa: BLE001  whatever another library raises, it has no answer
            statuses.append("solver_error")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "may be inaccurate" is in the status
        solver = Thread(target=run)
        solver.start()
        while solver.is_alive() and not stop_requested():
            solver.join(LOOK)
    return statuses[0] if statuses else "interrupted"


def numbers(variables: list[Any]) -> list[Array] | None:
    """Return the values of variables or of multipliers; None if any is missing or not finite."""
    with np.errstate(over="ignore", invalid="ignore"):  # overflow is not finite
        values = [getattr(x, "value", x) for x in variables]
    if any(v is None or not np.isfinite(v).all() for v in values):
        return None
    return [np.asarray(v, dtype=np.float64) for v in values]


def unit(x: Array | None) -> float:
    """Return a power of two near the largest |entry|, to hand the solver numbers near 1."""
    top = 0.0 if x is None else float(np.abs(x).max(initial=0.0))
    return float(np.ldexp(1.0, int(np.frexp(top)[1]) - 1)) if top else 1.0
