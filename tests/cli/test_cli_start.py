"""The first minutes: a problem.toml from one's own files, and what a certificate says in words."""

import json
import os
import sys
import tomllib

import jsonschema
import numpy as np
import pytest
from safetensors.numpy import save_file

from certify.adapters.files import _published as made
from certify.adapters.files import load
from tests.question_files import inside, write

rng = np.random.default_rng(0)
W, H = rng.random((6, 2)), rng.random((2, 4))
X = W @ H


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("W.npy", W)
    np.save("H.npy", H)
    np.savetxt("X.csv", X, delimiter=",")
    return tmp_path


def drafted(capsys, *args):
    ended = inside(capsys, "init", *args)
    assert ended.status == 0, ended.err
    document = tomllib.loads(open("problem.toml", encoding="utf-8").read())  # noqa: PTH123, SIM115
    schema = json.loads(made.FILE.read_text("utf-8"))
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(document)) == []
    return document, ended.out


def test_init_matches_factors_to_modes_and_check_reads_what_it_wrote(folder, capsys):
    document, said = drafted(capsys, "X.csv", "W.npy", "H.npy")
    assert document["factors"]["U"] == "W.npy"
    assert document["factors"]["V"] == {"file": "H.npy", "transpose": True}
    assert document["atom"]["left"] == document["atom"]["right"] == "l2+"
    assert "H.npy: 2 x 4, taken as V transposed" in said
    assert "lam = 0: the factors are stationary without a penalty" in said  # X = W H
    held = load(folder / "problem.toml")
    assert held.problem.lam == 0
    assert np.array_equal(held.factors[1], H.T)
    assert np.array_equal(held.factors[0], W)
    assert inside(capsys, "check", "problem.toml", "--budget", "1").status in (0, 10, 12, 14)


@pytest.mark.parametrize(
    ("mine", "theirs"), [(H.T @ H, "V"), (W @ W.T + np.arange(36).reshape(6, 6), "U")]
)
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.usefixtures("folder")
def test_init_takes_a_square_factor_as_it_fits_better(capsys, mine, theirs, turned):
    square = np.tril(mine)  # as many components as rows: its shape does not say what they are
    other = rng.random((5, len(square)))
    np.save("S.npy", square.T if turned else square)
    np.save("B.npy", other)
    np.save("Y.npy", other @ square.T if theirs == "V" else square @ other.T)
    document, said = drafted(capsys, "Y.npy", *(["B.npy", "S.npy"][:: 1 if theirs == "V" else -1]))
    assert document["factors"][theirs] == (
        {"file": "S.npy", "transpose": True} if turned else "S.npy"
    )
    assert (f"taken as {theirs} transposed" in said) == turned
    assert "lam = 0: the factors are stationary without a penalty" in said


def test_init_guesses_lam_of_factors_that_are_stationary_nowhere(folder, capsys):
    np.save(folder / "W.npy", W + 1)
    document, said = drafted(capsys, "X.csv", "W.npy", "H.npy")
    assert document["lam"] == pytest.approx(0.1 * np.linalg.norm(X, 2), rel=1e-5)
    assert "lam is a guess: replace it by the one of your training" in said


def test_init_reads_named_arrays_signs_and_tensors(folder, capsys):
    T = np.einsum("ir,jr,kr->ijk", *[rng.standard_normal((n, 2)) for n in (5, 4, 3)])
    parts = {k: rng.standard_normal((n, 2)) for k, n in (("c", 3), ("a", 5), ("b", 4))}
    np.save("T.npy", T)
    np.savez("fit.npz", **parts)
    document, _ = drafted(capsys, "T.npy", "fit.npz")
    assert document["factors"] == {"U": "fit.npz:a", "V": "fit.npz:b", "X2": "fit.npz:c"}
    assert document["atom"] == {"kind": "cp", "norms": ["l2"] * 3, "form": "product"}
    assert np.array_equal(load(folder / "problem.toml").factors[2], parts["c"])


