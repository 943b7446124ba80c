"""The JSON schema of problem.toml that editors use: what it takes is what the reader takes."""

import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from certify.adapters.files import _published as made
from certify.adapters.files._lines import line_of
from certify.adapters.files._schema import parameters

ROOT = Path(__file__).parents[2]
PAGES = "".join(
    (ROOT / f"docs/{p}.md").read_text("utf-8") for p in ("howto/models", "reference/command")
)
SCHEMA = json.loads(made.FILE.read_text("utf-8"))
TOMLS = re.findall(r"```toml\n(.*?)```", PAGES, re.DOTALL)
WHOLE = """
lam = 3.0
q = ["q0.npy", [1.0, 2.0]]
[data]
Y = "Y.npy"
mask = { file = "data.npz", key = "seen" }
[loss]
kind = "huber"
delta = 1.0
[atom]
kind = "rank_one"
left = "l2+"
right = { norm = "elastic", alpha = 0.5, cone = "+" }
form = "sum"
[[offsets]]
kind = "column"
ridge = 0.5
[[offsets]]
kind = "sparse"
rho = 1.0
[factors]
U = "U.npy"
V = [[1.0], [2.0]]
[[restarts]]
U = "a.npy"
V = "b.npy"
[epsilon]
rtol = 1e-3
"""
TENSOR = """
lam = 1
[data]
Y = "Y.npy"
[atom]
kind = "cp"
norms = ["l2", "l2+", "l1"]
[factors]
X = ["a.npy", "b.npy", "c.npy"]
"""


def problems_of(text):
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return [e.message for e in validator.iter_errors(tomllib.loads(text))]


def test_the_shipped_schema_is_the_one_that_the_classes_make():
    text = json.dumps(made.schema(), indent=1, ensure_ascii=False) + "\n"
    shipped = made.FILE.read_text("utf-8")
    assert shipped == text, "write it anew: python -m certify.adapters.files._published"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("text", [*TOMLS, WHOLE, TENSOR])
def test_right_files_are_valid(text):
    document = tomllib.loads(text)
    if "lam" in document or "network" in document:
        assert problems_of(text) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lam = 3.0", "lamda = 3.0"),
        ("lam = 3.0", "lam = -1"),
        ('kind = "huber"\ndelta = 1.0', 'kind = "huber"'),
        ('kind = "huber"', 'kind = "hubert"'),
        ('left = "l2+"', 'left = "l3"'),
        ('norm = "elastic"', 'norm = "elastics"'),
        ("ridge = 0.5", "rigde = 0.5"),
        ('U = "U.npy"', 'u = "U.npy"'),
        ("rtol = 1e-3", 'rtol = "small"'),
        ('[data]\nY = "Y.npy"', '[data]\nX = "Y.npy"'),
    ],
)
def test_wrong_files_are_not(old, new):
    assert WHOLE.count(old) == 1
    assert problems_of(WHOLE.replace(old, new)) != []


def test_a_network_needs_no_other_table():
    net = '[network]\nmodel = "a.onnx"\nX = "X.npy"\ny = "y.npy"\nweight_decay = [0.1, 0.2]\n'
    assert problems_of(net) == []
    assert problems_of(net.replace("weight_decay", "decay")) != []
    assert problems_of("lam = 1.0") != []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("lam", 2),
        ("data.Y", 5),
        ("loss.delta", 9),
        ("atom.right.alpha", 13),
        ("atom.norms", 10),
        ("offsets.rho", 20),
        ("offsets.kind", None),
        ("epsilon", 27),
        ("epsilon.rtol", 28),
        ("network", None),
    ],
)
def test_lines_of_keys(name, line):
    assert line_of(WHOLE, name) == line


def test_keys_inside_long_texts_are_no_keys():
    text = 'a = """\nlam = 1\n[data]\n"""\nlam = 2\n'
    assert line_of(text, "lam") == 5
    assert line_of(text, "data") is None


def test_a_default_that_a_file_cannot_hold_makes_the_argument_required():
    @dataclass
    class Entry:
        labels: np.ndarray = field(default_factory=lambda: np.zeros(1))
        ridge: float = 0.0
        weights: np.ndarray | None = None

    known = parameters(Entry)
    assert {k: default for k, (_, default) in known.items()} == {
        "labels": ...,
        "ridge": 0.0,
        "weights": None,
    }
    assert json.dumps(made.table("entry", "doc", known).model_json_schema())
