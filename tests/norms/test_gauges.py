"""Norms by their keys; the contract itself is in test_norms.py."""

import numpy as np
import pytest

from certify import InputError
from certify.norms import KEYS, L1, NORMS, PLAIN, LInf, gauge


def test_every_norm_without_parameters_has_three_keys():
    assert {"l1", "l2", "linf"} <= set(PLAIN) < set(NORMS)
    assert set(KEYS) == {name + sign for name in PLAIN for sign in ("", "+", "-")}
    assert [gauge(k).key for k in KEYS] == list(KEYS)
    assert [gauge(k).cone for k in ("l2", "l2+", "l2-")] == ["", "+", "-"]
    assert gauge(gauge("l2")) is not None


@pytest.mark.parametrize("wrong", ["l3", "L2", "l2++", "l2+-", "", None, 2])
def test_an_unknown_norm_is_refused_with_its_name(wrong):
    with pytest.raises(InputError, match=repr(wrong).replace("+", r"\+")):
        gauge(wrong)


MIXED = [g(cone=c) for g in (L1, LInf) for c in ("+-*0", "00+*", "----")]


@pytest.mark.parametrize("norm", [*map(gauge, KEYS), *MIXED], ids=repr)
def test_maximizers_of_many_columns_are_those_of_each(norm, monkeypatch):
    Y = np.random.default_rng(0).integers(-2, 3, (4, 200)).astype(float)
    each = np.column_stack([norm.maximizer(y) for y in Y.T])
    assert np.allclose(norm.maximizers(Y), each, rtol=1e-15, atol=0)
    assert norm.maximizers(Y[:, :0]).shape == (4, 0)
    if norm.axial or norm.cubic:
        monkeypatch.setattr(type(norm), "maximizer", None)  # a column at a time is too slow
        assert (norm.maximizers(Y) == each).all()
