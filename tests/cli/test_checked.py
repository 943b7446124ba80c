"""`verify --tier checked` and `checker build`, where the proved checker is not built."""

import json
import os
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import certify
from certify import InputError, Problem, RejectedError, check, verify
from certify.atoms import RankOne
from certify.base.errors import NotCoveredError
from certify.cli import main
from certify.losses import Squared
from certify.pipeline.certificate.checked import (
    VARIABLE,
    built,
    files,
    program,
    run_checker,
    sources,
)
from certify.pipeline.certificate.file import Certificate, StatedQuestion
from certify.pipeline.certificate.verify import work_allowed
from tests import bombs
from tests.golden import HERE, names

ROOT = Path(certify.__file__).parents[1]
PAGE = ROOT / "docs" / "trust.md"
ANSWER = "VERIFIED CERTIFIED  2.0 <= optimum, candidate <= 2.5\nof {}  by the proved checker\n"


@pytest.fixture(scope="module")
def asked():
    problem = Problem(Squared(np.diag([3.0, 2.0])), RankOne("l2", "l2"), 0.5)
    root = np.diag(np.sqrt([2.5, 1.5]))
    return problem, (root, root), check(problem, (root, root)).certificate


@pytest.fixture
def files_of(asked, tmp_path):
    """Write the question and its certificate for the command."""
    _, (root, _), certificate = asked
    rows = [[float(x) for x in row] for row in root]
    (tmp_path / "problem.toml").write_text(
        f"""
lam = 0.5
data = {{ Y = [[3.0, 0.0], [0.0, 2.0]] }}
loss = {{ kind = "squared" }}
atom = {{ kind = "rank_one" }}
factors = {{ U = {rows}, V = {rows} }}
""",
        encoding="utf-8",
    )
    certificate.save(tmp_path / "x.cert")
    return [str(tmp_path / "x.cert"), "--problem", str(tmp_path / "problem.toml")]


def impostor(tmp_path, status, text):
    """Write a program that says a text whatever it is asked."""
    path = tmp_path / "program"
    (tmp_path / "text").write_text(text, encoding="utf-8")
    path.write_text(f'#!/bin/sh\ncat "{tmp_path}/text"\nexit {status}\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def test_without_a_program_the_command_says_how_to_get_one(files_of, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    assert main(["verify", *files_of, "--tier", "checked"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "there is no program" in err
    assert "certify checker build" in err


def test_a_program_is_named_or_built_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    here = built()
    assert here.parent == tmp_path / "certify"
    here.parent.mkdir()
    here.write_text("#!/bin/sh\n", encoding="utf-8")
    if os.access(sources() / "checker" / "certcheck", os.X_OK):
        assert program(None).name == "certcheck"  # the one of make: this cannot be run
    else:
        with pytest.raises(InputError, match="the proved checker is not built; build it"):
            program(None)
    here.chmod(0o755)
    assert program(None) == here
    with pytest.raises(InputError, match="there is no program"):
        program(tmp_path / "none")
    assert program(here, {VARIABLE: "none"}) == here


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0, ""),
        (0, "NOT COVERED  this loss\n"),
        (0, "NOT VERIFIED  proof\n"),
        (0, ANSWER.format("another question")),
        (10, ANSWER),
        (12, ANSWER),
        (0, ANSWER.replace("CERTIFIED", "REFUTED")),
        (0, ANSWER.replace("CERTIFIED", "SURE")),
        (0, ANSWER.replace("2.5", "nan")),
        (0, ANSWER + "\n"),
    ],
)
def test_a_program_that_is_not_the_checker_proves_nothing(asked, tmp_path, status, text):
    problem, factors, certificate = asked
    question = json.dumps(certificate.statement, sort_keys=True)
    path = impostor(tmp_path, status, text.replace("{}", question))
    with pytest.raises(InputError, match="is not the proved checker"):
        verify(certificate, problem, factors, tier="checked", checker=path)


def test_an_answer_is_taken_in_exactly_one_form(asked, tmp_path):
    problem, factors, certificate = asked
    question = json.dumps(certificate.statement, sort_keys=True)
    path = impostor(tmp_path, 0, ANSWER.format(question))
    found = verify(certificate, problem, factors, tier="checked", checker=path)
    assert (found.lower, found.upper, found.tier) == (2.0, 2.5, "checked")


