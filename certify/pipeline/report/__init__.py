"""A certificate as one page that anybody can read: it is verified again before it says anything."""

import os
import shlex
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from certify.atoms import Factors
from certify.base.errors import InputError
from certify.kernel.claim import summarized
from certify.pipeline.certificate.file import Certificate, as_numpy, names_of, write_atomically

from . import _words as words
from ._facts import SHOWN, Facts, facts

LARGE = 1e5  # bytes: shown in MB from here on
DRAWN = ("products", "layers")  # families whose components are drawn one by one

__all__ = ["Facts", "facts", "page", "save", "told_in_words", "write"]


def write(
    certificate: Certificate,
    path: str | Path,
    tier: str | None = None,
    own: Certificate | None = None,
    multiple: float = 1.0,
) -> int:
    """Write a report of the certificate to an .html file, and return its size in bytes.

    The file is whole in itself: no network, no script.  tier is the arithmetic of the
    verification, "exact" or "rounded"; by default the one that the certificate names.
    own is a second certificate, of the same factors at their own size; multiple is what the
    objective is of the training loss, which is then told too.

    Raises RejectedError if a certificate does not prove what it claims, InputError if it
    holds no data, the second is of another question, the file cannot be written, or jinja2 or
    matplotlib are not installed.
    """
    second = None if own is None else facts(own, tier)
    return save(facts(certificate, tier), path, own=second, multiple=multiple)


def save(
    held: Facts,
    path: str | Path,
    file: str = "x.cert",
    own: Facts | None = None,
    multiple: float = 1.0,
) -> int:
    """Write what was verified; file is the certificate's name in the commands shown.

    own       what was verified of the same factors at their own size
    multiple  what the objective is of the training loss
    """
    blob = page(held, file, own, multiple).encode()
    write_atomically(Path(os.path.realpath(path)), blob)
    return len(blob)


def told_in_words(held: Facts) -> dict[str, str]:
    """Return the question, its arrays, the answer, the bracket and what would close it."""
    closing = words.closing(held)
    if held.better is not None:
        closing += " certify improve problem.toml -o better.npz"
    return {
        "distance": words.distance(held.proved.lower, held.proved.upper, proved=True),
        "question": words.asked(held),
        "objective": words.formula(held.question.problem),
        "arrays": "; ".join(f"{a['name']} {a['kind']} {a['holds']}" for a in arrays(held)),
        "answer": f"{held.verdict.name}. {words.answer(held)}",
        "bracket": words.bracket(held),
        "proof": f"by {', '.join(held.proved.rules)}, in {held.proved.tier} arithmetic",
        "next": closing,
    }


def second(result: Any) -> Facts | None:  # noqa: ANN401  a Result, of the layer above
    """Verify the certificate of a result's own size, where that is another one."""
    own = result.own_size.certificate
    return None if own is None or own is result.certificate else facts(own)


def page(held: Facts, file: str = "x.cert", own: Facts | None = None, multiple: float = 1.0) -> str:
    """Return the report as HTML; file is the certificate's name in the commands it shows."""
    if own is not None and not same(held, own):
        raise InputError("the second certificate must be of the same factors at their own size")
    template = environment().from_string(
        files(__name__).joinpath("page.html.jinja").read_text(encoding="utf-8")
    )
    plain = f"./{file}" if file.startswith("-") else file
    plain = plain.encode(errors="replace").decode()  # a file's name may be any bytes
    beside = {"own": at_size(own), "training": words.training(held, multiple)}
    return str(template.render(**values(held), **beside, file=shlex.quote(plain)))


def same(held: Facts, own: Facts) -> bool:
    """Whether a second question is that of the same factors at their own size."""
    first, other = (f.certificate.statement for f in (held, own))
    changed = {k for k in first.keys() | other.keys() if first.get(k) != other.get(k)}
    return own.question.own_size and changed <= {"claim"}


def at_size(own: Facts | None) -> dict[str, str] | None:
    """Return the answer at the candidate's own size, with its picture."""
    if own is None:
        return None
    from . import _pictures as pictures  # noqa: PLC0415  of the extras

    drawn_bracket = pictures.Bracket(*bracket_of(own))
    return {
        "verdict": own.verdict.name,
        "answer": words.answer(own),
        "bracket": words.bracket(own),
        "picture": pictures.bracket(drawn_bracket),
    }


