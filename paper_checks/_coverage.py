"""Which parts of the kernel are proved in Coq, covered by the proved checker, or only tested."""

import re
from collections.abc import Collection, Iterator

from . import _kernel as kernel
from ._formal import table
from ._statements import FORMAL

CHECKER = FORMAL.parent / "checker"
PAGE = FORMAL.parents[1] / "docs" / "trust.md"
START, END = "<!-- coverage -->", "<!-- /coverage -->"
DEMANDED = re.compile(r'\((\w+) =\? "([^"]+)"\)%string')
BOUNDS = {  # of Rule.v and Proof.v
    "lower.weak_duality": "weak_duality",
    "lower.trivial": "objective_ge0",
    "lower.ky_fan": "beyond_rows",
    "lower.concave": "concaveE",
}
CUBES = re.compile("linf|weighted")  # norms that a form does not know: some u has |u|_2 > |u|
READ = (
    "loss",
    "claim",
    "kind",
    "norm",
    "rule",
    "layer_rule",
    "tensor_rule",
    "deep_rule",
    "bias",
    "pool",
    "fitted",
    "form",
)
TENSORS = ("product form", "sum form", "symmetric")
FORMS = TENSORS[:2]  # of deep networks
LAYERS = ("bias none", "bias free", "pool max")  # kinds of a hidden layer
HEAD = """\
| | | lower bound | in the proved checker | objective at the candidate |
|---|---|---|---|---|"""
TESTED = "tested only"
PARTS = {
    "lower": "bound",
    "POLAR_RULES": "polar, matrices",
    "TENSOR_RULES": "polar, tensors",
    "network_bound": "polar, networks",
    "deep_bound": "polar, deep networks",
    "LOSSES": "loss",
    "OFFSETS": "offset",
}


def known() -> dict[str, list[str]]:
    """Return the names that the checker's reader takes: of atoms by kind, of offsets by fitted."""
    out: dict[str, list[str]] = {}
    for part, name in DEMANDED.findall((CHECKER / "File.v").read_text(encoding="utf-8")):
        if part in READ and name not in out.setdefault(part, []):
            out[part].append(name)
    return out


def in_checker(rule: str) -> bool:
    """Whether the checker has a rule, a loss or an offset of the kernel."""
    part, _, name = rule.partition(".")
    named = {
        "POLAR_RULES": "rule",
        "TENSOR_RULES": "tensor_rule",
        "network_bound": "layer_rule",
        "deep_bound": "deep_rule",
        "LOSSES": "loss",
        "OFFSETS": "fitted",
    }.get(part, "")
    return rule in BOUNDS or name in known().get(named, ())


def rows() -> Iterator[tuple[str, str, str, str, str]]:
    """Yield part, name, proof of the lower bound, "yes" if in the checker, that of the upper."""
    theorems: dict[str, list[str]] = {}
    for row in table().rows:
        theorems.setdefault(row.rule, []).append(row.full_name)
    for rule in sorted(kernel.rules(), key=lambda r: (list(PARTS).index(r.split(".")[0]), r)):
        part, _, name = rule.partition(".")
        held, inside = theorems.get(rule, []), in_checker(rule)
        lower = f"proved in Coq: {held[0]}" if held else TESTED
        value = part in ("LOSSES", "OFFSETS")
        upper = "" if not value else "proved in Coq" if inside else TESTED
        yield PARTS[part], name, lower, "yes" if inside else "", upper
    names = known()
    for kind in kernel.named("KINDS"):
        inside = kind in names["kind"]
        norms = sorted(kernel.named("NORMS"))
        each = {"rank_one": norms, "relu": LAYERS, "cp": TENSORS, "deep_linear": FORMS}
        sorts = each.get(kind.replace("relu", "linear") if "deep" in kind else kind, [""])
        read = [
            *(names["norm"] if kind == "rank_one" else names["bias"] + names["pool"]),
            *(f"{form} form" for form in names["form"]),
            *(names["kind"] if kind == "cp" else ()),
        ]
        for sort in sorts:
            said = sort if sort in TENSORS else sort.split(" ")[-1]
            both = inside and (not sort or said in read)
            name = f"{kind}, {sort} x {sort}" if kind == "rank_one" else f"{kind}, {sort}"
            name = name if sort else kind
            yield (
                "atom",
                name,
                "by the rules above",
                "yes" if both else "",
                ("proved in Coq" if both else TESTED),
            )


