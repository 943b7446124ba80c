"""Bad input: one sentence with the wrong value, the right exit status, and no file touched."""

import pickle
import sys

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp

from tests.question_files import PLAIN, U, V, Y, arguments, inside, outside, untouched, write

NONNEGATIVE = 'kind = "rank_one"\nleft = "l2+"\nright = "l1"'


@pytest.fixture(autouse=True)
def strict(monkeypatch):
    """Let a warning of any library be an error, as `python -W error` does."""
    monkeypatch.setattr(sys, "warnoptions", ["error"])


def at(a, value, dtype=None):
    """Return a copy of a with another value in one place."""
    out = np.array(a, dtype=dtype or a.dtype)
    out[1, 0] = value
    return out


# --- a wrong question --------------------------------------------------------------------

WRONG = {
    "NaN data": ({"Y": at(Y, np.nan)}, "Y must be finite, got nan at [1, 0]"),
    "infinite data": ({"Y": at(Y, np.inf)}, "Y must be finite, got inf at [1, 0]"),
    "minus infinity": ({"Y": at(Y, -np.inf)}, "Y must be finite, got -inf at [1, 0]"),
    "complex data": ({"Y": Y + 1j}, "must hold real numbers of at most 64 bits, got dtype '<c16'"),
    "object data": ({"Y": Y.astype(object)}, "holds Python objects (dtype object)"),
    "text data": ({"Y": Y.astype(str)}, "must hold real float64 or integers, got dtype <U"),
    "rounded integers": ({"Y": at(Y, 2**53 + 1, np.int64)}, "the integer 9007199254740993, which"),
    "a vector": ({"Y": Y[0]}, "Y must have 2 dimensions or more, got shape (3,)"),
    "a cube": ({"Y": Y[None]}, "RankOne needs a matrix, got shape (1, 2, 3); for a tensor give CP"),
    "no rows": ({"Y": Y[:0], "U": U[:0]}, "Y must not be empty, got shape (0, 3)"),
    "no columns": ({"Y": Y[:, :0], "V": V[:0]}, "Y must not be empty, got shape (2, 0)"),
    "nothing observed": (
        {"data": 'Y = "Y.npy"\nmask = [[0, 0, 0], [0, 0, 0]]'},
        "Y has no observed entry of 6",
    ),
    "all weights zero": (
        {"data": 'Y = "Y.npy"\nweights = [[0, 0, 0], [0, 0, 0]]'},
        "Y has no observed entry of 6",
    ),
    "a negative weight": (
        {"data": 'Y = "Y.npy"\nweights = [[1, 1, 1], [1, -0.5, 1]]'},
        "weights must be >= 0, got -0.5",
    ),
    "a NaN weight": (
        {"data": 'Y = "Y.npy"\nweights = [[1, 1, nan], [1, 1, 1]]'},
        "weights must be finite, got nan at [0, 2]",
    ),
    "too few weights": (
        {"data": 'Y = "Y.npy"\nweights = [[1, 1, 1]]'},
        "weights must have shape (2, 3), got (1, 3)",
    ),
    "a wide mask": (
        {"data": 'Y = "Y.npy"\nmask = [[0, 1, 1, 1], [1, 1, 1, 1]]'},
        "mask must be boolean of shape (2, 3), got bool of shape (2, 4)",
    ),
    "negative lam": ({"lam": "-2.0"}, "lam must be a finite number >= 0, got -2.0"),
    "NaN lam": ({"lam": "nan"}, "lam must be a finite number >= 0, got nan"),
    "infinite lam": ({"lam": "inf"}, "lam must be a finite number >= 0, got inf"),
    "short factors": ({"U": U[:1]}, "factors[0] must have shape (2, r), got (1, 2)"),
    "swapped factors": ({"U": V, "V": U}, "factors[0] must have shape (2, r), got (3, 2)"),
    "a factor that is a vector": ({"U": U[:, 0]}, "factors[0] must have shape (2, r), got (2,)"),
    "numbers of slices": (
        {"V": V[:, :1]},
        "factors must have one number of components, got [1, 2]",
    ),
    "NaN factors": ({"U": at(U, np.nan)}, "factors[0] must be finite, got nan at [1, 0]"),
    "infinite factors": ({"V": at(V, -np.inf)}, "factors[1] must be finite, got -inf at [1, 0]"),
    "complex factors": ({"U": U * 1j}, "got dtype '<c16'"),
    "a wrong sign": (
        {"atom": NONNEGATIVE, "U": at(U, -0.25)},
        "U must be >= 0 under 'l2+', got -0.25 at [1, 0]",
    ),
    "huge data": ({"Y": Y * 1e300}, "the objective overflows float64"),
    "huge factors": ({"U": U * 1e300, "V": V * 1e300}, "the objective overflows float64"),
    "offset values without offsets": ({"head": "q = [1.0]"}, "q must be a sequence of 0 arrays"),
    "offset values of another size": (
        {"head": "q = [[1.0, 2.0]]", "tail": '[[offsets]]\nkind = "column"'},
        "q of ColumnIntercept must have shape (3,), got (2,)",
    ),
    "covariates of another size": (
        {"tail": '[[offsets]]\nkind = "linear"\nA = [[1], [2], [3]]'},
        "Linear.A must have 2 rows, got 3",
    ),
    "a negative rtol": ({"tail": "[epsilon]\nrtol = -1"}, "rtol must be a finite number >= 0"),
    "a NaN atol": ({"tail": "[epsilon]\natol = nan"}, "atol must be a finite number >= 0, got nan"),
}


