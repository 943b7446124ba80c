"""Audits whose folder somebody wrote in: nothing is called proved that is not."""

import hashlib
import json
import os
import re
import shutil
from dataclasses import replace

import pytest

from certify import InputError, check
from certify.cli import audit, main
from certify.cli.audit import _again as again
from certify.cli.audit import _book as book
from certify.cli.audit._job import derived, run_fit
from certify.pipeline import report
from certify.pipeline.certificate.file import Certificate
from certify.pipeline.numbers import distance
from certify.pipeline.report import facts
from certify.pipeline.units import Units
from tests.question_files import U, V, write

PLAN = '[defaults]\nbudget = 2\n[[model]]\nname = "few"\nproblem = "problem.toml"\n'
UNITS = Units(2.0, 0.5, "a loss")
SILENT = dict.fromkeys(f"own_{k}" for k in ("verdict", "lower", "certificate", "sha256", "bytes"))
OLD = '[[model]]\nname = "old"\ncertificate = "old.cert"\n'


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """An audit of a refuted problem file and of a certificate, in a folder of its own."""
    folder = tmp_path_factory.mktemp("lies")
    write(folder, U=U[:, :1], V=V[:, :1])
    easy(folder).save(folder / "old.cert")
    (folder / "audit.toml").write_text(PLAN + OLD, encoding="utf-8")
    found = audit.run(folder / "audit.toml", folder / "out")
    assert [r["verdict"] for r in found.rows] == ["RANK_LIMITED", "CERTIFIED"]
    return folder


@pytest.fixture
def copied(audited, tmp_path):
    shutil.copytree(audited, tmp_path / "all")
    return tmp_path / "all"


def easy(folder):
    """Return a certificate of an optimum: of the same data at another lam."""
    from certify.adapters.files import load  # noqa: PLC0415

    held = load(folder / "problem.toml")
    other = type(held.problem)(held.problem.loss, held.problem.atom, 9.0)
    return check(other, tuple(0 * x for x in held.factors)).certificate


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rewritten(out, plan=None, **changed):
    """Change the first model of the lock, and the plan; None takes a key out."""
    lock = json.loads((out / "audit.lock").read_text("utf-8"))
    lock["models"][0] |= changed
    if plan is not None:
        (out / "audit.toml").write_text(plan, encoding="utf-8")
        lock["plan"]["sha256"] = digest_of(out / "audit.toml")
    lock["models"][0] = {k: v for k, v in lock["models"][0].items() if v is not None}
    (out / "audit.lock").write_text(json.dumps(lock), encoding="utf-8")
    return audit.verify(out).rows[0]


def restated(out, name="few", *, own=False):
    """Return what an honest lock says about a model with the certificates that are there now."""
    proofs, fields = [], {"report": book.report_of(name)}
    for prefix in ("", "own_") if own else ("",):
        path = out / book.certificate_of(name, own=bool(prefix))
        proofs.append(facts(Certificate.load(path)))
        fields[f"{prefix}certificate"] = str(path.relative_to(out))
        fields[f"{prefix}sha256"], fields[f"{prefix}bytes"] = digest_of(path), path.stat().st_size
    silent = {} if own else SILENT
    return dict.fromkeys(["better"]) | silent | fields | derived(proofs[0], (*proofs, None)[1])


def test_a_lock_that_says_certified_without_a_certificate_is_rejected(copied):
    row = rewritten(copied / "out", verdict="CERTIFIED", status=0, certificate=None)
    assert (row["verdict"], row["status"]) == ("REJECTED", 20)
    assert "CERTIFIED without a certificate" in row["reason"]


def test_the_exit_status_is_that_of_the_verdict_proved_now(copied):
    assert main(["audit", "--verify", str(copied / "out")]) == 14
    lock = json.loads((copied / "out" / "audit.lock").read_text("utf-8"))
    kept = ("name", "kind", "source", "inputs", "reason", "seconds", "key", "cached")
    lock["models"][0] = {k: lock["models"][0][k] for k in kept} | {"verdict": "FAILED", "status": 0}
    (copied / "out" / "audit.lock").write_text(json.dumps(lock), encoding="utf-8")
    row = audit.verify(copied / "out").rows[0]
    assert (row["verdict"], row["status"]) == ("FAILED", 1)


