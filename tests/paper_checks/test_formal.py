"""The formal proofs: complete, free of axioms of their own, and tied to the kernel by name."""

import os
import re
import shutil
import subprocess

import pytest

from paper_checks import _formal
from paper_checks._formal import ALLOWED, FORMAL, Row, assumptions, faults, table, unfounded
from paper_checks._statements import PRINTED, changes, printed, text_of
from tests.formal_copies import copy_to, edited, with_row

LIMIT = 60 * 60  # seconds, on a busy machine; it takes six to seven minutes of one core
REQUIRED = re.compile(r"^From Formal Require (?:Import |Export )?(.*)\.$", re.MULTILINE)


def make(folder, target="all"):
    """Build the proofs of a folder, or a part of it; return its assumptions."""
    done = subprocess.run(
        ["make", "-s", "-C", str(folder), target],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return (folder / "assumptions.txt").read_text(encoding="utf-8")


@pytest.fixture
def copied(tmp_path):
    """Return a copy of the sources, to be broken."""
    return copy_to(tmp_path)


# --- the table against the sources and the kernel --------------------------------------


def test_every_rule_has_a_theorem_every_theorem_a_place_and_every_name_exists():
    assert faults() == []


def test_a_copy_of_the_table_has_no_faults_either(copied):
    assert faults(copied) == []


def test_a_theorem_that_is_renamed_is_noticed(copied):
    edited(copied, "Duality.v", "Theorem weak_duality ", "Theorem weak_dual ")
    assert faults(copied) == [
        "Duality.v has no theorem weak_duality",
        "Duality.v: the theorem weak_dual has no row",
    ]


def test_a_theorem_without_a_row_is_noticed(copied):
    edited(copied, "Duality.v", "Theorem escape ", "Lemma escape ")
    assert faults(copied) == []
    edited(copied, "Base.v", "Lemma cauchy_schwarz ", "Corollary cauchy_schwarz ")
    assert faults(copied) == ["Base.v: the theorem cauchy_schwarz has no row"]


def test_a_theorem_that_is_only_mentioned_in_a_comment_is_noticed(copied):
    edited(copied, "Duality.v", "Theorem weak_duality ", "(* Theorem weak_duality *) Lemma other ")
    assert faults(copied) == ["Duality.v has no theorem weak_duality"]


def test_a_file_that_is_gone_is_noticed(copied):
    (copied / "Power.v").unlink()
    assert "Power.v has no theorem real_degree" in faults(copied)


def test_a_row_without_rule_and_statement_is_noticed(copied):
    with_row(copied, theorem="cauchy_schwarz", file="Base.v")
    assert faults(copied) == ["Base.cauchy_schwarz is neither of a statement nor of a rule"]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("statement", "weak_dualities", "there is no statement weak_dualities"),
        ("statement", "_base", "there is no statement _base"),
        ("rule", "POLAR_RULES.spectra", "the kernel has no rule POLAR_RULES.spectra"),
        ("rule", "spectral.no", "the kernel has no rule spectral.no"),
        ("function", "spectra", "there is no function spectra"),
        ("function", "Arithmetic.no", "there is no function Arithmetic.no"),
        ("function", "certify.atoms.No", "there is no function certify.atoms.No"),
        ("function", "no.package", "there is no function no.package"),
    ],
)
def test_a_name_that_does_not_exist_is_noticed(copied, field, value, said):
    row = {"theorem": "cauchy_schwarz", "file": "Base.v", "rule": "Arithmetic.top"} | {field: value}
    found = faults(with_row(copied, **row))
    assert found[0] == f"Base.cauchy_schwarz: {said}"
    ungraded = [f"the statement {value} has theorems and no grade"]
    assert found[1:] == (ungraded if field == "statement" else [])


def test_a_theorem_listed_twice_is_noticed(copied):
    with_row(copied, theorem="residual_le", file="Base.v", rule="Arithmetic.top")
    assert faults(copied) == ["Base.residual_le has 2 rows"]


@pytest.mark.parametrize(
    "trick",
    [
        "Admitted.",
        "admit.",
        "Axiom false : False.",
        "Parameter false : False.",
        "Conjecture c : True.",
        "Unset Universe Checking.",
        "Unset Positivity Checking.",
    ],
)
def test_what_is_left_unproved_is_noticed(copied, trick):
    with (copied / "Frame.v").open("a", encoding="utf-8") as file:
        file.write(f"\n{trick}\n")
    assert faults(copied) == ["Frame.v leaves something unproved"]


# --- what was built ----------------------------------------------------------------------

needs_coq = pytest.mark.skipif(shutil.which("coqc") is None, reason="formal proofs not built")


@pytest.mark.thorough
@needs_coq
def test_every_theorem_is_proved_from_the_axioms_of_the_library_and_says_what_was_read():
    text, rows = make(FORMAL), table().rows
    assert unfounded(text, rows) == []
    assert set(assumptions(text)) == {row.full_name for row in rows}
    closed = [name for name, axioms in assumptions(text).items() if not axioms]
    assert len(closed) > len(rows) / 2
    assert _formal.built()
    assert "Duality.weak_duality" in _formal.machine_proved("weak_duality")
    assert _formal.machine_proved("dead_neuron") == ()
    texts = [(FORMAL / name).read_text(encoding="utf-8") for name in (PRINTED, "statements.txt")]
    golden, here = (text.partition("\n")[0] for text in texts)
    if golden != here:
        pytest.skip(f"{PRINTED} was printed by {golden}, this is {here}")
    assert changes(*map(printed, texts)) == []


