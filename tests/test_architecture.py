"""Who may import whom, how large things are, and what is public."""

import ast
import sys
from pathlib import Path

import pytest

import certify

ROOT = Path(certify.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
LAYERS = (  # from the bottom up: a module imports from its own layer or from those before it
    ("kernel", "_errors", "_registry", "_keeping", "verdict"),
    ("_arrays", "rigor", "branching"),
    ("_observed", "gauges", "_minimum"),
    ("losses", "offsets", "polar", "multilinear", "arrangements"),
    ("atoms",),
    ("_fitting",),
    ("problem", "_threads", "_stated"),
    ("_known",),
    ("_cancel", "orthogonal", "descent", "certificate"),
    ("_blocks", "rays", "envelope", "coordinates", "balls"),
    ("lifted", "splitting", "polish", "escapes"),
    ("columns",),
    ("search",),
    ("_bar",),
    ("explore", "fixed_rank"),
    ("relax",),
    ("duals",),
    ("tensors", "networks"),
    ("evidence",),
    ("by_solver",),
    ("scaling", "leaf_factors", "checkpoint"),
    ("proving",),
    ("recheck", "question"),
    ("report",),
    ("result",),
    ("pipeline",),
    ("reuse",),
    ("improving",),
    ("_comparison", "_decomposing"),
    ("restarts", "norms"),
    ("adapters",),
    ("scoring",),
    ("files", "demo"),
    ("audit", "pytest_plugin"),
    ("cli",),
    ("testing",),
    ("__main__", "__init__"),
)
HEIGHT = {name: k for k, layer in enumerate(LAYERS) for name in layer}
EXEMPT = {"kernel/verify.py"}  # one file by design; as small as its rules allow


def module_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path):
    package = ["certify", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            full = [*base, *(node.module or "").split(".")] if node.module else base
            if full[:1] != ["certify"]:
                continue
            yield from ([full[1]] if len(full) > 1 else [a.name for a in node.names])


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path):
    own = module_of(path)
    if own == "__init__":
        return
    for name in imported(path):
        below = HEIGHT.get(name, HEIGHT["__init__"]) <= HEIGHT[own]
        assert below, f"{own} imports {name}"


def test_every_module_has_a_layer():
    assert {module_of(p) for p in FILES} == set(HEIGHT)


def test_kernel_imports_the_standard_library_only():
    tree = ast.parse((ROOT / "kernel/verify.py").read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {a.name.split(".")[0] for a in node.names}
        if isinstance(node, ast.ImportFrom):
            names.add("certify" if node.level else node.module.split(".")[0])
    assert names <= sys.stdlib_module_names


def test_only_relax_imports_cvxpy():
    users = {module_of(p) for p in FILES if "import cvxpy" in p.read_text(encoding="utf-8")}
    assert users == {"relax"}


def test_nothing_is_pickled():
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert "import pickle" not in text
        assert "allow_pickle=True" not in text


def test_public_surface():
    assert certify.__all__ == sorted(certify.__all__)
    assert len(certify.__all__) <= 12
    assert all(hasattr(certify, name) for name in certify.__all__)
    for name in ("check", "verify", "improve"):
        assert callable(getattr(certify, name))


def code_lines(node):
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_are_small(path):
    text = path.read_text(encoding="utf-8")
    if str(path.relative_to(ROOT)) not in EXEMPT:
        assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert code_lines(node) <= 40, node.name
            assert ast.get_docstring(node) or node.name.startswith("_"), node.name


def test_library_does_not_print():
    for path in FILES:
        if module_of(path) in ("cli", "__main__") or path.name == "verify.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print", path
