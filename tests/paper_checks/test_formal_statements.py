"""What the theorems say is held word for word, and how much of a statement they are is said."""

import shutil

import pytest

from paper_checks import _formal, _statements
from paper_checks._formal import FORMAL, faults, machine_proved, proves_all, table
from paper_checks._run import PARTLY, PROVED, Outcome
from paper_checks._statements import changed, changes, sentences, text_of, uncommented, with_proofs
from tests.formal_copies import copy_to, edited, with_row
from tests.paper_checks.test_formal import make, needs_coq


@pytest.fixture
def copied(tmp_path):
    """Return a copy of the sources, to be broken."""
    return copy_to(tmp_path)


# --- the text ----------------------------------------------------------------------------


def test_the_files_say_what_was_read():
    assert changed() == []


@pytest.mark.thorough
def test_a_theorem_of_nothing_is_noticed_and_raises_no_grade(copied):
    with (copied / "LargeR.v").open("a", encoding="utf-8") as file:
        file.write("\nTheorem large_r : True. Proof. exact I. Qed.\n")
    with_row(copied, theorem="large_r", file="LargeR.v", statement="large_r")
    assert faults(copied) == []
    assert changed(copied) == ["LargeR.v: + Theorem large_r : True."]
    shutil.copy(FORMAL / "table.toml", copied / "held.toml")
    assert not proves_all("large_r", ("LargeR.large_r", "LargeR.large_r_double"), copied)


WEAK = "polar_le w phi theta P -> P <= lam -> forall xs q, d <= f xs q."
BROKEN = {
    "a theorem of nothing": (
        "Power.v",
        "Theorem real_degree (R : realType) (p : R) : 0 < p -> degree (fun a : R => powR a p).",
        "Theorem real_degree : True.",
    ),
    "a hypothesis more": ("Duality.v", WEAK, f"0 <= d -> {WEAK}"),
    "a hypothesis less": ("Duality.v", WEAK, WEAK.replace(" P <= lam ->", "")),
    "another relation": ("Duality.v", WEAK, WEAK.replace("d <= f", "d >= f")),
    "a stricter hypothesis": ("LargeR.v", "(2 * dim V <= r)%N ->", "(2 * dim V < r)%N ->"),
    "another definition": (
        "Frame.v",
        r"price (xs : seq S) : R := \sum_(x <- xs) theta x",
        "price (xs : seq S) : R := 0",
    ),
    "another fixpoint": ("Gap.v", "(x j - x i) ^+ 2 + climb j p' else 0", "climb j p' else 0"),
    "another record": ("Frame.v", "pw1 : pw 1 = 1;", "pw1 : pw 1 = 0;"),
    "another hypothesis of a section": (
        "Duality.v",
        "Hypothesis theta_ge0 : forall x, 0 <= theta x.",
        "Hypothesis theta_ge0 : False.",
    ),
    "a hypothesis more of a section": (
        "Frame.v",
        "Section Objective.",
        "Section Objective.\nHypothesis none : False.",
    ),
    "another variable": ("Omega.v", "Variables (R : realType) (V", "Variables (R : rcfType) (V"),
    "another local notation": (
        "Duality.v",
        "Local Notation f := (objective phi theta l H lam).",
        "Local Notation f := (fun _ _ => d).",
    ),
    "a notation more": (
        "Duality.v",
        "Section Duality.",
        'Notation "a <= b" := True.\nSection Duality.',
    ),
    "a coercion more": ("Frame.v", "Section Inner.", "Coercion silent := fit.\nSection Inner."),
    "another import": (
        "Duality.v",
        "From Formal Require Import Base Frame.",
        "From Formal Require Import Frame Base.",
    ),
    "a section that ends earlier": ("Duality.v", "Theorem escape ", "End Early. Theorem escape "),
    "a command in a proof": (
        "Duality.v",
        "move=> hd hw hP",
        "Definition price := 0.\nmove=> hd hw hP",
    ),
    "a proof that is a definition": ("Examples.v", "rewrite /= maxxx !act0", "rewrite /= !act0"),
    "a lemma that a definition names": (
        "Frame.v",
        "by move=> a Y Z; rewrite /inner_with",
        "by rewrite /inner_with",
    ),
    "a flag of Coq": ("_CoqProject", "-arg -w", "-arg -type-in-type\n-arg -w"),
}


@pytest.mark.parametrize(("name", "old", "new"), BROKEN.values(), ids=BROKEN)
def test_a_change_of_what_is_said_is_noticed(copied, name, old, new):
    edited(copied, name, old, new)
    found = changed(copied)
    assert found
    assert all(line.startswith(f"{name}: ") for line in found)


SAME = {
    "a comment": ("Duality.v", "(* the same for s W", "(* nearly (* the *) same for s W"),
    "a proof": ("Duality.v", "move=> hd hw hP xs q;", "move=> hd hw hP; move=> xs q;"),
    "a lemma without a row": (
        "Duality.v",
        "Lemma polar_le_trans w P P' :",
        "Lemma polar_le_trans w P' P :",
    ),
    "a line that is broken elsewhere": ("Duality.v", WEAK, WEAK.replace(" -> ", "\n  -> ")),
}