def test_init_overwrites_no_mask_of_the_user(folder, capsys):
    np.save("holes.npy", np.where(X > 0.5, np.nan, X))
    np.save("mask.npy", [True])
    for given in (["holes.npy"], ["holes.npy", "mask.npy", "--force"]):
        assert inside(capsys, "init", *given).status == 2
        assert np.array_equal(np.load("mask.npy"), [True])
        assert not (folder / "problem.toml").exists()
    assert inside(capsys, "init", "holes.npy", "--force").status == 0
    assert np.array_equal(np.load("mask.npy"), X <= 0.5)


def test_init_reads_one_array_of_a_file_as_its_message_says(folder, capsys):
    np.savez("all.npz", X=X, W=W, H=H)
    assert 'name one of them, "all.npz:X"' in inside(capsys, "init", "all.npz").sentence
    for given in (["all.npz:X", "all.npz:W", "all.npz:H"], ["all.npz:X", "all.npz"]):
        document, _ = drafted(capsys, *given, "--force")
        assert document["data"]["Y"] == "all.npz:X"
        held = load(folder / "problem.toml")
        assert np.array_equal(held.problem.loss.data, X)
        assert np.array_equal(held.factors[0], W)
        assert np.array_equal(held.factors[1], H.T)
    assert "an input" in inside(capsys, "init", "all.npz:X", "-o", "all.npz", "--force").sentence
    assert "has no" in inside(capsys, "init", "all.npz:Z", "--force").sentence


def test_init_without_factors_says_what_is_to_do(folder, capsys):
    document, _ = drafted(capsys, "X.csv")
    assert document["factors"] == {"U": "U.npy", "V": "V.npy"}
    assert "# TODO: name the files of the factors" in (folder / "problem.toml").read_text()
    assert document["lam"] == pytest.approx(0.1 * np.linalg.norm(X, 2), rel=1e-5)


@pytest.mark.usefixtures("folder")
def test_init_sees_holes_and_labels(capsys):
    np.save("holes.npy", np.where(X > 0.5, np.nan, X))
    document, said = drafted(capsys, "holes.npy", "W.npy", "H.npy")
    assert document["data"]["mask"] == "mask.npy"
    assert "entries are NaN" in said
    assert inside(capsys, "check", "problem.toml", "--budget", "0").status in (0, 10, 12, 14)
    assert np.array_equal(np.load("mask.npy"), X <= 0.5)
    np.save("labels.npy", (X > 0.5).astype(float))
    assert "may be logistic" in drafted(capsys, "labels.npy", "--force")[1]


def test_init_names_files_from_where_it_writes(folder, capsys):
    (folder / "sub").mkdir()
    ended = inside(capsys, "init", "X.csv", "W.npy", "H.npy", "-o", "sub/problem.toml")
    assert ended.status == 0
    assert np.array_equal(load(folder / "sub" / "problem.toml").factors[0], W)


@pytest.mark.parametrize("name", ['q"uote', "q'uote", "back\\slash", "new\nline", "\x7f", "é b"])
def test_any_name_of_a_file_is_read_back(folder, capsys, name):
    (folder / "X.csv").rename(f"{name}.csv")
    (folder / "H.npy").rename(f"{name}.npy")
    np.savez(f"{name}.npz", W=W)
    document, _ = drafted(capsys, f"{name}.csv", f"{name}.npz", f"{name}.npy")
    assert document["data"]["Y"] == f"{name}.csv"
    assert document["factors"]["V"]["file"] == f"{name}.npy"
    held = load(folder / "problem.toml")
    assert np.array_equal(held.factors[0], W)
    assert np.array_equal(held.factors[1], H.T)


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux")
def test_a_name_that_is_not_unicode_is_refused(folder, capsys):
    name = os.fsdecode(b"\xff.csv")
    (folder / "X.csv").rename(name)
    assert "is not UTF-8" in inside(capsys, "init", name).sentence


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bad.npz", "is not a readable .npz file"),
        ("bad.safetensors", "is not a safetensors file"),
        ("bad.mat", "is not a MATLAB file"),
    ],
)
def test_init_refuses_broken_archives_in_one_sentence(folder, capsys, name, said):
    (folder / name).write_bytes(b"PK\x03\x04 and more")
    ended = inside(capsys, "init", "X.csv", name)
    assert ended.status == 2
    assert f"{name} {said}" in ended.sentence
    assert "cannot read absent.npz" in inside(capsys, "init", "X.csv", "absent.npz").sentence
    np.savez("none.npz")
    assert "holds no array" in inside(capsys, "init", "X.csv", "none.npz").sentence


