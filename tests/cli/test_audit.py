"""Audits: many models, one table, one status; killed and resumed, copied and verified."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from certify import InputError, check
from certify.cli import audit, main
from certify.cli.audit import _book as book
from certify.cli.audit import _pool
from tests import audit_fits as fits
from tests.browser import CHROMIUM, laid_out
from tests.cli.test_outputs import interruptible
from tests.pipeline.test_report import Page
from tests.question_files import inside, write

pytest.importorskip("sklearn")
FITS = ("pca", "svd", "nmf", "nuclear", "lasso", "logistic", "symmetric", "tensor")
REST = ("network", "deep")
TIMED = ("nmf",)  # searched until its budget ends: what it finds better depends on the clock
OPTIMUM = {"pca": "CERTIFIED", "svd": "CERTIFIED", "nuclear": "REFUTED", "wrong": "FAILED"}


def planned(folder, names, extra=""):
    """Write an audit.toml beside a copy of the fits."""
    shutil.copy(Path(__file__).parents[1].joinpath("audit_fits.py"), folder / "fits.py")
    few = dict.fromkeys(TIMED, "budget = 2\n")
    models = "".join(
        f'[[model]]\nname = "{n}"\nfit = "fits.py:{n}"\n{few.get(n, "")}' for n in names
    )
    path = folder / "audit.toml"
    path.write_text(f"[defaults]\nbudget = 60\n{models}{extra}", encoding="utf-8")
    return path


def twelve(folder):
    """Write a plan of twelve models of all families, two of them files."""
    question = write(folder)
    result = check(*fits.nuclear())
    result.certificate.save(folder / "old.cert")
    extra = f'[[model]]\nname = "files"\nproblem = "{question.name}"\n'
    return planned(
        folder, (*FITS, *REST), f'{extra}[[model]]\nname = "old"\ncertificate = "old.cert"\n'
    )


def plain(rows):
    """Return what two runs of one audit must agree in."""
    kept = ("name", "verdict", "status", "lower", "upper", "reason", "sha256")
    return [{k: r.get(k) for k in kept} for r in rows]


def rows_in(folder):
    return [json.loads(x) for x in (folder / "results.jsonl").read_text("utf-8").splitlines()]


def test_a_model_whose_files_are_wrong_is_a_row_at_once(tmp_path, monkeypatch):
    path = tmp_path / "audit.toml"
    absent = 'name = "absent"\ntimeout = 0.01\nproblem = "no.toml"\n'
    folder = 'name = "folder"\ntimeout = 0.01\nfit = "f.py:fit"\ninputs = ["."]\n'
    path.write_text(f"[[model]]\n{absent}[[model]]\n{folder}", encoding="utf-8")
    (tmp_path / "f.py").write_text("", encoding="utf-8")
    monkeypatch.setattr(_pool.subprocess, "Popen", None)
    found = audit.run(path, tmp_path / "out")
    assert [(r["verdict"], r["status"]) for r in found.rows] == [("FAILED", 2)] * 2
    assert found.rows[0]["reason"].endswith("no.toml: No such file or directory")
    assert found.rows[1]["reason"].endswith("Is a directory")
    again = audit.verify(tmp_path / "out", inputs=tmp_path)
    assert [(r["verdict"], r["status"]) for r in again.rows] == [("FAILED", 2)] * 2
    lock = json.loads((tmp_path / "out" / "audit.lock").read_text("utf-8"))
    lock["models"][0]["verdict"] = "OUT_OF_SCOPE"  # which needs its files
    (tmp_path / "out" / "audit.lock").write_text(json.dumps(lock), encoding="utf-8")
    lied = audit.verify(tmp_path / "out", inputs=tmp_path).rows[0]
    assert (lied["verdict"], lied["reason"]) == ("REJECTED", "the lock has no digest of no.toml")


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Twelve models killed at the sixth, resumed, with what there was at the kill."""
    folder = tmp_path_factory.mktemp("audit")
    plan, out = twelve(folder), folder / "out"
    command = [sys.executable, "-m", "certify", "audit", plan, "-o", out, "--jobs", "1"]
    running = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    limit = time.monotonic() + 240
    while not (out / "results.jsonl").exists() or len(rows_in(out)) < 6:
        assert time.monotonic() < limit
        assert running.poll() is None
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    before = rows_in(out)
    lock = (out / "audit.lock").exists()
    return plan, out, before, lock, audit.run(plan, out)