def environment() -> Any:  # noqa: ANN401  jinja2
    """Return jinja2 with escaping, or say what to install."""
    try:
        import matplotlib as mpl  # noqa: PLC0415  extras
        from jinja2 import Environment, StrictUndefined  # noqa: PLC0415
    except ImportError as error:
        raise InputError(f"a report needs {error.name}: pip install 'certify[report]'") from None
    del mpl
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def values(held: Facts) -> dict[str, Any]:
    """Return everything the page says."""
    from . import _pictures as pictures  # noqa: PLC0415  of the extras

    problem, factors = held.question.problem, groups(held)
    shown, drawn_bracket = held.components[:SHOWN], pictures.Bracket(*bracket_of(held))
    return {
        "title": f"{words.model(problem).removeprefix('a ')}, {dims(held)} data",
        "verdict": held.verdict.name,
        "question": words.asked(held),
        "formula": words.formula(problem),
        "distance": words.distance(held.proved.lower, held.proved.upper, proved=True),
        "answer": words.answer(held),
        "bracket": words.bracket(held),
        "closing": words.closing(held),
        "better_file": held.better is not None,
        "legend": pictures.legend(drawn_bracket),
        "pictures": {
            "bracket": pictures.bracket(drawn_bracket),
            "polar": pictures.polar(held),
            "components": pictures.components(held),
        },
        "rows": [row(s) for s in shown],
        "caption": f"{len(shown)} of {problem.atom.count(len(held.components))} that are not zero",
        "priced": problem.penalized,
        "component": problem.atom.component,
        "components": problem.atom.count(0).removeprefix("0 "),
        "factors": factors,
        "tiles": any(p["tiles"] for g in factors for p in g["pictures"]),
        "proof": proof(held),
        "arrays": arrays(held),
        "alone": held.alone,
    }


def bracket_of(held: Facts) -> tuple[float, float, float | None, float]:
    """Return lower, upper, the better objective if any, and epsilon."""
    return held.proved.lower, held.proved.upper, held.proved.better, held.epsilon


def dims(held: Facts) -> str:
    """Return the shape of the data."""
    return " × ".join(map(str, held.question.problem.loss.dims))


def row(s: Any) -> dict[str, Any]:  # noqa: ANN401  a Component
    """Return a row of the table of components."""
    told = {"size": words.short(s.size), "price": words.short(s.price)}
    for name, x, digits in (("inner", s.inner, 7), ("off", s.off, 2)):
        told[name] = words.short(x, digits) if np.isfinite(x) else "–"
    return {"number": s.number, **told}


def groups(held: Facts) -> list[dict[str, Any]]:
    """Return the pictures of the candidate, and of the better factors beside them."""
    both = {"As they were given": held.candidate, "Better": held.better}
    return [
        {"name": name, "loadings": loadings(held, x), "pictures": drawn(held, x)}
        for name, x in both.items()
        if x is not None
    ]


def loadings(held: Facts, factors: Factors) -> dict[str, Any] | None:
    """Return bars of each part of the largest components of a tensor or a hidden layer.

    None for other families, whose factors are drawn as images or heat maps.
    """
    from . import _pictures as pictures  # noqa: PLC0415  of the extras

    atom = held.question.problem.atom
    if atom.family not in DRAWN or not all(x.size for x in factors):
        return None
    heads = words.parts(atom, len(factors))
    order = np.argsort(-atom.theta(factors))[: pictures.TILES]
    rows = [
        {
            "number": int(k),
            "cells": [
                pictures.bars(x[:, k], f"{atom.component} {k}, {head}")
                for head, x in zip(heads, factors, strict=True)
            ],
        }
        for k in order
    ]
    return {"heads": heads, "rows": rows}


def drawn(held: Facts, factors: Factors) -> list[dict[str, Any]]:
    """Return a picture of each factor: images where the data are images, else heat maps.

    None of a family whose parts `loadings` draws.
    """
    from . import _pictures as pictures  # noqa: PLC0415  of the extras

    loss, atom = held.question.problem.loss, held.question.problem.atom
    if atom.family in DRAWN:
        return []
    order = np.argsort(-atom.theta(factors))
    out: list[dict[str, Any]] = []
    for name, x in zip(names_of(len(factors)), factors, strict=True):
        if not x.size:
            continue
        side = None
        if name == "V" and atom.family == "pairs" and loss.observed.full:
            side = pictures.image_side(np.asarray(loss.arrays()["Y"]).reshape(loss.shape))
        ordered, told = x[..., order], {"name": name, "shape": " × ".join(map(str, x.shape))}
        if side is None:
            out.append({**told, "tiles": None, "heat": pictures.heat(ordered)})
        else:
            out.append({**told, "tiles": pictures.images(ordered, side), "heat": None})
    return out


def proof(held: Facts) -> list[tuple[str, str]]:
    """Return what proved the bracket."""
    c = held.certificate
    size = sum(as_numpy(a).nbytes for a in c.witness.values())
    told = f"{size / 1e6:.3g} MB" if size > LARGE else f"{size / 1e3:.3g} kB"
    return [
        ("rules", ", ".join(held.proved.rules)),
        ("arithmetic", {"exact": "exact integers"}.get(held.proved.tier, "outward-rounded floats")),
        ("evidence", f"{told} of arrays"),
        ("format", str(c.statement["format"])),
        ("certify", version("certify")),
        ("numpy", np.__version__),
    ]


def arrays(held: Facts) -> list[dict[str, str]]:
    """Return what the question's arrays are: weights that are there count, whatever they hold."""
    out = []
    for k, a in sorted(held.digests().items()):
        holds = summarized(held.certificate.given[k])
        told = f"{a['dtype']} {' × '.join(map(str, a['shape']))}"
        out.append({"name": k, "kind": told, "holds": holds, "digest": a["sha256"]})
    return out
