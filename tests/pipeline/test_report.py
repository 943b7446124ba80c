"""A report says what its certificate proves, and nothing before it was verified again."""

import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

import problems
from certify import InputError, Problem, RejectedError, Verdict, check
from certify.atoms import RankOne
from certify.cli import main
from certify.losses import Squared
from certify.pipeline import report
from certify.pipeline.certificate.verdict import REJECTED_EXIT
from certify.pipeline.numbers import at_least, at_most
from certify.pipeline.report import pictures
from tests.browser import CHROMIUM, laid_out
from tests.golden import KERNEL

FAMILIES = {
    "matrix": ("diagonal", 0),
    "fixed rank": ("truncated", 0),
    "offsets": ("both_means", 0),
    "masked": ("masked", 0),
    "symmetric": ("symmetric", 0),
    "tensor": ("w_tensor", 0),
    "network": ("network_line", 0),
    "deep": ("deep", 0),
    "softmax": ("softmax", 0),
}
VOID = {"meta", "img", "link", "br", "rect", "line", "circle"}


class Page(HTMLParser):
    """What is in a page: tags with their attributes, text, and whether tags are closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip() and self.open[-1:] != ["style"]:
            self.words.append(" ".join(data.split()))

    @property
    def said(self):
        return " ".join(self.words)


def judged(family):
    name, which = FAMILIES[family]
    held = list(problems.load(name).values())[which]
    return check(held.problem, held.factors, q=held.q, budget=5.0)


def diagonal(factors):
    held = next(iter(problems.load("diagonal").values()))
    return held.problem, check(held.problem, factors)


@pytest.fixture(scope="module", params=FAMILIES)
def reported(request, tmp_path_factory):
    result = judged(request.param)
    path = tmp_path_factory.mktemp("report") / "x.html"
    size = result.report(path)
    assert size == path.stat().st_size
    return result, path, Page(path.read_text(encoding="utf-8"))


def test_a_report_is_named_as_a_page(tmp_path):
    result = diagonal([np.zeros((2, 0)), np.zeros((2, 0))])[1]
    with pytest.raises(InputError, match=r"x\.pdf: a report is an HTML page, x\.html"):
        result.report(tmp_path / "x.pdf")
    assert not [*tmp_path.iterdir()]


@pytest.mark.sampled(4)
def test_every_family_is_one_page_without_network_or_script(reported):
    _, path, page = reported
    assert page.open == []
    assert path.stat().st_size < 2_000_000
    kinds = {tag for tag, _ in page.tags}
    assert not kinds & {"script", "link", "iframe", "object"}
    for tag, attrs in page.tags:
        for key in ("src", "href", "xlink:href"):
            assert attrs.get(key, "data:").startswith("data:"), (tag, attrs)
    assert not re.search(r"url\(|@import|https?:", path.read_text(encoding="utf-8"))


def test_it_can_be_read_without_seeing_it(reported):
    _, _, page = reported
    assert dict(page.tags)["html"]["lang"] == "en"
    assert all(attrs["alt"] for tag, attrs in page.tags if tag == "img")
    assert all(attrs["aria-label"] for tag, attrs in page.tags if tag == "svg")
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    named = {attrs["aria-labelledby"] for tag, attrs in page.tags if tag == "section"}
    assert named == {attrs["id"] for tag, attrs in page.tags if tag == "h2"}
    scrolled = [attrs for _, attrs in page.tags if attrs.get("class") == "scroll"]
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in scrolled)


def test_it_says_verdict_bracket_and_rules_in_the_order_of_the_questions(reported):
    result, _, page = reported
    said = page.said
    for part in (result.verdict.name, at_least(result.lower), at_most(result.upper)):
        assert part in said
    titles = ["The question", "The answer", "The factors", "What would close the gap"]
    places = [said.index(t) for t in [*titles, "What proved it"]]
    assert places == sorted(places)
    assert all(a["sha256"] in said for a in result.certificate.statement["arrays"].values())


def test_better_factors_stand_beside_the_candidate():
    _, result = diagonal((np.array([[1.0], [0.0]]), np.array([[1.0], [0.0]])))
    assert result.verdict in (Verdict.REFUTED, Verdict.RANK_LIMITED)
    held = report.facts(result.certificate)
    page = Page(report.page(held))
    assert [g["name"] for g in report.groups(held)] == ["As they were given", "Better"]
    assert "--better better.npz" in page.said
    assert held.proved.better < result.upper
    assert at_most(held.proved.better) in page.said


def test_an_optimum_is_balanced_and_something_else_is_not():
    held = next(iter(problems.load("diagonal").values()))
    good = report.facts(check(held.problem, held.factors).certificate)
    assert good.components
    assert all(s.off < 1e-9 for s in good.components)
    doubled = tuple(2.0 * x for x in held.factors)
    bad = report.facts(check(held.problem, doubled).certificate)
    assert any(s.off > 0.1 for s in bad.components)
    lam = held.problem.lam
    assert good.polar == pytest.approx(lam, rel=1e-9)
    assert good.polar >= lam * (1 - 1e-15)


def test_nothing_is_said_of_a_certificate_that_proves_nothing(tmp_path):
    _, result = diagonal((np.array([[1.0], [0.0]]), np.array([[1.0], [0.0]])))
    lie = replace(result.certificate, claim={**result.certificate.claim, "verdict": "CERTIFIED"})
    with pytest.raises(RejectedError, match="not proved"):
        report.write(lie, tmp_path / "lie.html")
    assert not (tmp_path / "lie.html").exists()


def test_the_command_writes_the_page_beside_the_certificate(tmp_path, capsys):
    _, result = diagonal((np.array([[1.0], [0.0]]), np.array([[1.0], [0.0]])))
    result.certificate.save(tmp_path / "x.cert")
    assert main(["report", str(tmp_path / "x.cert")]) == result.verdict.exit_code
    assert result.verdict.name in capsys.readouterr().out
    assert "certify verify x.cert" in Page((tmp_path / "x.html").read_text("utf-8")).said
    out = tmp_path / "other.html"
    assert main(["report", str(tmp_path / "x.cert"), "-o", str(out), "--tier", "rounded"]) == 10
    assert "outward-rounded floats" in Page(out.read_text("utf-8")).said


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("a b.cert", "'a b.cert'"),
        ("-x.cert", "./-x.cert"),
        ("$(id)<i>.cert", "'$(id)<i>.cert'"),
        ("\udcff.cert", "'?.cert'"),
    ],
)
def test_the_commands_that_are_shown_can_be_pasted(tmp_path, name, word):
    _, result = diagonal((np.array([[1.0], [0.0]]), np.array([[1.0], [0.0]])))
    result.certificate.save(tmp_path / name)
    out = tmp_path / "x.html"
    assert main(["report", "-o", str(out), "--", str(tmp_path / name)]) == 10
    page = Page(out.read_text("utf-8"))
    assert f"certify verify {word} --problem" in page.said
    assert f"verify.pyz {word}" in page.said


def test_the_one_file_verifier_is_named_only_where_it_can_follow(tmp_path):
    U, s, Vt = np.linalg.svd(np.random.default_rng(0).random((6, 5)))
    root = np.sqrt(np.maximum(s - 0.5, 0.0))
    problem = Problem(Squared(U[:, :5] * s @ Vt), RankOne(), 0.5)
    whole = check(problem, (U[:, :5] * root, Vt.T * root)).certificate
    assert "L" in whole.witness
    bare = replace(whole, witness={k: a for k, a in whole.witness.items() if k != "L"})
    for certificate, alone in ((whole, True), (bare, False)):
        certificate.save(tmp_path / "x.cert")
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(KERNEL), str(tmp_path / "x.cert")],
            capture_output=True,
            check=False,
        )
        assert (done.returncode != REJECTED_EXIT) is alone
        said = Page(report.page(report.facts(certificate, "exact"))).said
        assert ("python -I -S verify.pyz" in said) is alone
        assert ("alone cannot" in said) is not alone


def test_the_command_refuses_in_one_sentence(tmp_path, capsys):
    _, result = diagonal((np.array([[1.0], [0.0]]), np.array([[1.0], [0.0]])))
    path, bare = tmp_path / "x.cert", tmp_path / "bare.cert"
    result.certificate.save(path)
    result.certificate.save(bare, data=False)
    broken = tmp_path / "broken.cert"
    broken.write_bytes(path.read_bytes()[:-1])
    for target, status, said in (
        (bare, 2, "holds no data"),
        (broken, 20, "rejected"),
        (tmp_path / "absent.cert", 2, "cannot read"),
    ):
        assert main(["report", str(target)]) == status
        assert said in capsys.readouterr().err
    assert main(["report", str(path), "-o", str(path)]) == 2
    assert "input of this command" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.html"))


def test_what_has_no_certificate_has_no_report(tmp_path):
    held = next(iter(problems.load("diagonal").values()))
    lost = replace(check(held.problem, held.factors), certificate=None)
    with pytest.raises(InputError, match="no certificate to report"):
        lost.report(tmp_path / "x.html")


def test_images_are_told_from_other_columns():
    sklearn = pytest.importorskip("sklearn.datasets")
    digits = sklearn.load_digits().data
    assert pictures.image_side(digits) == 8
    assert pictures.image_side(digits[:, np.random.default_rng(0).permutation(64)]) is None
    assert pictures.image_side(np.random.default_rng(1).standard_normal((50, 64))) is None
    assert pictures.image_side(digits[:, :60]) is None


def test_large_images_are_thinned_so_that_a_page_stays_small():
    noise = np.random.default_rng(0).standard_normal((256 * 256, 30))
    tiles = pictures.images(noise, 256)
    assert len(tiles) == pictures.TILES
    assert sum(map(len, tiles)) < 600_000
    small = pictures.images(noise[:64], 8)
    assert small[0] == pictures.png(noise[:64, 0].reshape(8, 8))


def test_text_of_a_hostile_file_is_escaped():
    label = pictures.svg(10, '"><script>', [pictures.text(0, 0, "<b>&")])
    assert "<script>" not in label
    assert "&lt;b&gt;&amp;" in label


@pytest.mark.parametrize("scale", [1e-308, 1e-160, 1e150, 1e153])
@pytest.mark.parametrize("kept", [1, 2])
def test_numbers_at_the_ends_of_float64_are_reported_and_drawn(scale, kept):
    Y, root = scale * np.diag([3.0, 2.0]), np.diag(np.sqrt(scale) * np.sqrt([2.5, 1.5]))
    problem = Problem(Squared(Y), RankOne(), 0.5 * scale)
    result = check(problem, (root[:, :kept], root[:, :kept]))
    text = report.page(report.facts(result.certificate))
    assert not re.search(r'"-?(nan|inf)', text)
    said = Page(text).said
    for part in (result.verdict.name, at_least(result.lower), at_most(result.upper)):
        assert part in said


@pytest.mark.parametrize(
    "ends",
    [
        (-np.inf, 1.0, None, 1e-6),
        (0.0, 1e308, 1e300, 5e-324),
        (0.0, 5e-324, None, 0.0),
        (1.0, 1.0, None, 0.0),
    ],
)
def test_every_bracket_can_be_drawn(ends):
    drawn = pictures.bracket(pictures.Bracket(*ends, over="any size"))
    places = [float(x) for x in re.findall(r' (?:x|x1|x2|width)="([^"]*)"', drawn)]
    assert places
    assert all(0 <= x <= pictures.WIDTH for x in places)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("width", [360, 1400])
def test_a_browser_shows_it_without_overflow_or_complaint(reported, width, tmp_path):
    _, path, _ = reported
    wide, console = laid_out(path, width, tmp_path)
    assert wide <= width
    assert console == ""


def test_the_second_certificate_is_the_one_of_its_own_size():
    factors = tuple(np.sqrt([3.5, 2.5]) * np.eye(3)[:, :2] for _ in range(2))
    problem = Problem(Squared(np.diag([4.0, 3.0, 2.0])), RankOne("l2", "l2"), 0.5)
    result = check(problem, factors)
    assert result.verdict is Verdict.RANK_LIMITED
    second = report.facts(result.own_certificate)
    assert second.verdict is Verdict.CERTIFIED
    best = tuple(np.sqrt([3.5, 2.5, 1.5]) * np.eye(3) for _ in range(2))
    assert check(problem, best).own_certificate is None
