"""Long calls are stopped by Ctrl-C or by their callback, and leave what was proved."""

import logging
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from certify import InputError, Problem, Verdict, check, improve
from certify.atoms import RankOne
from certify.losses import Absolute
from certify.pipeline.restarts import restarts

rng = np.random.default_rng(0)
Y = rng.random((8, 6))
PROBLEM = Problem(Absolute(Y), RankOne("l2", "l2"), 0.7)
POOR = rng.random((8, 3)), rng.random((6, 3))


@pytest.fixture(autouse=True)
def handler():
    """Let Ctrl-C interrupt, though a shell may ignore it; find it as it was afterwards."""
    outside = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, outside)


def counted(answer):
    """Return a callback that answers, and the stages it heard."""
    heard = []

    def told(stage, value):
        heard.append((stage, value))
        return answer

    return told, heard


def pressing(stage, _value):
    if stage == "descend":
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.thorough
@pytest.mark.parametrize("answer", [None, False, 1, "yes"])
def test_only_true_stops(answer):
    told, heard = counted(answer)
    full, whole = counted(None)
    check(PROBLEM, POOR, progress=full)
    check(PROBLEM, POOR, progress=told)
    assert [s for s, _ in heard] == [s for s, _ in whole]


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("stop", [lambda *_: True, pressing])
def test_a_stopped_check_leaves_a_proved_bracket(stop):
    full, whole = counted(None)
    best = check(PROBLEM, POOR, progress=full)
    heard = []

    def told(stage, value):
        heard.append(stage)
        return stop(stage, value)

    result = check(PROBLEM, POOR, progress=told)
    assert len(heard) < len(whole)
    assert 0 <= result.lower <= best.upper
    assert result.lower <= result.upper
    assert result.certificate is not None
    assert result.verdict in (Verdict.REFUTED, Verdict.UNDECIDED)


@pytest.mark.parametrize("stop", [lambda *_: True, pressing])
def test_a_stopped_improvement_is_checked_and_returned(stop):
    found = improve(PROBLEM, POOR, progress=stop)
    assert found.objective <= PROBLEM.objective(POOR) * (1 + 1e-12)
    assert found.result.lower <= found.objective
    values = [v for _, v in found.history]
    assert values == sorted(values, reverse=True)


def test_a_stopped_report_of_restarts_judges_no_more_fits():
    fits = [tuple(x + 0.01 * k for x in POOR) for k in range(3)]
    told, heard = counted(True)
    found = restarts(PROBLEM, fits, progress=told)
    assert found.lower >= 0
    assert [s for s, _ in heard].count("dual point of the candidate") == 1


def twice(stage, value):
    pressing(stage, value)
    pressing(stage, value)


@pytest.mark.parametrize(
    "call",
    [
        lambda: check(PROBLEM, POOR, progress=twice),
        lambda: improve(PROBLEM, POOR, progress=twice),
        lambda: restarts(PROBLEM, [POOR, POOR], progress=twice),
    ],
    ids=["check", "improve", "restarts"],
)
def test_a_second_ctrl_c_interrupts_also_a_call_within_a_call(call):
    with pytest.raises(KeyboardInterrupt):
        call()


def test_ctrl_c_is_as_before_after_an_exception():
    def wrong(*_):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        check(PROBLEM, POOR, progress=wrong)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_leave_signals_alone():
    found = []
    thread = threading.Thread(target=lambda: found.append(check(PROBLEM, POOR, budget=1.0)))
    thread.start()
    thread.join()
    assert found[0].certificate is not None


@pytest.mark.thorough
def test_stages_are_logged_and_silent_unless_asked(caplog):
    with caplog.at_level(logging.DEBUG, logger="certify"):
        check(PROBLEM, POOR, budget=1.0)
    assert {r.name for r in caplog.records} == {"certify"}
    assert any(r.levelno == logging.DEBUG and "descend" in r.getMessage() for r in caplog.records)
    verdicts = [r.getMessage() for r in caplog.records if r.levelno == logging.INFO]
    assert [v.split()[0] in Verdict.__members__ for v in verdicts] == [True]
    code = (
        "import numpy as np; from certify import Problem, check; from certify.atoms import RankOne;"
        "from certify.losses import Squared;"
        "check(Problem(Squared(np.eye(2)), RankOne(), 0.5), (np.ones((2, 1)),) * 2)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


@pytest.mark.thorough
def test_progress_true_is_a_bar_on_a_terminal_and_nothing_in_a_pipe(monkeypatch, capsys):
    check(PROBLEM, POOR, progress=True)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes stderr for a terminal then
    monkeypatch.setenv("TERM", "xterm")
    heard = []
    monkeypatch.setattr("rich.progress.Progress.update", lambda _, __, **said: heard.append(said))
    for run in (check, improve):
        heard.clear()
        run(PROBLEM, POOR, progress=True)
        out, err = capsys.readouterr()
        assert (out, "━" in err) == ("", True)
        assert any("descend" in said["description"] for said in heard)


@pytest.mark.parametrize("progress", [3, "yes", [print]])
@pytest.mark.parametrize("run", [check, improve])
def test_a_progress_that_cannot_be_told_is_refused(run, progress):
    with pytest.raises(InputError, match="progress must be a function of"):
        run(PROBLEM, POOR, progress=progress)