@pytest.mark.parametrize("place", ["../old.cert", "certificates/old.cert", "{folder}/old.cert"])
def test_a_certificate_from_elsewhere_is_rejected(copied, place):
    name = place.format(folder=copied)
    sha256 = digest_of(copied / "out" / name)
    row = rewritten(copied / "out", verdict="CERTIFIED", certificate=name, sha256=sha256)
    assert row["verdict"] == "REJECTED"


def test_a_certificate_of_an_easier_question_is_rejected_where_the_inputs_are_given(copied):
    out = copied / "out"
    shutil.copy(copied / "old.cert", out / "certificates" / "few.cert")
    row = rewritten(out, **restated(out))
    assert row["verdict"] == "CERTIFIED"  # it proves what it asks
    rows = audit.verify(out, inputs=copied).rows[:2]
    assert [r["verdict"] for r in rows] == ["REJECTED", "CERTIFIED"]
    assert "question: certificate has" in rows[0]["reason"]


def loose(copied):
    """Put a certificate of the same question at a looser epsilon in the first's place."""
    from certify.adapters.files import load  # noqa: PLC0415

    held, path = load(copied / "problem.toml"), copied / "out" / "certificates" / "few.cert"
    result = check(held.problem, held.factors, rtol=1.0)
    assert result.verdict.name == "CERTIFIED"
    result.certificate.save(path)
    return restated(copied / "out")


def test_a_certificate_of_a_looser_epsilon_is_rejected(copied):
    forged = loose(copied)
    row = rewritten(copied / "out", **forged | {"rtol": 1e-6})
    assert row["verdict"] == "REJECTED"
    assert "rtol is 1e-06, in the certificate 1.0" in row["reason"]
    row = rewritten(copied / "out", rtol=1.0)  # in the lock, too: it is told ...
    assert (row["verdict"], row["rtol"]) == ("CERTIFIED", 1.0)
    row = audit.verify(copied / "out", inputs=copied).rows[0]  # ... and is not the problem's own
    assert row["verdict"] == "REJECTED"
    row = rewritten(copied / "out", PLAN.replace("budget = 2", "budget = 2\nrtol = 1e-6") + OLD)
    assert "audit.toml: epsilon: rtol is 1e-06" in row["reason"]
    with pytest.raises(InputError, match="is another plan than"):
        audit.verify(copied / "out", inputs=copied)
    lock = json.loads((copied / "out" / "audit.lock").read_text("utf-8"))
    lock["plan"]["name"] = "other.toml"  # which the inputs do not have
    (copied / "out" / "audit.lock").write_text(json.dumps(lock), encoding="utf-8")
    with pytest.raises(InputError, match=r"there is no other\.toml among the inputs"):
        audit.verify(copied / "out", inputs=copied)
    assert rewritten(copied / "out", rtol=None)["verdict"] == "REJECTED"


def test_the_answer_at_the_own_size_has_a_certificate_that_is_verified(copied):
    row = audit.verify(copied / "out").rows[0]
    assert (row["verdict"], row["own_verdict"], row["own_lower"]) == (
        "RANK_LIMITED",
        "CERTIFIED",
        16,
    )
    silent = rewritten(copied / "out", **restated(copied / "out"))
    assert (silent["verdict"], silent.get("own_verdict")) == ("RANK_LIMITED", None)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"lower": 15.9}, "shows lower = 15.9, its certificate "),
        ({"upper": 99.0}, "shows upper = 99.0, its certificate "),
        ({"relative_gap": 0.0}, "shows relative_gap = 0.0, its certificate "),
        ({"distance": "none"}, "shows distance = 'none', its certificate 'at most "),
        ({"status": 0}, "shows status = 0, its certificate 14"),
        ({"tier": "rounded"}, "shows tier = 'rounded', its certificate 'exact'"),
        ({"model": "a proof"}, "shows model = 'a proof', its certificate 'a "),
        ({"data": [9, 9]}, "shows data = [9, 9], its certificate [2, 3]"),
        ({"components": None}, "shows components = None, its certificate 1"),
        ({"better": 1.0}, "shows better = 1.0, its certificate "),
        ({"prize": 1.0}, "shows prize, which is not proved"),
        ({"report": "reports/old.html"}, "shows report = 'reports/old.html'"),
        ({"own_lower": 1.0}, "shows own_lower = 1.0, its certificate 16"),
        ({"bytes": 9}, "few.cert is another file"),
        ({"own_certificate": None}, "the own size has no certificate"),
        ({"own_certificate": "certificates/few.cert"}, "path: certificates/few.cert"),
        ({"own_verdict": "REFUTED"}, "says REFUTED, its certificate proves CERTIFIED"),
        ({"own_verdict": None}, "says None, its certificate proves CERTIFIED"),
        ({"own_sha256": "0" * 64}, "few.cert is another file"),
    ],
)
def test_a_lock_that_says_more_than_is_proved_is_rejected(copied, changed, reason):
    row = rewritten(copied / "out", **changed)
    assert row["verdict"] == "REJECTED"
    assert reason in row["reason"]


