"""A certificate binds its question: what is verified is printed, and nothing else passes."""

import json
import os
import subprocess
import sys
from array import array
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from safetensors.numpy import save_file

from certify import Problem, RejectedError, check
from certify.atoms import RankOne
from certify.kernel import claim as kernel_claim
from certify.kernel import verdict
from certify.kernel.arrays import Array, filled
from certify.kernel.claim import main, same_question, summarize
from certify.kernel.fields import rational
from certify.kernel.file import DEPTH, digest, identity, layout, read, seal
from certify.kernel.patterns import Pattern
from certify.kernel.statement import known_format, question, stated_modes
from certify.kernel.verdict import EXITS
from certify.losses import Squared
from certify.norms import L2
from certify.pipeline.certificate.file import Certificate, as_numpy
from tests.golden import KERNEL
from tests.kernel_cases import honest

CASES = honest()
COMMAND = [sys.executable, "-I", "-S", str(KERNEL)]
OWN = "plain/short"  # RANK_LIMITED, with better factors
OFFSETS = [{"kind": "row", "ridge": (1.0).hex()}] * 400


def certificate(name):
    return CASES[name][3].certificate


@pytest.fixture
def told(capsys):
    """Run the kernel in this process; return (status, what it printed)."""

    def run(*arguments):
        capsys.readouterr()
        status = main([str(a) for a in arguments])
        return status, capsys.readouterr().out

    return run


def sealed(cert, path, **parts):
    """Write a forged certificate whose seal is right."""
    head = {"statement": cert.statement, "claim": cert.claim, "proof": cert.proof} | parts
    held = {f"question.{k}": a for k, a in cert.given.items()}
    held |= {f"proof.{k}": a for k, a in cert.witness.items()}
    head["seal"] = seal(head["statement"], head["claim"], head["proof"], held)
    save_file({k: as_numpy(a) for k, a in held.items()}, path, {"certify": json.dumps(head)})
    return path


def prove(cert, **parts):
    held = {"statement": cert.statement, "proof": cert.proof} | parts
    return verdict.prove(held["statement"], cert.given, held["proof"], cert.witness)


def rejection(function, *arguments, **named):
    with pytest.raises(RejectedError) as caught:
        function(*arguments, **named)
    return caught.value.where, caught.value.code


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("binding") / "x.cert"
    certificate(OWN).save(path)
    return path


# --- every ending ------------------------------------------------------------------------


def test_a_statement_without_offsets_is_rejected_before_anything_is_printed(tmp_path, told):
    cert = certificate("plain/best")
    bare = {k: v for k, v in cert.statement.items() if k != "offsets"}
    assert rejection(question, bare, cert.given) == ("statement.offsets", "missing")
    status, text = told(sealed(cert, tmp_path / "x.cert", statement=bare))
    assert (status, text[:31]) == (20, "NOT VERIFIED  statement.offsets")


@pytest.mark.parametrize("wrong", [{}, "none", 0])
def test_offsets_that_are_no_list_are_rejected(wrong):
    cert = certificate("plain/best")
    found = rejection(prove, cert, statement=cert.statement | {"offsets": wrong})
    assert found == ("statement.offsets", "list")


def test_a_question_of_any_length_is_printed_whole(tmp_path, told):
    """400 offsets, each of which changes the question: none may be left out."""
    Y = np.ones((3, 2))
    cert = check(
        Problem(Squared(Y), RankOne(), 16.0), (np.zeros((3, 0)), np.zeros((2, 0)))
    ).certificate
    assert cert.verdict == "CERTIFIED"
    given = cert.given | {f"q{k}": filled((3,), 0.0) for k in range(len(OFFSETS))}
    said = cert.statement | {
        "offsets": OFFSETS,
        "arrays": {k: identity(a) for k, a in given.items()},
    }
    outcome = verdict.prove(said, given, cert.proof, cert.witness)
    claim = {"verdict": outcome.verdict}
    status, text = told(
        sealed(replace(cert, given=given, statement=said, claim=claim), tmp_path / "x.cert")
    )
    assert status == EXITS[outcome.verdict]
    assert text.startswith(f"VERIFIED {outcome.verdict}")
    assert text.count('"kind": "row", "ridge": "1.0"') == len(OFFSETS)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["{folder}"], "IsADirectoryError"),
        (["{folder}/absent"], "FileNotFoundError"),
        (["/dev/null"], "not a regular file"),
        (["{cert}", "{folder}"], "IsADirectoryError"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_rejection(arguments, reason, saved, told):
    names = {"cert": saved, "folder": saved.parent}
    status, text = told(*(a.format(**names) for a in arguments))
    assert status == 20
    assert text.startswith("NOT VERIFIED  ")
    assert reason in text


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "one or two files are wanted, got 0"),
        (["{cert}", "{cert}", "{cert}"], "one or two files are wanted, got 3"),
        (["{cert}", "--limit"], "--limit must be a natural number, got nothing"),
        (["{cert}", "--limit", "-1"], "--limit must be a natural number, got -1"),
        (["{cert}", "--limit", "\x1b[2J"], r"--limit must be a natural number, got \x1b[2J"),
        (["--limit", "1" * 99, "{cert}"], f"--limit must be a natural number, got {'1' * 99}"),
    ],
)
def test_a_wrong_call_says_how_to_call_it(arguments, reason, saved, capsys):
    assert main([a.format(cert=saved) for a in arguments]) == 2
    usage = "usage: python -I -S certify/kernel CERTIFICATE [QUESTION] [--limit N]\n"
    assert capsys.readouterr() == ("", f"{usage}{reason}\n")