@pytest.mark.parametrize(("name", "old", "new"), SAME.values(), ids=SAME)
def test_what_changes_no_statement_changes_no_golden(copied, name, old, new):
    edited(copied, name, old, new)
    assert changed(copied) == []


def test_every_theorem_of_the_table_is_in_the_text():
    said = text_of()
    absent = [
        r for r in table().rows if f" {r.theorem} " not in said.replace(":", " ").replace("\n", " ")
    ]
    assert absent == []


def test_one_command_renews_the_text(copied):
    edited(copied, "Duality.v", WEAK, f"0 <= d -> {WEAK}")
    _statements.renew(copied)
    assert changed(copied) == []
    assert changes((FORMAL / "text.golden").read_text(encoding="utf-8"), text_of(copied)) != []


def test_comments_nest_and_strings_hold_none():
    assert sentences(uncommented('A (* b (* c. *) d. *) e. F "(* g". H')) == [
        "A e",
        'F "(* g"',
        "H",
    ]


def test_a_proof_that_does_not_end_hides_nothing():
    found = list(with_proofs("Lemma b : C. Proof. auto. Axiom d : E."))
    assert [said for said, _ in found] == ["Lemma b : C", "Proof", "auto", "Axiom d : E"]


def test_theorems_that_say_something_else_are_no_evidence(copied):
    edited(copied, "Duality.v", WEAK, f"0 <= d -> {WEAK}")
    (copied / "assumptions.txt").write_text(
        '     = "Duality.weak_duality"%string\n     : string\nClosed\n', "utf-8"
    )
    assert _formal.built(copied)
    assert machine_proved("weak_duality", copied) == ()
    edited(copied, "Duality.v", f"0 <= d -> {WEAK}", WEAK)
    (copied / "assumptions.txt").touch()
    assert machine_proved("weak_duality", copied) == ("Duality.weak_duality",)


# --- the grades --------------------------------------------------------------------------


def grade_of(name, theorems):
    return Outcome(name, None, theorems).proved()


def test_a_statement_is_proved_by_what_the_table_calls_the_whole_of_it():
    whole = table().grades["zero_slice"].whole
    assert grade_of("zero_slice", whole) == [PROVED]
    assert grade_of("zero_slice", whole[:1]) == [PARTLY]
    assert grade_of("zero_slice", ()) == []
    assert grade_of("large_r", ("LargeR.large_r",)) == [PARTLY]  # a name proves nothing
    assert grade_of("no_statement", ("LargeR.large_r",)) == [PARTLY]


GRADED = {
    "no grade": (
        'name = "attainment"',
        'name = "dead_neuron"',
        [
            "the statement attainment has theorems and no grade",
            "the statement dead_neuron is graded and has no theorem",
        ],
    ),
    "a theorem of another": (
        'whole = ["StrongConvexity.distance_bound"]',
        'whole = ["LargeR.few_slices"]',
        ["the grade of distance_bound: LargeR.few_slices is no theorem of it"],
    ),
    "neither": (
        'whole = ["StrongConvexity.distance_bound"]',
        "whole = []",
        ["the grade of distance_bound has either theorems of the whole or what is open"],
    ),
    "both": (
        'name = "attainment"',
        'name = "attainment"\nwhole = ["Attainment.attained"]',
        ["the grade of attainment has either theorems of the whole or what is open"],
    ),
}


@pytest.mark.parametrize(("old", "new", "said"), GRADED.values(), ids=GRADED)
def test_a_wrong_grade_is_noticed(copied, old, new, said):
    assert faults(edited(copied, "table.toml", old, new)) == said


# --- what Coq understands ----------------------------------------------------------------

SMALL = """
Section S. Variable n : nat. Definition twice := n + n.
Hypothesis h : n <= 1. Theorem t : twice <= 2.
Proof. unfold twice. revert h. destruct n as [|[|k]]; auto. intro g. inversion g. inversion H0. Qed.
End S.
"""


@needs_coq
@pytest.mark.slow
def test_what_coq_prints_has_hypotheses_and_definitions(tmp_path):
    for name in ("Makefile", "_CoqProject"):
        shutil.copy(FORMAL / name, tmp_path)
    (tmp_path / "table.toml").write_text("", encoding="utf-8")
    with_row(tmp_path, theorem="t", file="Small.v", rule="Arithmetic.top")
    (tmp_path / "Small.v").write_text(SMALL, encoding="utf-8")
    make(tmp_path)
    first = (tmp_path / "statements.txt").read_text(encoding="utf-8")
    assert "forall n : nat, (n <= 1)" in " ".join(first.split())
    assert "Small.twice = fun n : nat => (n + n)" in " ".join(first.split())