@pytest.mark.parametrize("other", ["certificates/few.cert", "certificates/old.cert"])
def test_a_certificate_of_another_question_proves_nothing_of_the_own_size(copied, other):
    out = copied / "out"
    shutil.copy(out / other, out / book.certificate_of("few", own=True))
    row = rewritten(out, **restated(out, own=True))
    assert row["verdict"] == "REJECTED"
    assert "few.cert is not of the same factors at their own size" in row["reason"]


def test_a_kept_row_of_another_own_size_is_not_believed(copied):
    job = audit.plan(copied / "audit.toml")[0]
    path = copied / "out" / book.row_of(job)
    row = json.loads(path.read_text("utf-8"))
    assert again.earlier_row(copied / "out", job)["own_lower"] == 16
    path.write_text(json.dumps(row | {"own_lower": 1.0}), encoding="utf-8")
    kept = again.earlier_row(copied / "out", job)
    assert kept["own_lower"] == 16
    path.write_text(json.dumps(row | {"better": 0.001, "extra": 1}), encoding="utf-8")
    assert again.earlier_row(copied / "out", job) == kept  # nothing of it that is not proved
    bare = {k: x for k, x in row.items() if k not in ("certificate", "sha256", "bytes")}
    path.write_text(json.dumps(bare | {"verdict": "UNDECIDED", "status": 12}), encoding="utf-8")
    assert again.earlier_row(copied / "out", job) is None
    report = copied / "out" / book.report_of("few")
    assert '<h2 id="own">At its own size</h2>' in report.read_text("utf-8")
    path.write_text(json.dumps(row | {"own_verdict": "REFUTED"}), encoding="utf-8")
    assert again.earlier_row(copied / "out", job) is None


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["easy", "loose"])
def test_an_audit_that_goes_on_believes_no_kept_certificate_of_another_question(copied, kind):
    path = copied / "out" / book.row_of(audit.plan(copied / "audit.toml")[0])
    row = json.loads(path.read_text("utf-8"))
    if kind == "easy":
        shutil.copy(copied / "old.cert", copied / "out" / "certificates" / "few.cert")
        row |= {"verdict": "CERTIFIED", "status": 0}
        row["sha256"] = digest_of(copied / "out" / "certificates" / "few.cert")
    else:
        row |= loose(copied)
    row = {k: x for k, x in row.items() if not k.startswith("own_") and x is not None}
    path.write_text(json.dumps(row), encoding="utf-8")
    found = audit.run(copied / "audit.toml", copied / "out")
    assert [(r["verdict"], r["cached"]) for r in found.rows] == [
        ("RANK_LIMITED", False),
        ("CERTIFIED", True),
    ]


def test_an_audit_that_goes_on_tells_the_bracket_that_is_proved_now(copied):
    path = copied / "out" / book.row_of(audit.plan(copied / "audit.toml")[0])
    row = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(row | {"lower": 15.9, "relative_gap": 0.0}), encoding="utf-8")
    (copied / "out" / "reports" / "few.html").write_text("proved", encoding="utf-8")
    (again_row, _) = audit.run(copied / "audit.toml", copied / "out").rows
    assert again_row == {**row, "cached": True}
    assert "RANK_LIMITED" in (copied / "out" / "reports" / "few.html").read_text("utf-8")


def test_the_models_of_a_lock_are_those_of_its_plan(copied):
    out = copied / "out"
    with pytest.raises(InputError, match="is not the plan"):
        rewritten(out, PLAN)
    with pytest.raises(InputError, match="is not the plan"):
        rewritten(out, OLD + PLAN.partition("\n")[2].partition("\n")[2])
    rewritten(out, PLAN + OLD)
    (out / "audit.toml").write_text(PLAN + OLD + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="is not the plan"):
        audit.verify(out)
    row = rewritten(out, PLAN + OLD, source="other.toml")
    assert "source: audit.toml has problem problem.toml" in row["reason"]
    (out / "audit.toml").unlink()
    with pytest.raises(InputError, match="cannot read"):
        audit.verify(out)