@pytest.mark.usefixtures("folder")
def test_init_guesses_a_positive_lam(capsys):
    np.save("zero.npy", np.zeros((6, 4)))
    assert drafted(capsys, "zero.npy", "W.npy", "H.npy")[0]["lam"] == 1


@pytest.mark.parametrize("broken", [np.inf, np.linalg.LinAlgError("SVD did not converge")])
def test_init_guesses_a_finite_lam_where_the_norm_has_none(tmp_path, capsys, monkeypatch, broken):
    def norm(*_, **__):
        if isinstance(broken, Exception):
            raise broken
        return broken

    np.save(tmp_path / "Y.npy", np.eye(3))
    monkeypatch.setattr(np.linalg, "norm", norm)
    draft = tmp_path / "problem.toml"
    assert inside(capsys, "init", tmp_path / "Y.npy", "-o", draft).status == 0
    assert "lam = 1  # TODO" in draft.read_text(encoding="utf-8")


def test_init_replaces_nothing_without_force(folder, capsys):
    (folder / "problem.toml").write_text("mine")
    ended = inside(capsys, "init", "X.csv")
    assert (ended.status, (folder / "problem.toml").read_text()) == (2, "mine")
    assert "--force" in ended.err
    assert inside(capsys, "init", "X.csv", "-o", "X.csv", "--force").status == 2


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (
            (rng.random((3, 3)),),
            "a factor must have the shape (6, r) or (4, r), got a0.npy (3 x 3)",
        ),
        ((rng.random((6, 2)), rng.random((4, 3))), "the factors have [2, 3] components"),
        ((rng.random(6),), "a factor must have the shape"),
    ],
)
def test_init_refuses_what_fits_nowhere(folder, capsys, arrays, said):
    names = [f"a{k}.npy" for k in range(len(arrays))]
    for name, a in zip(names, arrays, strict=True):
        np.save(name, a)
    ended = inside(capsys, "init", "X.csv", *names)
    assert ended.status == 2
    assert said in ended.err
    assert not (folder / "problem.toml").exists()
    np.save("line.npy", rng.random(5))
    assert "a matrix or a tensor" in inside(capsys, "init", "line.npy").err


@pytest.mark.usefixtures("folder")
def test_init_names_the_table_for_the_weights_of_a_network(capsys):
    weights = {"0.weight": np.ones((3, 4)), "2.weight": np.ones((1, 3)), "0.bias": np.ones(3)}
    save_file(weights, "net.safetensors")
    ended = inside(capsys, "init", "X.csv", "net.safetensors")
    assert ended.status == 2
    assert ended.sentence.endswith(
        "net.safetensors:2.weight (1 x 3); a network's weights belong to a table [network], with "
        "model, X, y and weight_decay"
    )
    np.savez("fit.npz", W=W, other=np.ones((3, 3)))
    assert "[network]" not in inside(capsys, "init", "X.csv", "fit.npz").err


def test_a_transposed_source_is_a_boolean(tmp_path, capsys):
    path = write(tmp_path)
    text = path.read_text()
    turned = text.replace('V = "V.npy"', 'V = { file = "V.npy", transpose = "yes" }')
    path.write_text(turned)
    assert "transpose = true or false" in inside(capsys, "check", path).err
    path.write_text(turned.replace('"yes"', "true"))
    assert "factors[1] must have shape (3, r)" in inside(capsys, "check", path).err
    path.write_text(turned.replace('"yes"', "false"))
    assert inside(capsys, "check", path).status == 0