def test_a_wrong_call_without_a_terminal_still_ends_with_its_status(monkeypatch):
    with open(os.devnull) as closed:  # noqa: PTH123  to be read alone
        monkeypatch.setattr(sys, "stderr", closed)
        assert main([]) == 2


@pytest.mark.parametrize("error", [MemoryError(), RecursionError("deep"), KeyError("\x1b[2J")])
def test_whatever_goes_wrong_inside_is_a_rejection(error, saved, told, monkeypatch):
    monkeypatch.setattr(kernel_claim, "check", lambda *_, **__: (_ for _ in ()).throw(error))
    status, text = told(saved)
    assert status == 20
    assert text.startswith(f"NOT VERIFIED  {type(error).__name__}")
    assert text.isprintable() or text[:-1].isprintable()


def test_what_goes_wrong_in_the_description_is_a_rejection(saved, told, monkeypatch):
    def fails(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(kernel_claim, "describe_question", fails)
    assert told(saved) == (20, "NOT VERIFIED  ZeroDivisionError: \n")


def test_nothing_is_verified_when_nobody_can_read_it(saved):
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, str(saved)]
    assert subprocess.run(closed, check=False, capture_output=True).returncode == 20
    broken = f"({' '.join(COMMAND)} {saved}; echo $? >&2) | true"
    done = subprocess.run(
        ["sh", "-c", f"sleep 0; {broken}"], check=False, capture_output=True, text=True
    )
    assert done.stderr.split()[-1] in ("14", "20")  # written before or after the reader left


def test_an_output_that_fails_is_a_rejection(saved, monkeypatch):
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", full)
        status = main([str(saved)])
    assert status == 20
    monkeypatch.setattr(sys, "stdout", None)
    assert main([str(saved)]) == 20


def test_a_full_disk_ends_with_the_status_of_a_rejection(saved):
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123
        done = subprocess.run(
            [*COMMAND, str(saved)], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (20, b"")


# --- what is printed ---------------------------------------------------------------------


def test_the_printed_question_tells_the_rank_and_every_array(saved, told):
    cert = certificate(OWN)
    _, text = told(saved)
    rank = cert.given["U"].shape[1]
    assert f'"rank": {rank}' in text
    for name, a in cert.given.items():
        assert f'"{name}": "F64 {list(a.shape)}' in text


def test_an_array_that_changes_the_question_is_told_with_its_value(tmp_path, told):
    weights = np.full((3, 2), 0.5)
    zero = np.zeros((3, 0)), np.zeros((2, 0))
    atom = RankOne(L2(cone="+*-"), "l2")
    cert = check(Problem(Squared(np.ones((3, 2)), weights), atom, 16.0), zero).certificate
    cert.save(tmp_path / "x.cert")
    _, text = told(tmp_path / "x.cert")
    assert '"weights": "F64 [6] all 0.5"' in text
    assert '"Y": "F64 [6] all 1.0"' in text
    assert '"U": "F64 [3, 0] empty"' in text
    assert '"cone": "+*-"' in text


def test_a_summary_of_an_array_is_its_own():
    for values, told in (([1.0, -2.5], "from -2.5 to 1.0"), ([3.0, 3.0], "all 3.0")):
        assert summarize(Array((2,), array("d", values))) == told


# --- the file ----------------------------------------------------------------------------


def test_a_question_with_an_array_under_two_names_is_rejected(saved, tmp_path, told):
    cert = certificate(OWN)
    mine = {k: as_numpy(a) for k, a in cert.given.items()}
    save_file(mine | {"question.Y": mine["Y"]}, tmp_path / "mine.safetensors")
    status, text = told(saved, tmp_path / "mine.safetensors")
    assert (status, "question.Y: duplicate" in text) == (20, True)
    save_file({f"question.{k}": a for k, a in mine.items()}, tmp_path / "mine.safetensors")
    assert told(saved, tmp_path / "mine.safetensors")[0] == 14


def recoded(blob, encoding):
    """Return a file with its header in another encoding."""
    length = int.from_bytes(blob[:8], "little")
    header = blob[8 : 8 + length].decode().encode(encoding)
    return len(header).to_bytes(8, "little") + header + blob[8 + length :]


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]
)
def test_a_header_in_another_encoding_is_rejected(encoding, saved, tmp_path):
    path = tmp_path / "x.cert"
    path.write_bytes(recoded(saved.read_bytes(), "utf-8"))
    assert read(path).claim["verdict"] == "RANK_LIMITED"
    path.write_bytes(recoded(saved.read_bytes(), encoding))
    assert rejection(read, path) == ("file.header", "json")


