"""Draft a problem.toml from a user's files, with TODO for what they do not determine."""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from certify.atoms import CP, Atom, RankOne
from certify.base.arrays import Array, real
from certify.base.errors import InputError, accessing
from certify.base.files import demand_regular
from certify.losses import Squared
from certify.offsets import Offset
from certify.pipeline.certificate.file import names_of
from certify.problem import Problem, StationaryLam

from . import FORMATS, keyed_format
from ._beside import Beside, Listing, listing, ridge, split
from ._doubts import questions
from ._source import Reader, Source, parse_source
from ._triplets import subtract

MASK = "mask.npy"  # the file of the observed entries, where some are NaN
MATRIX = 2  # dimensions
SMALL = 10**6  # entries of which all singular values are found
TRANSPOSED = "\0T"  # the end of a source whose array is transposed; no file name contains it
NETWORK = "a network's weights belong to a table [network], with model, X, y and weight_decay"
NO_FACTORS = ("# TODO: name the files of the factors", 'U = "U.npy"', 'V = "V.npy"')
Named = list[tuple[str, Any]]


def draft(
    data: Path, factors: Sequence[Path], folder: Path
) -> tuple[str, list[str], dict[str, Array]]:
    """Return (problem.toml, notes, arrays it names by their files) for data and factors.

    A path may end in the name of an array, fit.npz:W.

    Raises InputError for files without arrays, or factors that fit no mode of the data.
    """
    arrays = read_factors(factors, str(data))
    rated = listing(data, arrays)
    Y = Reader(Path(), FORMATS).read(source_at(data), "data") if rated is None else rated.matrix
    if Y.ndim < MATRIX:
        raise InputError(f"{data} must hold a matrix or a tensor, got shape {Y.shape}")
    Y = in_float64(Y, str(data))
    doubts = list(questions(Y, data))
    arrays, beside = split(arrays, Y.shape)
    mean = 0.0 if beside.mean is None else beside.mean[1]
    notes = [f"{data}: {shape_of(Y)} data"]
    if rated is not None:
        Y, beside = subtract(Y, mean), replace(beside, mean=None)
        source = ratings_source(rated, relative(data, folder), mean)
        notes = [ratings_note(data, rated)]
        notes += [f"the mean {mean:.10g} is taken from every rating"] if mean else []
    else:
        source = toml_string(relative(data, folder))
    candidate, more = match_modes(Y, arrays)
    extra = biases(Y, candidate, beside)
    regularized, note = regularizer(Y, candidate, extra)
    more += extra.notes
    text = "\n".join(
        [
            "# A question for certify: certify check problem.toml -o x.cert",
            "",
            regularized,
            *extra.q(folder),
            "",
            *observations(Y, source, doubts, notes),
            *atom(Y, candidate),
            "",
            "[factors]  # last axis: the component",
            *(f"{k} = {relative_source(s, folder)}" for k, (s, _) in candidate.items()),
            *([] if candidate else NO_FACTORS),
            "",
            *extra.tables,
            "[epsilon]  # CERTIFIED if upper - lower <= max(atol, rtol |upper|)",
            "rtol = 1e-6",
            "",
        ]
    )
    return text, [*notes, *more, note, *doubts], {MASK: ~np.isnan(Y)} if has_holes(Y) else {}


def source_at(path: Path) -> Source:
    """Return the source that a path names, X.npy or fit.npz:W."""
    return Source(str(path)) if path.exists() else parse_source(str(path))


def read_factors(factors: Sequence[Path], data: str) -> Named:
    """Return (source, array) of each array in the files of the factors but the data."""
    reader, out = Reader(Path(), FORMATS), []
    for path in factors:
        source = source_at(path)
        if source.key is None and (form := keyed_format(path)) is not None:
            demand_regular(path)
            with accessing(path, "read"):
                names = form.names(path)
            if not names:
                raise InputError(f"{path} holds no array")
            keys = [k for k in names if f"{path}:{k}" != data]
            out += [(f"{path}:{k}", reader.read(Source(str(path), k), k)) for k in keys]
        else:
            out.append((str(path), reader.read(source, str(path))))
    return [(name, in_float64(x, name)) for name, x in out]