@pytest.mark.thorough
def test_an_audit_that_was_killed_goes_on(judged):
    plan, out, before, lock, found = judged
    assert not lock
    assert 6 <= len(before) < 12
    assert [r["name"] for r in found.rows] == [j.name for j in audit.plan(plan)]
    assert len(found.rows) == 12
    done = {r["name"] for r in before}
    assert {r["name"] for r in found.rows if r["cached"]} == done
    again = {r["name"]: r for r in found.rows}
    assert all(again[r["name"]]["sha256"] == r["sha256"] for r in before)
    assert rows_in(out) == found.rows


@pytest.mark.thorough
def test_rows_say_what_check_says(judged):
    _, out, _, _, found = judged
    by = {r["name"]: r for r in found.rows}
    assert {k: by[k]["verdict"] for k in ("pca", "svd", "nuclear")} == {
        k: OPTIMUM[k] for k in ("pca", "svd", "nuclear")
    }
    assert by["old"]["reason"] == "the certificate was verified again"
    for row in found.rows:
        assert ("distance" in row) == ("lower" in row)
        assert row.get("distance", "(proved)").endswith("(proved)")
    assert by["files"]["upper"] == 14.0
    assert found.status == book.worst(found.rows) == 10
    for r in found.rows:
        assert (out / r["certificate"]).stat().st_size == r["bytes"]
        assert r["verdict"] in (out / r["report"]).read_text("utf-8")


@pytest.mark.thorough
def test_a_copy_is_verified_without_search_and_without_inputs(judged, tmp_path, capsys):
    _, out, _, _, found = judged
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    again = audit.verify(copy)
    assert [(r["name"], r["verdict"]) for r in again.rows] == [
        (r["name"], r["verdict"]) for r in found.rows
    ]
    assert all(r["reason"].startswith("proved by") for r in again.rows)
    assert [r["distance"] for r in again.rows] == [r["distance"] for r in found.rows]
    assert main(["audit", "--verify", str(copy), "--json"]) == 10
    lines = [json.loads(x) for x in capsys.readouterr().out.splitlines()]
    assert [r["name"] for r in lines] == [r["name"] for r in found.rows]


def damaged(copy, what):
    lock = json.loads((copy / "audit.lock").read_text("utf-8"))
    if what == "certificate":
        blob = bytearray((copy / "certificates/pca.cert").read_bytes())
        blob[-9] ^= 1
        (copy / "certificates/pca.cert").write_bytes(blob)
    elif what == "swapped":
        shutil.copy(copy / "certificates/svd.cert", copy / "certificates/pca.cert")
    elif what == "absent":
        (copy / "certificates/pca.cert").unlink()
    else:
        assert lock["models"][0]["name"] == "pca"
        lock["models"][0]["verdict"] = "REFUTED"
        (copy / "audit.lock").write_text(json.dumps(lock), encoding="utf-8")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("certificate", "pca.cert is another file"),
        ("swapped", "pca.cert is another file"),
        ("absent", "No such file"),
        ("verdict", "says REFUTED, its certificate proves CERTIFIED"),
    ],
)
def test_a_damaged_copy_is_rejected_by_name(judged, tmp_path, what, said):
    copy = tmp_path / "copy"
    shutil.copytree(judged[1], copy)
    damaged(copy, what)
    found = audit.verify(copy)
    wrong = [r for r in found.rows if r["verdict"] == "REJECTED"]
    pages = ["results.jsonl", "index.html"] if what == "verdict" else []  # which show another one
    assert [r["name"] for r in wrong] == ["pca", *pages]
    assert said in wrong[0]["reason"]
    assert found.status == 20


@pytest.mark.thorough
def test_inputs_are_compared_where_they_are_given(judged, tmp_path):
    plan, out, *_ = judged
    same = audit.verify(out, inputs=plan.parent)
    assert "REJECTED" not in {r["verdict"] for r in same.rows}
    other = tmp_path / "inputs"
    shutil.copytree(plan.parent, other, ignore=shutil.ignore_patterns("out"))
    np.save(other / "Y.npy", np.eye(3))
    wrong = {r["name"]: r for r in audit.verify(out, inputs=other).rows}
    assert "inputs changed since the audit: Y.npy" in wrong["files"]["reason"]
    assert wrong["pca"]["verdict"] == "CERTIFIED"


