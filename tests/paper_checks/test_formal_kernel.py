"""Every rule and function of the kernel has a theorem or is called uncovered."""

import ast

import pytest

from paper_checks import _kernel
from paper_checks._formal import faults
from tests.formal_copies import copy_to, edited


@pytest.fixture
def copied(tmp_path):
    """Return a copy of the sources, to be broken."""
    return copy_to(tmp_path)


@pytest.mark.parametrize("rule", sorted(_kernel.rules()))
def test_a_rule_without_theorem_is_noticed(copied, rule):
    text = (copied / "table.toml").read_text(encoding="utf-8")
    line = f'rule = "{rule}"\n'
    less = text.replace(line, 'rule = "Norm.widest"\n')
    if line not in text:  # it is called uncovered
        less = text.replace(f'"{rule}", ', "")
    assert less != text
    (copied / "table.toml").write_text(less, encoding="utf-8")
    assert faults(copied) == [f"the rule {rule} has no theorem"]


def replaced(monkeypatch, name, value):
    """Give the kernel another table, in whichever module it is."""
    for module in _kernel.modules():
        if hasattr(module, name):
            monkeypatch.setattr(module, name, value)


@pytest.mark.parametrize("where", ["POLAR_RULES", "TENSOR_RULES", "LOSSES", "OFFSETS"])
def test_a_new_rule_of_the_kernel_needs_a_theorem(monkeypatch, where):
    replaced(monkeypatch, where, {**_kernel.named(where), "magic": None})
    assert faults() == [f"the rule {where}.magic has no theorem"]


def test_rules_of_layers_and_lower_bounds_are_read_from_the_kernel_itself():
    found = _kernel.rules()
    assert found >= {"network_bound.network", "network_bound.outputs", "network_bound.linear"}
    assert found >= {"deep_bound.linear", "deep_bound.layers"}
    lower = {rule for rule in found if rule.startswith("lower.")}
    assert lower == {
        "lower.weak_duality",
        "lower.trivial",
        "lower.ky_fan",
        "lower.blocks",
        "lower.counts",
        "lower.concave",
    }


def test_what_is_called_uncovered_must_be_of_the_kernel_and_have_no_theorem(copied):
    with (copied / "table.toml").open("a", encoding="utf-8") as file:
        names = ["lower.weak_duality", "lower.magic", "objective", "spectral"]
        file.write(f"\n[[uncovered]]\nnames = {names}\nwhy = 'a test'\n")
    assert faults(copied) == [
        "lower.magic is called uncovered and is nothing of the kernel",
        "lower.weak_duality has a theorem and is called uncovered",
        "objective is called uncovered 2 times",
        "spectral has a theorem and is called uncovered",
    ]


UNPLACED = "has no theorem and is not called uncovered"
UPPER = [
    "objective", "theta", "thetas", "Norm.lengths", "raised_to", "model",
    "fit_field", "loss_value", "Loss.value", "Offset.penalty", "softplus_at", "exp_at",
    "log_at", "xlogx", "root", "number", "rational", "dyadic",
    "best", "parse", "digest", "seal",
]  # fmt: skip


@pytest.mark.sampled(5)
@pytest.mark.parametrize("name", UPPER)
def test_what_the_upper_bound_and_the_file_rest_on_is_called_uncovered(copied, name):
    edited(copied, "table.toml", f'"{name}",', "")
    dropped = sorted(f for f in _kernel.functions() if name in _kernel.names_of(f))
    assert dropped
    assert faults(copied) == [f"the kernel's {f} {UNPLACED}" for f in dropped]


def test_a_new_function_of_the_kernel_needs_a_theorem_or_a_reason(monkeypatch):
    text = """
def magic(): ...
class New(Base):
    def value(self): ...
    @abstractmethod
    def empty(self): ...
"""
    new = set(_kernel.defined(ast.parse(text)))
    assert new == {"magic", "New.value"}
    found = _kernel.functions() | new
    monkeypatch.setattr(_kernel, "functions", lambda: found)
    assert faults() == [f"the kernel's {f} {UNPLACED}" for f in ("New.value", "magic")]


def test_a_method_is_listed_by_what_it_overrides():
    assert _kernel.names_of("Logistic.value") == {"Logistic.value", "Loss.value"}
    assert "Arithmetic.top" in _kernel.names_of("Exact.top")
    assert _kernel.names_of("spectral") == {"spectral"}
