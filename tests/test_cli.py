"""The command line: what it prints, writes and returns, run in this process and as a user does."""

import json
import os
import pty
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import entry_points, version
from pathlib import Path

import numpy as np
import pytest

from certify import Certificate, Verdict, cli, verify
from certify.demo import Row
from certify.files import load
from certify.verdict import EXIT_CODES
from tests.question_files import OPTIMUM, PLAIN, U, V, Y, inside, outside, write

ONE = {"U": U[:, :1], "V": V[:, :1]}  # 1/2 (2^2 + 4^2) + 2 * 3 = 16
WORSE = {"U": 2 * U, "V": V}  # 1/2 (1^2 + 0^2) + 2 * 10 = 20.5
SIGNED = 'kind = "rank_one"\nleft = "l2+"\nright = "l2+"'
CASES = {
    Verdict.CERTIFIED: ({}, ()),
    Verdict.REFUTED: (WORSE, ()),
    Verdict.RANK_LIMITED: (ONE, ()),
    Verdict.UNDECIDED: ({"atom": SIGNED, **ONE, "lam": "0.5"}, ("--budget", "0")),
    Verdict.OUT_OF_SCOPE: ({"atom": SIGNED, "lam": "0"}, ()),
}


@pytest.fixture
def strict(monkeypatch):
    """Let a warning of any library be an error, as `python -W error` does."""
    monkeypatch.setattr(sys, "warnoptions", ["error"])


# --- verdicts and exit statuses ----------------------------------------------------------


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("verdict", CASES)
def test_the_exit_status_of_check_is_the_verdict(tmp_path, capsys, verdict):
    changed, options = CASES[verdict]
    ended = inside(capsys, "check", write(tmp_path, **changed), "--json", *options)
    assert ended.json["verdict"] == verdict.name
    assert ended.status == EXIT_CODES[verdict.name]


def test_every_verdict_but_numerical_is_reached_from_a_file():
    assert set(CASES) == set(Verdict) - {Verdict.NUMERICAL}


def test_the_exit_status_of_a_numerical_verdict(tmp_path, capsys, monkeypatch):
    check = cli.decide
    changed = {"verdict": Verdict.NUMERICAL, "certificate": None, "lower": -np.inf}
    monkeypatch.setattr(cli, "decide", lambda *a, **k: replace(check(*a, **k), **changed))
    ended = inside(capsys, "check", write(tmp_path), "--json", "-o", tmp_path / "x.cert")
    assert ended.status == 11
    assert ended.json["lower"] is None
    assert ended.json["written"] == {"certificate": None}
    assert not (tmp_path / "x.cert").exists()


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("verdict", [v for v in CASES if v is not Verdict.OUT_OF_SCOPE])
@pytest.mark.parametrize("tier", ["exact", "rounded"])
def test_verify_proves_the_verdict_again(tmp_path, capsys, verdict, tier):
    changed, options = CASES[verdict]
    problem, cert = write(tmp_path, **changed), tmp_path / "x.cert"
    checked = inside(capsys, "check", problem, "-o", cert, "--json", *options).json
    ended = inside(capsys, "verify", cert, "--problem", problem, "--json", "--tier", tier)
    assert ended.status == EXIT_CODES[verdict.name]
    assert ended.json["verdict"] == verdict.name
    assert ended.json["tier"] == tier
    assert ended.json["rules"]
    assert ended.json["upper"] >= checked["lower"]
    if tier == "exact":
        assert ended.json["lower"] == checked["lower"]


