"""What a person sees of the written pages, in Chromium: light and dark, wide and narrow."""

import numpy as np
import pytest

import problems
from certify import Problem, check, from_model, restarts
from certify.atoms import RankOne
from certify.cli.audit import _book as book
from certify.losses import Squared
from certify.pipeline.units import Units
from tests.browser import CHROMIUM, looked_at

pytestmark = pytest.mark.thorough  # a browser

READABLE = 4.5  # contrast of text, WCAG AA
WHY = (
    "fits.py:table_3 raised ValueError: the features are not where the paper says that they are: "
    "data/processed/v2/features_train_normalized_final.npy"
)
BAD = (
    '<!doctype html><title>bad</title><body style="background:#fff"><p style="color:#bbb">faint</p>'
    f'<p style="width:90px">{"a long reason in a narrow column " * 4}</p>'
    '<p style="width:2000px;background:#222">.</p>'
)


def network():
    """Return a network as an adapter reads it, its loss a sixth of the objective."""
    x = np.linspace(-1, 1, 6)[:, None]
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(1, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    y = np.maximum(x, 0)
    return from_model(net, x, y, weight_decay=0.5)


def written(folder):
    """Write one page of each kind; return them with what must be seen in each."""
    pages = {}
    certified = ["CERTIFIED", "above the optimum over any size (proved)", "The components"]
    for name, which, seen in (
        ("diagonal", 0, certified),
        ("w_tensor", 0, ["mode 3", "A row is a component", "What proved it"]),
    ):
        held = list(problems.load(name).values())[which]
        check(held.problem, held.factors, q=held.q, budget=5.0).report(folder / f"{name}.html")
        pages[f"{name}.html"] = seen
    problem, factors = network()
    result = check(problem, factors, q=factors.q, budget=1.0)
    result.report(folder / "network.html")
    units = "In units of the training loss with its weight decay (the objective is 3 times it), "
    assert units in result.explain()
    pages["network.html"] = [
        *("input weights", "output weights", "hidden unit"),
        f"{units}these factors reach at most",
    ]
    rows = [
        {"name": "NMF (k = 16), β", "verdict": "FAILED", "status": 2, "reason": WHY},
        {
            "name": "mlp",
            "verdict": "REFUTED",
            "status": 10,
            "reason": "better ones",
            "lower": 6.0,
            "upper": 12.0,
            "better": 9.0,
            **Units(3.0).as_dict(),
            "seconds": 1.0,
            "model": "a network",
            "data": [6, 1],
            "components": 3,
            "counted": "3 hidden units",
            "rtol": 1e-6,
            "atol": 0.0,
            "own_verdict": "UNDECIDED",
            "own_lower": 8.0,
        },
    ]
    book.write_pages(folder, rows)
    pages["index.html"] = [
        *(WHY, "NMF (k = 16), β", "best found ≤", "100 %", "50 %", "3 hidden units"),
        *("6", "9", "12", "loss 2 ", "loss 3 ", "loss 4 "),
    ]
    Y = np.diag([3.0, 2.0, 1.0])
    fits = [tuple(np.eye(3)[:, :r] * np.sqrt([2.5, 1.5, 0.5])[:r] for _ in "UV") for r in (1, 3)]
    report = restarts(Problem(Squared(Y), RankOne(), 0.5), fits)
    report.plot(folder / "restarts.html")
    pages["restarts.html"] = [
        *("2 fits of one problem", "optimum over any size >= 2.625"),
        *("Stop restarting", "above the optimum by"),
        *("3.875", "47 to 48 %", "44.642 %", "explained variance at most 62.5"),
    ]
    return pages


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_every_page_is_readable_in_light_and_dark_and_on_a_phone(tmp_path):
    pages = written(tmp_path)
    (tmp_path / "bad.html").write_text(BAD, encoding="utf-8")
    files = [*(tmp_path / name for name in pages), tmp_path / "bad.html"]
    for width, dark in ((1100, False), (360, True)):
        (*looks, bad), console = looked_at(files, width, tmp_path, dark=dark)
        assert console == ""
        for (name, seen), look in zip(pages.items(), looks, strict=True):
            told = " ".join(look.text.split())
            assert [s for s in seen if s not in told] == [], (name, told)
            assert look.wide <= width, name
            assert look.contrast[0] >= READABLE, (name, look.contrast)
            assert (look.paper < 0.1) is dark, (name, look.paper)
            assert look.narrow >= 0.6 * min(width, 600), (name, look.narrow)
        assert bad.wide > width
        assert bad.contrast[0] < READABLE
        assert bad.narrow == 90
