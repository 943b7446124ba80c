"""The choice of the method that bounds a polar: the engine, or a solver of cvxpy."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from certify.base.arrays import accept_word, short
from certify.base.errors import InputError
from certify.polar import Proposal

METHODS = ("engine", "cvxpy")
SOLVERS = "certify.search.relax"  # imported late: it uses the atoms, and cvxpy takes a second


def accept_method(method: object, solver: object) -> None:
    """Raise InputError for an unknown method, or a solver that no method asks."""
    accept_word(method, "method", METHODS)
    if solver is not None and method != "cvxpy":
        raise InputError(f"solver={short(solver)} needs method='cvxpy', got method={method!r}")


def proposer(
    atom: Any,  # noqa: ANN401  an atom
    engine: Callable[[Any], Proposal],
    choice: tuple[str, str | None],
    budget: float | None,
) -> Callable[[Any], Proposal]:
    """Return the function that proposes a bound of the polar: `engine`, or cvxpy's.

    choice: the method and the solver.  If the solver has no answer, the bound is infinite and
    `note` contains its report.
    """
    method, solver = choice
    accept_method(method, solver)
    if method == "engine":
        return engine
    relax = import_module(SOLVERS)
    using = relax.Using.within(budget, solver)

    def propose(W: Any) -> Proposal:  # noqa: ANN401  a polar Matrix
        """Ask the solver."""
        proposal: Proposal | None = relax.propose(atom, W, using)
        return replace(Proposal(float("inf")) if proposal is None else proposal, note=using.note())

    return propose