def test_a_certificate_for_other_data_is_rejected_with_where_and_why(tmp_path, capsys):
    problem, cert = write(tmp_path), tmp_path / "x.cert"
    assert inside(capsys, "check", problem, "-o", cert).status == 0
    other = Y.copy()
    other[0, 0] = np.nextafter(5.0, 6.0)  # one bit
    np.save(tmp_path / "Y.npy", other)
    ended = inside(capsys, "verify", cert, "--problem", problem)
    assert ended.status == 20
    assert "rejected: statement.arrays.Y.sha256: question: certificate has" in ended.sentence
    ended = inside(capsys, "verify", cert, "--problem", problem, "--json")
    found = json.loads(ended.out)
    assert ended.status == 20
    assert found["verdict"] is None
    assert found["rejected"]["where"] == "statement.arrays.Y.sha256"
    assert found["rejected"]["code"] == "question"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"lam": "2.5"}, "statement.lam"),
        ({"atom": PLAIN}, "statement.atom.left"),
        ({"tail": "[epsilon]\nrtol = 0.5"}, "statement.rtol"),
        ({"U": U[:, ::-1], "V": V[:, ::-1]}, "statement.arrays.U.sha256"),
        ({"tail": '[[offsets]]\nkind = "row"'}, "statement.offsets"),
    ],
)
def test_a_certificate_for_another_question_is_rejected(tmp_path, capsys, change, where):
    cert = tmp_path / "x.cert"
    assert inside(capsys, "check", write(tmp_path), "-o", cert).status == 0
    ended = inside(capsys, "verify", cert, "--problem", write(tmp_path, **change))
    assert ended.status == 20
    assert f"rejected: {where}: question" in ended.sentence


# --- what is found -----------------------------------------------------------------------


@pytest.mark.usefixtures("strict")
def test_json_says_all_that_check_found(tmp_path, capsys):
    cert = tmp_path / "x.cert"
    found = inside(capsys, "check", write(tmp_path), "-o", cert, "--json").json
    assert found["lower"] == found["upper"] == OPTIMUM
    assert found["gap"] == found["relative_gap"] == found["stationarity"] == 0.0
    assert found["tier"] == "exact"
    assert found["reason"] == "no factors of any size are better by more than epsilon"
    assert found["seconds"] >= 0
    assert found["written"] == {"certificate": str(cert)}


def test_people_read_the_verdict_and_what_is_behind_it(tmp_path, capsys):
    cert, better = tmp_path / "x.cert", tmp_path / "b.npz"
    problem = write(tmp_path, **ONE)
    out = inside(capsys, "check", problem, "-o", cert, "--better", better).out
    first, *lines = out.splitlines()
    assert first == f"RANK_LIMITED  {Verdict.RANK_LIMITED.value}"
    said = {line[2:15].strip(): line[16:] for line in lines}
    assert said["bracket"] == "14.0 <= optimum, candidate <= 16.0"
    assert said["gap"] == "2.000e+00, relative 1.250e-01"
    assert said["reason"].startswith("factors with 2 slices are proved better than these 1")
    assert said["stationarity"].startswith("0.000e+00")
    assert said["arithmetic"].startswith("exact, ")
    size = cert.stat().st_size
    assert f"  written       {cert} (certificate, {size} bytes)" in lines
    assert f"  written       {better} (better factors, {better.stat().st_size} bytes)" in lines


def test_people_read_that_there_was_nothing_to_write(tmp_path, capsys):
    ended = inside(capsys, "check", write(tmp_path), "--better", tmp_path / "b.npz")
    assert "written       nothing: there is no better factors" in ended.out
    assert not (tmp_path / "b.npz").exists()


