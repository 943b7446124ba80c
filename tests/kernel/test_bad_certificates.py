"""Files that are no certificate, or a damaged one: status 20, one sentence, nothing allocated."""

import json
import struct
import sys
import tracemalloc
from dataclasses import replace

import pytest

from certify import Certificate
from certify.kernel.statement import FORMAT
from tests.question_files import PLAIN, U, V, inside, outside, write

ROOMY = 1 << 22  # bytes: a verification of these sizes needs far less, a lie of 10^12 far more
LONG = "1/" + "7" * 9999  # more digits than Python prints


@pytest.fixture(autouse=True)
def strict(monkeypatch):
    """Let a warning of any library be an error, as `python -W error` does."""
    monkeypatch.setattr(sys, "warnoptions", ["error"])


HEAD = {"statement": {"format": FORMAT}, "claim": {}, "proof": {}}


def sealed(**changed):
    """A file with this header and no arrays."""
    return framed({"__metadata__": {"certify": json.dumps(HEAD | changed)}})


def framed(header, body=b""):
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text)) + text + body


def array(shape, end, dtype="F64"):
    return framed({"proof.W": {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}})


NOT_CERTIFICATES = {
    "an empty file": (b"", "file: not a certificate: 0 bytes"),
    "a few bytes": (b"PK\3\4", "file: not a certificate: 4 bytes"),
    "zeros": (b"\0" * 64, "file: not a certificate: 64 bytes, header of 0"),
    "an array": (framed({}), "file: not a certificate: []"),
    "a header beyond the file": (
        struct.pack("<Q", 1 << 60) + b"{}",
        "header of 1152921504606846976",
    ),
    "no JSON": (framed("{'a': 1}"), "file.header: json"),
    "a list": (framed("[]"), "file.header: json: list"),
    "deep JSON": (framed("[" * 99_999), "file.header: json"),
    "a key twice": (framed('{"a": 1, "a": 1}'), "file.header: duplicate: ['a', 'a']"),
    "10^12 elements": (array([10**12], 8 * 10**12), "truncated: 8000000000000 of 0 bytes"),
    "10^12 elements in no bytes": (array([10**12], 0), "file.proof.W: shape: [1000000000000]"),
    "2^122 elements": (array([1 << 61, 1 << 61], 0), "file.proof.W: shape"),
    "a negative shape": (array([-1], 0), "file.proof.W: shape: [-1]"),
    "half precision": (array([0], 0, "F16"), "file.proof.W: dtype: F16"),
    "single precision cut short": (array([1], 0, "F32"), "file.proof.W: shape"),
    "another version": (
        sealed(statement={"format": "certify/0"}),
        "version: 'certify/0' is not certify/3",
    ),
    "no version": (sealed(statement={}), "statement.format: "),
    "no claim": (sealed(claim=None), "file.claim: json: NoneType"),
    "a wrong digest": (sealed(seal="0" * 64), "file: digest"),
    "a name that is no text": (
        framed(
            {
                "__metadata__": {"certify": json.dumps(HEAD)},
                "proof.\ud800": {"dtype": "F64", "shape": [0], "data_offsets": [0, 0]},
            }
        ),
        "rejected: file",
    ),
    "escape codes": (framed({"__metadata__": {"\x1b[2J\n": ""}}), r"['\\x1b[2J\\n']"),
}


@pytest.mark.parametrize("name", NOT_CERTIFICATES)
def test_what_is_no_certificate_is_rejected_before_anything_is_allocated(tmp_path, capsys, name):
    blob, said = NOT_CERTIFICATES[name]
    cert, path = tmp_path / "x.cert", write(tmp_path)
    cert.write_bytes(blob)
    tracemalloc.start()
    ended = inside(capsys, "verify", cert, "--problem", path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert said.replace("\\\\", "\\") in ended.sentence.replace("\\\\", "\\")
    assert "\x1b" not in ended.err
    assert ended.status == 20
    assert peak < ROOMY
    assert cert.read_bytes() == blob


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["10^12 elements", "another version", "an empty file"])
def test_what_is_no_certificate_is_rejected_as_a_process(tmp_path, name):
    cert, path = tmp_path / "x.cert", write(tmp_path)
    cert.write_bytes(NOT_CERTIFICATES[name][0])
    ended = outside("verify", cert, "--problem", path)
    assert NOT_CERTIFICATES[name][1] in ended.sentence
    assert ended.status == 20