SMALL = {
    "a proof": ("Theorem t : 1 = 1. Proof. reflexivity. Qed.", []),
    "an axiom": (
        "Axiom a : 0 = 1. Theorem t : 0 = 1. Proof. exact a. Qed.",
        ["Small.t rests on a"],
    ),
    "a gap": ("Theorem t : 0 = 1. Admitted.", ["Small.t rests on t"]),
    "a gap below": (
        "Lemma b : 0 = 1. Admitted. Theorem t : 0 = 1. Proof. exact b. Qed.",
        ["Small.t rests on b"],
    ),
    "a hypothesis of a section": (
        "Section S. Hypothesis h : 0 = 1. Theorem t : 0 = 1. Proof. exact h. Qed. End S.",
        [],  # the theorem becomes an implication
    ),
}


@pytest.mark.thorough
@needs_coq
@pytest.mark.parametrize(("source", "said"), SMALL.values(), ids=SMALL)
def test_the_listing_of_axioms_sees_them(tmp_path, source, said):
    for name in ("Makefile", "_CoqProject"):
        shutil.copy(FORMAL / name, tmp_path)
    (tmp_path / "Small.v").write_text(source, encoding="utf-8")
    (tmp_path / "table.toml").write_text("", encoding="utf-8")
    with_row(tmp_path, theorem="t", file="Small.v", rule="Arithmetic.top")
    assert [
        re.sub(r"on Small\.", "on ", line)
        for line in unfounded(make(tmp_path, "assumptions.txt"), table(tmp_path).rows)
    ] == said


@pytest.mark.thorough
@needs_coq
def test_a_proof_that_does_not_check_does_not_build(tmp_path):
    for name in ("Makefile", "_CoqProject"):
        shutil.copy(FORMAL / name, tmp_path)
    (tmp_path / "Small.v").write_text("Theorem t : 0 = 1. Proof. reflexivity. Qed.", "utf-8")
    (tmp_path / "table.toml").write_text("", encoding="utf-8")
    with pytest.raises(AssertionError, match="Unable to unify"):
        make(tmp_path, "assumptions.txt")


def required(text):
    """Return the files of ours that a file needs."""
    named = [f"{x}.v" for line in REQUIRED.findall(text) for x in line.split()]
    below = [required((FORMAL / file).read_text(encoding="utf-8")) for file in named]
    return set(named).union(*below)


@pytest.mark.thorough
@needs_coq
def test_the_theorems_of_the_guide_are_proved(tmp_path):
    guide = (FORMAL.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    fence = re.compile(
        r"^```coq paper_checks/formal/((\w+)\.v)\n(.*?^Theorem (\w+) .*?)^```$",
        re.MULTILINE | re.DOTALL,
    )
    found = fence.findall(guide)
    assert len(found) == guide.count("\n```coq")
    for file, name, text, theorem in found:
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(text, encoding="utf-8")
        for other in ("Makefile", "_CoqProject", *required(text)):
            shutil.copy(FORMAL / other, tmp_path / name)
        (tmp_path / name / "table.toml").write_text("", encoding="utf-8")
        with_row(tmp_path / name, theorem=theorem, file=file)
        listing = make(tmp_path / name, "assumptions.txt")
        assert assumptions(listing) == {f"{name}.{theorem}": ()}


LISTED = """     = "A.first"%string
     : string
Closed under the global context
     = "B.second"%string
     : string
Axioms:
boolp.propositional_extensionality : forall P Q : Prop, P <-> Q -> P = Q
boolp.functional_extensionality_dep :
  forall (A : Type) (B : A -> Type) (f g : forall x : A, B x),
  (forall x : A, f x = g x) -> f = g
"""


def test_a_listing_is_read():
    held = assumptions(LISTED)
    assert held["A.first"] == ()
    assert set(held["B.second"]) < ALLOWED
    assert unfounded(LISTED, (Row("first", "A.v"), Row("second", "B.v"))) == []
    assert unfounded(LISTED, (Row("third", "A.v"),)) == ["A.third is not listed"]
    loop = LISTED + "loop is assumed to be guarded.\n"
    assert unfounded(loop, ()) == ["B.second rests on loop"]
    type_in_type = LISTED + "big relies on an unsafe universe hierarchy.\n"
    assert unfounded(type_in_type, ()) == ["B.second rests on big"]
    cheat = LISTED + "cheat : False\n"
    assert unfounded(cheat, ()) == ["B.second rests on cheat"]


@pytest.fixture
def listed(tmp_path):
    """Return a folder that counts as built: two theorems of a statement, one with an axiom."""
    (tmp_path / "A.v").write_text("", encoding="utf-8")
    (tmp_path / "table.toml").write_text("", encoding="utf-8")
    with_row(tmp_path, theorem="first", file="A.v", statement="flat_path")
    with_row(tmp_path, theorem="second", file="B.v", statement="flat_path")
    with_row(tmp_path, theorem="other", file="A.v", statement="zero_slice")
    (tmp_path / "_CoqProject").write_text("", encoding="utf-8")
    (tmp_path / "text.golden").write_text(text_of(tmp_path), encoding="utf-8")
    text = LISTED + "cheat : False\n"
    (tmp_path / "assumptions.txt").write_text(text, encoding="utf-8")
    return tmp_path


def test_only_theorems_without_further_axioms_are_evidence(listed):
    assert _formal.machine_proved("flat_path", listed) == ("A.first",)
    assert _formal.machine_proved("zero_slice", listed) == ()


def test_a_listing_older_than_a_proof_is_no_evidence(listed):
    later = (listed / "assumptions.txt").stat().st_mtime + 10
    os.utime(listed / "A.v", (later, later))
    assert not _formal.built(listed)
    assert _formal.machine_proved("flat_path", listed) == ()


def test_nothing_is_proved_where_nothing_was_built(copied):
    assert not _formal.built(copied)
    assert _formal.machine_proved("weak_duality", copied) == ()
