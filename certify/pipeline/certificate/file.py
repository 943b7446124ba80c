"""Write the question and the proof of kernel/SPEC.md, and the file that holds both.

A reader must agree with the statement; a machine checks the proof.  They are separate, so a proof
cannot change the question.
"""

import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors.numpy import save

from certify.atoms import Factors
from certify.base.arrays import Array, scalar
from certify.base.errors import MALFORMED, accessing
from certify.kernel import arrays as kernel_arrays
from certify.kernel.file import identity, read, seal
from certify.kernel.statement import FORMAT, ZEROS, known_format
from certify.losses import LOSSES, Entrywise
from certify.polar.proved import as_kernel_array
from certify.problem import Problem, Values

Json = dict[str, Any]
Arrays = dict[str, kernel_arrays.Array]


@dataclass(frozen=True)
class StatedQuestion:
    """A question: the statement, and the reader's own arrays that it names by digest."""

    statement: Json
    given: Arrays

    @property
    def tolerances(self) -> tuple[float, float]:
        """Its rtol and atol."""
        return float.fromhex(self.statement["rtol"]), float.fromhex(self.statement["atol"])


@dataclass(frozen=True, repr=False)
class Certificate:
    """A question with its proof.

    statement, given   the question and its arrays
    claim              the verdict, and the arithmetic that proved it
    proof, witness     the evidence: JSON and arrays
    """

    statement: Json
    given: Arrays
    claim: Json
    proof: Json
    witness: Arrays

    def __repr__(self) -> str:
        """Show the claim and the question."""
        return f"Certificate({self.summary()})"

    def save(self, path: str | Path, *, data: bool = True) -> int:
        """Write the certificate and return its size in bytes.

        data=False leaves the question's arrays out (verification then needs the reader's).  A new
        file is written beside the old one and renamed, so that the old one survives any failure.

        Raises InputError if the file cannot be written.
        """
        arrays = {f"question.{k}": a for k, a in self.given.items()} if data else {}
        arrays |= {f"proof.{k}": a for k, a in self.witness.items()}
        head: Json = {"statement": self.statement, "claim": self.claim, "proof": self.proof}
        head["seal"] = seal(self.statement, self.claim, self.proof, arrays)
        text = json.dumps(head, sort_keys=True, allow_nan=False)
        blob = save({k: as_numpy(a) for k, a in arrays.items()}, {"certify": text})
        write_atomically(Path(path), blob)
        return len(blob)

    @classmethod
    def load(
        cls, source: str | Path | BinaryIO, known: Callable[[Json], None] = known_format
    ) -> "Certificate":
        """Read a certificate, a path or an open file; sizes and digests are checked, no proof.

        known  known(statement) rejects a statement of another format

        Raises InputError if there is no such file, RejectedError if it is not a certificate.
        """
        with accessing(source if isinstance(source, str | Path) else source.name, "read"):
            file = read(source, known)
        return cls(file.statement, file.given, file.claim, file.proof, file.witness)

    @property
    def own_size(self) -> bool:
        """Whether its claim is about at most as many components as the candidate has."""
        return bool(self.statement["claim"] == "rank")

    @property
    def verdict(self) -> str:
        """The claimed verdict, which verify() proves."""
        return str(self.claim["verdict"])

    def summary(self) -> str:
        """Say in one line what the certificate claims about which question; nothing is proved."""
        try:
            return self.described()
        except MALFORMED:
            return "claims nothing that can be read"

    def described(self) -> str:
        """Return `summary` of a certificate whose fields are there."""
        statement = self.statement
        size, loss = "x".join(map(str, statement["shape"])), statement["loss"]
        loss = loss if isinstance(loss, str) else loss["kind"]
        atom, lam = statement["atom"]["kind"], float.fromhex(statement["lam"])
        given = statement["arrays"]
        rank = given["U" if "U" in given else "V"]["shape"][-1]  # U may be in blocks of rows
        proof = sum(as_numpy(a).nbytes for a in self.witness.values()) / 1e6
        model = f"{atom} of size {rank}, {loss} loss, {size} data, lam {lam:.6g}"
        parts = [f"{x:.6g}" for x in map(float.fromhex, statement.get("l1", ()))]
        model += f", l1 {' and '.join(parts)}" * bool(parts)
        rest = f"{len(statement['offsets'])} offsets, {proof:.3g} MB of proof"
        return f"claims {self.verdict} ({self.claim.get('tier')}): {model}, {rest}"

    def better(self) -> Factors | None:
        """Return the better factors in the proof, if it has any."""
        if "better" not in self.proof:
            return None
        names = map("better.{}".format, names_of(len(self.witness)))
        factors = [as_numpy(self.witness[k]) for k in names if k in self.witness]
        hidden = self.statement["atom"].get("hidden")
        if hidden is None:
            return tuple(factors)
        d, outputs = self.statement["arrays"]["features"]["shape"][1], self.statement["shape"][1]
        widths = (d, *hidden, outputs)
        return tuple(x.reshape(*widths[k : k + 2], -1) for k, x in enumerate(factors))

    def better_offsets(self) -> Values:
        """Return the offset values of the better factors."""
        kinds = range(len(self.statement["offsets"]) if "better" in self.proof else 0)
        return tuple(as_numpy(self.witness[f"better.q{k}"]) for k in kinds)


def as_numpy(a: kernel_arrays.Array) -> Any:  # noqa: ANN401  float64, float32 or int64
    """View a kernel array as numpy."""
    kinds: Json = {"d": np.float64, "f": np.float32}
    kind = kinds.get(memoryview(a.data).format, np.int64)
    flat = np.frombuffer(a.data, dtype=kind) if len(a.data) else np.zeros(0, kind)
    return flat.reshape(a.shape)


