"""A certificate is written whole or not at all."""

from pathlib import Path

import pytest

from certify.base.errors import InputError
from certify.pipeline.certificate.file import write_atomically


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    target = tmp_path / "x.cert"
    for blob in (b"old", b"new"):
        write_atomically(target, blob)
        assert target.read_bytes() == blob
    assert list(tmp_path.iterdir()) == [target]


def test_a_write_that_fails_keeps_the_old_file_and_leaves_nothing_beside_it(tmp_path, monkeypatch):
    target = tmp_path / "x.cert"
    target.write_bytes(b"old")

    def full(_beside, _target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match=r"cannot write .*x\.cert: No space left on device"):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]