@pytest.mark.thorough
def test_only_what_changed_is_judged_again(judged, tmp_path):
    copy = tmp_path / "all"
    shutil.copytree(judged[0].parent, copy)
    text = (copy / "problem.toml").read_text()
    (copy / "problem.toml").write_text(text.replace("lam = 2.0", "lam = 3.0"))
    (copy / "out" / "certificates" / "svd.cert").write_bytes(b"what somebody put there")
    seen = []
    found = audit.run(copy / "audit.toml", copy / "out", progress=seen.append)
    assert {r["name"] for r in found.rows if not r["cached"]} == {"files", "svd"}
    assert [p.done for p in seen] == list(range(1, 13))
    assert all(p.total == 12 for p in seen)


@pytest.mark.thorough
def test_the_index_links_every_report_and_certificate(judged):
    _, out, _, _, found = judged
    page = Page((out / "index.html").read_text("utf-8"))
    links = {attrs["href"] for tag, attrs in page.tags if tag == "a"}
    own = {r["own_certificate"] for r in found.rows if "own_certificate" in r}
    assert own
    assert links == own | {r[k] for r in found.rows for k in ("report", "certificate")}
    assert all((out / link).exists() for link in links)
    assert page.open == []
    assert "script" not in {tag for tag, _ in page.tags}


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("width", [360, 1400])
def test_a_browser_shows_the_index_without_overflow(judged, width, tmp_path):
    wide, console = laid_out(judged[1] / "index.html", width, tmp_path)
    assert wide <= width
    assert console == ""


@pytest.mark.thorough
def test_a_crash_a_time_out_and_an_exception_are_rows(tmp_path):
    extra = '[[model]]\nname = "hang"\nfit = "fits.py:hang"\ntimeout = 3\n'
    plan = planned(tmp_path, ("crash", "wrong", "odd", "pca"), extra)
    found = audit.run(plan, tmp_path / "out")
    by = {r["name"]: r for r in found.rows}
    assert {k: (r["verdict"], r["status"]) for k, r in by.items()} == {
        "crash": ("FAILED", 1),
        "wrong": ("FAILED", 2),
        "odd": ("FAILED", 2),
        "hang": ("TIMEOUT", 12),
        "pca": ("CERTIFIED", 0),
    }
    assert "status 7" in by["crash"]["reason"]
    assert "ValueError: no such data" in by["wrong"]["reason"]
    assert "got int" in by["odd"]["reason"]
    assert found.status == 1
    again = audit.run(plan, tmp_path / "out")
    assert [r["name"] for r in again.rows if r["cached"]] == ["pca"]
    kept = {r["name"]: r["verdict"] for r in audit.verify(tmp_path / "out").rows}
    assert kept["crash"] == "FAILED"


def ended_at(path):
    """Return a file's size once it has stopped growing, for which it gets ten seconds."""
    limit = time.monotonic() + 10
    while time.monotonic() < limit:
        before = path.stat().st_size
        time.sleep(0.5)
        if path.stat().st_size == before:
            return before
    return None


@pytest.mark.thorough
def test_whatever_a_fit_does_is_a_row_and_ends_with_it(tmp_path, monkeypatch):
    alive = tmp_path / "alive"
    monkeypatch.setenv("AUDIT_ALIVE", str(alive))
    plan = planned(tmp_path, ("leaves", "more", "interrupts", "killed", "loud", "forks", "threads"))
    found = audit.run(plan, tmp_path / "out")
    by = {r["name"]: r for r in found.rows}
    assert {k: (r["verdict"], r["status"]) for k, r in by.items()} == {
        "leaves": ("FAILED", 2),
        "more": ("FAILED", 2),
        "interrupts": ("FAILED", 2),
        "killed": ("FAILED", 1),
        "loud": ("REFUTED", 10),
        "forks": ("REFUTED", 10),
        "threads": ("REFUTED", 10),
    }
    assert "raised SystemExit: 3" in by["leaves"]["reason"]
    assert "got more after a problem" in by["more"]["reason"]
    assert "raised KeyboardInterrupt: <b>" in by["interrupts"]["reason"]
    assert (tmp_path / "out" / "index.html").stat().st_size < 50_000
    assert "ended by signal 9" in by["killed"]["reason"]
    assert all(r["seconds"] < 60 for r in found.rows if "seconds" in r)
    assert ended_at(alive) is not None


