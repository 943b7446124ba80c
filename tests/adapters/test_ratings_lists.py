"""Ratings as people have them: a list in a file or a table, raw ids, biases beside the factors."""

import gzip
import json
import re
import tomllib

import jsonschema
import numpy as np
import pytest
from scipy import sparse

from certify import InputError, Problem, check
from certify.adapters.arrays import surprise_svd, triplets
from certify.adapters.files import _published as made
from certify.adapters.files import load
from certify.atoms import RankOne
from certify.losses import Squared
from certify.offsets import ColumnIntercept, RowIntercept
from tests.question_files import inside

M, N, RANK, LAM, RIDGE = 7, 5, 2, 0.75, 0.5
rng = np.random.default_rng(4)
SEEN = rng.random((M, N)) < 0.7
SEEN[np.arange(M), np.arange(M) % N] = True
ROWS, COLS = np.nonzero(SEEN)
STARS = rng.integers(1, 6, len(ROWS)).astype(float)
MEAN = float(STARS.mean())


def trained():
    """Alternate ridge regressions to a stationary point: (P, Q, b_u, b_i)."""
    P, Q = rng.standard_normal((M, RANK)), rng.standard_normal((N, RANK))
    a, b = np.zeros(M), np.zeros(N)
    for _ in range(400):
        for U, V, bias, other, lines, across in (
            (P, Q, a, b, ROWS, COLS),
            (Q, P, b, a, COLS, ROWS),
        ):
            for k in range(len(U)):
                at = lines == k
                X = np.column_stack([V[across[at]], np.ones(at.sum())])
                y = STARS[at] - MEAN - other[across[at]]
                penalty = np.diag([LAM] * RANK + [RIDGE])
                solved = np.linalg.solve(X.T @ X + penalty, X.T @ y)
                U[k], bias[k] = solved[:-1], solved[-1]
    return P, Q, a, b


P, Q, BU, BI = trained()
PROBLEM = Problem(
    Squared(sparse.coo_array((STARS - MEAN, (ROWS, COLS)), shape=(M, N))),
    RankOne("l2", "l2", form="sum"),
    LAM,
    [RowIntercept(ridge=RIDGE), ColumnIntercept(ridge=RIDGE)],
)
VALUE = PROBLEM.objective((P, Q), (BU, BI))


def written(path, users, items, header="userId,movieId,rating,timestamp", by=","):
    """Write the ratings with these ids, in a random order of rows."""
    order = np.random.default_rng(1).permutation(len(ROWS))
    lines = [by.join(map(str, (users[ROWS[k]], items[COLS[k]], STARS[k], 99))) for k in order]
    path.write_text("\n".join([header.replace(",", by), *lines]) + "\n", encoding="utf-8")
    return order


def drafted(capsys, *args):
    ended = inside(capsys, "init", *args)
    assert ended.status == 0, ended.err
    document = tomllib.loads(open("problem.toml", encoding="utf-8").read())  # noqa: PTH123, SIM115
    schema = json.loads(made.FILE.read_text("utf-8"))
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(document)) == []
    return document, ended.out


def names(order, count, lines, how):
    """Return ids of `count` lines, and the line of each factor, for an order of numbering."""
    if how == "number":
        return np.arange(count), np.arange(count)
    if how == "from 1":
        return np.arange(1, count + 1), np.arange(count)
    ids = np.array([f"id{(3 * k) % count:02d}" for k in range(count)])
    if how == "sorted":
        return ids, np.argsort(ids)
    first = list(dict.fromkeys(lines[order].tolist()))
    return ids, np.array(first)


@pytest.mark.parametrize("how", ["number", "from 1", "sorted", "first seen"])
def test_init_finds_whose_line_is_whose_and_what_the_model_was_trained_with(
    tmp_path, monkeypatch, capsys, how
):
    monkeypatch.chdir(tmp_path)
    order = np.random.default_rng(1).permutation(len(ROWS))
    (users, U), (items, V) = (names(order, n, k, how) for n, k in ((M, ROWS), (N, COLS)))
    written(tmp_path / "ratings.csv", users, items)
    np.savez("model.npz", P=P[U], Q=Q[V], bu=BU[U], bi=BI[V], mean=MEAN)
    document, said = drafted(capsys, "ratings.csv", "model.npz")
    assert document["data"]["Y"]["order"] == how
    assert document["data"]["Y"]["columns"] == ["userId", "movieId", "rating"]
    assert document["q"] == ["model.npz:bu", "model.npz:bi"]
    assert document["lam"] == pytest.approx(LAM, rel=1e-3)
    ridges = [(o["kind"], o["ridge"]) for o in document["offsets"]]
    assert ridges == [("row", pytest.approx(RIDGE)), ("column", pytest.approx(RIDGE))]
    assert f"{len(ROWS)} ratings of {M} users and {N} items; " in said
    held = load(tmp_path / "problem.toml")
    assert held.problem.objective(held.factors, held.q) == pytest.approx(VALUE, rel=1e-6)
    found = inside(capsys, "check", "problem.toml", "--budget", "5", "--rtol", "1e-3", "--json")
    assert found.json["verdict"] in ("CERTIFIED", "REFUTED", "RANK_LIMITED")
    own = check(PROBLEM, (P, Q), q=(BU, BI), rtol=1e-3, budget=5.0)
    assert found.json["lower"] == pytest.approx(own.lower, rel=1e-3)


