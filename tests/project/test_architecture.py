"""Who may import whom, and what is public."""

import ast
import importlib.util
import inspect
import re
import sys
from pathlib import Path

import pytest

import certify

ROOT = Path(certify.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
FLOORS = (  # from the bottom up: a package imports itself and what is on the floors below it
    ("kernel",),
    ("base",),
    ("losses", "norms", "offsets"),
    ("polar",),
    ("atoms",),
    ("problem",),
    ("search",),
    ("pipeline",),
    ("adapters", "testing"),
    ("cli",),
)
HEIGHT = {name: k for k, floor in enumerate(FLOORS) for name in floor}
ROOF = ("__init__", "__main__")  # name what is public; nothing below imports them
ENTRIES, STOREYS = 16, 10


def module_of(path):
    """Return a file's module as its parts: ("certify", "polar", "ask")."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


MODULES = {module_of(path): path for path in FILES}


def first(module):
    """Return the package of a module, or the name of the root's own file."""
    return module[1] if len(module) > 1 else "__init__"


def targets(node, path):
    """Yield the modules that an import statement reads."""
    if isinstance(node, ast.Import):
        named = [tuple(a.name.split(".")) for a in node.names]
        yield from (m for m in named if m[0] == "certify")
        return
    package = path.relative_to(ROOT.parent).parent.parts
    base = package[: len(package) - node.level + 1] if node.level else ()
    full = (*base, *(node.module.split(".") if node.module else ()))
    if full[:1] != ("certify",):
        return
    for alias in node.names:
        inner = (*full, alias.name)
        if inner == ("certify", "__version__"):  # a string, set before anything is imported
            continue
        yield inner if inner in MODULES else full


def statements(body, *, deferred):
    """Yield the imports of a body; deferred: those inside of functions, too."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif deferred or not isinstance(node, ast.FunctionDef | ast.ClassDef):
            inner = (
                getattr(node, name, []) for name in ("body", "orelse", "handlers", "finalbody")
            )
            for part in inner:
                yield from statements(part, deferred=deferred)


def imported(path, *, deferred=True):
    """Yield the modules of ours that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in statements(tree.body, deferred=deferred):
        yield from targets(node, path)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path):
    own = first(module_of(path))
    if own in ROOF:
        return
    for module in imported(path):
        name = first(module)
        assert name in HEIGHT, f"{own} imports the roof"
        assert name == own or HEIGHT[name] < HEIGHT[own], f"{own} imports {'.'.join(module)}"


def test_every_package_has_a_floor():
    assert {first(m) for m in MODULES} == {*HEIGHT, *ROOF}
    assert len(FLOORS) <= STOREYS


def test_the_top_level_is_one_screen():
    held = {p.name for p in ROOT.iterdir()} - {"__pycache__"}
    assert held == {*HEIGHT, *(f"{name}.py" for name in ROOF), "py.typed"}
    assert len(held) <= ENTRIES


def test_no_modules_import_each_other_in_a_circle():
    arrows = {m: set(imported(path, deferred=False)) - {m} for m, path in MODULES.items()}
    del arrows["certify",]  # it imports when a name is first used
    done, left = {("certify",)}, dict(arrows)
    while left:
        free = {m for m, below in left.items() if below <= done}
        assert free, f"a circle among {sorted('.'.join(m) for m in left)}"
        done |= free
        left = {m: below for m, below in left.items() if m not in free}


def test_what_verifies_does_not_search():
    for folder in ("pipeline/certificate", "pipeline/report"):
        for path in (ROOT / folder).rglob("*.py"):
            assert "search" not in {first(m) for m in imported(path)}, path


def test_kernel_imports_the_standard_library_only():
    for path in (ROOT / "kernel").rglob("*.py"):
        names = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {a.name.split(".")[0] for a in node.names}
            if isinstance(node, ast.ImportFrom) and node.level:
                assert all(m[:2] == ("certify", "kernel") for m in targets(node, path)), path
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module.split(".")[0])
        assert names <= sys.stdlib_module_names, path


