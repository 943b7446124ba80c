"""Rebuild the question of a certificate: its problem, factors and epsilon."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

from scipy import sparse

from certify.atoms import Factors, atom_of
from certify.base.errors import MALFORMED, InputError
from certify.kernel.arrays import Arrays
from certify.kernel.budget import LINE, Budget
from certify.kernel.errors import RejectedError
from certify.kernel.statement import ZEROS, pattern
from certify.kernel.verdict import allowance
from certify.losses import LOSSES, Loss, Squared
from certify.losses._reading import Listed
from certify.offsets import OFFSETS
from certify.problem import Problem, Values

from .file import Certificate, Json, StatedQuestion, as_numpy, ask, names_of

MATRIX = 2  # dimensions
Data = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """The question of a certificate: is f(factors, q) within epsilon of the optimum?

    q     the candidate's offset values; None: the best ones
    rtol, atol   epsilon = max(atol, rtol |f|)
    own_size     whether the optimum is over at most as many components (always at lam = 0), not
                 over any size
    """

    problem: Problem
    factors: Factors
    q: Values | None
    rtol: float
    atol: float
    own_size: bool = False

    def restate(self) -> StatedQuestion:
        """State it again, from these arrays."""
        parts = self.problem, self.factors, self.q
        return ask(*parts, rtol=self.rtol, atol=self.atol, own_size=self.own_size)


def question(certificate: Certificate) -> Question:
    """Return the question that a certificate states, from the arrays stored in it.

    Its statement is that of the certificate, field by field.  The arrays are the certificate's own;
    only you can tell whether they are *your* data.

    Raises InputError if the arrays were left out of the file, RejectedError if `ask` would not make
    this statement.
    """
    c = certificate
    with malformed():
        missing = sorted(map(str, {*c.statement["arrays"]} - {*c.given}))
    if missing:
        raise InputError(f"the certificate holds no data ({', '.join(missing)} left out)")
    with malformed():
        at = pattern(c.statement, Arrays(c.given, "statement"))
        budget = Budget(allowance(c.statement, c.proof, c.given.values()))
        budget.spend(LINE * (at.m + at.n), f"{at.m} rows and {at.n} columns")
        inputs = reread(c.statement, {k: as_numpy(a) for k, a in c.given.items()})
        again = inputs.restate()
    if again.statement != c.statement:
        wrong = [k for k, v in again.statement.items() if c.statement.get(k) != v]
        raise RejectedError("statement", "malformed", ", ".join(wrong or sorted(c.statement)))
    return inputs


@contextmanager
def malformed() -> Iterator[None]:
    """Replace an error of values that no statement has by a RejectedError."""
    try:
        yield
    except RejectedError:
        raise
    except MALFORMED as error:
        raise RejectedError("statement", "malformed", str(error)) from error


def reread(statement: Json, data: Data) -> Question:
    """Build the problem of a statement from its arrays."""
    loss, atom = loss_of(statement, data), atom_of(statement["atom"], data)
    stated = enumerate(statement["offsets"])
    offsets = [OFFSETS[o["kind"]].from_statement(k, o, data) for k, o in stated]
    l1 = [float.fromhex(x) for x in statement["l1"]] if "l1" in statement else None
    problem = Problem(loss, atom, float.fromhex(statement["lam"]), offsets, l1=l1)
    shapes = atom.shapes(loss.dims)
    arrays = (data[name] for name in names_of(len(shapes)))
    factors = tuple(x.reshape(*s, x.shape[-1]) for x, s in zip(arrays, shapes, strict=True))
    q = None if statement["q"] == "found" else tuple(data[f"q{k}"] for k in range(len(offsets)))
    rtol, atol = float.fromhex(statement["rtol"]), float.fromhex(statement["atol"])
    return Question(problem, factors, q, rtol, atol, statement["claim"] == "rank")


def loss_of(statement: Json, data: Data) -> Loss:
    """Build the loss of all entries or of those that are listed, which never become dense."""
    kind = statement["loss"] if isinstance(statement["loss"], dict) else {"kind": statement["loss"]}
    numbers = {k: float.fromhex(x) for k, x in kind.items() if k != "kind"}
    make: Callable[..., Loss] = LOSSES[kind["kind"]]
    dims, weights = tuple(statement["shape"]), data.get("weights")
    if statement["observed"] == "all":
        if weights is not None and weights.size == data["Y"].size:  # not one for each row
            weights = weights.reshape(dims)
        return make(data["Y"].reshape(dims), weights=weights, **numbers)
    matrix = sparse.csr_array(
        (data["Y"], (data["rows"], data["cols"])), shape=(dims[0], prod(dims[1:]))
    )
    if statement["observed"] == ZEROS:
        return Squared(matrix, zeros="observed")
    return make(matrix if len(dims) == MATRIX else Listed(matrix, dims), weights=weights, **numbers)