def test_better_factors_are_written_and_are_better(tmp_path, capsys):
    better = tmp_path / "b.npz"
    tail = '[[offsets]]\nkind = "column"\nridge = 1.0'
    path = write(tmp_path, atom=PLAIN, tail=tail, **WORSE)
    assert inside(capsys, "check", path, "--better", better).status == 10
    held, found = load(path), dict(np.load(better))
    assert set(found) == {"U", "V", "q0"}
    value = held.problem.objective((found["U"], found["V"]), (found["q0"],))
    assert value < held.problem.objective(held.factors, held.problem.best_offsets(held.factors))


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("start", [ONE, WORSE, {}])
def test_improved_factors_are_certified_from_their_own_files(tmp_path, capsys, start):
    better, cert = tmp_path / "b.npz", tmp_path / "x.cert"
    path = write(tmp_path, **start)
    ended = inside(capsys, "improve", path, "-o", better, "--certificate", cert, "--json")
    assert ended.status == 0
    assert ended.json["written"] == {"factors": str(better), "certificate": str(cert)}
    assert ended.json["objective"] == ended.json["upper"]
    assert ended.json["slices"] == np.load(better)["U"].shape[1]
    path.write_text(
        path.read_text().replace('"U.npy"', '"b.npz:U"').replace('"V.npy"', '"b.npz:V"')
    )
    assert inside(capsys, "check", path).status == 0
    assert inside(capsys, "verify", cert, "--problem", path).status == 0


def test_improved_factors_come_with_their_offsets(tmp_path, capsys):
    path = write(tmp_path, atom=PLAIN, tail='[[offsets]]\nkind = "column"', **WORSE)
    better, cert = tmp_path / "b.npz", tmp_path / "x.cert"
    args = ("-o", better, "--certificate", cert, "--json")
    assert inside(capsys, "improve", path, *args).json["verdict"] == "CERTIFIED"
    held, found = load(path), dict(np.load(better))
    factors, q = (found["U"], found["V"]), (found["q0"],)
    assert verify(cert, held.problem, factors, q=q).verdict is Verdict.CERTIFIED


def test_improve_says_what_is_out_of_scope_and_its_cure(tmp_path, capsys):
    path = write(tmp_path, atom=SIGNED, lam="0")
    ended = inside(capsys, "improve", path, "-o", tmp_path / "b.npz", "--json")
    assert ended.status == 13
    assert "give lam > 0" in ended.sentence
    assert not (tmp_path / "b.npz").exists()


# --- options -----------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--rtol=0.2", "--atol=3"])
def test_epsilon_on_the_command_line_wins_over_the_file(tmp_path, capsys, option):
    path, cert = write(tmp_path, tail="[epsilon]\nrtol = 0\natol = 0", **ONE), tmp_path / "x.cert"
    assert inside(capsys, "check", path).status == 14
    assert inside(capsys, "check", path, "-o", cert, option).status == 0
    assert inside(capsys, "verify", cert, "--problem", path).status == 20
    assert inside(capsys, "verify", cert, "--problem", path, option).status == 0


def test_epsilon_of_the_file_is_used(tmp_path, capsys):
    path = write(tmp_path, tail="[epsilon]\natol = 3", **ONE)
    assert inside(capsys, "check", path).status == 0
    assert inside(capsys, "check", path, "--atol=0").status == 14


def test_seed_budget_and_progress_reach_the_search(tmp_path, capsys, monkeypatch):
    told, check = {}, cli.decide

    def listening(*given, **keywords):
        told.update(keywords)
        return check(*given, **keywords)

    monkeypatch.setattr(cli, "decide", listening)
    options = ("--seed", "7", "--budget", "2.5", "--rtol", "0.5", "--atol", "0.25")
    inside(capsys, "check", write(tmp_path), *options)
    wanted = {"seed": 7, "budget": 2.5, "rtol": 0.5, "atol": 0.25, "progress": None, "q": None}
    assert told == wanted


def test_the_same_seed_writes_the_same_bytes(tmp_path, capsys):
    path = write(tmp_path, atom=PLAIN, **WORSE)
    for name in ("a", "b"):
        inside(capsys, "check", path, "-o", tmp_path / f"{name}.cert", "--seed", "3")
        inside(capsys, "improve", path, "-o", tmp_path / f"{name}.npz", "--seed", "3")
    for suffix in ("cert", "npz"):
        a, b = (tmp_path / f"{name}.{suffix}" for name in ("a", "b"))
        assert a.read_bytes() == b.read_bytes()