@pytest.fixture
def honest(tmp_path, capsys):
    """A question, and its certificate, with better factors."""
    path, cert = write(tmp_path, atom=PLAIN, U=U[:, :1], V=V[:, :1]), tmp_path / "x.cert"
    assert inside(capsys, "check", path, "-o", cert).status == 14
    assert inside(capsys, "verify", cert, "--problem", path).status == 14
    return path, cert


def test_a_certificate_that_ends_early_or_late_is_rejected(honest, capsys):
    path, cert = honest
    blob = cert.read_bytes()
    for k in [*range(0, len(blob), 37), len(blob) - 1]:
        cert.write_bytes(blob[:k])
        assert inside(capsys, "verify", cert, "--problem", path).status == 20
    for extra in (b"\0", b"\n", b"\0" * 8, blob):
        cert.write_bytes(blob + extra)
        ended = inside(capsys, "verify", cert, "--problem", path)
        assert "rejected: file: trailing" in ended.sentence
        assert ended.status == 20


@pytest.mark.thorough
def test_a_certificate_with_any_byte_changed_is_rejected(honest, capsys):
    path, cert = honest
    blob = cert.read_bytes()
    for k in range(0, len(blob), 3):
        changed = bytearray(blob)
        changed[k] ^= 1 << (k % 8)
        cert.write_bytes(changed)
        ended = inside(capsys, "verify", cert, "--problem", path)
        assert "rejected: " in ended.sentence
        assert ended.status == 20


def places(part):
    """Yield a function for each value in nested JSON that returns the whole with another one."""
    for name, old in part.items():
        yield lambda value, name=name: part | {name: value}
        if isinstance(old, dict):
            for inner in places(old):
                yield lambda value, name=name, inner=inner: part | {name: inner(value)}


ONE = {"U": U[:, :1], "V": V[:, :1]}
KINDS = {
    "lines": ONE,
    "spectral": {"atom": PLAIN, **ONE},
    "fixed rank": {"atom": PLAIN, "lam": "0"},
    "corrections and a floor": {"atom": PLAIN, "tail": '[[offsets]]\nkind = "column"', **ONE},
    "a multiplier": {"atom": 'kind = "rank_one"\nleft = "l2+"\nright = "l2+"', **ONE},
}


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("part", ["proof", "claim"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_that_was_sealed_again_is_proved_or_rejected(tmp_path, capsys, kind, part):
    path, cert = write(tmp_path, **KINDS[kind]), tmp_path / "x.cert"
    status = inside(capsys, "check", path, "-o", cert).status
    held = Certificate.load(cert)
    for changed in places(getattr(held, part)):
        for value in (None, "x", 7, -1, [], [[1]], {}, "9" * 5000, "1/0", LONG):
            replace(held, **{part: changed(value)}).save(cert)
            ended = inside(capsys, "verify", cert, "--problem", path)
            assert ended.status in (status, 20), ended.err  # a weaker witness may still do


@pytest.mark.parametrize("verdict", ["CERTIFIED", "REFUTED", "UNDECIDED"])
def test_a_certificate_that_claims_another_verdict_is_rejected(honest, capsys, verdict):
    path, cert = honest
    held = Certificate.load(cert)
    replace(held, claim=held.claim | {"verdict": verdict}).save(cert)
    ended = inside(capsys, "verify", cert, "--problem", path)
    assert (
        f"rejected: claim.verdict: not proved: claims {verdict}, proved RANK_LIM" in ended.sentence
    )
    assert ended.status == 20


@pytest.mark.parametrize("verdict", ["TRUE", ["CERTIFIED"], None])
def test_a_certificate_that_claims_no_known_verdict_is_rejected(honest, capsys, verdict):
    path, cert = honest
    held = Certificate.load(cert)
    replace(held, claim=held.claim | {"verdict": verdict}).save(cert)
    ended = inside(capsys, "verify", cert, "--problem", path)
    assert "rejected: claim.verdict: unknown" in ended.sentence
    assert ended.status == 20


@pytest.mark.parametrize("missing", ["nowhere.cert", "nowhere/x.cert", "."])
def test_a_certificate_that_cannot_be_read_is_the_callers_mistake(tmp_path, capsys, missing):
    ended = inside(capsys, "verify", tmp_path / missing, "--problem", write(tmp_path))
    assert f"cannot read {tmp_path / missing}" in ended.sentence
    assert ended.status == 2