def test_explain_says_question_answer_bracket_and_what_is_next(tmp_path, capsys):
    path, cert = write(tmp_path), tmp_path / "x.cert"
    assert inside(capsys, "check", path, "-o", cert).status == 0
    ended = inside(capsys, "explain", cert)
    assert ended.status == 0
    heads = [line.partition(":")[0] for line in ended.out.splitlines()]
    assert heads == [
        "Distance",
        "Question",
        "Objective",
        "Arrays",
        "Answer",
        "Bracket",
        "Proof",
        "Next",
    ]
    assert "U F64 2 × 2 from 0.0 to 3.0; V F64 3 × 2 from 0.0 to 1.0; Y F64 6" in ended.out
    assert "CERTIFIED" in ended.out
    told = inside(capsys, "explain", cert, "--json").json
    assert (told["verdict"], told["lower"]) == ("CERTIFIED", 14.0)
    assert told["question"].startswith("Somebody fitted a matrix factorization of 2 components")


def test_explain_says_nothing_of_a_broken_certificate(tmp_path, capsys):
    path, cert = write(tmp_path), tmp_path / "x.cert"
    inside(capsys, "check", path, "-o", cert)
    blob = bytearray(cert.read_bytes())
    blob[-3] ^= 1
    cert.write_bytes(blob)
    ended = inside(capsys, "explain", cert)
    assert (ended.status, ended.out) == (20, "")
    told = inside(capsys, "explain", cert, "--json")
    assert told.status == 20
    assert json.loads(told.out)["rejected"]["where"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_the_shell(shell, capsys):
    ended = inside(capsys, "completion", shell)
    assert ended.status == 0
    assert f"_CERTIFY_COMPLETE={shell}_complete" in ended.out


def test_version_names_the_format_and_what_is_installed(capsys):
    ended = inside(capsys, "--version")
    assert ended.status == 0
    lines = ended.out.splitlines()
    assert lines[0].startswith("certify ")
    assert "format certify/3" in lines[0]
    assert f"numpy {np.__version__}" in lines


def test_errors_name_the_line(tmp_path, capsys):
    path = write(tmp_path, atom='kind = "rank_one"\nlefft = "l1"')
    ended = inside(capsys, "check", path)
    number = 1 + path.read_text().splitlines().index('lefft = "l1"')
    assert f"problem.toml:{number}: the key 'lefft'" in ended.err
    assert "did you mean 'left'" in ended.err


def test_every_command_shows_an_example(capsys):
    listed = inside(capsys, "--help").out.partition("Commands:")[2]
    names = [line.split()[0] for line in listed.splitlines() if line.startswith("  ")]
    names = [n for n in names if f"\n  {n} " in listed]
    assert {"check", "audit", "init", "report"} <= set(names)
    for name in names:
        assert f"Example: certify {name}" in inside(capsys, name, "--help").out, name


@pytest.mark.parametrize("kind", ["float16", "float32", "uint8", ">f8", "bool"])
def test_init_reads_numbers_of_every_size(tmp_path, capsys, kind):
    U, V = np.array([[1, 0], [0, 1], [1, 1]]), np.array([[1, 0], [1, 1], [0, 1], [1, 0]])
    for name, x in (("Y", U @ V.T), ("U", U), ("V", V)):
        np.save(tmp_path / f"{name}.npy", x.astype(kind))
    names = [tmp_path / f"{k}.npy" for k in "YUV"]
    assert inside(capsys, "init", *names, "-o", tmp_path / "p.toml").status == 0
    assert inside(capsys, "check", tmp_path / "p.toml", "--budget", "1").status in (0, 10, 12, 14)


def asked_by_init(folder, capsys, text, name="Y.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    made = inside(capsys, "init", folder / name, "-o", folder / "p.toml", "--force")
    assert made.status == 0
    asked = [k for k in (folder / "p.toml").read_text("utf-8").splitlines() if k[-7:] != "factors"]
    asked = [k.removeprefix("# TODO: ") for k in asked if k.startswith("# TODO: ")]
    asked = [k for k in asked if not k.startswith("name the files")]
    assert [k for k in asked if f"  {k}\n" not in made.out] == []
    return asked


def rows(table):
    return "".join(",".join(f"{x:.10g}" for x in row) + "\n" for row in table)


TABLE = np.arange(20.0).reshape(4, 5) ** 2 / 7


@pytest.mark.parametrize(
    ("code", "others", "asked"),
    [
        (-999, TABLE, "3 of 20 entries are -999, and the others from 0.142857 to 51.5714: does"),
        (1e20, TABLE, "3 of 20 entries are 1e+20, and the others from 0.142857 to"),
        (-99, 10 * TABLE + 30, "3 of 20 entries are -99, and the others from 31.4286 to"),
        (-999, 1000 * TABLE, "3 of 20 entries are -999, and the others from 142.857 to"),
        (-50, 10 * TABLE, None),  # as far from the others as they are from each other
        (-999, 1000 * (TABLE - 9), None),  # among negative numbers
    ],
)
def test_init_asks_whether_a_value_far_from_the_others_means_missing(
    tmp_path, capsys, code, others, asked
):
    Y = others.copy()
    Y[0, 0] = Y[1, 2] = Y[3, 1] = code
    found = asked_by_init(tmp_path, capsys, rows(Y))
    assert [k.startswith(asked) for k in found] == [True] * len(found) if asked else found == []
    assert len(found) == bool(asked)
    Y[1, 2] = Y[3, 1] = others[1, 1]
    assert asked_by_init(tmp_path, capsys, rows(Y)) == []  # once, it is an outlier


def test_init_asks_of_two_codes_and_not_of_labels_of_two_classes(tmp_path, capsys):
    Y = TABLE.copy()
    Y[0, :2], Y[1, :2] = -999, 9999
    assert len(asked_by_init(tmp_path, capsys, rows(Y))) == 2
    assert asked_by_init(tmp_path, capsys, rows(TABLE > 9)) == []


@pytest.mark.parametrize(
    ("first", "asked"),
    [
        ([1990, 1991, 1992, 1993, 1994], "does the first row (1990, 1991, 1992, ...) label"),
        ([1, 2, 3, 4, 5], "does the first row (1, 2, 3, ...) label"),
        ([10, 20, 30, 40, 50], "does the first row (10, 20, 30, ...) label"),
        ([1, 2, 3, 4, 6], None),
        ([0.5, 1.5, 2.5, 3.5, 4.5], None),
        ([3, 3, 3, 3, 3], None),
    ],
)
def test_init_asks_whether_a_first_row_or_column_labels_the_data(tmp_path, capsys, first, asked):
    found = asked_by_init(tmp_path, capsys, rows(np.vstack([first, TABLE])))
    assert [k.partition(" the data")[0] for k in found] == ([asked] if asked else [])
    turned = rows(np.vstack([first, TABLE]).T)
    found = asked_by_init(tmp_path, capsys, turned)
    column = asked and asked.replace("row", "column")
    assert [k.partition(" the data")[0] for k in found] == ([column] if column else [])


def test_init_asks_nothing_of_a_table_that_counts_in_every_row(tmp_path, capsys):
    assert (
        asked_by_init(tmp_path, capsys, rows(np.add.outer(np.arange(4.0), np.arange(1.0, 6)))) == []
    )


def test_init_sees_a_code_below_a_row_of_years(tmp_path, capsys):
    Y = TABLE.copy()
    Y[0, 0] = Y[1, 2] = -999
    found = asked_by_init(tmp_path, capsys, rows(np.vstack([np.arange(1990, 1995), Y])))
    assert [k.split()[0] for k in found] == ["does", "2"]