def write_atomically(path: Path, blob: bytes) -> None:
    """Write a file beside the target and rename it to the target; write to devices directly.

    Raises InputError if the folder is missing, unwritable or full; the old file stays.
    """
    with accessing(path, "write"):
        target = path.resolve()
        if target.exists() and not target.is_file():
            target.write_bytes(blob)
            return
        beside = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            with beside.open("xb") as file:
                file.write(blob)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)


def accept_epsilon(rtol: object, atol: object | None) -> tuple[float, float | None]:
    """Return rtol and atol as floats; atol None stays.  Raises InputError if one is negative."""
    share = scalar(rtol, "rtol", zero=True)
    return share, None if atol is None else scalar(atol, "atol", zero=True)


def ask(  # noqa: PLR0913  the question's parts
    problem: Problem,
    factors: Factors,
    q: Values | None,
    *,
    rtol: float,
    atol: float | None,
    own_size: bool = False,
) -> StatedQuestion:
    """State the question about these factors.

    q         the offsets; None: the best ones
    atol      None: that of `rounding`
    own_size  ask about at most as many components, as always at lam = 0

    Raises InputError for an epsilon that is negative or not finite.
    """
    atol = rounding(problem, factors, q) if atol is None else atol
    tolerance = {k: scalar(v, k, zero=True).hex() for k, v in (("rtol", rtol), ("atol", atol))}
    arrays = problem.loss.arrays() | problem.atom.arrays() | name_factors(factors)
    offsets = []
    for k, o in enumerate(problem.offsets):
        numbers = {name: x.hex() for name, x in o.numbers().items()}
        offsets.append({"kind": o.name} | o.statement_fields() | numbers)
        arrays |= o.arrays(k)
    given = as_kernel_arrays(arrays | number_offsets("", q or ()))
    seen = problem.loss.observed
    statement: Json = {
        "format": FORMAT,
        "claim": "any size" if problem.has_penalty and not own_size else "rank",
        "loss": problem.loss.statement(),
        "atom": problem.atom.statement(),
        "lam": problem.lam.hex(),
        "shape": list(problem.loss.dims),
        "observed": "all" if seen.full else ZEROS if seen.zeros else "listed",
        "offsets": offsets,
        "q": "found" if q is None and problem.offsets else "given",
        "arrays": {k: identity(a) for k, a in given.items()},
        **tolerance,
    }
    if problem.l1 is not None:
        statement["l1"] = [x.hex() for x in problem.l1]
    return StatedQuestion(statement, given)


def rounding(problem: Problem, factors: Factors, q: Values | None) -> float:
    """Return the default atol of a question: `negligible` for an exact fit, else 0."""
    most = negligible(problem)
    if not most:
        return 0.0
    values = problem.best_offsets(factors) if q is None else q
    return most if problem.objective(factors, values) <= most else 0.0


def negligible(problem: Problem) -> float:
    """Return the objective up to which a fit equals its data except for rounding.

        1/2 s^2 sum c L y^2    for a smooth loss h with h(y; y) = 0 and Lipschitz constant L of h',
        s sum c h(0; y)        for h with kinks and h(y; y) = 0,     s = max(dims) 2^-52,
        s sum c y              for the Kullback-Leibler divergence, whose terms cancel,

    at lam = 0, else 0.  Since h is convex, the loss of the fit (1 - s) Y is at most this.  For such
    a fit (PCA() with all components, say) the optimum is 0, which floats do not reach, nor any
    multiple of it.  numpy's matrix_rank counts singular values of that size as 0.
    """
    loss = problem.loss
    if not isinstance(loss, Entrywise) or type(loss) not in LOSSES.values() or problem.has_penalty:
        return 0.0
    share = max(loss.dims) * float(np.finfo(np.float64).eps)
    with np.errstate(all="ignore"):
        if loss.each(loss.data).any():
            return 0.0
        if loss.counts:
            most = share * float((loss.field_weights * loss.data).sum())
        elif loss.smooth:
            y, pull = loss.data.reshape(-1), np.reshape(loss.field_weights * loss.data, -1)
            most = share * share * 0.5 * float(y @ pull) * loss.curve
        else:
            most = share * loss.value(np.zeros_like(loss.data))
    return most if np.isfinite(most) else 0.0


def name_factors(factors: Factors) -> dict[str, Array]:
    """Name the arrays of a factorization U, V, X2, ..."""
    flat = [x.reshape(prod(x.shape[:-1]), x.shape[-1]) for x in factors]  # -1 fails if r = 0
    return dict(zip(names_of(len(factors)), flat, strict=True))


def names_of(count: int) -> list[str]:
    """Return the names of factors: U, V, X2, ..."""
    return ["U", "V", *(f"X{k}" for k in range(2, count))][:count]


def number_offsets(prefix: str, values: Values) -> dict[str, Array]:
    """Name offset values q0, q1, ..."""
    return {f"{prefix}q{k}": x for k, x in enumerate(values)}


def polar_part(statement: Json, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arrays of the polar's proof by the names in its rule.

    The proof for at most r components has other arrays L and K, so those of the polar are named
    "polar.L" and so on.
    """
    if statement["claim"] == "any size":
        return dict(arrays)
    head = "polar."
    return {k.removeprefix(head): a for k, a in arrays.items() if k.startswith(head)}


def under_polar(statement: Json, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Name the arrays of the polar's proof as the question requires."""
    if statement["claim"] == "any size":
        return dict(arrays)
    return {f"polar.{k}": a for k, a in arrays.items()}


def as_kernel_arrays(arrays: Mapping[str, Array]) -> Arrays:
    """Hand named arrays to the kernel."""
    return {k: as_kernel_array(a) for k, a in arrays.items()}
