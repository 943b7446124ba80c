"""The table of what is proved: it is generated, and says what the proved checker does."""

import re

import pytest

from certify.kernel.file import read
from paper_checks._coverage import (
    BOUNDS,
    CHECKER,
    PAGE,
    covered,
    in_checker,
    known,
    renewed,
    rows,
    written,
)
from paper_checks._formal import checked, table
from tests.golden import HERE, names
from tests.paper_checks.checker_cases import COVERED


def test_the_page_has_the_table():
    text = PAGE.read_text(encoding="utf-8")
    assert renewed(text) == text
    with pytest.raises(ValueError, match="has no <!-- coverage -->"):
        renewed(text.replace("<!-- coverage -->", ""))


def test_the_table_says_of_every_stored_certificate_whether_the_checker_covers_it():
    files = {name: read(HERE / f"{name}.cert") for name in names()}
    found = {
        name for name, file in files.items() if covered(file.statement, file.proof, file.witness)
    }
    assert found == set(COVERED)


def test_the_checker_reads_one_of_each():
    assert known() == {
        "loss": [
            "squared",
            "absolute",
            "hinge",
            "squared_hinge",
            "logistic",
            "kullback_leibler",
            "poisson",
            "softmax",
            "huber",
            "quantile",
        ],
        "claim": ["any size", "rank"],
        "kind": ["cp", "deep_linear", "deep_relu", "symmetric", "rank_one", "relu"],
        "bias": ["none", "free"],
        "form": ["product", "sum"],
        "norm": [
            "l2",
            "l2+",
            "l2-",
            "l1",
            "l1+",
            "l1-",
            "linf",
            "linf+",
            "linf-",
            "weighted",
            "elastic",
            "group",
        ],
        "rule": ["spectral", "conic", "lines", "corners", "cones"],
        "layer_rule": ["max_pool", "linear", "network", "outputs", "cones"],
        "pool": ["max"],
        "tensor_rule": ["transpose", "slices", "corners", "cones"],
        "deep_rule": ["layers", "linear"],
        "fitted": ["mode", "sparse", "column", "row", "intercept", "linear"],
    }
    assert in_checker("POLAR_RULES.spectral")
    assert in_checker("POLAR_RULES.conic")
    assert in_checker("POLAR_RULES.cones")
    assert in_checker("POLAR_RULES.corners")
    assert in_checker("TENSOR_RULES.corners")
    assert in_checker("TENSOR_RULES.transpose")
    assert in_checker("TENSOR_RULES.cones")
    assert in_checker("network_bound.network")
    assert in_checker("network_bound.max_pool")
    assert in_checker("network_bound.linear")
    assert in_checker("deep_bound.linear")
    assert in_checker("OFFSETS.row")
    assert in_checker("OFFSETS.sparse")
    assert not in_checker("OFFSETS.smooth")
    assert in_checker("lower.ky_fan")
    assert in_checker("lower.concave")
    rule = "".join((CHECKER / f).read_text(encoding="utf-8") for f in ("Rule.v", "Proof.v"))
    for theorem in BOUNDS.values():
        assert re.search(rf"\b(?:Lemma|Theorem) {theorem}\b", rule)


def test_a_row_says_who_proves_what():
    held = {row[1]: row[2:] for row in rows()}
    assert held["spectral"] == ("proved in Coq: Spectral.spectral_squares", "yes", "")
    assert held["counts"] == ("proved in Coq: Counts.counts_bound", "", "")
    assert held["squared"][1:] == ("yes", "proved in Coq")
    assert held["huber"][1:] == ("yes", "proved in Coq")
    assert held["logistic"][1:] == ("yes", "proved in Coq")
    assert held["poisson"][1:] == ("yes", "proved in Coq")
    assert held["kullback_leibler"][1:] == ("yes", "proved in Coq")
    assert held["softmax"][1:] == ("yes", "proved in Coq")
    assert held["rank_one, l1 x l1"][1:] == ("yes", "proved in Coq")
    assert held["rank_one, linf x linf"][1:] == ("yes", "proved in Coq")
    assert held["rank_one, variation x variation"][1:] == ("", "tested only")
    assert held["rank_one, l2 x l2"][1:] == ("yes", "proved in Coq")
    assert held["cp, product form"][1:] == ("yes", "proved in Coq")
    assert held["cp, sum form"][1:] == ("yes", "proved in Coq")
    assert held["cp, symmetric"][1:] == ("yes", "proved in Coq")
    assert held["symmetric"][1:] == ("yes", "proved in Coq")
    assert held["relu, bias none"][1:] == ("yes", "proved in Coq")
    assert held["relu, bias free"][1:] == ("yes", "proved in Coq")
    assert held["relu, pool max"][1:] == ("yes", "proved in Coq")
    assert held["deep_relu, product form"][1:] == ("yes", "proved in Coq")
    assert held["deep_linear, sum form"][1:] == ("yes", "proved in Coq")
    assert written().count("\n") == len(list(rows())) + 1


def test_what_is_checked_end_to_end_is_a_theorem_of_the_checker():
    assert [name for name in table().grades if checked(name)] == ["weak_duality"]
    main = (CHECKER / "Main.v").read_text(encoding="utf-8")
    assert "Theorem answer_sound " in main
    assert "answer_sound" in table().grades["weak_duality"].checked