def test_what_is_not_covered_ends_with_3(files_of, tmp_path, capsys):
    path = impostor(tmp_path, 3, "NOT COVERED  this loss\n")
    chosen = ["--tier", "checked", "--checker", str(path)]
    assert main(["verify", *files_of, *chosen]) == 3
    assert "not covered: the proved checker does not know this loss" in capsys.readouterr().err
    assert main(["verify", *files_of, *chosen, "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["verdict"] is None


def test_what_it_rejects_is_rejected(files_of, tmp_path, capsys):
    path = impostor(tmp_path, 20, "NOT VERIFIED  claim.verdict: not proved, UNDECIDED\n")
    assert main(["verify", *files_of, "--tier", "checked", "--checker", str(path)]) == 20
    assert "claim.verdict: not_proved: not proved, UNDECIDED" in capsys.readouterr().err


TREES = ("cones", "conic", "network", "outputs", "tensor_splits", "transpose", "elastic_conic")


@pytest.mark.parametrize("name", TREES)
def test_a_stored_tree_is_handed_to_the_program(tmp_path, name):
    assert name in names()
    held = Certificate.load(HERE / f"{name}.cert")
    question = StatedQuestion(held.statement, held.given)
    path, limit = impostor(tmp_path, 3, "NOT COVERED  this loss\n"), work_allowed(held, question)
    with pytest.raises(NotCoveredError, match="this loss"):
        run_checker(question, held, path, limit)
    with pytest.raises(RejectedError, match="budget"):  # by its price, and before it is asked
        run_checker(question, held, tmp_path / "no program", 1000)


@pytest.mark.parametrize(
    "name", ["path of 20,000 cones", "chain of 20,000 cases", "10,000 cells of a layer"]
)
def test_a_tree_that_the_kernel_refuses_for_its_price_is_not_handed_over(tmp_path, name):
    held = Certificate.load(bombs.built(name, tmp_path))
    question = StatedQuestion(held.statement, held.given)
    with pytest.raises(RejectedError) as refused:
        run_checker(question, held, tmp_path / "no program", work_allowed(held, question))
    assert (refused.value.where, refused.value.code) == ("budget", "limit")


def test_what_is_wrong_with_a_tree_is_said_by_the_program(tmp_path):
    held = Certificate.load(HERE / "cones.cert")
    question = StatedQuestion(held.statement, held.given)
    path = impostor(tmp_path, 20, "NOT VERIFIED  proof.tree\n")
    for polar in ({"rule": "cones", "axis": 7}, {"rule": "no rule", "nodes": 7}, {"nodes": [7]}):
        wrong = replace(held, proof={"polar": polar})
        with pytest.raises(RejectedError, match=r"proof\.tree"):
            run_checker(question, wrong, path, work_allowed(held, question))


def test_without_coq_the_command_says_what_installs_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["checker", "build", "-o", str(tmp_path / "x")]) == 2
    told = capsys.readouterr().err
    assert "make and coqc and ocamlfind not found" in told
    assert "apt-get update; apt-get install make coq" in told
    assert not (tmp_path / "x").exists()


def test_a_build_that_fails_writes_nothing(tmp_path, monkeypatch, capsys):
    for tool in ("coqc", "ocamlfind"):
        (tmp_path / tool).write_text("#!/bin/sh\necho no such library >&2\nexit 1\n", "utf-8")
        (tmp_path / tool).chmod(0o755)
    (tmp_path / "make").write_text("#!/bin/sh\necho no such library >&2\nexit 2\n", "utf-8")
    (tmp_path / "make").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["checker", "build", "-o", str(tmp_path / "x")]) == 2
    assert "could not be built: no such library; on Debian" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_the_page_goes_through_the_whole_statement():
    text = (sources() / "checker" / "Statement.v").read_text("utf-8")
    lines = [x for x in text[text.index("Section Statement.") :].splitlines() if x]
    blocks = PAGE.read_text("utf-8").split("```coq\n")[1:]
    shown = [x for block in blocks for x in block.partition("```")[0].splitlines() if x]
    assert len(lines) > 30
    assert shown == lines


def test_the_lines_that_are_not_proved_are_counted():
    count = len((sources() / "checker" / "certcheck.ml").read_text("utf-8").splitlines())
    for page in (PAGE, ROOT / "README.md"):
        assert f"{count} lines that read bytes, hash and print" in page.read_text("utf-8")


def test_the_wheel_holds_every_file_that_the_program_is_made_of():
    held = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    shipped = held["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    folder = sources()
    assert folder == ROOT / "paper_checks"
    wanted = {p.relative_to(folder).as_posix() for p in files(folder)}
    assert {f"paper_checks/{name}": f"certify/proved_checker/{name}" for name in wanted} == shipped
    assert {"checker/Statement.v", "checker/certcheck.ml", "formal/Base.v"} <= wanted
