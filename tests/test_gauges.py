"""Norms by their keys; the contract itself is in test_norms.py."""

import pytest

from certify import InputError
from certify.gauges import GAUGES, KEYS, gauge


def test_every_norm_without_parameters_has_three_keys():
    names = {"l1", "l2", "linf"}
    assert set(KEYS) == {name + sign for name in names for sign in ("", "+", "-")}
    assert names < set(GAUGES)
    assert [gauge(k).key for k in KEYS] == list(KEYS)
    assert [gauge(k).cone for k in ("l2", "l2+", "l2-")] == ["", "+", "-"]
    assert gauge(gauge("l2")) is not None


@pytest.mark.parametrize("wrong", ["l3", "L2", "l2++", "l2+-", "", None, 2])
def test_an_unknown_norm_is_refused_with_its_name(wrong):
    with pytest.raises(InputError, match=repr(wrong).replace("+", r"\+")):
        gauge(wrong)