@pytest.mark.parametrize("command", ["check", "verify", "improve", "demo"])
def test_every_command_has_the_common_options(capsys, command):
    ended = inside(capsys, command, "--help")
    assert ended.status == 0
    for option in ("--json", "--budget", "--seed", "--rtol", "--atol", "--debug"):
        assert option in ended.out


# --- the command as a user runs it -------------------------------------------------------


def test_the_version_is_the_package_version(capsys):
    assert inside(capsys, "--version").out == f"certify {version('certify')}\n"


def test_the_command_is_installed_under_its_name():
    (entry,) = entry_points(group="console_scripts", name="certify")
    assert entry.load() is cli.main


def test_a_session_as_a_user_runs_it(tmp_path):
    write(tmp_path, **ONE)
    ended = outside("check", "problem.toml", "-o", "x.cert", "--json", cwd=tmp_path)
    assert (ended.status, ended.json["verdict"]) == (14, "RANK_LIMITED")
    ended = outside("verify", "x.cert", "--problem", "problem.toml", "--json", cwd=tmp_path)
    assert (ended.status, ended.json["verdict"]) == (14, "RANK_LIMITED")
    ended = outside("improve", "problem.toml", "-o", "b.npz", "--json", cwd=tmp_path)
    assert (ended.status, ended.json["verdict"]) == (0, "CERTIFIED")
    assert ended.json["lower"] <= OPTIMUM <= ended.json["upper"]
    assert {p.name for p in tmp_path.iterdir() if p.suffix in (".cert", ".npz")} == {
        "x.cert",
        "b.npz",
    }


def test_nothing_is_said_on_stderr_in_a_pipe(tmp_path):
    ended = outside("check", write(tmp_path))
    assert ended.out.startswith("CERTIFIED  proved")
    assert ended.err == ""


@pytest.mark.parametrize("command", ["check", "improve", "verify"])
def test_a_terminal_gets_a_bar_on_stderr_and_stdout_stays_clean(tmp_path, command):
    path, cert = write(tmp_path, **ONE), tmp_path / "x.cert"
    assert cli.main(["check", str(path), "-o", str(cert), "--json"]) == 14
    arguments = {
        "check": [path],
        "improve": [path, "-o", tmp_path / "b.npz"],
        "verify": [cert, "--problem", path],
    }[command]
    main_end, user_end = pty.openpty()
    line = [sys.executable, "-m", "certify", command, *map(str, arguments), "--json"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=user_end, text=True) as process:
        os.close(user_end)
        shown = drained(main_end)
        out = process.stdout.read()
    assert json.loads(out)["lower"] == OPTIMUM
    assert "\x1b[" in shown
    assert "0:00:00" in shown


def drained(handle):
    """Everything written to a terminal until its other end is closed."""
    parts = []
    try:
        while part := os.read(handle, 4096):
            parts.append(part)
    except OSError:  # how Linux reports that the other end is closed
        pass
    finally:
        os.close(handle)
    return b"".join(parts).decode()


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    path = write(tmp_path)
    reads, writes = os.pipe()
    os.close(reads)
    line = [sys.executable, "-m", "certify", "check", str(path), "--json"]
    done = subprocess.run(line, stdout=writes, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writes)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_output_that_cannot_be_printed_is_one_sentence(tmp_path):
    line = [sys.executable, "-m", "certify", "check", str(write(tmp_path)), "--json"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.stderr == "certify: output: No space left on device\n"
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing command"),
        (["chek"], "No such command 'chek'"),
        (["check"], "Missing argument 'PROBLEM' (see certify check --help)"),
        (["check", "a.toml", "--sed", "1"], "No such option"),
        (["check", "a.toml", "--seed", "x"], "'x' is not a valid"),
        (["check", "a.toml", "--seed=-1"], "-1 is not in the range"),
        (["check", "a.toml", "--rtol", "small"], "'small' is not a valid float"),
        (["verify", "x.cert"], "Missing option '--problem'"),
        (["verify", "x.cert", "--problem", "p.toml", "--tier", "float"], "'float' is not one of"),
        (["improve", "a.toml"], "Missing option '-o'"),
    ],
)
def test_a_misuse_is_one_sentence(capsys, arguments, said):
    ended = inside(capsys, *arguments)
    assert ended.status == 2
    assert said in ended.sentence


