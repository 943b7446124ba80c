"""The command line: what it prints, writes and returns, run in this process and as a user does."""

import json
import sys
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from rich.table import Table

from certify import Certificate, Verdict, cli, verify
from certify.adapters.files import load
from certify.base.cluster import PLACE
from certify.base.errors import InputError
from certify.cli import _options, _show
from certify.pipeline.certificate import tiers
from certify.pipeline.certificate.verdict import EXIT_CODES
from tests.question_files import OPTIMUM, PLAIN, U, V, Y, inside, write

ONE = {"U": U[:, :1], "V": V[:, :1]}  # 1/2 (2^2 + 4^2) + 2 * 3 = 16
WORSE = {"U": 2 * U, "V": V}  # 1/2 (1^2 + 0^2) + 2 * 10 = 20.5
SIDE = np.sqrt(4.5)  # the best 1 component at lam 0.5 has the entry 4.5: 10.375
LEAST = {"U": SIDE * np.eye(2, 1), "V": SIDE * np.eye(3, 1)}
SIGNED = 'kind = "rank_one"\nleft = "l2+"\nright = "l2+"'
CASES = {
    Verdict.CERTIFIED: ({}, ()),
    Verdict.REFUTED: (WORSE, ()),
    Verdict.RANK_LIMITED: (ONE, ()),
    Verdict.UNDECIDED: ({"atom": SIGNED, **LEAST, "lam": "0.5"}, ("--budget", "0")),
    Verdict.OUT_OF_SCOPE: ({"lam": "0", "tail": '[[offsets]]\nkind = "sparse"\nrho = 1.0'}, ()),
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


@pytest.mark.parametrize("case", ["exact 0 1", "exact 9 1", "rounded 0 1", "exact 0 0"])
def test_a_terminal_is_told_how_long_exact_integers_take(tmp_path, capsys, monkeypatch, case):
    tier, long, terminal = case.split()
    problem, cert = write(tmp_path), tmp_path / "x.cert"
    assert inside(capsys, "check", problem, "-o", cert).status == 0
    monkeypatch.setattr(tiers, "LONG", float(long))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal == "1")
    ended = inside(capsys, "verify", cert, "--problem", problem, "--json", "--tier", tier)
    assert ended.status == 0
    told = "about 0 seconds of a core in exact integers; --tier rounded is several times faster"
    assert (told in ended.err) == (case == "exact 0 1")


def test_a_certificate_for_other_data_is_rejected_with_where_and_why(tmp_path, capsys):
    problem, cert = write(tmp_path), tmp_path / "x.cert"
    assert inside(capsys, "check", problem, "-o", cert).status == 0
    other = Y.copy()
    other[0, 0] = np.nextafter(5.0, 6.0)  # one bit
    np.save(tmp_path / "Y.npy", other)
    ended = inside(capsys, "verify", cert, "--problem", problem)
    assert ended.status == 20
    assert "rejected: statement.arrays.Y.sha256: question: your Y differs" in ended.sentence
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


# --- what a recipient sees who has nothing but the file ------------------------------------


@pytest.mark.parametrize("tier", ["exact", "rounded"])
def test_without_a_problem_the_claim_is_proved_and_the_question_printed(tmp_path, capsys, tier):
    cert = tmp_path / "x.cert"
    assert inside(capsys, "check", write(tmp_path, **ONE), "-o", cert).status == 14
    ended = inside(capsys, "verify", cert, "--tier", tier)
    assert ended.status == 14
    said = {line[2:15].strip(): line[16:] for line in ended.out.splitlines()[2:]}
    asked = inside(capsys, "explain", cert).out.splitlines()[1].removeprefix("Question: ")
    assert said["question"].partition(", within ")[0] == asked.partition(", within ")[0]
    assert said["question"].startswith("Somebody fitted a matrix factorization of 1 component")
    assert said["compared"].startswith("not with your own data and factors: certify verify ")
    again = inside(capsys, "verify", cert, "--json", "--tier", tier).json
    whole = ("--problem", tmp_path / "problem.toml", "--json", "--tier", tier)
    mine = inside(capsys, "verify", cert, *whole).json
    assert (again["lower"], again["upper"], again["verdict"]) == tuple(
        mine[k] for k in ("lower", "upper", "verdict")
    )
    assert again["compared"].startswith("not with")
    assert "compared" not in mine


