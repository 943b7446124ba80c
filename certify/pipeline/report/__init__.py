"""A certificate as one page for readers; it is verified again before the page is written."""

import os
import re
import shlex
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from certify import __version__
from certify.atoms import Factors
from certify.base.errors import InputError
from certify.base.extras import optional
from certify.kernel.claim import summarize
from certify.pipeline.certificate.file import Certificate, as_numpy, names_of, write_atomically
from certify.pipeline.units import Units

from . import pictures, words
from ._facts import SHOWN, Facts, facts

LARGE = 1e5  # bytes from which a size is given in MB
DRAWN = ("products", "layers")  # families whose components are drawn one by one

FLOATS = "the floats of components, pictures in PNG and the versions in reports"
NUMBER = r"[-+.0-9e–]{1,30}"
VARIABLE = (  # what a page shows that follows from no proof, and may be other floats elsewhere
    (
        re.compile(rf"(<tr><td>\d+</td><td>){NUMBER}(</td><td>){NUMBER}(</td><td>){NUMBER}</td>"),
        r"\1\2\3",
    ),
    (re.compile(r'(<circle cx="[.\d]+" cy=")[.\d]+'), r"\1"),
    (re.compile(r"(src=\"data:image/png;base64,)[A-Za-z0-9+/=]*"), r"\1"),
    (re.compile(r"(<dt>(?:certify|numpy)</dt><dd>)[A-Za-z0-9.+!-]{1,40}"), r"\1"),
)

__all__ = [
    "FLOATS",
    "Facts",
    "comparable",
    "demand_page",
    "facts",
    "in_words",
    "page",
    "same",
    "save",
    "write",
]


def write(
    certificate: Certificate,
    path: str | Path,
    tier: str | None = None,
    own: Certificate | None = None,
    units: Units | None = None,
) -> int:
    """Write a report of the certificate to an .html file, and return its size in bytes.

    The file needs no network and no script.

    tier      the arithmetic of the verification, "exact" or "rounded"; by default the certificate's
    own       a second certificate, of the same factors at their own size
    units     the loss that the library of the fit reports, whose bracket is then shown too

    Raises RejectedError if a certificate does not prove its claim, InputError if it holds no data,
    the second one is of another question, the file's name does not end in .html, it cannot be
    written, or jinja2 or matplotlib are not installed.
    """
    demand_page(path)
    second = None if own is None else facts(own, tier)
    return save(facts(certificate, tier), path, own=second, units=units)


def demand_page(path: str | Path) -> None:
    """Raise InputError unless a file is named as an HTML page."""
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise InputError(f"cannot write {path}: a report is an HTML page, x.html")


def save(
    facts: Facts,
    path: str | Path,
    file: str = "x.cert",
    own: Facts | None = None,
    units: Units | None = None,
) -> int:
    """Write the facts as a page, and return its size in bytes.

    file      the certificate's name in the commands of the page
    own       the facts about the same factors at their own size
    units     the loss that the library of the fit reports
    """
    blob = page(facts, file, own, units).encode()
    write_atomically(Path(os.path.realpath(path)), blob)
    return len(blob)


def comparable(html: str) -> str:
    """Return a page without FLOATS: the rest is the same on every machine."""
    for pattern, kept in VARIABLE:
        html = pattern.sub(kept, html)
    return html


def in_words(facts: Facts) -> dict[str, str]:
    """Return the question, its arrays, the answer, the bracket and the next step, in words."""
    closing = words.closing(facts)
    if facts.better is not None:
        closing += " certify improve problem.toml -o better.npz"
    return {
        "distance": words.distance_of(facts),
        "question": words.question_text(facts),
        "objective": words.formula(facts.question.problem),
        "arrays": "; ".join(f"{a['name']} {a['kind']} {a['holds']}" for a in arrays(facts)),
        "answer": f"{facts.verdict.name}. {words.answer(facts)}",
        "bracket": words.bracket(facts),
        "proof": f"by {', '.join(facts.proved.rules)}, in {facts.proved.tier} arithmetic",
        "next": closing,
    }


def page(
    facts: Facts, file: str = "x.cert", own: Facts | None = None, units: Units | None = None
) -> str:
    """Return the report as HTML; file: the certificate's name in the commands of the page."""
    if own is not None and not same(facts, own):
        raise InputError("the second certificate must be of the same factors at their own size")
    source = files(__name__).joinpath("page.html.jinja").read_text(encoding="utf-8")
    template = environment().from_string(source)
    plain = f"./{file}" if file.startswith("-") else file
    plain = plain.encode(errors="replace").decode()  # a file's name may be any bytes
    more = {"own": at_size(own), "training": words.training(facts, units)}
    return str(template.render(**values(facts), **more, file=shlex.quote(plain)))


def same(facts: Facts, own: Facts) -> bool:
    """Whether a second question is that of the same factors at their own size."""
    first, other = (f.certificate.statement for f in (facts, own))
    changed = {k for k in first.keys() | other.keys() if first.get(k) != other.get(k)}
    return own.question.own_size and changed <= {"claim"}


