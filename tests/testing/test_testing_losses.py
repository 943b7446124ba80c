"""check_loss passes our losses, and names the clause that somebody's wrong one breaks."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from certify import InputError
from certify.losses import LOSSES, Loss, Squared
from certify.testing import ContractError, check_loss
from certify.testing._contract import Book
from certify.testing._fits import Subject, kernel_loss
from certify.testing._losses import CLAUSES, hold_kernel_values

rng = np.random.default_rng(5)
PARAMETERS = {"huber": {"delta": 0.75}, "quantile": {"tau": 0.375}}
LABELS = {
    "logistic": lambda Y: 1.0 * (Y > 0),
    "hinge": lambda Y: np.where(Y > 0, 1.0, -1.0),
    "squared_hinge": lambda Y: np.where(Y > 0, 1.0, -1.0),
    "kullback_leibler": lambda Y: np.maximum(Y, 0.0),
    "poisson": lambda Y: np.maximum(Y, 0.0),
}
KINDS = ("full", "weighted", "masked", "stored")


def our_loss(name, kind):
    """Return one of our losses over data of one kind."""
    loss = partial(LOSSES[name], **PARAMETERS.get(name, {}))
    if name == "softmax":
        rows = np.eye(3)[[0, 2]]
        return loss(rows, weights=[0.5, 3.0]) if kind == "weighted" else loss(rows)
    Y = LABELS.get(name, lambda Y: Y)(rng.integers(-16, 17, (2, 3)) / 8)
    weights, mask = rng.integers(1, 9, (2, 3)) / 4, np.array([[1, 1, 0], [0, 1, 1]]) == 1
    held = sparse.csr_array(sparse.coo_array((Y[mask], np.nonzero(mask)), shape=Y.shape))
    return {
        "full": lambda: loss(Y),
        "weighted": lambda: loss(Y, weights=weights),
        "masked": lambda: loss(np.where(mask, Y, np.nan), mask=mask, weights=weights),
        "stored": lambda: loss(held),
    }[kind]()


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LOSSES)
def test_our_losses_keep_the_contract(name, kind):
    report = check_loss(our_loss(name, kind), examples=50)
    assert report["domain"].how == "exactly, by the kernel"
    for clause in ("Fenchel equality", "gradient", "kernel", "prox", "weights", "convexity"):
        assert report[clause].examples > 0
    assert report["concavity of d"].examples >= 30
    assert (report["curvature"].examples > 0) is (LOSSES[name].__dict__.get("curve", 0) != 0) or (
        name in ("squared", "softmax")
    )


@pytest.mark.thorough
def test_a_loss_of_a_tensor_keeps_the_contract():
    check_loss(Squared(rng.integers(-8, 9, (2, 2, 2)) / 8), examples=50)


# --- losses that are wrong, each in one way -----------------------------------------------


class Own(Loss):
    """Huber's with delta 1: z^2 / 2 for |z| <= 1, |z| - 1/2 beyond; |W| <= 1."""

    name = "own"
    Y = np.array([[0.5, -1.25]])

    def __init__(self, c=1.0):
        self.observed, self.c = Squared(self.Y).observed, c

    def value(self, Z):
        size = np.abs(Z - self.Y)
        return self.c * float(np.where(size <= 1, size**2 / 2, size - 0.5).sum())

    def gradient(self, Z):
        return self.c * np.clip(Z - self.Y, -1.0, 1.0)

    def dual_value(self, W):
        inside = np.abs(W).max() <= self.c
        return float((W * self.Y - W**2 / (2 * self.c)).sum()) if inside else -np.inf

    def arrays(self):
        return {"Y": self.Y.reshape(-1)}


class Uphill(Own):
    def gradient(self, Z):
        return -super().gradient(Z)


class Doubled(Own):
    def gradient(self, Z):
        return 2 * super().gradient(Z)


class Halved(Own):
    def gradient(self, Z):
        return super().gradient(Z) / 2


class High(Own):
    def dual_value(self, W):
        return super().dual_value(W) + 1e-9


class Low(Own):
    def dual_value(self, W):
        return super().dual_value(W) - 1e-9


class Larger(Own):
    def dual_value(self, W):
        value = super().dual_value(W)
        return value + 1e-9 * abs(value)


class Bumpy(Own):
    """Too large by 1e-9, but only between the multiples of 1/8 that are drawn."""

    def value(self, Z):
        return super().value(Z) + 1e-9 * bool((8 * Z % 1 == 0.5).any())


