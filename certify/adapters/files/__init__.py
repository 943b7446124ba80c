"""problem.toml: a problem and its candidate as files; one module for each format of arrays."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from certify.base.errors import InputError
from certify.base.registry import load as registry
from certify.norms import Gauge
from certify.offsets import OFFSETS
from certify.pipeline.row_blocks import RowBlocks
from certify.pipeline.row_blocks.sources import in_folder
from certify.pipeline.units import OBJECTIVE, Units
from certify.problem import Problem

from ._base import Format
from ._blocks import LoadedBlocks, read_tables
from ._network import named_files, read_network
from ._schema import Entry, entry, factor_names, loads, validate_file
from ._source import Reader, Source
from ._table import kind_of

__all__ = [
    "FORMATS",
    "Format",
    "Loaded",
    "LoadedBlocks",
    "load",
    "load_blocks",
    "load_document",
    "load_factors",
]

FORMATS = registry(__name__, Format)
READERS = {"mask": Reader.mask, "samples": Reader.samples}  # of arrays that are not real numbers


@dataclass(frozen=True, eq=False)
class Loaded:
    """The content of a problem.toml: the arguments of check(), and the files that were read."""

    problem: Problem
    factors: tuple[Any, ...]
    q: tuple[Any, ...] | None
    rtol: float
    atol: float | None
    inputs: tuple[Path, ...]
    restarts: tuple[tuple[Any, ...], ...] = ()
    names: tuple[str, ...] = ("U", "V")
    units: Units = OBJECTIVE  # the loss of a network's training


def load(path: str | Path) -> Loaded:
    """Read a problem.toml and the arrays it names; paths are relative to it.

    Raises InputError, in one sentence, for whatever is wrong in any of the files.
    """
    path = Path(path)
    reader = Reader(path.parent, FORMATS)
    document = loads(path)
    if "blocks" in document:
        raise InputError(f"{path} is of blocks of rows, which check, verify and improve read")
    if "network" in document:
        return load_network(path, document, reader)
    spec = validate_file(path, document)
    loss, atom, *offsets = (build(e, reader) for e in (spec.loss, spec.atom, *spec.offsets))
    problem = Problem(loss, atom, spec.lam, offsets, l1=spec.l1)
    names = factor_names(spec.atom)

    def candidate(sources: tuple[Source, ...], where: str) -> tuple[Any, ...]:
        """Return the arrays of one fit."""
        pairs = zip(sources, names, strict=True)
        return problem.accept(tuple(reader.read(s, n) for s, n in pairs), where)

    q = None if spec.q is None else offset_values(problem, spec.q, reader)
    files = {reader.path(s) for s in spec.sources() if s.file}
    return Loaded(
        problem=problem,
        factors=candidate(spec.factors, "factors"),
        q=q,
        rtol=spec.epsilon.rtol,
        atol=spec.epsilon.atol,
        inputs=(path, *sorted(files)),
        restarts=tuple(candidate(s, f"restarts[{k}]") for k, s in enumerate(spec.restarts)),
        names=names,
    )


def load_blocks(path: Path) -> LoadedBlocks | None:
    """Read a problem.toml of blocks of rows, but not the blocks; None for other files.

    Raises InputError, in one sentence, for whatever is wrong in the file, and for no blocks.
    """
    document = loads(path)
    if "blocks" not in document:
        return None
    top, named, epsilon = read_tables(path, document)
    reader = Reader(path.parent, FORMATS)
    offsets = [build(entry(o, OFFSETS, path, "offsets"), reader) for o in top.offsets]
    at = path.parent.absolute()
    norms: Any = named.norms
    if named.norm_weights is not None:
        folder = at / named.norm_weights
        p = [str(folder / f"rows{k}.npy") for k in range(len(in_folder(at / named.folder)))]
        norms = p, str(folder / "columns.npy")
    table = RowBlocks.from_folder(
        at / named.folder, named.columns, top.lam, offsets, rows=named.rows, norms=norms
    )
    fit = None if named.fit is None else at / named.fit
    return LoadedBlocks(table, fit, epsilon.rtol, epsilon.atol or 0.0, path)


def load_document(path: Path) -> list[Path]:
    """Return a problem.toml and the files it names, without reading any array.

    Raises InputError if the file is wrong.
    """
    document, reader = loads(path), Reader(path.parent, FORMATS)
    if "network" in document:
        return [path, *named_files(path, document, reader)]
    files = {reader.path(s) for s in validate_file(path, document).sources() if s.file}
    return [path, *sorted(files)]


def load_network(path: Path, document: dict[str, Any], reader: Reader) -> Loaded:
    """Read a problem.toml with a [network]."""
    (problem, factors), epsilon, files = read_network(path, document, reader)
    problem.accept(factors)
    return Loaded(
        problem=problem,
        factors=factors,  # with the note for check()
        q=factors.q,
        rtol=epsilon.rtol,
        atol=epsilon.atol,
        inputs=(path, *sorted(set(files))),
        units=factors.units,
    )


def load_factors(path: Path, loaded: Loaded) -> tuple[Any, ...]:
    """Return the factors of another fit in one file of named arrays: U, V, X2, ...

    Raises InputError, with the file, for a missing name or arrays that do not fit.
    """
    reader = Reader(Path(), FORMATS)
    if keyed_format(path) is None:
        wanted = " and ".join(loaded.names)
        raise InputError(f"{path} is no other fit: give an .npz file with the arrays {wanted}")
    arrays = tuple(reader.read(Source(str(path), name), name) for name in loaded.names)
    return loaded.problem.accept(arrays, str(path))


def keyed_format(path: Path) -> Format | None:
    """Return the format of a file of arrays with names, None for any other file."""
    form = FORMATS.get(kind_of(path))
    return form() if form is not None and form.keyed else None


def build(entry: Entry, reader: Reader) -> Any:
    """Return an instance of a registered class, after reading its arrays."""
    values = {}
    for name, x in entry.arguments.items():
        if isinstance(x, Entry):
            values[name] = build_part(name, x, reader)
        elif not isinstance(x, Source):
            values[name] = x
        elif issubclass(entry.cls, Gauge):
            values[name] = parameter(name, x, reader)
        elif isinstance(x.inline, int | float):  # arguments that may be a number or an array
            values[name] = x.inline
        else:
            values[name] = READERS.get(name, Reader.read)(reader, x, name)
    return entry.cls(**values)


def build_part(name: str, entry: Entry, reader: Reader) -> Any:
    """Return the instance of an argument; its errors start with the argument's name."""
    try:
        return build(entry, reader)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def parameter(name: str, source: Source, reader: Reader) -> Any:
    """Return a norm's groups, edges or weights; a table with one row or column becomes a vector.

    Groups in the TOML may be lists of different lengths.
    """
    if not source.file:
        return source.inline
    a = reader.read(source, name)
    if sparse.issparse(a):
        raise InputError(f"{name} must be dense, got a {type(a).__name__}")
    if name == "weights":
        return a.reshape(-1) if is_line(a) else a
    whole = a.astype(np.int64) if a.dtype.kind == "f" and (a == np.floor(a)).all() else a
    return whole.reshape(-1) if name == "groups" and is_line(a) else whole


def offset_values(problem: Problem, sources: tuple[Source, ...], reader: Reader) -> tuple[Any, ...]:
    """Return q; a table with one row or column (.csv, .mtx) becomes a vector if one is expected."""
    read = [reader.read(s, f"q[{k}]") for k, s in enumerate(sources)]
    if len(read) == len(problem.offsets):
        due = [len(o.shape(problem.loss.observed)) for o in problem.offsets]
        read = [
            np.reshape(x, -1) if ndim == 1 and is_line(x) else x
            for x, ndim in zip(read, due, strict=True)
        ]
    return problem.accept_offsets(read)


def is_line(x: Any) -> bool:
    """Whether an array is a matrix with one row or one column."""
    return isinstance(x, np.ndarray) and x.ndim == 2 and 1 in x.shape  # noqa: PLR2004  a matrix
