"""The documentation is executed: every Python block and every command, page by page."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import certify
from certify import atoms, losses, offsets, testing
from certify import norms as gauges
from certify.cli import main
from certify.pipeline import restarts
from tests.browser import CHROMIUM, laid_out

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
WRITTEN = sorted(p for p in DOCS.rglob("*.md") if p.name not in ("theory.md", "gallery.md"))
BLOCK = re.compile(
    r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)```", re.DOTALL
)
STATUS = re.compile(r"^\$ certify (?P<line>.*?)(?:\s+# exit (?P<status>.+))?$")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


HIDDEN = {  # what atoms, losses and contracts of one's own are made of: CONTRIBUTING.md
    *("Atom", "Entrywise", "Gauge", "Loss", "Offset", "L1", "L2", "LInf", "support", "plottable"),
    *("Clause", "ContractError", "Covered", "Report", "Slice", "Words", "atom_of", "norm_of"),
}


def blocks(path):
    return list(BLOCK.finditer(path.read_text(encoding="utf-8")))


def commands(text):
    """Yield (arguments, allowed statuses, lines that are shown)."""
    parts = re.split(r"(?m)^(?=\$ )", text.strip())
    for part in filter(None, parts):
        head, *shown = part.rstrip().splitlines()
        found = STATUS.match(head)
        assert found, head
        allowed = [int(s) for s in re.findall(r"\d+", found["status"] or "0")]
        yield shlex.split(found["line"]), allowed, shown


def matched(shown, out):
    """Whether the lines that are shown are those of the output; ... stands for anything."""
    parts = [".*" if x.strip() == "..." else re.escape(x).replace(r"\.\.\.", ".*") for x in shown]
    text = r"\n".join(parts)
    lines = "\n".join(line.rstrip() for line in out.rstrip().splitlines())
    return not shown or re.fullmatch(text, lines, re.DOTALL) is not None


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("path", WRITTEN, ids=lambda p: str(p.relative_to(DOCS)))
def test_every_block_of_a_page_runs(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    names = {"__name__": path.stem}
    for block in blocks(path):
        text = block["text"]
        if block["file"]:
            (tmp_path / block["file"]).write_text(text, encoding="utf-8")
        elif block["kind"] == "python":
            exec(compile(text, f"{path}", "exec"), names)  # noqa: S102  our own page
        elif block["kind"] == "console":
            for arguments, allowed, shown in commands(text):
                capsys.readouterr()
                assert main(arguments) in allowed, (arguments, capsys.readouterr())
                assert matched(shown, capsys.readouterr().out), arguments


@pytest.mark.thorough
def test_the_page_about_tests_is_a_test(tmp_path):
    (block,) = (b for b in blocks(DOCS / "howto/testing.md") if b["file"] == "test_model.py")
    (tmp_path / "test_model.py").write_text(block["text"], encoding="utf-8")
    plain = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_model.py"]
    from tests.adapters.test_pytest_plugin import PLUGIN  # noqa: PLC0415

    for extra in (["--certify-update"], []):
        done = subprocess.run(
            [*plain, *PLUGIN, *extra], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert "1 passed" in done.stdout, done.stdout
    assert (tmp_path / "certificates").is_dir()


def test_output_that_is_shown_must_be_there():
    assert matched(["a", "...", "d e..."], "a\nb\nc\nd e f\n")
    assert not matched(["a", "c"], "a\nb\nc")
    assert not matched(["a"], "a\nb")


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=lambda p: str(p.relative_to(DOCS)))
def test_links_between_pages_lead_somewhere(path):
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (path.parent / target).resolve().exists(), target


def test_every_page_is_in_the_table_of_contents():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    listed = set(
        re.findall(r"(?m)^([a-z/-]+)$", "\n".join(re.findall(r"(?s)```{toctree}(.*?)```", index)))
    )
    pages = {p.relative_to(DOCS).with_suffix("").as_posix() for p in DOCS.rglob("*.md")}
    assert pages == listed | {"index"}


def test_the_reference_has_every_public_name():
    text = (DOCS / "reference/python.md").read_text("utf-8")
    listed = set(re.findall(r"(?m)^\.\. auto\w+:: (\S+)$", text))
    for module in (certify, atoms, gauges, losses, offsets, restarts, testing):
        own = {n for n in module.__all__ if isinstance(getattr(module, n), type(lambda: 0) | type)}
        homes = (module.__name__, "certify")
        missing = {n for n in own - HIDDEN if not {f"{m}.{n}" for m in homes} & listed}
        assert missing == set(), module.__name__


@pytest.mark.thorough
def test_the_gallery_is_the_zoo():
    script = "import runpy, sys; sys.stdout.write(runpy.run_path(sys.argv[1])['text']())"
    done = subprocess.run(
        [sys.executable, "-c", script, str(DOCS / "gallery.py")],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout == (DOCS / "gallery.md").read_text("utf-8"), "run python docs/gallery.py"


@pytest.mark.slow
def test_a_new_user_walks_the_first_page_in_a_bare_environment(tmp_path):
    env, work = tmp_path / "venv", tmp_path / "work"
    work.mkdir()
    subprocess.run([sys.executable, "-m", "venv", env], check=True)
    pip = [env / "bin/python", "-m", "pip", "install", "-q", f"{ROOT}[models,report]"]
    subprocess.run(pip, check=True)
    bare = {k: x for k, x in os.environ.items() if k != "PYTHONPATH"}
    for block in blocks(DOCS / "index.md"):
        if block["kind"] == "python":
            subprocess.run(
                [env / "bin/python", "-c", block["text"]], cwd=work, env=bare, check=True
            )
        elif block["kind"] == "console":
            for arguments, allowed, shown in commands(block["text"]):
                done = subprocess.run(
                    [env / "bin/certify", *arguments],
                    cwd=work,
                    env=bare,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert (done.returncode in allowed, done.stderr) == (True, ""), arguments
                assert matched(shown, done.stdout), (arguments, done.stdout)
    assert "REFUTED" in (work / "first.html").read_text(encoding="utf-8")
    if CHROMIUM is not None:
        wide, console = laid_out(work / "first.html", 1000, tmp_path)
        assert (wide <= 1000, console) == (True, "")


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("sphinx")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(DOCS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "index.html").exists()