def test_without_a_problem_another_epsilon_or_size_is_another_question(tmp_path, capsys):
    cert, own = tmp_path / "x.cert", tmp_path / "own.cert"
    problem = write(tmp_path, **ONE)
    assert inside(capsys, "check", problem, "-o", cert, "--own-size", own).status == 14
    assert "over at most 1 component" in inside(capsys, "verify", own, "--own-size").out
    statuses = {inside(capsys, "verify", own, *x).status for x in ((), ("--own-size",))}
    assert len(statuses) == 1
    for option in (("--own-size",), ("--rtol", "1e-3"), ("--atol", "2")):
        ended = inside(capsys, "verify", cert, *option)
        assert ended.status == 20
        assert "question" in ended.sentence
    assert inside(capsys, "verify", cert, "--rtol", "1e-6", "--atol", "0").status == 14


def test_without_a_problem_a_changed_file_is_rejected(tmp_path, capsys):
    cert = tmp_path / "x.cert"
    assert inside(capsys, "check", write(tmp_path), "-o", cert).status == 0
    certificate = Certificate.load(cert)
    certificate.save(tmp_path / "bare.cert", data=False)
    assert inside(capsys, "verify", tmp_path / "bare.cert").status == 2
    blob = bytearray(cert.read_bytes())
    blob[-3] ^= 1
    cert.write_bytes(blob)
    assert inside(capsys, "verify", cert).status == 20


def test_verify_takes_a_problem_and_factors_together(tmp_path, capsys):
    cert = tmp_path / "x.cert"
    problem = write(tmp_path)
    assert inside(capsys, "check", problem, "-o", cert).status == 0
    held = load(problem)
    assert verify(cert).lower == verify(cert, held.problem, held.factors).lower == OPTIMUM
    for some in ({"problem": held.problem}, {"factors": held.factors}, {"q": ()}):
        with pytest.raises(InputError, match="together, or neither"):
            verify(cert, **some)


# --- what is found -----------------------------------------------------------------------


@pytest.mark.usefixtures("strict")
def test_json_says_all_that_check_found(tmp_path, capsys):
    cert = tmp_path / "x.cert"
    found = inside(capsys, "check", write(tmp_path), "-o", cert, "--json").json
    assert found["lower"] == found["upper"] == OPTIMUM
    assert found["gap"] == found["relative_gap"] == found["stationarity"] == 0.0
    assert next(iter(found)) == "distance"
    assert found["distance"] == "at most 0 % above the optimum over any size (proved)"
    assert found["tier"] == "exact"
    assert found["reason"] == "no factors of any size are better by more than epsilon"
    assert found["seconds"] >= 0
    assert found["written"] == {"certificate": str(cert)}


def test_people_read_the_verdict_and_what_is_behind_it(tmp_path, capsys):
    cert, better = tmp_path / "x.cert", tmp_path / "b.npz"
    problem = write(tmp_path, **ONE)
    out = inside(capsys, "check", problem, "-o", cert, "--better", better).out
    first, second, *lines = out.splitlines()
    assert first == "at most 15 % above the optimum over any size (proved)"
    assert second == f"RANK_LIMITED  {Verdict.RANK_LIMITED.value}"
    said = {line[2:15].strip(): line[16:] for line in lines}
    assert said["bracket"] == "14 <= optimum over any size, candidate <= 16"
    assert said["gap"] == "2, relative 0.125"
    assert said["reason"].startswith("factors with 2 components are proved better than these 1")
    assert said["stationarity"].startswith("0.000e+00")
    assert said["arithmetic"].startswith("exact, ")
    size = cert.stat().st_size
    assert f"  written       {cert} (certificate, {size} bytes)" in lines
    assert f"  written       {better} (better factors, {better.stat().st_size} bytes)" in lines


