"""The pages made from the statements: complete, on their own, current, readable."""

import re
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from html import escape
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

import paper_checks
from paper_checks import Check, Statement
from paper_checks import __main__ as command
from paper_checks._docs import END, START, anchor, documented, files, readme, table
from paper_checks._html import page
from paper_checks._neurons import LAM, grown, polar
from paper_checks._pictures import PICTURES, hull
from paper_checks._run import Outcome, run
from paper_checks._words import OPEN, pretty, short

NAMES = paper_checks.names()
VOID = {"meta", "br"}


class Tags(HTMLParser):
    """The open tags, all attributes, and the text of a page."""

    def __init__(self):
        super().__init__()
        self.open, self.attributes, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):  # noqa: ARG002  svg's own
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


def read(text):
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    return tags


@pytest.fixture(scope="module")
def found():
    return [run(name, paper_checks.load(name), 20, 0) for name in NAMES]


@pytest.fixture(scope="module")
def written(found):
    return page(found, "a note")


@pytest.mark.thorough
def test_the_page_says_every_statement_hypothesis_and_gap(found, written):
    text = "".join(read(written).text)
    for o in found:
        s = o.statement
        for part in (s.title, s.words, s.formula, s.gap, *s.needs, *s.needs.values()):
            assert pretty(part) in text
        for name, check in o.needed.items():
            assert name in s.needs
            assert pretty(f"{check.claim} would say {short(check.left)}") in text
    for title, words in OPEN.items():
        assert pretty(title) in text
        assert pretty(words) in text
    assert "a note" in text


@pytest.mark.thorough
def test_the_page_needs_nothing_else(written):
    tags = read(written)
    for name, value in tags.attributes:
        assert name != "src"
        assert name != "href" or value.startswith("#")
    assert "url(" not in written
    assert "@import" not in written
    assert "<script" not in written


@pytest.mark.thorough
def test_links_of_the_page_lead_somewhere(written):
    attributes = read(written).attributes
    ids = [value for name, value in attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {value[1:] for name, value in attributes if name == "href"} <= set(ids)


@pytest.mark.thorough
def test_the_page_has_dark_colours_and_fits_narrow_screens(written):
    assert written.count("prefers-color-scheme:dark") == 2
    assert 'name="viewport"' in written
    assert re.findall(r"(?<![\w-])width:\d+px", written) == []


def test_a_failure_is_shown_and_escaped():
    check = Check("a <b> & claim", Fraction(2), "<=", Fraction(1))
    wrong = Outcome("flat_path", Statement("<i>", "w", "f", {}))
    wrong.failures.append(wrong.add(check, "<instance>"))
    written = page([wrong], "")
    text = "".join(read(written).text)
    assert "a <b> & claim: 2 ≤ 1 is false  (<instance>)" in text
    assert "FAILS" in text
    assert "<i>" not in written


@pytest.mark.thorough
def test_proofs_that_are_not_built_are_not_shown_as_such(found):
    for theorems, told in (((), True), (("Duality.weak_duality",), False)):
        one = [replace(o, theorems=theorems) for o in found if o.name == "weak_duality"]
        written = page(one, "")
        assert ("Formal proofs, not built here" in written) is told
        assert ("machine-proved" in written) is not told
        assert "<code>weak_duality</code>" in written


def test_html_is_written_where_asked(tmp_path, capsys):
    out = tmp_path / "out.html"
    few = ["--examples", "2", "--only", "flat_path"]
    assert command.main([*few, "--html", str(out)]) == 0
    assert "2 examples a statement, seed 0." in out.read_text(encoding="utf-8")
    assert command.main([*few, "--html", str(tmp_path / "none" / "out.html")]) == 2
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_a_picture_is_drawn(name):
    assert name in NAMES
    drawing = ET.fromstring(PICTURES[name].svg(alone=True))  # noqa: S314  our own
    wide, high = map(float, drawing.attrib["viewBox"].split()[2:])
    assert "nan" not in PICTURES[name].svg()
    for group in drawing.iter("{http://www.w3.org/2000/svg}g"):
        across, down = map(float, re.findall(r"[\d.]+", group.attrib["transform"]))
        for shape in group:
            for x, y in points(shape):
                assert 0 <= across + x <= wide
                assert 0 <= down + y <= high


def points(shape):
    """Return the points of a line, an area or a dot, and where a text starts."""
    a = shape.attrib
    if "points" in a:
        return [tuple(map(float, p.split(","))) for p in a["points"].split()]
    return [(float(a.get("cx", a.get("x", 0))), float(a.get("cy", a.get("y", 0))))]


def test_pictures_belong_to_statements():
    assert set(PICTURES) <= set(NAMES)


def test_the_appended_neuron_brings_the_polar_down():
    before, after = (polar(grown(n)[0]).max() / LAM for n in (1, 2))
    assert 3.45 < before < 3.55  # as the picture says
    assert 1 <= after < 1.0001  # lam, on a grid of angles
    assert [len(grown(n)[1].nonzero()[0]) for n in (1, 2)] == [1, 2]


def test_the_hull_is_the_hull():
    square = [(0, 0), (1, 0), (1, 1), (0, 1)]
    assert hull([*square, (0.5, 0.5), (0.5, 0), (1, 0.25)]) == square


@pytest.mark.thorough
def test_generated_files_are_current(found):
    for path, text in files(found).items():
        assert path.read_text(encoding="utf-8") == text, f"run python -m paper_checks._docs: {path}"


@pytest.mark.thorough
def test_the_documented_evidence_is_that_of_the_run(found):
    rows = table(documented(found)).splitlines()[2:]
    assert len(rows) == len(NAMES)
    for row, o in zip(rows, found, strict=True):
        assert all(level in row for level in o.evidence)
        assert f"(#{anchor(o)})" in row


@pytest.mark.thorough
def test_only_the_readmes_block_is_renewed(found):
    old = f"before\n{START}\nold\n{END}\nafter"
    new = readme(old, found)
    assert new.startswith(f"before\n{START}\n")
    assert new.endswith(f"\n{END}\nafter")
    assert "old" not in new
    with pytest.raises(ValueError, match="README"):
        readme("nothing", found)


def test_words_become_letters():
    assert pretty("Omega*(W) <= lam theta(z)^2") == "Ω°(W) ≤ λ θ(z)²"
    assert pretty("sum beta_i phi(X_i) = 0, lambda") == "Σ β_i φ(X_i) = 0, lambda"
    assert short(Fraction(1, 3)) == "1/3"
    assert short(Fraction(10**15 + 1, 10**15)) == "1…"


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")
@pytest.mark.parametrize("width", [360, 1400])
def test_a_browser_shows_the_page_without_scrolling_sideways(written, tmp_path, width):
    probe = "<script>parent.document.title = document.documentElement.scrollWidth</script></body>"
    inside = escape(written.replace("</body>", probe))
    path = tmp_path / "frame.html"  # a window of Chromium has at least 500 pixels, a frame has not
    path.write_text(f'<title></title><iframe width="{width}" height="900" srcdoc="{inside}">')
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command = ["chromium", *options, path.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert 0 < int(re.search(r"<title>(\d+)</title>", shown.stdout)[1]) <= width