def in_float64(x: Any, name: str) -> Any:
    """Return an array, or a sparse matrix, in float64; raise InputError if a number is rounded."""
    if not sparse.issparse(x):
        return real(x, name)
    out = x.tocoo(copy=True)
    out.data = real(out.data, name)
    return out


def has_holes(Y: Any) -> bool:
    """Whether entries of a dense array are NaN."""
    return not sparse.issparse(Y) and bool(np.isnan(Y).any())


def match_modes(Y: Any, arrays: Named) -> tuple[dict[str, tuple[str, Any]], list[str]]:
    """Return an array for each mode of the data, matched by its length, and notes.

    Sources of arrays that must be transposed end in TRANSPOSED.
    """
    names = names_of(Y.ndim)
    out: dict[str, tuple[str, Any]] = {}
    left = list(arrays)
    for name, n in zip(names, Y.shape, strict=True):
        fits = [x for x in left if np.ndim(x[1]) == MATRIX and x[1].shape[0] == n]
        turned = [x for x in left if np.ndim(x[1]) == MATRIX and x[1].shape[1] == n]
        if fits:
            out[name] = fits[0]
            left.remove(fits[0])
        elif turned:
            out[name] = transposed(turned[0])
            left.remove(turned[0])
    ranks = sorted({x.shape[1] for _, x in out.values()})
    if len(ranks) > 1:
        raise InputError(f"the factors have {ranks} components: they must have the same number")
    if left:
        shapes = ", ".join(f"{source} ({shape_of(x)})" for source, x in left)
        wanted = " or ".join(f"({n}, r)" for n in Y.shape)
        network = any(source.endswith((".weight", ".bias")) for source, _ in left)
        cure = f"; {NETWORK}" if network else ""
        raise InputError(f"a factor must have the shape {wanted}, got {shapes}{cure}")
    missing = [k for k in names if k not in out]
    found = out if missing else turn_squares(Y, out)
    notes = [note_match(name, *x) for name, x in found.items()]
    if found and missing:
        notes.append(f"no file for {', '.join(missing)}")
    return ({} if missing else found), notes


def transposed(named: tuple[str, Any]) -> tuple[str, Any]:
    """Return the source and the array, transposed."""
    return named[0] + TRANSPOSED, named[1].T


def turn_squares(Y: Any, candidate: dict[str, tuple[str, Any]]) -> dict[str, tuple[str, Any]]:
    """Return the candidate with each square array as it is or transposed, whichever fits better.

    The shape does not say whether the components of a square array are its columns or its rows.
    """

    def residual(option: dict[str, tuple[str, Any]]) -> float:
        """Return the squared distance from the data."""
        problem = draft_problem(Y, option, ())
        return problem.loss.value(problem.predict(tuple(x for _, x in option.values())))

    ways = [
        (x, transposed(x)) if x[1].shape[0] == x[1].shape[1] else (x,) for x in candidate.values()
    ]
    options = [dict(zip(candidate, choice, strict=True)) for choice in product(*ways)]
    return min(options, key=residual) if len(options) > 1 else candidate


def note_match(name: str, source: str, x: Any) -> str:
    """Say which factor an array was taken as."""
    plain = source.removesuffix(TRANSPOSED)
    if plain == source:
        return f"{source}: {shape_of(x)}, taken as {name}"
    return f"{plain}: {shape_of(x.T)}, taken as {name} transposed"