def at_size(own: Facts | None) -> dict[str, str] | None:
    """Return the answer at the candidate's own size, with its picture."""
    if own is None:
        return None
    return {
        "verdict": own.verdict.name,
        "answer": words.answer(own),
        "bracket": words.bracket(own),
        "picture": pictures.bracket(pictures.bracket_of(own)),
    }


def environment() -> Any:  # noqa: ANN401  jinja2
    """Return jinja2 with escaping; raise InputError without jinja2 or matplotlib."""
    optional("matplotlib", "matplotlib", "report")
    jinja2 = optional("jinja2", "jinja2", "report")
    return jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)


def values(facts: Facts) -> dict[str, Any]:
    """Return the values that the page shows."""
    problem, factors = facts.question.problem, groups(facts)
    shown, drawn_bracket = facts.components[:SHOWN], pictures.bracket_of(facts)
    return {
        "title": f"{problem.atom.title().removeprefix('a ')}, {dims(facts)} data",
        "verdict": facts.verdict.name,
        "question": words.question_text(facts),
        "formula": words.formula(problem),
        "distance": words.distance_of(facts),
        "answer": words.answer(facts),
        "bracket": words.bracket(facts),
        "closing": words.closing(facts),
        "better_file": facts.better is not None,
        "legend": pictures.legend(drawn_bracket),
        "pictures": {
            "bracket": pictures.bracket(drawn_bracket),
            "polar": pictures.polar(facts),
            "components": pictures.components(facts),
        },
        "rows": [row(s) for s in shown],
        "caption": f"{len(shown)} of {problem.atom.count(len(facts.components))} that are not zero",
        "priced": problem.has_penalty,
        "component": problem.atom.component,
        "components": problem.atom.components(),
        "factors": factors,
        "tiles": any(p["tiles"] for g in factors for p in g["pictures"]),
        "proof": proof(facts),
        "arrays": arrays(facts),
        "alone": facts.alone,
    }


def dims(facts: Facts) -> str:
    """Return the shape of the data."""
    return " × ".join(map(str, facts.question.problem.loss.dims))


def row(s: Any) -> dict[str, Any]:  # noqa: ANN401  a Component
    """Return a row of the table of components."""
    cells = {"size": words.short(s.size), "price": words.short(s.price)}
    for name, x, digits in (("inner", s.inner, 7), ("off", s.off, 2)):
        cells[name] = words.short(x, digits) if np.isfinite(x) else "–"
    return {"number": s.number, **cells}


def groups(facts: Facts) -> list[dict[str, Any]]:
    """Return the pictures of the candidate and of the better factors."""
    both = {"As they were given": facts.candidate, "Better": facts.better}
    return [
        {"name": name, "loadings": loadings(facts, x), "pictures": draw_factors(facts, x)}
        for name, x in both.items()
        if x is not None
    ]


def loadings(facts: Facts, factors: Factors) -> dict[str, Any] | None:
    """Return bars of each part of the largest components of a tensor or a hidden layer.

    None for other families, whose factors are drawn as images or heat maps.
    """
    atom = facts.question.problem.atom
    if atom.family not in DRAWN or not all(x.size for x in factors):
        return None
    heads, rows = words.parts(atom, len(factors)), []
    for k in np.argsort(-atom.theta(factors))[: pictures.TILES]:
        columns = zip(heads, (x[:, k] for x in factors), strict=True)
        cells = [pictures.bars(x, f"{atom.component} {k}, {head}") for head, x in columns]
        rows.append({"number": int(k), "cells": cells})
    return {"heads": heads, "rows": rows}


def draw_factors(facts: Facts, factors: Factors) -> list[dict[str, Any]]:
    """Return a picture of each factor: images if the data are images, else heat maps.

    No pictures for a family whose parts `loadings` draws.
    """
    loss, atom = facts.question.problem.loss, facts.question.problem.atom
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
        tiles = None if side is None else pictures.images(x[..., order], side)
        heat = pictures.heat(x[..., order]) if side is None else None
        shape = " × ".join(map(str, x.shape))
        out.append({"name": name, "shape": shape, "tiles": tiles, "heat": heat})
    return out


def proof(facts: Facts) -> list[tuple[str, str]]:
    """Return the facts about the proof."""
    c = facts.certificate
    size = sum(as_numpy(a).nbytes for a in c.witness.values())
    text = f"{size / 1e6:.3g} MB" if size > LARGE else f"{size / 1e3:.3g} kB"
    return [
        ("rules", ", ".join(facts.proved.rules)),
        ("arithmetic", words.ARITHMETICS[facts.proved.tier]),
        ("evidence", f"{text} of arrays"),
        ("format", str(c.statement["format"])),
        ("certify", __version__),
        ("numpy", np.__version__),
    ]


def arrays(facts: Facts) -> list[dict[str, str]]:
    """Return a description of each array of the question."""
    out = []
    for k, a in sorted(facts.certificate.statement["arrays"].items()):
        holds = summarize(facts.certificate.given[k])
        kind = f"{a['dtype']} {' × '.join(map(str, a['shape']))}"
        out.append({"name": k, "kind": kind, "holds": holds, "digest": a["sha256"]})
    return out