class Bounded(Own):
    def value(self, Z):
        return float(np.minimum(np.square(Z - self.Y) / 2, 1.0).sum())


class Wide(Own):
    def dual_value(self, W):
        return float((W * self.Y - W**2 / 2).sum()) if np.abs(W).max() <= 1.001 else -np.inf


class Everywhere(Own):
    def dual_value(self, W):
        return float((W * self.Y - W**2 / 2).sum())


class Narrow(Own):
    def dual_value(self, W):
        return super().dual_value(W) if np.abs(W).max() < 1 else -np.inf


class Holed(Own):
    def dual_value(self, W):
        return super().dual_value(W) - float((8 * W % 1 == 0.5).any())


class Nan(Own):
    def value(self, Z):
        return super().value(Z) if Z.any() else np.nan


class Silent(Own):
    def value(self, Z):
        return super().value(Z) if Z.min() >= 0 else np.inf


class Loose(Own):
    def clip_dual(self, W):
        return np.clip(W, -1.001, 1.001)


class Flat(Own):
    curvature = 0.99


class Idle(Own):
    def prox(self, Z, t):
        return self.Y + 0 * t * Z


class Steep(Own):
    """The absolute loss, with a slope outside [-1, 1] where z = y alone."""

    Y = np.array([[0.3]])  # no multiple of 1/8

    def value(self, Z):
        return float(np.abs(Z - self.Y).sum())

    def gradient(self, Z):
        return np.where(Z == self.Y, 1 + 1e-6, np.sign(Z - self.Y))

    def dual_value(self, W):
        return float((W * self.Y).sum()) if np.abs(W).max() <= 1 else -np.inf


class Kinked(Steep):
    def gradient(self, Z):
        return np.sign(Z - self.Y)


class Turned(Own):
    """Least squares with a gradient too long, or too short, by a millionth of it."""

    share = 1e-6

    def value(self, Z):
        return float(np.square(Z - self.Y).sum() / 2)

    def gradient(self, Z):
        return (Z - self.Y) * (1 + self.share)

    def dual_value(self, W):
        return float((W * self.Y - W**2 / 2).sum())


class Island(Own):
    def dual_value(self, W):
        return -1e6 if 2 <= np.abs(W).max() <= 2.5 else super().dual_value(W)


@dataclass(frozen=True, eq=False)
class Weighty(Loss):
    """Least squares with weights; d forgets them."""

    Y: Any = field(default_factory=lambda: np.array([[0.5, -1.25]]))
    weights: Any = None
    forgets: bool = True
    name = "weighty"

    @property
    def observed(self):
        return Squared(self.Y).observed

    @property
    def c(self):
        return 1.0 if self.weights is None else self.weights

    def value(self, Z):
        return float((self.c * np.square(Z - self.Y)).sum() / 2)

    def gradient(self, Z):
        return self.c * (Z - self.Y)

    def dual_value(self, W):
        c = 1.0 if self.forgets else self.c
        return float((W * self.Y - W**2 / (2 * c)).sum())

    def arrays(self):
        return {"Y": self.Y.reshape(-1)}


WRONG = {
    "a gradient of the wrong sign": (Uphill(), "gradient"),
    "a gradient twice too large": (Doubled(), "gradient"),
    "a gradient without its factor": (Halved(), "gradient"),
    "a dual value too large by 1e-9": (High(), "Fenchel-Young"),
    "a dual value too small by 1e-9": (Low(), "Fenchel equality"),
    "a dual value too large by a share of 1e-9": (Larger(), "Fenchel-Young"),
    "a subgradient off by 1e-6 at a kink": (Steep(), "gradient"),
    "a dual value on an island outside its domain": (Island(), "concavity of d"),
    "a bump of 1e-9": (Bumpy(), "convexity"),
    "a bounded loss": (Bounded(), "gradient"),
    "a domain too wide": (Wide(), "domain"),
    "no end of the domain": (Everywhere(), "domain"),
    "a domain without its ends": (Narrow(), "domain"),
    "a hole in the dual value": (Holed(), "concavity of d"),
    "a value that is no number": (Nan(), "value"),
    "an infinite value without a word": (Silent(), "value"),
    "a field clipped outside": (Loose(), "clip_dual"),
    "a curvature too small": (Flat(), "curvature"),
    "a proximal map that is none": (Idle(), "prox"),
    "weights that the dual value forgets": (Weighty(), "weights"),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("loss", "clause"), WRONG.values(), ids=WRONG)
