"""check() and verify() for blocks of rows: a certificate of a table on many machines."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from certify.atoms import Atom
from certify.base.arrays import Array, Ints, SparseMatrix, natural
from certify.base.cluster import PLACE, Client, Task, keep_each, on_cluster, share
from certify.base.errors import InputError
from certify.base.rigor import row_blocks as proved
from certify.base.rigor.row_blocks import Dual
from certify.base.rigor.tiles import total, tree
from certify.base.threads import one_thread
from certify.kernel.arrays import Arrays
from certify.kernel.errors import demand
from certify.kernel.fields import only, shift_of
from certify.kernel.file import identity
from certify.offsets import ColumnIntercept, RowIntercept
from certify.pipeline.certificate.file import Certificate, StatedQuestion, as_numpy
from certify.pipeline.certificate.verdict import Bracket, Judgement, Verdict, exact_epsilon
from certify.pipeline.certificate.verify import Proved, accept_certificate
from certify.polar import exact_text
from certify.polar.lanczos import Start, ritz
from certify.polar.proved import above, as_kernel_array, below

from .question import (
    U_NAME,
    Factors,
    RowBlocks,
    accept_factor,
    agree,
    known_format,
    load_factor,
    split_factors,
    state_question,
)
from .zero_sums import fit_columns, to_grid, zero_sums

PART, SHARP = 0.1, 0.01  # the first margin, of epsilon; the change that ends an estimate, of that
MARGINS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # above an estimate, tried in turn; cost, never truth
LEAST = 1e-9  # the least margin, for the rounding of Lanczos and of a Cholesky factorization
MET = 1 + 2.0**-20  # times the shift: up to here the square of the bound shows that it was proved
TIER, RULES = "rounded", ("spectral", "weak_duality")


@dataclass(frozen=True)
class Checked(Bracket, Judgement):
    """The proved bracket for factors of blocks of rows, in rounded floats, and its certificate.

    lower <= inf f over factors of any size and all biases,  f(U, V) <= upper; the verdict is
    CERTIFIED if they are within epsilon = max(atol, rtol |upper|), else UNDECIDED.
    """

    verdict: Verdict
    lower: float
    upper: float
    certificate: Certificate

    called = "a Checked"


class Sums(NamedTuple):
    """An upper bound of f(U, V), and a dual point W: its terms, its blocks, and its columns.

    W               S, if there are prices
    counts, totals  the numbers of entries of the columns, and their sums in units of 2^e
    scale, wide     the scale of the columns, if they have prices; the largest 1 / (q scale^2)
    """

    upper: Fraction
    duals: list[Dual]
    W: list[Task]
    counts: Ints
    totals: Ints
    e: int
    scale: Array | None = None
    wide: Fraction = Fraction(1)


def check(  # noqa: PLR0913  keywords
    table: RowBlocks,
    factors: Factors,
    *,
    rtol: float = 1e-6,
    atol: float = 0.0,
    client: Client | None = None,
    seed: int = 0,
) -> Checked:
    """Prove how far factors are from the best ones of any size, in rounded floats.

    factors  U of each block (m_k, r): an array, the name of a file .npy, or a Dask task; and V
             (n, r): an array, or the name of a file
    client   a Dask client, whose workers read the blocks and prove; None: this machine does

    Raises InputError for a wrong block or factor, for an rtol, atol or seed that is no number >= 0,
    and if the cluster gives up; RejectedError if numbers overflow.
    """
    seed, (U, right) = natural(seed, "seed"), split_factors(factors)
    with session(client):
        V = accept_factor(right, table.columns)
        blocks, question = state_question(table, U, V, (rtol, atol))
        sums, b = collect_best(table, blocks, V, np.zeros(len(V)))
        shift, lower = search(table, sums, min(PART * rtol, MARGINS[0]), seed)
        witness = {} if b is None else {"b": as_kernel_array(b)}
        verdict = judge(question, lower, sums.upper)
        claim = {"verdict": verdict.name, "tier": TIER}
        proof = {"rule": RULES[0], "shift": exact_text(Fraction(shift))}
        certificate = Certificate(question.statement, question.given, claim, proof, witness)
        return Checked(verdict, below(lower), above(sums.upper), certificate)


def verify(  # noqa: PLR0913  keywords
    path_or_certificate: str | Path | Certificate,
    table: RowBlocks,
    factors: Factors | None = None,
    *,
    rtol: float = 1e-6,
    atol: float = 0.0,
    client: Client | None = None,
) -> Proved:
    """Prove a certificate's claim about *these* blocks, factors and epsilon, without a search.

    The question is stated again from the blocks, where they are, and must equal the certificate's
    bit by bit.  With a client the workers are trusted.

    factors  as in `check`; None: those in the certificate (`load_factors`)

    Raises RejectedError(where, code, value) if the question differs or the claim does not follow,
    InputError for a wrong block or factor, and if the cluster gives up.
    """
    c = load_certificate(path_or_certificate)
    U, right = load_factors(c) if factors is None else split_factors(factors)
    with session(client):
        V = accept_factor(right, table.columns)
        blocks, question = state_question(table, U, V, (rtol, atol))
        agree(c.statement, question.statement)
        shift, b = evidence(c, table)
        sums = collect(table, blocks, V, b)
        lower = prove(table, sums, shift)[1]
        verdict = judge(question, lower, sums.upper)
        bracket = below(lower), above(sums.upper)
        claimed = c.claim.get("verdict")
        wrong = f"claims {claimed}, proved {verdict.name} in [{bracket[0]!r}, {bracket[1]!r}]"
        demand(claimed == verdict.name, "claim.verdict", "not proved", wrong)
        return Proved(verdict, *bracket, TIER, RULES, over_what(table))


def over_what(table: RowBlocks) -> str:
    """Return over what the bound of a table holds, in words."""
    return Atom.over(None) + " and any offsets" * bool(table.offsets)


def load_certificate(source: str | Path | Certificate) -> Certificate:
    """Return a certificate of blocks of rows, from a file if its name is given."""
    c = accept_certificate(source, known_format)
    known_format(c.statement)
    return c


def embed_factors(
    certificate: Certificate, factors: Factors, *, client: Client | None = None
) -> Certificate:
    """Return a certificate that contains the factors: V, and U of each block.

    factors  as in `check`, or as `improve` returns them; the workers send U

    Raises InputError for a wrong or missing factor, RejectedError if the factors are not those of
    the certificate's statement.
    """
    c, (left, right) = load_certificate(certificate), split_factors(factors)
    with session(client):
        place = PLACE.get()
        U = place.values([place.run(load_factor, u, U_NAME) for u in left])
    arrays = {f"U{k}": u for k, u in enumerate(U)} | {"V": load_factor(right, "V")}
    made = replace(c, given={k: as_kernel_array(x) for k, x in arrays.items()})
    load_factors(made)
    return made


def load_factors(path_or_certificate: str | Path | Certificate) -> Factors:
    """Return the factors in a certificate, U (m_k, r) of each block and V (n, r).

    Only their digests are compared with those of the statement.

    Raises InputError if there is no such file, or it does not contain factors; RejectedError for
    other digests.
    """
    c = load_certificate(path_or_certificate)
    blocks, arrays = (c.statement.get(k) for k in ("blocks", "arrays"))
    for k, x in (("blocks", blocks), ("arrays", arrays)):
        demand(isinstance(x, dict) and bool(x), f"statement.{k}", "json", x)
    listed = [(blocks or {}).get(str(k)) for k in range(len(blocks or {}))]
    stated = {f"U{k}": x.get("U") if isinstance(x, dict) else None for k, x in enumerate(listed)}
    for name, of in (stated | {"V": (arrays or {}).get("V")}).items():
        if name not in c.given:
            raise InputError(f"the certificate has no {name}: give the factors")
        demand(identity(c.given[name]) == of, f"question.{name}", "digest", name)
    more = sorted(set(c.given) - {*stated, "V"})
    demand(not more, "question", "arrays", more)
    return [as_numpy(c.given[name]) for name in stated], as_numpy(c.given["V"])


@contextmanager
def session(client: Client | None) -> Iterator[None]:
    """Use a client's workers in the body, with one BLAS thread here and there.

    Overflows give no warning: the results are tested.
    """
    with on_cluster(client), one_thread(), np.errstate(all="ignore"):
        yield


def evidence(c: Certificate, table: RowBlocks) -> tuple[Fraction, Array | None]:
    """Return the shift, and the biases of the columns in the certificate."""
    only(c.proof, {"rule", "shift"}, "proof")
    demand(c.proof.get("rule") == RULES[0], "proof.rule", "unknown", c.proof.get("rule"))
    shift = shift_of(c.proof, "proof.shift")
    demand(shift >= 0, "proof.shift", "sign", c.proof["shift"])
    names = {"b"} if table.ridge(ColumnIntercept) is not None else set()
    demand(set(c.witness) == names, "proof", "arrays", sorted(c.witness))
    if not names:
        return shift, None
    return shift, np.asarray(as_numpy(Arrays(c.witness, "proof").get("b", (table.columns,))))


def collect_best(
    table: RowBlocks, blocks: list[Task], V: Array, start: Array
) -> tuple[Sums, Array | None]:
    """Return the sums with the best biases of the columns, and these biases, if there are any.

    start  the first biases of the search
    """
    b = None
    if (ridge := table.ridge(ColumnIntercept)) is not None:
        ridges = table.ridge(RowIntercept), ridge
        b = fit_columns(blocks, PLACE.get().run(np.asarray, V), ridges, start)
    return collect(table, blocks, V, b), b


def collect(table: RowBlocks, blocks: list[Task], V: Array, b: Array | None) -> Sums:
    """Return the sums over all blocks for given biases of the columns, with W, the residual."""
    place, prices = PLACE.get(), table.prices
    given = share(V), None if b is None else share(b), table.ridge(RowIntercept)
    pairs = keep_each(proved.fit_block, blocks, given=given)
    residuals = [place.run(itemgetter(1), p) for p in pairs]
    counts_of = partial(place.run, count_columns)
    *fits, counts = place.values(
        [*(place.run(itemgetter(0), p) for p in pairs), tree(place, counts_of, residuals)]
    )
    longest = max(int(counts.max()), *(f.longest for f in fits))
    e = proved.exponent(max(f.largest for f in fits), longest)
    balance, free = prices.rows == 0, prices.columns == 0
    grids = keep_each(to_grid, residuals, given=(e, balance))
    if free:
        moved = zero_sums(grids, balance=balance, count=len(grids))
        grids = [place.persist(W) for W in moved]
    most = proved.capacity(longest)
    q, scale, wide = table.column_prices(lambda: counts), None, Fraction(1)
    if q is not None:
        scale, wide = proved.inverse_roots(q)
    columns = None if scale is None else share(scale)
    made = keep_each(proved.dual_block, blocks, grids, given=(e, most, columns))
    *duals, totals = place.values(
        [
            *(place.run(itemgetter(0), x) for x in made),
            tree(place, partial(place.run, proved.column_totals), grids),
        ]
    )
    W = [place.run(itemgetter(1), x) for x in made]
    upper = proved.objective_bound(fits, V, b, prices, q)
    return Sums(upper, duals, W, counts, totals, e, scale, wide)


def count_columns(W: SparseMatrix) -> Ints:
    """Return the numbers of entries of the columns."""
    return np.bincount(W.indices, minlength=W.shape[1]).astype(np.int64)


def prove(table: RowBlocks, sums: Sums, shift: Fraction) -> tuple[bool, Fraction]:
    """Return whether sigma_1(W)^2 <= shift is proved, and the lower bound."""
    top = proved.singular_bound(sums.W, sums.counts, sums.duals, shift, sums.wide)
    lower = proved.dual_bound(sums.duals, sums.totals, sums.e, top, table.prices)
    return top**2 <= shift * Fraction(MET), lower


def search(table: RowBlocks, sums: Sums, margin: float, seed: int) -> tuple[float, Fraction]:
    """Return the shift that proves the best lower bound, and this bound; margin: the first one."""
    margin = max(margin, LEAST)
    start = Start(len(sums.counts), seed=seed)
    squares, _ = ritz(partial(times, sums.W), start, tol=SHARP * margin)
    tried: list[tuple[Fraction, float]] = []
    for more in (margin, *(x for x in MARGINS if x > margin)):
        shift = max(float(squares[0]), 0.0) * (1 + more)
        demand(np.isfinite(shift), "rounded", "overflow", shift)
        done, lower = prove(table, sums, Fraction(shift))
        tried.append((lower, shift))
        if done:
            break
    lower, shift = max(tried, key=itemgetter(0))
    return shift, lower


def judge(question: StatedQuestion, lower: Fraction, upper: Fraction) -> Verdict:
    """Return CERTIFIED if the bracket is within epsilon, else UNDECIDED."""
    near = upper - lower <= exact_epsilon(upper, question.tolerances)
    return Verdict.CERTIFIED if near else Verdict.UNDECIDED


def times(blocks: list[Task], Q: Array) -> Array:
    """Return W^T W Q."""
    return total(gram_times, blocks, given=(share(Q),))


def gram_times(W: SparseMatrix, Q: Array) -> Array:
    """Return W^T W Q of a block."""
    return np.asarray(W.T @ (W @ Q))