@pytest.mark.parametrize("command", ["check", "improve"])
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_question_is_one_sentence_and_nothing_is_written_over(
    tmp_path, capsys, name, command
):
    changed, said = WRONG[name]
    ended = inside(capsys, *arguments(command, write(tmp_path, **changed)))
    assert said in ended.sentence
    assert ended.status == 2
    assert untouched(tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["NaN data", "object data", "numbers of slices", "huge data"])
def test_a_wrong_question_ends_the_same_as_a_process(tmp_path, name):
    changed, said = WRONG[name]
    ended = outside(*arguments("check", write(tmp_path, **changed)))
    assert said in ended.sentence
    assert ended.status == 2
    assert untouched(tmp_path)


@pytest.mark.parametrize("name", ["NaN data", "negative lam", "short factors", "a wrong sign"])
def test_a_wrong_question_is_no_rejection_of_the_certificate(tmp_path, capsys, name):
    cert = tmp_path / "x.cert"
    assert inside(capsys, "check", write(tmp_path), "-o", cert).status == 0
    changed, said = WRONG[name]
    ended = inside(capsys, "verify", cert, "--problem", write(tmp_path, **changed), "--json")
    assert said in ended.sentence
    assert ended.status == 2


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--rtol=-1", "rtol must be a finite number >= 0, got -1.0"),
        ("--rtol=nan", "rtol must be a finite number >= 0, got nan"),
        ("--atol=inf", "atol must be a finite number >= 0, got inf"),
        ("--budget=-1", "budget must be seconds >= 0 or None, got -1.0"),
        ("--budget=nan", "budget must be seconds >= 0 or None, got nan"),
    ],
)
@pytest.mark.parametrize("command", ["check", "improve"])
def test_a_wrong_option_is_one_sentence(tmp_path, capsys, command, option, said):
    ended = inside(capsys, *arguments(command, write(tmp_path)), option)
    assert said in ended.sentence
    assert ended.status == 2
    assert untouched(tmp_path)


def test_duplicate_entries_are_refused_by_place(tmp_path, capsys):
    twice = sp.coo_array(([5.0, 1.0, 4.0], ([0, 0, 1], [1, 1, 0])), shape=(2, 3))
    scipy.io.mmwrite(tmp_path / "a.mtx", twice)
    ended = inside(capsys, *arguments("check", write(tmp_path, data='Y = "a.mtx"')))
    assert "Y has entry [0, 1] stored more than once" in ended.sentence
    assert ended.status == 2


def test_a_pickle_given_as_data_is_refused(tmp_path, capsys):
    path = write(tmp_path)
    (tmp_path / "Y.npy").write_bytes(pickle.dumps(Y))
    ended = inside(capsys, *arguments("check", path))
    assert "Y.npy is a pickle, which is never loaded" in ended.sentence
    assert ended.status == 2
    assert untouched(tmp_path)


# --- unusual questions that are right ----------------------------------------------------