def test_only_relax_imports_cvxpy():
    users = {p.parent for p in FILES if "import cvxpy" in p.read_text(encoding="utf-8")}
    assert users == {ROOT / "search/relax"}


def test_nothing_is_pickled():
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert "import pickle" not in text
        assert "allow_pickle=True" not in text


PUBLIC = {
    "functions": {"check", "from_model", "improve", "nuclear", "restarts", "score", "spectral"}
    | {"verify"},
    "classes": {"Certificate", "Problem", "Result", "Verdict"},
    "errors": {"InputError", "OutOfScopeError", "RejectedError"},
    "packages": {"atoms", "losses", "norms", "offsets", "testing"},
}


def test_the_public_names_are_these_each_with_a_docstring_and_a_place_in_the_reference():
    assert set(certify.__all__) == set().union(*PUBLIC.values())
    assert certify.__all__ == sorted(certify.__all__)
    page = (ROOT.parent / "docs/reference/python.md").read_text(encoding="utf-8")
    for kind, names in PUBLIC.items():
        for name in names:
            found = getattr(certify, name)
            assert (found.__doc__ or "").strip(), name
            assert isinstance(found, type) == (kind in ("classes", "errors")), name
            assert issubclass(found, Exception) if kind == "errors" else True
            assert f"certify.{name}" in page, name


def test_names_that_are_not_public_are_not_there():
    with pytest.raises(AttributeError, match="no attribute 'Proved'"):
        certify.Proved  # noqa: B018
    assert {n for n in dir(certify) if not n.startswith("_")} == set(certify.__all__)


VOCABULARY = [
    getattr(package, name)
    for package, base in (
        (certify.atoms, certify.atoms.Atom),
        (certify.losses, certify.losses.Loss),
        (certify.norms, certify.norms.Gauge),
        (certify.offsets, certify.offsets.Offset),
    )
    for name in package.__all__
    if isinstance(entry := getattr(package, name), type) and issubclass(entry, base)
    if entry is not base
]


@pytest.mark.parametrize("entry", VOCABULARY, ids=lambda entry: entry.__name__)
def test_the_docstring_of_an_entry_has_its_formula_source_and_errors(entry):
    text = inspect.getdoc(entry)
    assert "=" in text.split("\n\n", maxsplit=1)[0]
    assert re.search(r"\bSource: .*\d{4}\)", text, re.DOTALL)
    assert "Raises InputError" in text or entry.name in certify.norms.PLAIN
    page = (ROOT.parent / "docs/reference/python.md").read_text(encoding="utf-8")
    assert f"autoclass:: {entry.__module__.rpartition('.')[0]}.{entry.__name__}\n" in page


def test_the_picture_of_the_packages_is_current():
    spec = importlib.util.spec_from_file_location("drawing", ROOT.parent / "docs/architecture.py")
    drawing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawing)
    assert drawing.PICTURE.read_text(encoding="utf-8") == drawing.drawn()
    floors = drawing.heights(drawing.arrows())
    assert set(floors) == set(HEIGHT)
    assert max(floors.values()) < STOREYS


def test_the_page_of_the_architecture_names_every_package():
    page = (ROOT.parent / "docs/architecture.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in HEIGHT)


def test_every_function_that_the_page_follows_is_where_it_says():
    page = (ROOT.parent / "docs/architecture.md").read_text(encoding="utf-8")
    page = page.partition("## One call")[2]
    pairs = re.findall(r"`(\w+)` (?:\(|in )`([\w/]+\.py)`", page)
    assert len(pairs) >= 10
    for name, path in pairs:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), (name, path)
    for path in re.findall(r"`([\w/]+\.py)`", page):
        found = [ROOT / path, ROOT / "polar/methods" / path]
        assert any(p.exists() for p in found), path