def test_a_digest_holds_the_type_of_the_numbers():
    """Eight bytes are a float or an integer, and 0.0 and 0 are the same bytes."""
    digests = {digest(Array((2,), array(t, [0, 0]))) for t in "dq"}
    digests.add(digest(Array((2,), array("f", [0, 0]))))
    assert len(digests) == 3
    same = Array((2,), array("l", [0, 0]))
    assert digest(same) == digest(Array((2,), array("q", [0, 0])))
    found = rejection(digest, Array((1,), array("i", [0])))
    assert found == ("array", "dtype")


def test_an_array_of_another_type_is_another_question(saved, tmp_path, told):
    cert = certificate(OWN)
    mine = {k: as_numpy(a) for k, a in cert.given.items()}
    save_file(mine | {"Y": mine["Y"].view(np.int64)}, tmp_path / "mine.safetensors")
    status, text = told(saved, tmp_path / "mine.safetensors")
    assert (status, "statement.arrays.Y.dtype: question" in text) == (20, True)


@pytest.mark.parametrize("version", ["certify/1", "certify/2", "certify/4", 3])
def test_another_format_is_refused_by_its_version(version, tmp_path):
    cert = certificate("plain/best")
    said = cert.statement | {"format": version}
    assert rejection(prove, cert, statement=said) == ("statement.format", "version")
    path = sealed(cert, tmp_path / "x.cert", statement=said)
    with pytest.raises(RejectedError, match="is not certify/3, the only format this kernel reads"):
        read(path)


def test_a_statement_of_no_format_is_rejected():
    assert rejection(known_format, {}) == ("statement.format", "missing")


def test_what_no_reader_reads_is_no_part_of_a_file(tmp_path):
    cert = certificate("plain/best")
    path = sealed(cert, tmp_path / "x.cert", note="certified for any data")
    assert rejection(read, path) == ("file.metadata", "fields")
    entry = {"dtype": "F64", "shape": [0], "data_offsets": [0, 0], "strides": [1]}
    assert rejection(layout, {"a": entry}, 0) == ("file.a", "header")


def test_a_proof_nested_too_deeply_is_rejected(tmp_path):
    cert, deep = certificate("plain/best"), {}
    for _ in range(DEPTH):
        deep = {"each": [deep]}
    path = sealed(cert, tmp_path / "x.cert", proof=cert.proof | {"note": deep})
    assert rejection(read, path) == ("file.metadata", "json")


# --- null, true and their like -----------------------------------------------------------

STATEMENT = ("claim", "loss", "atom", "lam", "shape", "observed", "offsets", "q", "rtol", "atol")


@pytest.mark.parametrize("name", ["plain/best", OWN])
@pytest.mark.parametrize("field", STATEMENT)
def test_null_and_booleans_are_no_values_of_a_statement(name, field):
    cert = certificate(name)
    said = cert.statement
    assert rejection(prove, cert, statement=said | {field: None}) == (f"statement.{field}", "null")
    for x in (True, False):
        found = rejection(prove, cert, statement=said | {field: x})
        assert found == (f"statement.{field}", "boolean")


@pytest.mark.parametrize("field", ["polar", "corrections", "better", "floor", "other"])
def test_null_and_booleans_are_no_values_of_a_proof(field):
    cert = certificate(OWN)
    assert rejection(prove, cert, proof=cert.proof | {field: None}) == (f"proof.{field}", "null")
    switch = field == "better"
    found = rejection(prove, cert, proof=cert.proof | {field: False})
    assert found == (f"proof.{field}", "unknown" if switch else "boolean")