def regularizer(Y: Any, candidate: dict[str, Any], extra: "Biases") -> tuple[str, str]:
    """Return the line of lam, and a note about it.

    lam is that for which the factors are stationary, perhaps 0; else a tenth of the largest
    singular value, or 1 for a tensor.
    """
    point = stationary(Y, candidate, extra)
    if point is not None and point.free:
        why = "the factors are stationary without a penalty"
        note = "so models of as many components are compared; replace it if the training had one"
        return f"lam = 0  # {why}", f"lam = 0: {why}, {note}"
    if point is not None and point.settled:
        pair = point.weights if point.unequal else None
        value = f"[{', '.join(map(point.digits, pair))}]" if pair else point.digits(point.lam)
        note = f"lam = {value}: the factors are stationary there, to {point.spread:.1e}"
        return f"lam = {value}  # the factors are stationary there", note
    guess = 1.0
    if Y.ndim == MATRIX:
        if 0 < prod(Y.shape) < SMALL:
            dense = Y.toarray() if sparse.issparse(Y) else np.nan_to_num(Y)
            with suppress(np.linalg.LinAlgError):  # of entries near the largest float
                guess = 0.1 * float(np.linalg.norm(dense, MATRIX))
        if not 0 < guess < np.inf:  # lam = 0 would be another question, at a fixed rank
            guess = 1.0
    line = f"lam = {guess:.6g}  # TODO: the weight of the penalty in your training"
    return line, "lam is a guess: replace it by the one of your training"


def stationary(Y: Any, candidate: dict[str, Any], extra: "Biases") -> StationaryLam | None:
    """Return the lam for which the factors are stationary, for least squares and these norms."""
    if not candidate:
        return None
    problem = draft_problem(Y, candidate, extra.offsets)
    return problem.stationary_lam([x for _, x in candidate.values()], extra.values)


def draft_problem(Y: Any, candidate: dict[str, Any], offsets: Sequence[Offset]) -> Problem:
    """Return the drafted problem at lam = 1."""
    key = drafted_norm(candidate)
    if Y.ndim == MATRIX:
        model: Atom = RankOne(key, key, form="sum")
    else:
        model = CP([key] * Y.ndim)
    mask = ~np.isnan(Y) if has_holes(Y) else None
    loss = Squared(Y if sparse.issparse(Y) else np.nan_to_num(Y), mask=mask)
    return Problem(loss, model, 1.0, offsets)


@dataclass(frozen=True)
class Biases:
    """The offsets of a model's biases: values, sources, tables of problem.toml and notes."""

    offsets: list[Offset]
    values: list[Array]
    sources: list[str]
    tables: list[str]
    notes: list[str]

    def q(self, folder: Path) -> list[str]:
        """Return the line of q, if there are biases."""
        pairs = zip(self.sources, self.values, strict=True)
        listed = ", ".join(
            f"[{float(x[0])!r}]" if x.size == 1 else relative_source(s, folder) for s, x in pairs
        )
        return [f"q = [{listed}]"] if listed else []


def biases(Y: Any, candidate: dict[str, Any], beside: Beside) -> Biases:
    """Return the offsets of the biases, each with the ridge for which it is stationary."""
    if not beside.biases:
        return Biases([], [], [], [], [])
    values, sources = [x[1] for _, x in beside.biases], [x[0] for _, x in beside.biases]
    ridges: list[float | None] = [None] * len(values)
    if candidate:
        free = draft_problem(Y, candidate, beside.offsets([0.0] * len(values)))
        observed = free.loss.observed
        W = free.dual_point(tuple(x for _, x in candidate.values()), tuple(values))
        pairs = zip(free.offsets, values, strict=True)
        ridges = [ridge(o.adjoint(W, observed), b) for o, b in pairs]
    tables, notes = [], []
    for (kind, (source, _)), r in zip(beside.biases, ridges, strict=True):
        why = "the biases are stationary there" if r is not None else "TODO: their penalty, or 0"
        shown = 1.0 if r is None else float(f"{r:.4g}")
        tables += ["[[offsets]]", f'kind = "{kind}"', f"ridge = {shown!r}  # {why}", ""]
        notes.append(f"{source}: taken as the biases of {kind}s, ridge = {shown!r} ({why})")
    return Biases(beside.offsets([r or 0.0 for r in ridges]), values, sources, tables, notes)