@pytest.mark.parametrize("by", [";", "\t"])
def test_other_separators_and_files_are_read_too(tmp_path, monkeypatch, capsys, by):
    monkeypatch.chdir(tmp_path)
    name = "ratings.tsv" if by == "\t" else "ratings.csv"
    written(tmp_path / name, range(M), range(N), "user_id,item,score,when", by)
    np.save("P.npy", P)
    np.save("Q.npy", Q)
    document, _ = drafted(capsys, name, "P.npy", "Q.npy")
    assert document["data"]["Y"]["columns"] == ["user_id", "item", "score"]
    assert "q" not in document
    assert load(tmp_path / "problem.toml").problem.loss.observed.size == len(ROWS)
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    assert (
        drafted(capsys, packed.name, "P.npy", "Q.npy", "--force")[0]["data"]["Y"]["file"]
        == packed.name
    )
    assert load(tmp_path / "problem.toml").problem.loss.observed.size == len(ROWS)


def test_without_factors_the_ids_are_numbered_as_they_appear(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "r.csv", [f"u{k}" for k in range(M)], [f"i{k}" for k in range(N)])
    document, said = drafted(capsys, "r.csv")
    assert document["data"]["Y"]["order"] == "first seen"
    assert "ids in order of appearance are the rows" in said


def test_init_refuses_factors_of_other_sizes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "r.csv", [f"u{k}" for k in range(M)], range(N))
    np.save("P.npy", P[:4])
    np.save("Q.npy", Q)
    ended = inside(capsys, "init", "r.csv", "P.npy", "Q.npy")
    assert ended.status == 2
    assert f"r.csv has {M} users and {N} items, but no factors have as many rows" in ended.sentence


def test_a_matrix_with_biases_and_a_mean_in_one_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Y = np.arange(20.0).reshape(4, 5) % 7
    np.save("Y.npy", Y)
    rows = Y.mean(axis=1) - Y.mean()
    np.savez("m.npz", U=np.ones((4, 1)), V=np.zeros((5, 1)), bias_row=rows, mu=Y.mean())
    document, said = drafted(capsys, "Y.npy", "m.npz")
    assert [o["kind"] for o in document["offsets"]] == ["intercept", "row"]
    assert document["q"] == [[Y.mean()], "m.npz:bias_row"]
    assert "taken as the biases of rows, ridge = 0.0" in said
    held = load(tmp_path / "problem.toml")
    assert np.allclose(held.problem.predict(held.factors, held.q), Y.mean(axis=1)[:, None])


# --- in Python ---------------------------------------------------------------------------


class Frame:
    """A table with named columns, as pandas and polars have it."""

    def __init__(self, **columns):
        self.held, self.columns = columns, list(columns)

    def __getitem__(self, name):
        return self.held[name]


RAW = [f"u{9 - k}" for k in ROWS], COLS + 100, STARS


@pytest.mark.parametrize(
    "source",
    [
        RAW,
        Frame(when=STARS, movie_id=RAW[1], User=np.array(RAW[0]), Rating=STARS),
    ],
    ids=["arrays", "table"],
)
def test_raw_ids_are_numbered(source):
    for order, first in (("first seen", RAW[0][0]), ("sorted", min(RAW[0]))):
        held = triplets(source, order=order)
        assert held.users[0] == first
        assert held.matrix.shape == (M, N)
        for u, i, r in zip(*RAW, strict=True):
            row, col = held.users.tolist().index(u), held.items.tolist().index(i)
            assert held.matrix.toarray()[row, col] == r


def test_a_table_and_files_give_the_same(tmp_path):
    frame = Frame(user=RAW[0], item=RAW[1], rating=STARS)
    lines = [",".join(map(str, row)) for row in zip(*RAW, strict=True)]
    (tmp_path / "r.csv").write_text("\n".join(["user,item,rating", *lines]))
    numbered = [f"{k},{line}" for k, line in enumerate(lines)]  # as pandas writes its index
    text = "\n".join([",user,item,rating", *numbered])
    (tmp_path / "r.tsv").write_text(text.replace(",", "\t"))
    held = [triplets(x) for x in (frame, tmp_path / "r.csv", str(tmp_path / "r.tsv"))]
    for x in held:
        assert np.array_equal(x.matrix.toarray(), held[0].matrix.toarray())
        assert x.users.tolist() == held[0].users.tolist()
        assert x.items.tolist() == held[0].items.tolist()