@pytest.mark.parametrize("wrong", [0, "", [], False, 1, "yes"])
def test_nothing_falsy_stands_for_a_part_of_the_proof(wrong):
    cert = certificate(OWN)
    where, code = rejection(prove, cert, proof=cert.proof | {"polar": wrong})
    assert (where, code) == ("proof.polar", "boolean" if wrong is False else "json")
    assert rejection(prove, cert, proof=cert.proof | {"better": wrong})[0] == "proof.better"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"axis": True}, ("proof.polar.axis", "boolean")),
        ({"axis": None}, ("proof.polar.axis", "null")),
        ({"shift": 10}, ("proof.polar.shift", "number")),
        ({"nodes": [{"leaf": False}]}, ("proof.polar.nodes[0].leaf", "boolean")),
    ],
)
def test_true_is_no_index_and_an_integer_no_rational(change, found):
    cert = certificate("plain/best")
    polar = cert.proof["polar"] | change
    assert rejection(prove, cert, proof=cert.proof | {"polar": polar}) == found


def test_true_is_no_place_of_a_correction():
    cert = certificate("plain/best")
    for wrong, code in ((True, "boolean"), ("1", "outside")):
        proof = cert.proof | {"corrections": [[wrong, "1/2"]]}
        assert rejection(prove, cert, proof=proof)[1] == code


@pytest.mark.parametrize(
    "text", ["1_0", "0x10", " 1", "+1", "1/-2", "--1", "1/0", "1/", "", "A", 1]
)
def test_a_rational_is_written_in_one_way(text):
    assert rejection(rational, text, "shift") == ("shift", "number")
    assert rational("-1a/4", "shift") == Fraction(-26, 4)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"a": None}, {}),
        ({}, {"a": None}),
        ({"a": True}, {"a": 1}),
        ({"a": [1, 0]}, {"a": [1, False]}),
        ({"a": {}}, {}),
        ({"a": {"b": None}}, {"a": {}}),
        ({"a": []}, {"a": {}}),
        ({"a": "none"}, {}),
    ],
)
def test_questions_are_the_same_as_json_only(theirs, ours):
    same_question(theirs, theirs)
    assert rejection(same_question, theirs, ours)[1] == "question"


def test_the_switches_are_booleans_and_nothing_else():
    atom = {"kind": "cp", "norms": ["l2"] * 3, "symmetric": 1, "form": "product"}
    at = Pattern(2, 4, dims=(2, 2, 2))
    assert rejection(stated_modes, atom, at) == ("statement.atom.symmetric", "unknown")
    assert stated_modes(atom | {"symmetric": True}, at).symmetric


# --- against ourselves -------------------------------------------------------------------


def places(x, path=()):
    """Yield the path of everything in a JSON value."""
    for key, y in x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ():
        yield (*path, key)
        yield from places(y, (*path, key))


def changed(x, path, value):
    """Return a JSON value with another at one place."""
    out = json.loads(json.dumps(x))
    held = out
    for key in path[:-1]:
        held = held[key]
    held[path[-1]] = value
    return out


@pytest.mark.parametrize("name", ["plain/best", OWN, "rank_means/best", "smooth_ridge/poor"])
@pytest.mark.parametrize("part", ["statement", "proof"])
def test_no_strange_value_anywhere_proves_anything_false(name, part):
    """The reader's arrays and question stay: a change is rejected, or proves what is true."""
    cert = certificate(name)
    honest = prove(cert)
    best = min(x for x in (honest.upper, honest.better) if x is not None)
    for path in places(getattr(cert, part)):
        for value in (None, True, False, 0, 1, "", [], {}, "0x0p+0"):
            told = changed(getattr(cert, part), path, value)
            try:
                if part == "statement":
                    same_question(told, cert.statement)
                found = prove(cert, **{part: told})
            except (RejectedError, ArithmeticError, LookupError, TypeError, ValueError):
                continue
            assert found.lower <= best
            assert found.verdict in (honest.verdict, "UNDECIDED")


def test_a_loaded_certificate_says_whether_it_has_better_factors(saved):
    cert = Certificate.load(saved)
    assert cert.better() is not None
    bare = replace(cert, proof={k: v for k, v in cert.proof.items() if k != "better"})
    assert bare.better() is None
    assert bare.better_offsets() == ()