# --- defects and demonstrations ----------------------------------------------------------


def broken(*_given, **_keywords):
    raise ZeroDivisionError("by zero\nagain")


def test_a_defect_asks_for_a_report_without_a_traceback(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli, "decide", broken)
    ended = inside(capsys, "check", write(tmp_path), "-o", tmp_path / "x.cert")
    assert ended.status == 1
    assert r"defect of certify, ZeroDivisionError: by zero\nagain; please report" in ended.sentence
    assert not (tmp_path / "x.cert").exists()


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_traceback_is_shown_on_request(tmp_path, capsys, monkeypatch, by):
    monkeypatch.setattr(cli, "decide", broken)
    if by == "environment":
        monkeypatch.setenv("CERTIFY_DEBUG", "1")
    options = ["--debug"] if by == "option" else []
    ended = inside(capsys, "check", write(tmp_path), *options)
    assert ended.status == 1
    assert "Traceback" in ended.err
    assert "in broken" in ended.err


def test_too_little_memory_is_one_sentence(tmp_path, capsys, monkeypatch):
    def greedy(*_given, **_keywords):
        raise MemoryError("Unable to allocate 7.28 TiB")

    monkeypatch.setattr(cli, "decide", greedy)
    ended = inside(capsys, "check", write(tmp_path))
    assert ended.status == 2
    assert "not enough memory for these sizes: Unable to allocate 7.28 TiB" in ended.sentence


def row(**changed):
    plain = {"model": "PCA(10)", "expected": Verdict.CERTIFIED, "lower": 1.0, "upper": 1.5}
    plain |= {"verdict": Verdict.CERTIFIED, "verified": Verdict.CERTIFIED, "relative_gap": 0.5}
    plain |= {"better": None, "seconds_to_check": 0.5, "seconds_to_verify": 0.5, "bytes": 8}
    return Row(**plain | {"path": Path("pca.cert")} | changed)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, 0),
        ({"verdict": Verdict.UNDECIDED, "verified": Verdict.UNDECIDED}, 1),
        ({"verified": Verdict.UNDECIDED}, 1),
    ],
)
def test_demo_shows_its_rows_and_fails_on_an_unexpected_one(capsys, monkeypatch, changed, status):
    told = {}

    def run(folder, **keywords):
        told.update(keywords, folder=folder)
        return [row(), row(model="NMF(16)", **changed)]

    monkeypatch.setattr(cli.demonstration, "run", run)
    ended = inside(capsys, "demo", "--seed", "5")
    assert told == {"folder": Path("certify-demo"), "seed": 5, "progress": None}
    assert ended.status == status
    assert "PCA(10)" in ended.out
    assert "2 certificates are in certify-demo" in ended.out
    assert ended.err == ("certify: unexpected verdict: NMF(16)\n" if status else "")
    ended = inside(capsys, "demo", "elsewhere", "--json")
    assert [json.loads(line)["model"] for line in ended.out.splitlines()] == ["PCA(10)", "NMF(16)"]
    assert told["folder"] == Path("elsewhere")


def test_a_certificate_in_the_api_and_on_the_command_line_is_one_file(tmp_path, capsys):
    path, cert = write(tmp_path, **ONE), tmp_path / "x.cert"
    inside(capsys, "check", path, "-o", cert)
    held = load(path)
    assert Certificate.load(cert).verdict == "RANK_LIMITED"
    assert verify(cert, held.problem, held.factors).lower == OPTIMUM