@pytest.mark.parametrize("name", ["index.html", "results.jsonl", "reports/few.html"])
def test_a_page_that_somebody_wrote_in_is_told(copied, name, capsys):
    out = copied / "out"
    assert len(audit.verify(out).rows) == 2
    (out / name).write_text((out / name).read_text("utf-8").replace("RANK_", ""), encoding="utf-8")
    rows = audit.verify(out).rows
    assert [(r["name"], r["verdict"]) for r in rows[2:]] == [(name, "REJECTED")]
    assert main(["audit", "--verify", str(out)]) == 20
    *_, last, unverified = capsys.readouterr().out.splitlines()
    assert unverified.startswith("not verified: models without a certificate; what a search said")
    assert last == f"2 models and 1 changed page in {out}, exit status 20"
    (out / name).unlink()
    assert len(audit.verify(out).rows) == 2


EDITS = [
    ("index.html", "RANK_LIMITED", "CERTIFIED"),
    ("index.html", "<td>14", "<td>15"),
    ("index.html", "</main>", "<p>Proved by hand.</p></main>"),
    ("results.jsonl", '"verdict": "CERTIFIED"', '"verdict": "UNDECIDED"'),
    ("results.jsonl", '"cached": false', '"cached": false, "cached": false'),
    ("results.jsonl", '"status": 14', '"status": 14 '),
    ("reports/few.html", "Proved: the optimum", "It is proved: the optimum"),
    ("reports/few.html", "</td></tr>", " proved</td></tr>"),
    ("reports/few.html", "<dt>numpy</dt><dd>", "<dt>numpy</dt><dd>all of it is proved "),
    ("reports/old.html", "CERTIFIED", "REFUTED"),
    ("reports/few.html", '<circle cx="', '<circle cx="9'),
]