@pytest.mark.slow
def test_what_a_fit_that_hangs_has_started_ends_at_the_time_out(tmp_path):
    alive = tmp_path / "alive"
    alive.touch()
    text = (
        "import os, time\n\ndef fit():\n    os.fork()\n    while True:\n"
        f"        open({str(alive)!r}, 'a').write('.')\n        time.sleep(0.1)\n"
    )
    (tmp_path / "fits.py").write_text(text, encoding="utf-8")
    plan = tmp_path / "audit.toml"
    plan.write_text('[[model]]\nname = "a"\nfit = "fits.py:fit"\ntimeout = 8\n', encoding="utf-8")
    (row,) = audit.run(plan, tmp_path / "out").rows
    assert row["verdict"] == "TIMEOUT"
    assert ended_at(alive)


@pytest.mark.thorough
def test_an_audit_that_is_stopped_leaves_no_process(tmp_path):
    alive = tmp_path / "alive"
    text = (
        "import time\n\ndef fit():\n    while True:\n"
        f"        open({str(alive)!r}, 'a').write('.')\n        time.sleep(0.1)\n"
    )
    (tmp_path / "fits.py").write_text(text, encoding="utf-8")
    (tmp_path / "audit.toml").write_text(
        '[[model]]\nname = "a"\nfit = "fits.py:fit"\n', encoding="utf-8"
    )
    command = [sys.executable, "-m", "certify", "audit", "audit.toml", "-o", "out"]
    for how, status in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        running = subprocess.Popen(
            command,
            cwd=tmp_path,
            preexec_fn=interruptible,  # noqa: PLW1509  one thread here; restores a signal only
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        limit = time.monotonic() + 60
        while not alive.exists() and time.monotonic() < limit:
            time.sleep(0.1)
        running.send_signal(how)
        assert running.wait(30) == status
        assert "Traceback" not in running.stderr.read().decode()
        running.stderr.close()
        assert ended_at(alive)
        alive.unlink()


@pytest.mark.thorough
def test_an_audit_that_its_caller_stops_ends_what_runs(tmp_path):
    plan = planned(tmp_path, ("wrong", "hang"))

    def stop(_):
        raise RuntimeError("enough")

    start = time.monotonic()
    with pytest.raises(RuntimeError, match="enough"), ThreadPoolExecutor(2) as pool:
        audit.run(plan, tmp_path / "out", executor=pool, progress=stop)
    assert time.monotonic() - start < 30  # the fit that hangs has a minute and more


@pytest.mark.thorough
def test_any_folder_and_file_may_have_any_name(tmp_path, capsys):
    folder = tmp_path / "Größe der Δ ½ 'x'"
    folder.mkdir()
    write(folder).rename(folder / "mein Modell é.toml")
    plan = folder / "der Plan.toml"
    model = 'name = "a"\nproblem = "mein Modell é.toml"\n'
    plan.write_text(f"[[model]]\n{model}", encoding="utf-8")
    out = folder / "aus gabe"
    assert inside(capsys, "audit", plan, "-o", out).status == 0
    (folder / "audit.toml").write_text("the plan of another audit", encoding="utf-8")
    assert inside(capsys, "audit", "--verify", out, "--inputs", folder).status == 0
    plan.write_text(f"[[model]]\n{model}rtol = 0.5\n", encoding="utf-8")
    ended = inside(capsys, "audit", "--verify", out, "--inputs", folder)
    assert "is another plan than" in ended.sentence


def test_a_folder_that_cannot_be_written_is_told_before_any_work(tmp_path, capsys, monkeypatch):
    plan = planned(tmp_path, ("pca",))
    (tmp_path / "out" / "audit.toml").mkdir(parents=True)
    monkeypatch.setattr(audit, "as_finished", None)
    ended = inside(capsys, "audit", plan, "-o", tmp_path / "out")
    assert ended.status == 2
    assert "cannot write" in ended.sentence


@pytest.mark.thorough
def test_any_executor_gives_the_same_rows(judged, tmp_path):
    plan = planned(tmp_path, ("pca", "nuclear"))
    with ProcessPoolExecutor(2) as pool:
        found = audit.run(plan, tmp_path / "pool", executor=pool)
        checked = audit.verify(tmp_path / "pool", inputs=tmp_path, executor=pool)
    assert checked.rows == audit.verify(tmp_path / "pool", inputs=tmp_path).rows
    assert [r["verdict"] for r in checked.rows] == [r["verdict"] for r in found.rows]
    here = [r for r in judged[4].rows if r["name"] in ("pca", "nuclear")]
    assert plain(found.rows) == plain(here)


@pytest.mark.thorough
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("names", [("pca", "nuclear"), pytest.param(None, marks=pytest.mark.slow)])
def test_a_dask_cluster_that_loses_a_worker_gives_the_same_rows(judged, tmp_path, names):
    distributed = pytest.importorskip("distributed")
    plan, _, _, _, found = judged
    if names is None:
        copy = tmp_path / "inputs"
        shutil.copytree(plan.parent, copy, ignore=shutil.ignore_patterns("out"))
        plan = copy / "audit.toml"
    else:
        plan = planned(tmp_path, names)
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
    )
    out, killed = tmp_path / "dask", []
    with cluster, distributed.Client(cluster, set_as_default=False) as client:
        killer = threading.Thread(target=kill_a_busy_worker, args=(client, killed))
        killer.start()
        again = audit.run(plan, out, executor=cluster.scheduler_address)
        killer.join()
        checked = audit.verify(out, executor=cluster.scheduler_address)
    assert len(killed) == 1
    assert not list(out.rglob(".*"))  # what is written in part is hidden until it is whole
    here = [r for r in found.rows if names is None or r["name"] in names]
    verdicts = [
        [(r["name"], r["verdict"], r["status"]) for r in rows] for rows in (again.rows, here)
    ]
    assert verdicts[0] == verdicts[1]
    same = [plain(r for r in rows if r["name"] not in TIMED) for rows in (again.rows, here)]
    assert same[0] == same[1]
    assert checked.rows == audit.verify(out).rows


