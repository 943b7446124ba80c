"""The package as others install it: small, whole, typed, and working outside its checkout."""

import ast
import email
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import certify
from certify import atoms, losses, offsets

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SHIPPED = (
    "certify/py.typed",
    "certify/kernel/SPEC.md",
    "certify/pipeline/report/page.html.jinja",
    "certify/pipeline/report/restarts.html.jinja",
    "certify/cli/audit/index.html.jinja",
    "certify/adapters/files/problem.schema.json",
)
USER = (ROOT / "tests" / "users_project.py").read_text("utf-8")
WRONG = USER + "\ncheck(problem)\nresult.lowr\nbad: int = result.verdict\nRankOne(3)\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build the wheel and the source distribution by the project's own backend."""
    folder = tmp_path_factory.mktemp("dist")
    script = (
        "import hatchling.build as b, sys;"
        "print(b.build_wheel(sys.argv[1])); print(b.build_sdist(sys.argv[1]))"
    )
    pytest.importorskip("hatchling")
    pytest.importorskip("hatch_fancy_pypi_readme")
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    wheel, source = (folder / line for line in done.stdout.split())
    return wheel, source


def test_the_wheel_is_small_and_holds_what_the_package_reads(built):
    wheel, _ = built
    held = zipfile.ZipFile(wheel)
    names, proofs = held.namelist(), "certify/proved_checker/"
    sizes = {x.filename: x.compress_size for x in held.infolist()}
    assert sum(size for name, size in sizes.items() if not name.startswith(proofs)) < 940_000
    assert 0 < sum(size for name, size in sizes.items() if name.startswith(proofs)) < 250_000
    assert set(SHIPPED) <= set(names)
    tops = {n.split("/")[0] for n in names}
    assert tops == {"certify", f"{PROJECT['name']}-{PROJECT['version']}.dist-info"}
    modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / "certify").rglob("*.py")}
    assert modules == {n for n in names if n.endswith(".py")}


def test_the_source_distribution_holds_the_tests_and_the_zoo(built):
    _, source = built
    with tarfile.open(source) as held:
        names = {n.partition("/")[2] for n in held.getnames()}
    for name in (
        "tests/project/test_packaging.py",
        "problems/diagonal.py",
        "README.md",
        "CITATION.cff",
    ):
        assert name in names
    stray = {n for n in names if n.endswith((".cert", ".pyc"))}
    assert {n for n in stray if not n.startswith("tests/golden/")} == set()


def test_metadata_name_the_extras_and_entry_points(built):
    wheel, _ = built
    held = zipfile.ZipFile(wheel)
    info = f"{PROJECT['name']}-{PROJECT['version']}.dist-info"
    meta = email.message_from_bytes(held.read(f"{info}/METADATA"))
    extras = set(meta.get_all("Provides-Extra"))
    wanted = {"models", "torch", "onnx", "report", "scale", "parquet", "testing", "docs", "bench"}
    wanted |= {"tests", "dev"}
    assert extras == wanted
    points = held.read(f"{info}/entry_points.txt").decode()
    assert "certify = certify.__main__:main" in points
    assert "certify = certify.adapters.pytest_plugin" in points


def test_the_readme_on_an_index_has_no_link_that_leads_nowhere(built):
    wheel, _ = built
    info = f"{PROJECT['name']}-{PROJECT['version']}.dist-info"
    text = zipfile.ZipFile(wheel).read(f"{info}/METADATA").decode()
    relative = r"\]\((?!https?:)"
    readme = (ROOT / "README.md").read_text("utf-8")
    assert len(re.findall(relative, readme)) > 10
    assert re.findall(relative, text) == []
    assert re.findall(r"(?m)^    certify \w+.*$|^\| [A-Z_]+ \|.*$", readme) == re.findall(
        r"(?m)^    certify \w+.*$|^\| [A-Z_]+ \|.*$", text
    )
    assert "machine-proved" in text
    assert "are in the source distribution" in text


def test_the_version_is_one(built):
    del built
    tree = ast.parse((ROOT / "certify/__init__.py").read_text("utf-8"))
    (version,) = (
        n.value.value
        for n in tree.body
        if isinstance(n, ast.Assign) and n.targets[0].id == "__version__"
    )
    cff = (ROOT / "CITATION.cff").read_text("utf-8")
    assert version == PROJECT["version"] == re.search(r"(?m)^version: (\S+)$", cff)[1]


def test_every_extra_that_an_error_names_exists():
    extras = set(PROJECT["optional-dependencies"])
    named = set()
    for path in (ROOT / "certify").rglob("*.py"):
        text = path.read_text("utf-8")
        named |= set(re.findall(r"certifact\[(\w+)\]", text))
        named |= set(re.findall(r'optional\("[\w.]+", "[\w-]+", "(\w+)"\)', text))
    assert named >= {"models", "torch", "onnx", "report"}
    assert named <= extras


def test_the_users_project_names_everything_public():
    named = {n.id for n in ast.walk(ast.parse(USER)) if isinstance(n, ast.Name)}
    public = {*certify.__all__, *atoms.__all__, *losses.__all__, *offsets.__all__}
    tables = {
        "ATOMS",
        "Entrywise",
        "Factors",
        "LOSSES",
        "OFFSETS",
        "Slice",
    }  # for our own tests and commands
    tables |= {"Widths", "Words", "atom_of"}
    assert public - tables <= named


@pytest.mark.slow
@pytest.mark.parametrize(
    "checker",
    [["mypy", "--strict"], ["basedpyright", "--level=error", f"--pythonpath={sys.executable}"]],
)
def test_a_users_project_is_checked_completely(tmp_path, checker):
    pytest.importorskip(checker[0])
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(USER, encoding="utf-8")
    wrong.write_text(WRONG, encoding="utf-8")
    command = [sys.executable, "-m", *checker]
    done = subprocess.run(
        [*command, right], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    done = subprocess.run(
        [*command, wrong], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    lines = WRONG.splitlines()
    for text in ("check(problem)", "result.lowr", "bad: int = result.verdict", "RankOne(3)"):
        number = lines.index(text) + 1
        assert re.search(rf"wrong\.py:{number}\b", done.stdout), (text, done.stdout)


@pytest.mark.slow
def test_an_installed_wheel_works_outside_the_checkout(built, tmp_path):
    wheel, source = built
    env = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", env], check=True)
    python = env / "bin/python"
    subprocess.run(
        [python, "-m", "pip", "install", "-q", f"{wheel}[report,testing]", "pytest", "mpmath"],
        check=True,
    )
    with tarfile.open(source) as held:
        held.extractall(tmp_path, filter="data")
    (checkout,) = (p for p in tmp_path.iterdir() if p.name.startswith(PROJECT["name"]))
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("tests", "problems"):
        (checkout / name).rename(outside / name)
    files = [
        "tests/kernel/test_kernel.py",
        "tests/cli/test_wrong_invocations.py",
        "tests/pipeline/test_report.py",
    ]
    bare = {k: x for k, x in os.environ.items() if k != "PYTHONPATH"}
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
    done = subprocess.run(
        [*command, "-o", "pythonpath=.", *files, "-m", "not slow"],
        cwd=outside,
        env=bare,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    where = subprocess.run(
        [python, "-c", "import certify; print(certify.__file__)"],
        cwd=outside,
        env=bare,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(env) in where.stdout