@pytest.mark.parametrize(("name", "old", "new"), EDITS)
def test_an_edited_page_is_told_even_if_the_lock_is_edited_as_well(copied, name, old, new):
    out = copied / "out"
    text = (out / name).read_text("utf-8")
    assert old in text
    (out / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    rewritten(out)
    lock = json.loads((out / "audit.lock").read_text("utf-8"))
    lock["pages"] = {name: digest_of(out / name)}
    (out / "audit.lock").write_text(json.dumps(lock), encoding="utf-8")
    assert [(r["name"], r["verdict"]) for r in audit.verify(out).rows[2:]] == [(name, "REJECTED")]


def test_what_follows_from_no_proof_is_not_verified_and_the_promise_says_so(copied):
    out = copied / "out"
    lock = json.loads((out / "audit.lock").read_text("utf-8"))
    lock["models"][0] |= {"reason": "said by nobody", "seconds": 0.5, **UNITS.as_dict()}
    lock["libraries"]["numpy"] = "0"
    (out / "audit.lock").write_text(json.dumps(lock), encoding="utf-8")
    rows = [{k: x for k, x in m.items() if k not in book.BESIDE} for m in lock["models"]]
    book.write_pages(out, rows)
    proof, own = (Certificate.load(out / book.certificate_of("few", own=k)) for k in (False, True))
    report.write(proof, out / "reports" / "few.html", own=own, units=UNITS)
    text = (out / "reports" / "few.html").read_text("utf-8").replace("x.cert", "few.cert")
    floats = re.sub(r"<td>[-.\de]+</td></tr>", "<td>7</td></tr>", text, count=1)
    assert floats != text
    (out / "reports" / "few.html").write_text(floats, encoding="utf-8")
    found = audit.verify(out).rows
    assert [r["verdict"] for r in found] == ["RANK_LIMITED", "CERTIFIED"]
    assert found[0]["not_verified"] == [*again.UNVERIFIED]
    for word in ("reason", "seconds", "multiple", "keys", "versions", "floats", "PNG"):
        assert word in audit.NOT_VERIFIED
    (row, _) = audit.verify(out, inputs=copied).rows  # the problem's file says what it multiplies
    assert "the training objective is {'training': 'a loss', 'multiple': 2.0" in row["reason"]


@pytest.mark.parametrize(
    ("share", "verdict"), [(1e-12, "CERTIFIED"), (1e-6, "REJECTED"), (-1e-10, "REJECTED")]
)
@pytest.mark.parametrize("tier", ["rounded", "exact"])
def test_bounds_of_rounded_arithmetic_may_be_those_of_another_blas(copied, tier, share, verdict):
    held = Certificate.load(copied / "old.cert")
    replace(held, claim=held.claim | {"tier": tier}).save(copied / "old.cert")
    (copied / "audit.toml").write_text(OLD, encoding="utf-8")
    out = audit.run(copied / "audit.toml", copied / tier).folder
    lock = json.loads((out / "audit.lock").read_text("utf-8"))
    model = lock["models"][0]
    assert model["tier"] == tier
    model["upper"] *= 1 + share  # a stronger bound than is proved is a claim
    bracket = replace(facts(held).proved, lower=model["lower"], upper=model["upper"])
    model["relative_gap"] = bracket.relative_gap
    model["distance"] = distance(model["lower"], model["upper"], model["over"], proved=True)
    (out / "audit.lock").write_text(json.dumps(lock), encoding="utf-8")
    expected = verdict if tier == "rounded" else "REJECTED"
    assert audit.verify(out).rows[0]["verdict"] == expected


def test_a_published_certificate_must_ask_what_is_in_the_folder(copied):
    out = copied / "out"
    shutil.copy(out / "certificates" / "few.cert", out / "certificates" / "old.cert")
    lock = json.loads((out / "audit.lock").read_text("utf-8"))
    lock["models"][1] |= restated(out, "old")
    lock["models"][1] = {k: v for k, v in lock["models"][1].items() if v is not None}
    (out / "audit.lock").write_text(json.dumps(lock), encoding="utf-8")
    assert audit.verify(out).rows[1]["verdict"] == "RANK_LIMITED"
    assert audit.verify(out, inputs=copied).rows[1]["verdict"] == "REJECTED"


@pytest.mark.parametrize(
    "changed",
    [
        {"verdict": "CERTIFIED", "status": 0},
        {"status": 0},
        {"verdict": "OUT_OF_SCOPE", "status": 13, "certificate": "certificates/old.cert"},
        {"report": "javascript:alert(1)"},
        {"lower": "14"},
        {"upper": float("nan")},
        {"name": "old"},
        {"rtol": 1.0},
        {"certificate": "certificates/old.cert"},
        {"verdict": "PROVED"},
        {"verdict": "CERTIFIED", "status": 0, "certificate": ...},
        [],
    ],
)
def test_a_kept_row_that_disagrees_with_its_files_is_not_used(copied, changed):
    plan = copied / "audit.toml"
    job = audit.plan(plan)[0]
    path = copied / "out" / book.row_of(job)
    row = json.loads(path.read_text("utf-8"))
    assert again.earlier_row(copied / "out", job) == {**row, "cached": True}
    forged = {**row, **changed} if changed else changed
    if changed:
        forged = {k: v for k, v in forged.items() if v is not ...}
    path.write_text(json.dumps(forged), encoding="utf-8")
    assert again.earlier_row(copied / "out", job) is None


@pytest.mark.thorough
def test_a_name_that_passes_to_another_model_takes_no_files_with_it(copied):
    text = (copied / "problem.toml").read_text("utf-8")
    (copied / "other.toml").write_text(text.replace("lam = 2.0", "lam = 9.0"), encoding="utf-8")
    plan = PLAN.replace("few", "moved") + '[[model]]\nname = "few"\nproblem = "other.toml"\n'
    (copied / "audit.toml").write_text(plan, encoding="utf-8")
    found = audit.run(copied / "audit.toml", copied / "out")
    proved = audit.verify(copied / "out", inputs=copied)
    assert [r["verdict"] for r in proved.rows] == [r["verdict"] for r in found.rows]
    assert [r["report"] for r in found.rows] == ["reports/moved.html", "reports/few.html"]


@pytest.mark.parametrize(
    "lock",
    [
        {"models": []},
        {"models": 3},
        {"models": [3]},
        {"models": [{"name": "few", "verdict": "CERTIFIED"}]},
        {"models": [{"verdict": "PROVED"}]},
    ],
)
def test_a_lock_that_run_does_not_write_is_refused_in_a_sentence(copied, lock):
    out = copied / "out"
    held = json.loads((out / "audit.lock").read_text("utf-8"))
    models = lock["models"]
    if models and isinstance(models, list) and isinstance(models[0], dict) and len(models[0]) == 1:
        models = [held["models"][0] | models[0]]
    (out / "audit.lock").write_text(json.dumps(held | {"models": models}), encoding="utf-8")
    with pytest.raises(InputError, match=r"audit\.lock has no models, or one without"):
        audit.verify(out)


def test_a_name_in_the_lock_that_is_not_the_plans_is_refused(copied):
    lock = json.loads((copied / "out" / "audit.lock").read_text("utf-8"))
    lock["models"][0]["name"] = "../few"
    (copied / "out" / "audit.lock").write_text(json.dumps(lock), encoding="utf-8")
    with pytest.raises(InputError, match=r"is not the plan that audit\.lock was written for"):
        audit.verify(copied / "out")


def test_a_deep_lock_is_refused(copied):
    (copied / "out" / "audit.lock").write_text("[" * 10**5, encoding="utf-8")
    with pytest.raises(InputError, match="is not JSON"):
        audit.verify(copied / "out")


@pytest.mark.thorough
def test_a_bracket_that_nothing_proves_is_not_in_the_table(tmp_path):
    fit = (
        "import numpy as np\nfrom certify import Problem\nfrom certify.losses import Huber\n"
        "from certify.atoms import CP\n\n\ndef fit():\n"
        "    problem = Problem(Huber(np.ones((2, 2, 2)), delta=1.0), CP(), 0.0)\n"
        "    return problem, (np.ones((2, 1)),) * 3\n"
    )
    (tmp_path / "fits.py").write_text(fit, encoding="utf-8")
    plan = '[[model]]\nname = "a"\nfit = "fits.py:fit"\n'
    (tmp_path / "audit.toml").write_text(plan, encoding="utf-8")
    (row,) = audit.run(tmp_path / "audit.toml", tmp_path / "out").rows
    assert (row["verdict"], row["tier"]) == ("OUT_OF_SCOPE", "floats")
    assert not {"lower", "upper", "relative_gap", "certificate"} & set(row)
    assert "lam = 0" in row["reason"]
    assert audit.verify(tmp_path / "out").rows[0]["verdict"] == "OUT_OF_SCOPE"


def test_a_row_made_with_other_versions_is_made_again(copied, monkeypatch):
    job = audit.plan(copied / "audit.toml")[0]
    assert again.earlier_row(copied / "out", job) is not None
    monkeypatch.setattr("certify.cli.audit._plan.installed_versions", lambda: {"scikit-learn": "0"})
    assert again.earlier_row(copied / "out", job) is None


def test_a_fit_may_define_classes(tmp_path):
    fit = (
        "from __future__ import annotations\nimport pickle\nfrom dataclasses import dataclass\n"
        "from typing import ClassVar\n\n\n@dataclass\nclass Settings:\n"
        "    kind: ClassVar[str]\n    size: int = 2\n\n\n"
        "def fit():\n    return pickle.loads(pickle.dumps(Settings())).size\n"
    )
    (tmp_path / "fits.py").write_text(fit, encoding="utf-8")
    job = audit.Job("a", "fit", "fits.py:fit", str(tmp_path), {})
    with pytest.raises(InputError, match=r"must return \(estimator, X\).*, got int"):
        run_fit(job)


def test_what_a_lock_says_cannot_write_on_the_terminal_or_into_the_page(copied, capsys):
    rewritten(copied / "out", inputs={"problem.toml": "0", "\x1b[2J<script>.npy": "0"})
    assert main(["audit", "--verify", str(copied / "out"), "--inputs", str(copied)]) == 20
    said = capsys.readouterr().out
    assert "\x1b[2J" not in said
    assert r"\x1b[2J<script>.npy" in said


@pytest.mark.thorough
def test_what_a_fit_raises_is_escaped_in_the_index(tmp_path):
    (tmp_path / "fits.py").write_text("def fit():\n    raise ValueError('<script>&')\n", "utf-8")
    plan = '[[model]]\nname = "a"\nfit = "fits.py:fit"\n'
    (tmp_path / "audit.toml").write_text(plan, encoding="utf-8")
    audit.run(tmp_path / "audit.toml", tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert "<script>" not in page
    assert "ValueError: &lt;script&gt;&amp;" in page


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"inputs": {"/dev/zero": "0", "problem.toml": "0"}},
            "cannot read /dev/zero: it is a stream, and",
        ),
        ({"inputs": {}}, "no digest of problem.toml"),
        ({"kind": "fit", "source": "fits.py:f"}, "no digest of fits.py"),
    ],
)
def test_the_inputs_of_a_lock_are_files_and_all_of_them(copied, changed, said):
    plan = PLAN.replace('problem = "problem.toml"', 'fit = "fits.py:f"') + OLD
    if "kind" in changed:
        (copied / "audit.toml").write_text(plan, encoding="utf-8")
    rewritten(copied / "out", plan if "kind" in changed else None, **changed)
    row = audit.verify(copied / "out", inputs=copied).rows[0]
    assert row["verdict"] == "REJECTED"
    assert said in row["reason"]