def kill_a_busy_worker(client, killed):
    """Kill a worker, as a lack of memory does, while it has a job that runs."""
    pids, limit = client.run(os.getpid), time.monotonic() + 60
    while not killed and time.monotonic() < limit:
        busy = [pids[address] for address, tasks in client.processing().items() if tasks]
        children = [int(x.stem) for x in Path("/proc").glob("[0-9]*") if parent(x) in busy]
        if children:
            killed.append(parent(Path(f"/proc/{children[0]}")))
            os.kill(killed[0], signal.SIGKILL)
        time.sleep(0.05)


def parent(process):
    """Return the parent of a process, 0 if it has ended."""
    try:
        return int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


@pytest.mark.parametrize("broken", [False, True])
def test_a_lost_worker_of_any_executor_is_a_row(broken):
    lines = [{"name": f"m{k}", "verdict": "FAILED", "reason": "it is not there"} for k in range(9)]

    class Pool(ThreadPoolExecutor):
        def submit(self, fn, /, *args):
            return super().submit(lost if broken and args[0][0]["name"] == "m4" else fn, *args)

    def lost(_):
        raise OSError("gone")

    with Pool(3) as pool:
        done = dict(_pool.as_answered([(x, None) for x in lines], pool, lambda one: one[0]))
    assert sorted(done) == list(range(9))
    for k, row in done.items():
        if broken and k == 4:
            assert row["verdict"] == "FAILED"
            assert row["reason"] == "the worker was lost: OSError: gone"
        else:
            assert row == lines[k]


def test_the_worst_status_is_the_audits():
    order = (0, 13, 11, 12, 14, 10, 20, 2, 1)
    for k, status in enumerate(order):
        assert book.worst([{"status": s} for s in order[: k + 1]]) == status
    assert book.worst([]) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "model is missing"),
        ("model = []", "there is no [[model]]"),
        ('[[model]]\nname = "a"', "needs one of problem, fit, certificate, has none"),
        (
            '[[model]]\nname = "a"\nfit = "a.py:f"\nproblem = "b"',
            "has problem and fit",
        ),
        ('[[model]]\nname = "a"\nproblm = "b"', "did you mean 'problem'"),
        ('[[model]]\nname = "a"\nfit = "f.py:f"\nbudget = -1', "budget"),
        ('[defaults]\nbudgt = 1\n[[model]]\nname = "a"', "did you mean 'budget'"),
        (
            '[[model]]\nname = "a"\ncertificate = "audit.toml"\n' * 2,
            "two models are named 'a'",
        ),
        (
            '[[model]]\nname = "a"\ncertificate = "x"\n[[model]]\nname = "A"\ncertificate = "x"',
            "or differ in case only",
        ),
    ],
)
def test_wrong_plans_are_one_sentence(tmp_path, capsys, text, said):
    path = tmp_path / "audit.toml"
    path.write_text(text, encoding="utf-8")
    ended = inside(capsys, "audit", path, "-o", tmp_path / "out")
    assert ended.status == 2
    assert said in ended.sentence


