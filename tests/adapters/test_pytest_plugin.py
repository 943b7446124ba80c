"""The pytest plugin, run as its users run it: in a folder of their own."""

import re
from importlib.metadata import entry_points

import numpy as np
import pytest

from certify import Verdict, check

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.thorough  # each test runs pytest again
INSTALLED = any(e.value == "certify.adapters.pytest_plugin" for e in entry_points(group="pytest11"))
PLUGIN = [] if INSTALLED else ["-p", "certify.adapters.pytest_plugin"]
OURS = """
import numpy as np
import pytest
from certify import Problem
from certify.atoms import RankOne
from certify.losses import Squared

Y = np.diag([3.0, 2.0])
PROBLEM = Problem(Squared(Y), RankOne("l2", "l2"), 0.5)
ROOT = np.sqrt([2.5, 1.5])
BEST = np.diag(ROOT), np.diag(ROOT)
POOR = np.eye(2)[:, :1], np.eye(2)[:, :1]

def test_optimum(certified):
    found = certified(PROBLEM, BEST)
    assert found.upper <= 2.25 * (1 + 1e-6)
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Run pytest on one file or a dictionary of them, without this project's own settings."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")

    def runs(text, *args):
        pytester.makepyfile(**(text if isinstance(text, dict) else {"test_ours": text}))
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *PLUGIN, *args)

    return runs


def test_an_optimum_passes_and_leaves_nothing_behind(run, pytester):
    run(OURS).assert_outcomes(passed=1)
    assert not (pytester.path / "certificates").exists()


@pytest.mark.parametrize("ci", [None, "true"])  # pytest says a failure twice, whole, under CI
def test_a_failure_says_verdict_bracket_and_where_better_factors_are(run, monkeypatch, ci):
    monkeypatch.delenv("CI", raising=False)
    if ci:
        monkeypatch.setenv("CI", ci)
    ended = run(OURS + "\ndef test_poor(certified):\n    certified(PROBLEM, POOR)\n")
    ended.assert_outcomes(passed=1, failed=1)
    text = ended.stdout.str()
    assert "not certified: At most" in text
    assert "2.25 <= optimum" in text
    (line,) = {x for x in text.splitlines() if x.startswith("The better factors are in ")}
    held = np.load(line.rsplit(" ", 1)[1])
    Z = held["U"] @ held["V"].T
    value = 0.5 * np.square(Z - np.diag([3.0, 2.0])).sum() + 0.5 * np.linalg.norm(Z, "nuc")
    assert value < 4.5 - 1e-3  # what the poor factors cost
    assert "pytest_plugin.py" not in text  # no trace of the plugin's own lines


def test_stored_certificates_are_verified_without_search(run, pytester):
    run(OURS, "--certify-update").assert_outcomes(passed=1)
    (kept,) = (pytester.path / "certificates").iterdir()
    assert kept.name == "test_ours.test_optimum.cert"
    broken = "\nimport certify.pipeline.check\ncertify.pipeline.check.check = None\n"
    run(OURS + broken).assert_outcomes(passed=1)
    kept.unlink()
    run(OURS + broken).assert_outcomes(failed=1)


CHANGES = {  # one file each: pytest is started three times, not three times for each change
    "test_1": ("[3.0, 2.0]", "[3.0, 2.0000001]", "statement"),
    "test_2": ('RankOne("l2", "l2"), 0.5', 'RankOne("l2", "l2"), 0.5000001', "statement"),
    "test_3": ("[2.5, 1.5]", "[2.5, 1.5000001]", "statement"),
    "test_4": ("certified(PROBLEM, BEST)", "certified(PROBLEM, BEST, rtol=1e-9)", "rtol"),
}


def test_a_stored_certificate_fails_when_anything_changed(run, pytester):
    assert all(OURS.count(old) == 1 for old, _, _ in CHANGES.values())
    changed = {name: OURS.replace(old, new) for name, (old, new, _) in CHANGES.items()}
    run(dict.fromkeys(CHANGES, OURS), "--certify-update").assert_outcomes(passed=len(CHANGES))
    before = stored(pytester)
    ended = run(changed)
    ended.assert_outcomes(failed=len(CHANGES))
    _, *failures = re.split(r"(?m)^_+ test_optimum _+$", ended.stdout.str())
    for text, (_, _, said) in zip(failures, CHANGES.values(), strict=True):
        assert "does not prove what this test asks" in text
        assert "--certify-update" in text
        assert said in text
    assert stored(pytester) == before
    run(changed, "--certify-update").assert_outcomes(passed=len(CHANGES))
    after = stored(pytester)
    assert set(after) == set(before) == {f"{name}.test_optimum.cert" for name in CHANGES}
    assert not set(after.values()) & set(before.values())


REFIT = OURS.replace("certified(PROBLEM, BEST)", "certified(PROBLEM, BEST, refit=True)")


def test_a_refit_is_proved_afresh_and_its_bracket_compared(run, pytester):
    run({"test_1": REFIT, "test_2": REFIT, "test_3": REFIT, "test_4": OURS}, "--certify-update")
    before = stored(pytester)
    last_bits = REFIT.replace("[2.5, 1.5]", "[2.5, 1.5000000001]")
    ended = run(
        {
            "test_1": last_bits.replace("[3.0, 2.0]", "[3.0, 2.0000000001]"),
            "test_2": REFIT.replace("[3.0, 2.0]", "[3.0, 2.01]").replace("1.5]", "1.51]"),
            "test_3": REFIT.replace("refit=True", "refit=True, rtol=1e-5"),
            "test_4": OURS.replace("[2.5, 1.5]", "[2.5, 1.5000000001]"),
        }
    )
    ended.assert_outcomes(passed=1, failed=3)
    text = ended.stdout.str()
    assert re.search(
        r"the optimum over any size moved from \[2\.25, 2\.25\d*\] in .*test_2.*to \[2\.25[1-9]",
        text,
    )
    assert re.search(r"test_3.* is of another question: statement\.rtol", text)
    assert "The factors changed, perhaps in their last bits only" in text
    assert "certified(..., refit=True) proves a new fit in each run" in text
    assert stored(pytester) == before


def stored(pytester):
    """Return the certificates of the folder, by name."""
    return {p.name: p.read_bytes() for p in (pytester.path / "certificates").iterdir()}


def test_a_stored_certificate_of_another_verdict_fails(run, pytester):
    run(OURS, "--certify-update").assert_outcomes(passed=1)
    (kept,) = (pytester.path / "certificates").iterdir()
    names = {}
    exec(OURS.replace("import pytest\n", ""), names)  # noqa: S102  the question above
    poor = check(names["PROBLEM"], names["POOR"])
    assert poor.verdict is not Verdict.CERTIFIED
    poor.certificate.save(kept, data=False)
    ended = run(OURS.replace("certified(PROBLEM, BEST)", "certified(PROBLEM, POOR)"))
    ended.assert_outcomes(failed=1)
    ended.stdout.fnmatch_lines([f"*proves {poor.verdict.name} only*"])


def test_a_damaged_certificate_fails(run, pytester):
    run(OURS, "--certify-update").assert_outcomes(passed=1)
    (kept,) = (pytester.path / "certificates").iterdir()
    blob = bytearray(kept.read_bytes())
    blob[-5] ^= 1
    kept.write_bytes(blob)
    run(OURS).assert_outcomes(failed=1)


def test_several_calls_and_parameters_have_certificates_of_their_own(run, pytester):
    text = OURS + (
        "\n@pytest.mark.parametrize('scale', [1.0, 2.0])\n"
        "def test_more(certified, scale):\n"
        "    for name in ('a', '', ''):\n"
        "        certified(Problem(Squared(Y), RankOne(), 0.5), BEST, name=name)\n"
    )
    run(text, "--certify-update").assert_outcomes(passed=3)
    names = sorted(p.name for p in (pytester.path / "certificates").iterdir())
    assert len(names) == 7
    assert "test_ours.test_more_1.0_.a.cert" in names
    assert "test_ours.test_more_2.0_.2.cert" in names


def test_tests_that_look_alike_have_certificates_of_their_own(run, pytester):
    text = OURS + (
        "\nclass TestA:\n    def test_it(self, certified):\n"
        "        certified(PROBLEM, BEST, rtol=1e-5)\n"
        "\nclass TestB:\n    def test_it(self, certified):\n"
        "        certified(PROBLEM, BEST, rtol=1e-4)\n"
        "\n@pytest.mark.parametrize('key', ['a b', 'a/b', 'x' * 300])\n"
        "def test_key(certified, key):\n"
        "    certified(PROBLEM, BEST, rtol=1e-3 / ord(key[1]), name='../' + key)\n"
    )
    run(text, "--certify-update").assert_outcomes(passed=6)
    assert len(list((pytester.path / "certificates").iterdir())) == 6
    assert not list(pytester.path.glob("*.cert"))
    run(text).assert_outcomes(passed=6)


def test_a_proof_in_rounded_floats_is_verified_in_them(run):
    text = OURS + (
        "\ndef test_large(certified):\n"
        "    Y = np.diag(np.arange(401.0))\n"
        "    problem = Problem(Squared(Y), RankOne('l1', 'l1'), 500.0)\n"
        "    found = certified(problem, (np.zeros((401, 1)),) * 2)\n"
        "    assert found.tier == 'rounded'\n"
    )
    run(text, "--certify-update").assert_outcomes(passed=2)
    run(text).assert_outcomes(passed=2)


def test_marker_and_options_set_the_search(run):
    text = OURS + (
        "\n@pytest.mark.certify(rtol=10.0, budget=5)\n"
        "def test_loose(certified):\n"
        "    assert certified.settings['rtol'] == 10.0\n"
        "    certified(PROBLEM, POOR)\n"
        "\ndef test_budget(certified):\n"
        "    assert certified.settings == {'budget': 7.5}\n"
    )
    run(text, "--certify-budget", "7.5", "--strict-markers").assert_outcomes(passed=3)


def test_wrong_keywords_are_named(run):
    text = OURS + (
        "\ndef test_a(certified):\n    certified(PROBLEM, BEST, tol=1)\n"
        "\n@pytest.mark.certify(1e-3)\ndef test_b(certified):\n    pass\n"
    )
    ended = run(text)
    ended.assert_outcomes(passed=1, failed=1, errors=1)
    ended.stdout.fnmatch_lines(["*certified() takes atol, budget, rtol, seed, got tol*"])


def test_it_works_on_several_processes(run, pytester):
    pytest.importorskip("xdist")
    text = OURS + (
        "\n@pytest.mark.parametrize('k', range(4))\n"
        "def test_many(certified, k):\n    certified(PROBLEM, BEST)\n"
    )
    run(text, "-n", "2", "--certify-update").assert_outcomes(passed=5)
    assert len(list((pytester.path / "certificates").iterdir())) == 5
    run(text, "-n", "2").assert_outcomes(passed=5)