def test_people_read_the_verdict_where_the_terminal_has_no_width(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "0")
    assert (
        f"RANK_LIMITED  {Verdict.RANK_LIMITED.value}"
        in inside(capsys, "check", write(tmp_path, **ONE)).out
    )


def test_a_table_where_the_terminal_has_no_width(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "0")
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for a terminal
    grid = Table("model")
    grid.add_row("nmf")
    _show.table(grid)
    assert "nmf" in capsys.readouterr().out


def test_a_question_that_windows_marked_and_ended_its_lines_is_read(tmp_path, capsys):
    problem = write(tmp_path)
    text = problem.read_bytes().replace(b"\n", b"\r\n")
    problem.write_bytes(b"\xef\xbb\xbf" + text)
    assert inside(capsys, "check", problem).status == Verdict.CERTIFIED.exit_code


def test_people_read_that_there_was_nothing_to_write(tmp_path, capsys):
    ended = inside(capsys, "check", write(tmp_path), "--better", tmp_path / "b.npz")
    assert "written       nothing: no better factors" in ended.out
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
    assert ended.json["components"] == np.load(better)["U"].shape[1]
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


def test_the_exit_status_of_improve_is_the_verdict_where_it_ends(tmp_path, capsys):
    changed, options = CASES[Verdict.UNDECIDED]
    path = write(tmp_path, **changed)
    ended = inside(capsys, "improve", path, "-o", tmp_path / "b.npz", "--json", *options)
    assert ended.json["verdict"] == "UNDECIDED"
    assert ended.status == 12


def test_improve_says_what_is_out_of_scope_and_its_cure(tmp_path, capsys):
    path = write(tmp_path, lam="0", tail='[[offsets]]\nkind = "sparse"\nrho = 1.0')
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
    assert told == wanted | {"checkpoint": None, "method": "engine", "solver": None}


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


def test_a_certificate_in_the_api_and_on_the_command_line_is_one_file(tmp_path, capsys):
    path, cert = write(tmp_path, **ONE), tmp_path / "x.cert"
    inside(capsys, "check", path, "-o", cert)
    held = load(path)
    assert Certificate.load(cert).verdict == "RANK_LIMITED"
    assert verify(cert, held.problem, held.factors).lower == OPTIMUM


def test_the_best_of_a_rank_is_not_called_the_best_of_any_size(tmp_path, capsys):
    path = write(tmp_path, lam="0.0", atom=PLAIN, U=np.diag([5.0, 0])[:, :1], V=np.eye(3)[:, :1])
    ended = inside(capsys, "check", path)
    assert ended.status == 0
    assert "no factors of any size" not in ended.out
    assert "CERTIFIED  proved: no factors of at most 1 component are better" in ended.out


@pytest.mark.parametrize("command", ["check", "verify", "improve"])
def test_a_scheduler_is_where_proofs_are_made(tmp_path, capsys, monkeypatch, command):
    problem, cert, asked, places = write(tmp_path), tmp_path / "x.cert", [], []
    assert inside(capsys, "check", problem, "-o", cert).status == 0

    def connect(address):
        asked.append(address)
        return nullcontext("the client")

    def seen(run):
        return lambda *a, **k: places.append(PLACE.get()) or run(*a, **k)

    monkeypatch.setattr(_options, "connect", connect)
    for module, name in ((cli, "decide"), (cli, "improved_from"), (cli.recheck, "verify")):
        monkeypatch.setattr(module, name, seen(getattr(module, name)))
    arguments = {
        "check": (problem,),
        "verify": (cert, "--problem", problem),
        "improve": (problem, "-o", tmp_path / "x.npz"),
    }[command]
    assert inside(capsys, command, *arguments, "--scheduler", "tcp://host:1").status == 0
    assert inside(capsys, command, *arguments).status == 0
    assert asked == ["tcp://host:1"]
    assert [getattr(p, "client", None) for p in places] == ["the client", None]