PLACES = ["audit.lock", "audit.toml", "index.html", "results.jsonl", "reports/few.html"]
PLACES += ["certificates/few.cert", "certificates/own-size/few.cert"]
OTHERS = {
    "pipe": (lambda path, _kept: os.mkfifo(path), "is not a regular file"),
    "device": (
        lambda path, _kept: path.symlink_to("/dev/zero"),
        "leads out of the folder, to /dev",
    ),
    "link": (lambda path, kept: path.symlink_to(kept), "leads out of the folder, to "),
    "loop": (lambda path, _kept: path.symlink_to(path), "Symlink loop|levels of symbolic links"),
    "hole": (lambda path, _kept: hole(path), "is too large: 1,099,511,627,776 bytes"),
}


def hole(path):
    """Make a file of a terabyte that takes no room on the disk."""
    path.touch()
    os.truncate(path, 1 << 40)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("place", PLACES)
def test_only_regular_files_inside_the_folder_are_read(copied, tmp_path, place, kind):
    out, (make, said) = copied / "out", OTHERS[kind]
    kept = (out / place).rename(tmp_path / "kept")
    make(out / place, kept)
    if place in PLACES[:2]:
        with pytest.raises(InputError, match=said):
            audit.verify(out)
        return
    (row,) = [r for r in audit.verify(out).rows if r["verdict"] == "REJECTED"]
    assert row["name"] == ("few" if place.startswith("certificates") else place)
    assert re.search(said, row["reason"])


