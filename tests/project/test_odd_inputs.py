"""The page of odd inputs has those of the tests, each with the sentence that they look for."""

import re

from tests.odd_inputs import PAGE, cell, rows


def test_the_page_has_every_odd_input_and_its_sentence():
    lines = [x for x in PAGE.read_text(encoding="utf-8").splitlines() if x.startswith("| `")]
    assert len(lines) == len(rows()) >= 100
    for line, (written, said) in zip(lines, rows(), strict=True):
        assert line.startswith(f"| {written} | ")
        sentence = line.removeprefix(f"| {written} | ").replace("\\|", "|")
        assert re.search(said, sentence), line


def test_a_cell_is_one_line_of_code():
    assert cell("a\nb|c") == r"`a ⏎ b\|c`"
    assert cell("`a`") == "`` `a` ``"


def test_the_page_names_no_folder_of_the_run_that_wrote_it():
    assert "/tmp" not in PAGE.read_text(encoding="utf-8")  # noqa: S108  no file is made