def test_a_model_of_another_package_takes_the_table_and_the_matrix():
    frame = Frame(uid=ROWS, iid=COLS, r=STARS)
    found = triplets(frame, order="number").matrix
    plain = (ROWS, COLS, STARS)
    models = [surprise_svd((P, Q), g, 0.1, (BU, BI), MEAN) for g in (frame, plain, found)]
    values = [p.objective(tuple(f), f.q) for p, f in models]
    assert values == pytest.approx([values[0]] * 3, rel=1e-14)


@pytest.mark.parametrize(
    ("source", "keywords", "said"),
    [
        (Frame(a=[1], b=[2], c=[3]), {}, "the table has the columns a, b, c: name the columns"),
        (Frame(a=[1], b=[2], c=[3]), {"columns": ["a", "b", "x"]}, "columns must be 3 of a, b, c"),
        (3, {}, "source must be a table with named columns"),
        (RAW, {"order": "random"}, "order must be one of number, from 1, sorted, first seen"),
        (RAW, {"order": "number"}, "user ids must be integers from 0, got"),
        (([0, 1], [0, 1], [1, 2]), {"order": "from 1"}, "user ids must be integers from 1, got"),
        (([1, 1], [1, 1], [1, 2]), {}, "user 1 has rated item 1 more than once: keep"),
        ((list("baa"), list("mmm"), [1, 2, 3]), {}, "user a has rated item m more than once: keep"),
        (([1, 1], [1, 2], [1, np.nan]), {}, "ratings must be finite"),
        (
            ([1, 1], [1], [1, 2]),
            {},
            "must have the same length, got 2 users, 1 items and 2 ratings",
        ),
        (([[1, 1]], [1, 2], [1, 2]), {}, "user ids must be one-dimensional"),
    ],
)
def test_what_is_no_list_of_ratings_is_refused(source, keywords, said):
    with pytest.raises(InputError, match=said):
        triplets(source, **keywords)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2,3\n", "must have a header that names its columns: user, item, rating"),
        ("user,item,rating\n1,2\n", "3 cells as the header, got '1,2'"),
        ("user,item,rating\n1,2,good\n", "the ratings of .* must be numbers"),
        ("user,item,stars,b\n1,2,3,4\n1,2,5,4\n", "more than once"),
    ],
)
def test_a_file_that_is_no_list_of_ratings_is_refused(tmp_path, text, said):
    path = tmp_path / "r.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        triplets(path)
    with pytest.raises(InputError, match=r"cannot read .*none\.csv"):
        triplets(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('{ file = "r.csv", columns = ["u", "i"] }', "columns = "),
        ('{ file = "r.csv", columns = ["u", "i", "r"], order = "up" }', '"from 1"'),
        ('{ file = "r.csv", columns = ["u", "i", "r"], shape = [2] }', "shape = "),
        ('{ columns = ["u", "i", "r"] }', 'file = "r.csv"'),
        ('{ file = "r.csv", columns = ["u", "i", "r"], less = true }', "less = a number"),
        ('{ file = "r.csv", columns = ["u", "i", "r"], shape = [1, 9] }', "user 1 is not in 0..0"),
    ],
)
def test_a_wrong_source_is_one_sentence(tmp_path, capsys, source, said):
    (tmp_path / "r.csv").write_text("u,i,r\n0,0,1\n1,1,2\n")
    (tmp_path / "problem.toml").write_text(
        f'lam = 1.0\n[data]\nY = {source}\n[atom]\nkind = "rank_one"\n'
        "[factors]\nU = [[1.0], [1.0]]\nV = [[1.0], [1.0]]\n"
    )
    ended = inside(capsys, "check", tmp_path / "problem.toml")
    assert ended.status == 2
    assert said in ended.sentence
    assert re.search(r"problem\.toml:3|user 1", ended.sentence)


@pytest.mark.parametrize("order", ["number", "from 1"])
@pytest.mark.parametrize("most", [2**40, 2**53, 77_777_777])
def test_ids_that_are_no_row_numbers_are_refused_before_anything_is_allocated(order, most):
    with pytest.raises(InputError, match=rf'user ids: {most} among 2 is no row number; order="fi'):
        triplets(([1, most], [1, 2], [3.0, 4.0]), order=order)
    assert triplets(([1, most], [1, 2], [3.0, 4.0])).matrix.shape == (2, 2)
    rows = 4_000_000
    assert triplets(([1, rows], [1, 2], [3.0, 4.0]), order="from 1").matrix.shape == (rows, 2)