def test_a_wrong_loss_is_caught_by_the_clause_it_breaks(loss, clause):
    with pytest.raises(ContractError) as error:
        check_loss(loss)
    found = error.value
    assert found.clause.name == clause
    assert found.instance
    assert clause in str(found)
    assert found.clause.formula in str(found)
    assert found.clause.source in str(found)


@pytest.mark.thorough
def test_somebodys_own_loss_keeps_it_and_the_report_says_what_was_not_covered():
    report = check_loss(Own())
    assert report["domain"].how == "at ends of d, along rays to 1.07374e+09"
    for name in ("weights", "kernel", "prox", "curvature", "clip_dual"):
        assert report[name].how.startswith("not covered")
        assert report[name].examples == 0
    assert check_loss(Own(), weighted=Own)["weights"].examples >= 100
    assert check_loss(Weighty(forgets=False))["weights"].examples >= 100
    assert "Own: the contract holds" in str(report)


@pytest.mark.thorough
@pytest.mark.parametrize("share", [1e-6, -1e-6])
def test_a_gradient_off_by_a_relative_millionth_is_caught(share):
    loss = Turned()
    loss.share = share
    with pytest.raises(ContractError) as error:
        check_loss(loss)
    assert error.value.clause.name in ("gradient", "Fenchel equality")
    loss.share = 0.0
    check_loss(loss)


@pytest.mark.thorough
def test_a_right_subgradient_at_a_kink_is_accepted():
    assert check_loss(Kinked())["gradient"].examples >= 100


def test_weights_that_are_given_are_tested():
    with pytest.raises(ContractError, match="weights: with weights doubled"):
        check_loss(Own(), weighted=lambda c: Own(c + 1e-9))


@pytest.mark.parametrize("lie", ["each", "each_dual"])
def test_a_value_that_is_not_the_kernels_is_caught(lie, monkeypatch):
    kind, field_of = LOSSES["huber"], np.full((2, 3), 0.25)
    honest = getattr(kind, lie)
    loss = our_loss("huber", "full")
    subject = Subject(loss, None, kernel_loss(loss))
    hold_kernel_values(Book(CLAUSES), subject, field_of, field_of)
    monkeypatch.setattr(kind, lie, lambda self, *x: honest(self, *x) + 1e-9)
    subject.memo.clear()
    with pytest.raises(ContractError) as error:
        hold_kernel_values(Book(CLAUSES), subject, field_of, field_of)
    assert error.value.clause.name == "kernel"


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("name", ["quantile", "hinge", "absolute", "logistic", "poisson"])
def test_a_domain_one_float_too_wide_is_caught_by_the_kernel(name, monkeypatch):
    kind = LOSSES[name]
    ends = kind.ends

    def wider(self):
        low, high = ends(self)
        return np.nextafter(low, -np.inf), np.nextafter(high, np.inf)

    monkeypatch.setattr(kind, "ends", wider)
    with pytest.raises(ContractError) as error:
        check_loss(our_loss(name, "full"))
    assert error.value.clause.name == "domain"


def test_a_failure_is_small_and_has_both_figures():
    with pytest.raises(ContractError) as error:
        check_loss(High())
    found = error.value
    assert found.left < found.right <= found.left + 1.1e-9
    assert np.abs(found.instance["Z"]).sum() <= 1
    assert f"{found.left!r}" in str(found)


@pytest.mark.parametrize(("given", "said"), [(0, "got 0"), (True, "got True"), ("9", "got '9'")])
def test_examples_are_counted(given, said):
    with pytest.raises(InputError, match=said):
        check_loss(Own(), examples=given)


def test_what_is_no_loss_is_refused():
    with pytest.raises(InputError, match="loss must be a Loss, got 3"):
        check_loss(3)


def test_a_report_lists_its_clauses_and_weights_are_scaled():
    Y = np.array([[1.0, -2.0], [0.5, 3.0]])
    report = check_loss(Squared(Y, weights=np.array([[1.0, 2.0], [0.5, 1.0]])), examples=3)
    title, *lines = str(report).splitlines()
    assert title == "Squared: the contract holds"
    assert len(lines) == len(report.clauses)
    for line, covered in zip(lines, report.clauses, strict=True):
        assert line.split()[0] == str(covered.examples)
        assert covered.clause.formula in line
        assert line.endswith(f"({covered.how})")