def scaled(by):
    """The same question in other units: lam and Z scale as Y does, the objective squared."""
    return {"Y": Y * by, "U": U * by, "lam": repr(2.0 * by)}


EMPTY = {"U": U[:, :0], "V": V[:, :0]}
UNUSUAL = {
    "integers": ({"Y": Y.astype(np.int8), "U": U.astype(np.uint64)}, 0),
    "exact large integers": (
        {"Y": Y.astype(np.int64) * 2**60, "U": U * 2.0**60, "lam": repr(2.0**61)},
        0,
    ),
    "half precision": ({"Y": Y.astype(np.float16)}, 0),
    "no slices, too few": (EMPTY, 14),
    "no slices, optimal": ({**EMPTY, "lam": "5.0"}, 0),
    "zero slices": ({"U": np.hstack([U, U * 0]), "V": np.hstack([V, V * 0])}, 0),
    "duplicate slices": ({"U": np.hstack([U, U]) / 2, "V": np.hstack([V, V])}, 0),
    "more slices than entries": ({"U": np.hstack([U] * 8) / 8, "V": np.hstack([V] * 8)}, 0),
    "an unobserved column": ({"data": 'Y = "Y.npy"\nmask = [[1, 1, 0], [1, 1, 0]]'}, 0),
    "an unobserved row": (
        {"data": 'Y = "Y.npy"\nmask = [[1, 1, 1], [0, 0, 0]]', "U": at(U, 0) * [1, 0]},
        0,
    ),
    "NaN where nothing is observed": (
        {"Y": at(Y, np.nan), "data": 'Y = "Y.npy"\nmask = [[1, 1, 1], [0, 1, 1]]'},
        0,
    ),
    "data that are zero": ({"Y": Y * 0, **EMPTY}, 0),
    "lam = 0, best of its rank": ({"lam": "0", "atom": PLAIN, "U": Y[:, :2], "V": V}, 0),
    "lam = 0, not best of its rank": (
        {"lam": "0", "atom": PLAIN, "U": U[:, :1], "V": V[:, :1]},
        10,
    ),
    "lam = 0 under missing entries": (
        {
            "lam": "0",
            "atom": PLAIN,
            "data": 'Y = "Y.npy"\nmask = [[1, 1, 0], [1, 1, 1]]',
            "U": U[:, :1],
            "V": V[:, :1],
        },
        10,
    ),
    "lam = 0 with signs": (
        {"lam": "0", "atom": NONNEGATIVE, "U": U[:, :1], "V": V[:, :1]},
        10,
    ),
    "lam = 0 with a sparse part": (
        {"lam": "0", "tail": '[[offsets]]\nkind = "sparse"\nrho = 1.0'},
        13,
    ),
    "units of 1e150": (scaled(1e150), 0),
    "units of 1e-150": (scaled(1e-150), 0),
    "units of 1e-300": (scaled(1e-300), 0),
    "denormal units": (scaled(2.0**-1070), 0),
    "too few slices in units of 1e150": ({**scaled(1e150), **EMPTY}, 14),
    "too few slices in units of 1e-150": ({**scaled(1e-150), **EMPTY}, 14),
    "the least denormal": ({"Y": Y * 0 + 5e-324, **EMPTY, "lam": "1.0"}, 0),
    "a denormal lam": ({"lam": "5e-324", "U": Y[:, :2], "V": V}, 12),
    "factors of unlike sizes": ({"U": U * 2.0**900, "V": V * 2.0**-900}, 0),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_an_unusual_question_gets_its_right_verdict(tmp_path, capsys, name):
    changed, status = UNUSUAL[name]
    ended = inside(capsys, "check", write(tmp_path, **changed), "--json")
    assert ended.status == status
    assert ended.json["lower"] <= ended.json["upper"]


@pytest.mark.parametrize("name", [k for k, (_, status) in UNUSUAL.items() if status in (0, 10, 14)])
def test_an_unusual_question_is_improved_or_left_as_it_is(tmp_path, capsys, name):
    path = write(tmp_path, **UNUSUAL[name][0])
    before = inside(capsys, "check", path, "--json").json
    ended = inside(capsys, "improve", path, "-o", tmp_path / "b.npz", "--json")
    assert ended.status == 0
    assert ended.json["objective"] <= before["upper"]
