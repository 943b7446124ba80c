"""Wrong invocations: one sentence each, which names what is wrong; exit status 2; no traceback."""

import re

import numpy as np
import pytest

from certify.cli import main
from tests.question_files import inside, write

PROBLEM = "problem.toml"
CASES = {
    "no command": ([], "Missing command|Usage"),
    "misspelt command": (["chek", PROBLEM], "No such command 'chek'"),
    "misspelt option": (["check", PROBLEM, "--bugdet", "3"], "--bugdet"),
    "option without a value": (["check", PROBLEM, "--budget"], "--budget"),
    "no problem": (["check"], "PROBLEM"),
    "absent problem": (["check", "absent.toml"], "cannot read absent.toml"),
    "folder for a problem": (["check", "folder"], "cannot read folder"),
    "certificate for a problem": (["check", "x.cert"], "x.cert"),
    "array for a problem": (["check", "Y.npy"], "Y.npy"),
    "empty problem": (["check", "empty.toml"], "missing"),
    "two problems": (["check", PROBLEM, PROBLEM], "unexpected extra argument"),
    "budget in words": (["check", PROBLEM, "--budget", "long"], "'long' is not a valid float"),
    "negative budget": (["check", PROBLEM, "--budget", "-1"], "budget must be seconds >= 0"),
    "negative seed": (["check", PROBLEM, "--seed", "-1"], "-1"),
    "negative epsilon": (["check", PROBLEM, "--rtol", "-0.1"], "rtol must be"),
    "infinite epsilon": (["check", PROBLEM, "--atol", "inf"], "atol must be"),
    "output over the problem": (["check", PROBLEM, "-o", PROBLEM], "an input of this command"),
    "output over the data": (["check", PROBLEM, "-o", "Y.npy"], "an input of this command"),
    "output into no folder": (["check", PROBLEM, "-o", "no/x.cert"], "there is no folder no"),
    "folder for an output": (["check", PROBLEM, "-o", "folder"], "not a regular file"),
    "one output twice": (["check", PROBLEM, "-o", "a", "--better", "a"], "another output"),
    "verify without a certificate": (["verify"], "CERTIFICATE"),
    "verify, absent certificate": (["verify", "no.cert", "--problem", PROBLEM], "no.cert"),
    "verify, folder for a certificate": (["verify", "folder", "--problem", PROBLEM], "folder"),
    "verify, unknown arithmetic": (
        ["verify", "x.cert", "--problem", PROBLEM, "--tier", "fast"],
        "'fast' is not one of 'exact', 'rounded'",
    ),
    "improve without an output": (["improve", PROBLEM], "-o"),
    "restarts, absent fit": (["restarts", PROBLEM, "no.npz"], "no.npz"),
    "restarts, a picture of no kind": (["restarts", PROBLEM, "-o", "x.doc"], "x.doc"),
    "restarts, one array": (["restarts", PROBLEM, "Y.npy"], "no other fit: give an .npz file with"),
    "report, no page": (["report", "x.cert", "-o", "x.pdf"], "x.pdf: a report is an HTML page"),
    "report, absent certificate": (["report", "no.cert"], "cannot read no.cert"),
    "report over the certificate": (["report", "x.cert", "-o", "x.cert"], "an input"),
    "explain, folder": (["explain", "folder"], "cannot read folder"),
    "init without data": (["init"], "DATA"),
    "init, absent data": (["init", "no.csv", "-o", "q.toml"], "no.csv"),
    "init, text for data": (["init", "text.txt", "-o", "q.toml"], "text.txt"),
    "init, a factor that fits nowhere": (
        ["init", "Y.npy", "odd.npy", "-o", "q.toml"],
        "got odd.npy",
    ),
    "audit without a folder": (["audit", "audit.toml"], "-o DIR"),
    "audit, absent plan": (["audit", "audit.toml", "-o", "out"], "cannot read audit.toml"),
    "audit, a problem for a plan": (["audit", PROBLEM, "-o", "out"], "certify check problem.toml,"),
    "audit, no audit to verify": (["audit", "--verify", "folder"], "audit.lock"),
    "completion of no shell": (["completion", "cmd"], "'cmd' is not one of"),
    "misspelt key": (["check", "key.toml"], r"key.toml:\d+: the key 'lamda'.*did you mean 'lam'"),
    "misspelt kind": (["check", "kind.toml"], r"kind.toml:\d+: .*did you mean 'rank_one'"),
    "swapped factors": (["check", "swapped.toml"], r"factors\[0\] must have shape \(2, r\)"),
    "absent array": (["check", "array.toml"], "cannot read Z.npy"),
    "wrong type of a key": (["check", "type.toml"], r"type.toml:\d+: lam .*'2'"),
    "no TOML": (["check", "broken.toml"], "broken.toml is not valid TOML"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch, capsys):
    """Files right and wrong, in the working directory."""
    monkeypatch.chdir(tmp_path)
    fill(tmp_path)
    capsys.readouterr()
    return tmp_path


def fill(tmp_path):
    """Write them into the working directory."""
    text = write(tmp_path).read_text()
    main(["check", PROBLEM, "-o", "x.cert"])
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.toml").touch()
    (tmp_path / "text.txt").write_text("some words")
    (tmp_path / "broken.toml").write_text("lam = = 2")
    np.save("odd.npy", np.ones((7, 5)))
    changes = {
        "key": ("lam = 2.0", "lamda = 2.0"),
        "kind": ('"rank_one"', '"rank_won"'),
        "swapped": ('U = "U.npy"\nV = "V.npy"', 'U = "V.npy"\nV = "U.npy"'),
        "array": ('U = "U.npy"', 'U = "Z.npy"'),
        "type": ("lam = 2.0", 'lam = "2"'),
    }
    for name, (old, new) in changes.items():
        assert text.count(old) == 1
        (tmp_path / f"{name}.toml").write_text(text.replace(old, new))


@pytest.mark.parametrize(("arguments", "said"), CASES.values(), ids=CASES)
def test_a_wrong_invocation_is_one_sentence_and_changes_no_file(folder, capsys, arguments, said):
    before = {p: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    ended = inside(capsys, *arguments)
    assert ended.status == 2, ended
    assert len(ended.sentence) < 700
    assert re.search(said, ended.sentence), ended.sentence
    assert {p: p.read_bytes() for p in folder.iterdir() if p.is_file()} == before


def test_there_are_more_than_thirty():
    assert len(CASES) > 30