@pytest.mark.thorough
def test_files_that_are_not_there_are_rows_and_the_others_are_judged(tmp_path, capsys):
    np.save(tmp_path / "Y.npy", np.diag([5.0, 4.0]))
    good = "lam = 1.0\n[data]\nY = 'Y.npy'\n[atom]\nkind = 'rank_one'\n[factors]\n"
    good += "U = [[4.0, 0.0], [0.0, 3.0]]\nV = [[1.0, 0.0], [0.0, 1.0]]\n"
    (tmp_path / "good.toml").write_text(good)
    (tmp_path / "holes.toml").write_text(good.replace("Y.npy", "Z.npy"))
    (tmp_path / "odd.toml").write_text("lam = ")
    models = {"gone": "problem = 'gone.toml'", "holes": "problem = 'holes.toml'"}
    models |= {"odd": "problem = 'odd.toml'", "fit": "fit = 'absent.py:f'"}
    models |= {"good": "problem = 'good.toml'", "": "fit = 'no function'"}
    models |= {"../../x": "problem = 'good.toml'", "NMF, [b]k[/b] = 16 ½": "problem = 'good.toml'"}
    text = "".join(f"[[model]]\nname = '{k}'\n{x}\n" for k, x in models.items())
    (tmp_path / "audit.toml").write_text(text)
    ended = inside(capsys, "audit", tmp_path / "audit.toml", "-o", tmp_path / "out", "--json")
    assert ended.status == 2
    rows = {r["name"]: r for r in map(json.loads, ended.out.splitlines())}
    assert {k: r["verdict"] for k, r in rows.items()} == dict.fromkeys(models, "FAILED") | {
        **dict.fromkeys(["good", "../../x", "NMF, [b]k[/b] = 16 ½"], "CERTIFIED")
    }
    assert "FILE.py:FUNCTION" in rows[""]["reason"]
    for name, kept in (("../../x", "x"), ("NMF, [b]k[/b] = 16 ½", "NMF-b-k-b-16")):
        assert re.fullmatch(rf"certificates/{kept}-[0-9a-f]{{12}}.cert", rows[name]["certificate"])
        assert (tmp_path / "out" / rows[name]["report"]).exists()
    for name, said in (("gone", "gone.toml"), ("holes", "Z.npy"), ("fit", "absent.py")):
        assert re.search(f"cannot read .*{said}: No such file", rows[name]["reason"])
    assert "is not valid TOML" in rows["odd"]["reason"]
    shown = inside(capsys, "audit", "--verify", tmp_path / "out")
    assert shown.status == 2
    assert "NMF, [b]k[/b]" in shown.out
    (tmp_path / "odd.toml").write_text(good)
    ended = inside(capsys, "audit", tmp_path / "audit.toml", "-o", tmp_path / "out", "--json")
    again = {r["name"]: r for r in map(json.loads, ended.out.splitlines())}
    assert again["odd"]["verdict"] == "CERTIFIED"
    assert again["good"]["cached"]


@pytest.mark.thorough
def test_wrong_uses_are_one_sentence(tmp_path, capsys):
    dask = pytest.importorskip("dask")
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        every_wrong_use_is_one_sentence(tmp_path, capsys)
    (tmp_path / "audit.lock").write_text("{}")
    with pytest.raises(InputError, match="not a lock"):
        audit.verify(tmp_path)


def every_wrong_use_is_one_sentence(tmp_path, capsys):
    plan = planned(tmp_path, ("pca",))
    for args, said in (
        (["audit"], "give a plan and -o DIR"),
        (["audit", plan], "give a plan and -o DIR"),
        (["audit", plan, "--verify", tmp_path], "--verify takes no plan"),
        (["audit", "--verify", tmp_path], "cannot read"),
        (["audit", plan, "-o", plan], "cannot make"),
        (["audit", plan, "-o", tmp_path / "o", "--scheduler", "tcp://127.0.0.1:1"], "Dask"),
    ):
        ended = inside(capsys, *args)
        assert ended.status == 2, args
        assert said in ended.err