def ratings_source(rated: Listing, name: str, mean: float) -> str:
    """Return the source of a list of ratings in problem.toml."""
    listed = ", ".join(toml_string(k) for k in rated.columns)
    m, n = rated.shape
    more = f", less = {mean!r}" if mean else ""
    fields = f"file = {toml_string(name)}, columns = [{listed}]"
    return f'{{ {fields}, order = "{rated.order}", shape = [{m}, {n}]{more} }}'


def ratings_note(data: Path, rated: Listing) -> str:
    """Return a note on how a list of ratings was read."""
    sizes = f"{rated.matrix.nnz} ratings of {rated.shape[0]} users and {rated.shape[1]} items"
    how = {
        "number": "ids are row numbers of the factors, from 0",
        "from 1": "ids are row numbers of the factors, from 1",
        "sorted": "ids in ascending order are the rows of the factors",
        "first seen": "ids in order of appearance are the rows of the factors",
    }
    return f"{data}: {sizes}; {how[rated.order]}"


def drafted_norm(candidate: dict[str, Any]) -> str:
    """Return "l2+" if all factors are >= 0, else "l2"."""
    return "l2+" if candidate and all((x >= 0).all() for _, x in candidate.values()) else "l2"


def observations(Y: Any, source: str, doubts: list[str], notes: list[str]) -> list[str]:
    """Return the tables of data and loss."""
    lines = ["[data]", f"Y = {source}", *(f"# TODO: {x}" for x in doubts)]
    if sparse.issparse(Y):
        lines.append("# stored entries are the observed ones")
    elif has_holes(Y):
        count = int(np.isnan(Y).sum())
        notes.append(f"{count} of {Y.size} entries are NaN: {MASK} says that they are missing")
        lines.append(f'mask = "{MASK}"  # numpy.save("{MASK}", ~numpy.isnan(Y))')
    values = Y.data if sparse.issparse(Y) else Y[~np.isnan(Y)]
    kinds = "squared, huber, absolute, logistic, poisson, kullback_leibler, ..."
    lines += ["", "[loss]", f'kind = "squared"  # {kinds}', ""]
    if np.isin(values, (0.0, 1.0)).all():
        notes.append("all entries are 0 or 1: the loss may be logistic")
    return lines


def atom(Y: Any, candidate: dict[str, Any]) -> list[str]:
    """Return the table of the atom."""
    key = drafted_norm(candidate)
    why = "  # all factors are >= 0" if key == "l2+" else ""
    if Y.ndim > MATRIX:
        norms = ", ".join(f'"{key}"' for _ in range(Y.ndim))
        return ["[atom]", 'kind = "cp"', f"norms = [{norms}]{why}", 'form = "product"  # or "sum"']
    sides = [f'{side} = "{key}"{why}' for side in ("left", "right")]
    return ["[atom]", 'kind = "rank_one"', *sides, 'form = "sum"  # weight decay; or "product"']


def shape_of(x: Any) -> str:
    """Return a shape as text."""
    return " x ".join(map(str, np.shape(x) if not sparse.issparse(x) else x.shape))


def relative(path: Path, folder: Path) -> str:
    """Return a path relative to the folder of problem.toml."""
    return Path(os.path.relpath(path, folder)).as_posix()


def toml_string(name: str) -> str:
    """Return a name as a string of TOML; raise InputError if it is not Unicode."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(f"a problem.toml cannot name {name!r}, which is not UTF-8") from None
    return json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")


def relative_source(source: str, folder: Path) -> str:
    """Return an array's source in problem.toml, relative to a folder."""
    plain = source.removesuffix(TRANSPOSED)
    head, colon, key = plain.rpartition(":")
    named = bool(colon) and keyed_format(Path(head)) is not None
    file = relative(Path(head if named else plain), folder)
    if plain != source:
        fields = f"file = {toml_string(file)}, " + (f"key = {toml_string(key)}, " if named else "")
        return f"{{ {fields}transpose = true }}"
    return toml_string(f"{file}:{key}" if named else file)
