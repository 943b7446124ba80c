"""The demonstration: real models on the digits, each certificate proved from its file."""

import io
import sys
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from sklearn.datasets import load_digits

from certify import Certificate, InputError, Verdict
from certify.cli import demo
from certify.pipeline.certificate.verify import Proved

EXPECTED = {
    "soft-thresholded SVD": Verdict.CERTIFIED,
    "its first 6 components": Verdict.RANK_LIMITED,
    "TruncatedSVD(10)": Verdict.CERTIFIED,
    "PCA(10)": Verdict.CERTIFIED,
    "alternating, 3 sweeps": Verdict.REFUTED,
    "DictionaryLearning(20)": Verdict.RANK_LIMITED,
}
NMF = "NMF(16)"
HEADS = ["model", "distance", "verdict", "lower", "upper", "better"]
HEADS += ["check", "proof", "size"]
DIGITS = load_digits().data / 16


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Run the whole demonstration once."""
    told = []
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    rows = demo.run(folder, progress=lambda name, share: told.append((name, share)))
    return folder, {row.model: row for row in rows}, told


@pytest.mark.thorough
def test_every_model_gets_the_verdict_it_is_there_for(done):
    _, rows, _ = done
    assert set(rows) == {*EXPECTED, NMF}
    assert {name: rows[name].verdict for name in EXPECTED} == EXPECTED
    assert {name: rows[name].expected for name in rows} == EXPECTED | {NMF: None}
    assert all(row.as_expected for row in rows.values())


@pytest.mark.thorough
def test_every_certificate_lies_in_the_folder_and_is_proved_again_from_there(done):
    folder, rows, _ = done
    assert sorted(p.name for p in folder.iterdir()) == sorted(r.path.name for r in rows.values())
    for row in rows.values():
        assert row.bytes == row.path.stat().st_size
        assert Certificate.load(row.path).verdict == row.verdict.name
        assert row.verified is row.verdict


@pytest.mark.thorough
def test_every_bracket_is_proved_and_encloses_what_is_known(done):
    _, rows, _ = done
    assert all(0 < row.lower <= row.upper for row in rows.values())
    assert {name: row.rtol for name, row in rows.items() if row.rtol != 1e-6} == {NMF: 1e-4}
    assert all(r.relative_gap <= r.rtol for r in rows.values() if r.verdict is Verdict.CERTIFIED)
    assert rows[NMF].relative_gap < 1e-3
    known = rows["soft-thresholded SVD"].upper
    for name in ("alternating, 3 sweeps", "its first 6 components"):
        assert rows[name].lower == pytest.approx(known, rel=1e-9)
        assert rows[name].better == pytest.approx(known, rel=1e-9)
        assert rows[name].upper > known


def soft(sizes, lam):
    """Return min over t >= 0 of sum 1/2 (s - t)^2 + lam t: what is left is min(s, lam)."""
    return (sizes * np.minimum(sizes, lam) - np.minimum(sizes, lam) ** 2 / 2).sum()


@pytest.mark.thorough
def test_the_optima_are_those_of_the_closed_forms(done):
    """Singular values for a nuclear norm or a rank, norms of rows for an l1 code."""
    _, rows, _ = done
    values = np.linalg.svd(DIGITS, compute_uv=False)
    centred = np.linalg.svd(DIGITS - DIGITS.mean(axis=0), compute_uv=False)
    optima = {
        "soft-thresholded SVD": soft(values, 0.1 * values[0]),
        "alternating, 3 sweeps": soft(values, 0.1 * values[0]),
        "its first 6 components": soft(values, 0.1 * values[0]),
        "TruncatedSVD(10)": (values[10:] ** 2).sum() / 2,
        "PCA(10)": (centred[10:] ** 2).sum() / 2,
        "DictionaryLearning(20)": soft(np.linalg.norm(DIGITS[:600], axis=1), 1.0),
    }
    for name, optimum in optima.items():
        assert rows[name].lower == pytest.approx(optimum, rel=1e-9)
        assert rows[name].upper >= optimum * (1 - 1e-12)


@pytest.mark.thorough
def test_the_bracket_of_the_dictionary_is_closed_by_its_better_factors(done):
    _, rows, _ = done
    row = rows["DictionaryLearning(20)"]
    assert row.better == pytest.approx(row.lower, rel=1e-9)
    assert row.upper > 1.1 * row.better


@pytest.mark.thorough
def test_progress_names_each_model_and_ends_at_one(done):
    _, rows, told = done
    assert [name for name, _ in told] == [*rows, "done"]
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


@pytest.mark.thorough
def test_the_table_has_a_line_a_model_in_a_hundred_columns(done):
    _, rows, _ = done
    text = printed(list(rows.values()))
    lines = text.splitlines()
    assert len(lines) == 2 + len(rows)
    assert lines[0].split() == HEADS
    for line, row in zip(lines[2:], rows.values(), strict=True):
        assert line.startswith(row.model)
        assert line.rstrip().endswith(demo.short_of(row.bytes / 1e6, "MB"))
        assert line.removeprefix(row.model).split()[:3] == [*row.distance.split(), row.verdict.name]
        shown = line.split(row.verdict.name)[1].split()
        assert row.lower - 1e-3 < float(shown[0]) <= row.lower
        assert row.upper <= float(shown[1]) < row.upper + 1e-3


@pytest.mark.thorough
def test_below_the_table_it_says_what_is_allowed(done):
    _, rows, _ = done
    plain = "CERTIFIED: proved to be within 0.0001 % of the optimum"
    assert demo.tolerance_note([rows["PCA(10)"]]) == plain
    assert demo.tolerance_note(list(rows.values())) == f"{plain} (NMF(16) 0.01 %, its own tol)"


def test_a_slow_machine_and_large_files_fit_into_a_hundred_columns(tmp_path):
    fitted = demo.soft_threshold(np.diag([4.0, 2.0]), None)
    row = demo.judge(
        demo.Model("DictionaryLearning(20)", "a.cert", lambda: fitted, None), tmp_path, 0
    )
    wide = {"distance": "1.3e-11 %", "verdict": Verdict.RANK_LIMITED, "better": 5119.6071234}
    wide |= {"verified": Verdict.RANK_LIMITED, "lower": 5119.6071, "upper": 5119.6073}
    slow = replace(row, **wide, seconds_to_check=121.4, seconds_to_verify=12.34, bytes=13_900_000)
    head, _, line = printed([slow]).splitlines()
    assert head.split() == HEADS
    assert line.split()[-6:] == ["121", "s", "12", "s", "14", "MB"]
    assert demo.short_of(9.94, "s") == "9.9 s"
    assert demo.short_of(9.96, "s") == "10 s"


def printed(rows):
    out = io.StringIO()
    Console(file=out, width=100, force_terminal=False).print(demo.table(rows))
    return out.getvalue()


@pytest.mark.thorough
def test_an_unexpected_verdict_is_a_row_that_says_so(done):
    _, rows, _ = done
    row = replace(rows["PCA(10)"], expected=Verdict.REFUTED)
    assert not row.as_expected
    assert "(expected REFUTED)" in " ".join(demo.cells(row))
    other = replace(rows["PCA(10)"], verified=Verdict.UNDECIDED)
    assert not other.as_expected
    assert "(from the file: UNDECIDED)" in " ".join(demo.cells(other))
    plain = " ".join(demo.cells(rows["PCA(10)"]))
    assert "%" in plain
    assert "(" not in plain.replace("PCA(10)", "")


def test_what_the_file_proves_is_what_the_row_says(monkeypatch, tmp_path):
    asked = []

    def other(path, problem, factors, *, q, rtol):
        asked.append((path, problem, factors, q, rtol))
        return Proved(Verdict.UNDECIDED, 0.5, 2.0, "exact", (), "any size")

    monkeypatch.setattr(demo, "verify", other)
    fitted = demo.soft_threshold(np.diag([4.0, 2.0]), None)
    model = demo.Model("two", "two.cert", lambda: fitted, Verdict.CERTIFIED)
    row = demo.judge(model, tmp_path, 0)
    assert asked == [(tmp_path / "two.cert", *fitted, None, 1e-6)]
    assert (row.distance, row.rtol) == ("300 %", 1e-6)
    assert (row.verdict, row.verified, row.lower) == (Verdict.CERTIFIED, Verdict.UNDECIDED, 0.5)
    assert not row.as_expected


@pytest.mark.thorough
def test_a_row_is_told_as_plain_values(done):
    _, rows, _ = done
    told = rows["alternating, 3 sweeps"].as_dict()
    assert told["verdict"] == told["verified"] == told["expected"] == "REFUTED"
    assert told["as_expected"] is True
    assert told["path"].endswith("alternating.cert")
    assert {type(v) for v in told.values()} == {str, float, int, bool}
    assert rows[NMF].as_dict()["expected"] is None


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    taken = tmp_path / "file"
    taken.write_text("kept")
    with pytest.raises(InputError, match=r"cannot make .*file"):
        demo.run(taken)
    assert taken.read_text() == "kept"


def test_without_scikit_learn_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(InputError, match=r"pip install 'certifact\[models\]'"):
        demo.run(tmp_path / "x")


def test_no_clock_decides_what_the_demonstration_answers(monkeypatch, tmp_path):
    asked = []

    def stop(*_, **given):
        asked.append(given["budget"])
        raise InputError("asked")

    monkeypatch.setattr(demo, "check", stop)
    with pytest.raises(InputError, match="asked"):
        demo.run(tmp_path)
    assert asked == [None]  # steps are counted


def test_an_alternating_fit_ends_with_the_best_right_factor():
    X = DIGITS[:40]
    problem, factors = demo.alternate(X, 0)
    U, V = factors
    assert (U.shape, V.shape) == ((40, demo.SLICES), (64, demo.SLICES))
    np.testing.assert_allclose((U @ V.T - X).T @ U + problem.lam * V, 0.0, atol=1e-9)
    assert abs((U @ V.T - X) @ V + problem.lam * U).max() > 1e-6  # it was stopped early