def written() -> str:
    """Return the table."""
    return "\n".join([HEAD, *(f"| {' | '.join(row)} |" for row in rows())])


def renewed(text: str) -> str:
    """Return the page with its table renewed."""
    before, start, rest = text.partition(START)
    end = rest.partition(END)[1:]
    if not end[0]:
        raise ValueError(f"{PAGE.name} has no {START} ... {END}")
    return f"{before}{start}\n\n{written()}\n\n{''.join(end)}"


def covered(
    statement: dict[str, object], proof: dict[str, object], witness: Collection[str]
) -> bool:
    """Whether the table says that the checker covers a certificate."""
    atom, polar, names = statement["atom"], proof.get("polar", {}), known()
    offsets, loss = statement["offsets"], statement["loss"]
    shape, lines = statement["shape"], proof.get("lines", [])
    if not (
        isinstance(atom, dict)
        and isinstance(polar, dict)
        and isinstance(offsets, list)
        and isinstance(lines, list)
    ):
        return False
    layer = atom["kind"] == "relu"
    if layer and not (
        atom["bias"] in names["bias"]
        and atom["left"] == "l2"
        and atom.get("pool", "max") in names["pool"]
    ):
        return False
    stated = [atom[side] for side in ("left", "right") if side in atom]
    if layer and any(isinstance(x, dict) for x in stated):
        return False
    norms = [x["norm"] + x["cone"] if isinstance(x, dict) else x for x in stated]
    twin = atom["kind"] == "symmetric" or atom.get("symmetric")
    if tensor := atom["kind"] == "cp" and len(list(shape)) > 2:
        norms = atom["norms"]
        other = polar.get("copies") or (polar.get("form") == "square" and not twin)
        other = other or any(o["kind"] in ("column", "linear") for o in offsets)
        other = other or (polar.get("rule") == "cones" and not twin)
        bare = polar.get("rule") in ("transpose", "cones")
        other = other or (bare and CUBES.search(" ".join(norms)))
        if other or "ky_fan" in proof:
            return False
    inner = polar.get("of", {}).get("rule", "spectral")  # of F^T W
    deep = atom["kind"].startswith("deep")
    if deep and (offsets or loss == "softmax" or "ky_fan" in proof):
        return False
    kinds = {"layer_rule": layer, "tensor_rule": tensor, "deep_rule": deep}
    rules = next((name for name, asked in kinds.items() if asked), "rule")
    return (
        (loss["kind"] if isinstance(loss, dict) else loss) in names["loss"]
        and statement["claim"] in names["claim"]
        and atom["kind"] in names["kind"]
        and all(norm in names["norm"] for norm in norms)
        and all(o["kind"] in names["fitted"] for o in offsets)
        and set(proof) <= {"better", "corrections", "floor", "ky_fan", "lines", "polar"}
        and all(covered(statement, line["proof"], ()) for line in lines)
        and not ("l1" in statement and (tensor or deep))
        and (inner == "spectral" or (inner == "lines" and list(shape)[-1:] == [1]))
        and (not polar or polar["rule"] in names[rules])
        and not (proof.get("corrections") and (layer or deep))
        and not (twin and "ky_fan" in proof)
        and not ("ky_fan" in proof and {o["kind"] for o in offsets} - {"column", "row"})
        and (polar.get("rule") == "conic" or not any(re.match(r"[DS]\d", name) for name in witness))
    )


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