def test_a_link_inside_the_folder_is_followed(copied):
    out = copied / "out"
    (out / "index.html").rename(out / "first.html")
    (out / "index.html").symlink_to("first.html")
    assert len(audit.verify(out).rows) == 2


@pytest.mark.parametrize("place", ["certificates", "reports", "cache", "certificates/own-size"])
def test_an_audit_writes_into_no_folder_outside_of_its_own(copied, tmp_path, place):
    (copied / "out" / place).rename(tmp_path / "elsewhere")
    (copied / "out" / place).symlink_to(tmp_path / "elsewhere")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "elsewhere").rglob("*")}
    with pytest.raises(InputError, match=r"leads out of the folder, to .*elsewhere"):
        audit.run(copied / "audit.toml", copied / "out")
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "elsewhere").rglob("*")} == before


@pytest.mark.parametrize("kind", ["pipe", "link"])
@pytest.mark.parametrize("place", ["index.html", "results.jsonl", "audit.lock", "audit.toml"])
def test_an_audit_that_goes_on_overwrites_no_other_file(copied, tmp_path, place, kind):
    out, (make, said) = copied / "out", OTHERS[kind]
    kept = (out / place).rename(tmp_path / "kept")
    blob = kept.read_bytes()
    kept.write_bytes(b"of the user")
    make(out / place, kept)
    with pytest.raises(InputError, match=said):
        audit.run(copied / "audit.toml", out)
    assert kept.read_bytes() == b"of the user" != blob


@pytest.mark.parametrize("kind", OTHERS)
def test_a_kept_row_that_is_no_file_of_the_folder_is_not_used(copied, tmp_path, kind):
    job = audit.plan(copied / "audit.toml")[0]
    path = copied / "out" / book.row_of(job)
    assert again.earlier_row(copied / "out", job) is not None
    OTHERS[kind][0](path, path.rename(tmp_path / "kept"))
    assert again.earlier_row(copied / "out", job) is None
