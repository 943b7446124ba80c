"""problem.toml and the arrays it names: what is read, bit by bit, and what is refused."""

import difflib
import io
import os
import pickle
import shutil
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp
from safetensors.numpy import save_file

from certify import InputError
from certify.atoms import RankOne
from certify.files import FORMATS, load
from certify.offsets import ColumnIntercept, Linear
from tests.question_files import ATOM, PLAIN, U, V, Y, write

SPARSE = sp.coo_array(([5.0, 0.0, 4.0], ([0, 0, 1], [0, 2, 1])), shape=(2, 3))
ROOMY = 1 << 20  # bytes: more than any honest read here, far less than any lie


def read_Y(folder, name="Y.npy", **changed):
    return load(write(folder, data=f'Y = "{name}"', **changed)).problem.loss


def refused(folder, **changed):
    with pytest.raises(InputError) as caught:
        load(write(folder, **changed))
    text = str(caught.value)
    assert "\n" not in text
    return text


# --- what is read ------------------------------------------------------------------------


def test_a_file_is_loaded_as_the_api_would_build_it(tmp_path):
    atom = 'kind = "rank_one"\nleft = "l1+"\nright = "l2"\nform = "sum"'
    held = load(write(tmp_path, lam="3", atom=atom, tail="[epsilon]\nrtol = 0.5\natol = 2"))
    assert held.problem.atom == RankOne("l1+", "l2", form="sum")
    assert held.problem.lam == 3.0
    assert held.problem.offsets == ()
    assert np.array_equal(held.problem.loss.data, Y)
    assert np.array_equal(held.factors[0], U)
    assert np.array_equal(held.factors[1], V)
    assert (held.q, held.rtol, held.atol) == (None, 0.5, 2.0)


def test_epsilon_has_the_defaults_of_check(tmp_path):
    held = load(write(tmp_path))
    assert (held.rtol, held.atol) == (1e-6, 0.0)


def test_every_file_that_was_read_is_named(tmp_path):
    (tmp_path / "deep").mkdir()
    np.save(tmp_path / "deep/w.npy", np.ones((2, 3)))
    path = write(tmp_path, data='Y = "Y.npy"\nweights = "deep/w.npy"')
    wanted = {path, *(tmp_path / n for n in ("Y.npy", "U.npy", "V.npy", "deep/w.npy"))}
    assert set(load(path).inputs) == wanted


def test_paths_are_relative_to_the_toml(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write(tmp_path)
    monkeypatch.chdir(elsewhere)
    assert np.array_equal(load("../problem.toml").problem.loss.data, Y)


WRITERS = {
    "npy": lambda path: np.save(path, Y),
    "npz": lambda path: np.savez(path, Y=Y, other=U),
    "csv": lambda path: np.savetxt(path, Y, delimiter=","),
    "mtx": lambda path: scipy.io.mmwrite(path, Y),
    "safetensors": lambda path: save_file({"Y": Y, "other": U}, path),
}


def test_every_format_has_a_writer_here():
    assert set(WRITERS) == set(FORMATS)


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_every_format_reads_the_same_numbers(tmp_path, suffix):
    WRITERS[suffix](tmp_path / f"a.{suffix}")
    key = ":Y" if FORMATS[suffix].keyed else ""
    loss = read_Y(tmp_path, f"a.{suffix}{key}")
    assert loss.observed.full
    assert np.array_equal(loss.data, Y)


@pytest.mark.parametrize("suffix", sorted(k for k, f in FORMATS.items() if f.keyed))
def test_a_key_may_be_a_field_and_is_needed_among_several(tmp_path, suffix):
    WRITERS[suffix](tmp_path / f"a.{suffix}")
    held = load(write(tmp_path, data=f'Y = {{file = "a.{suffix}", key = "Y"}}'))
    assert np.array_equal(held.problem.loss.data, Y)
    text = refused(tmp_path, data=f'Y = "a.{suffix}"')
    assert f'a.{suffix} holds Y, other: name one of them, "a.{suffix}:Y"' in text
    text = refused(tmp_path, data=f'Y = "a.{suffix}:othr"')
    assert "has no array 'othr': did you mean 'other'?" in text


@pytest.mark.parametrize("suffix", sorted(k for k, f in FORMATS.items() if not f.keyed))
def test_a_format_of_one_array_refuses_a_key(tmp_path, suffix):
    WRITERS[suffix](tmp_path / f"a.{suffix}")
    assert "no names, got the key 'Y'" in refused(tmp_path, data=f'Y = "a.{suffix}:Y"')


def test_the_only_array_of_a_file_needs_no_key(tmp_path):
    np.savez_compressed(tmp_path / "one.npz", anything=Y)
    assert np.array_equal(read_Y(tmp_path, "one.npz").data, Y)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["<f8", ">f8", "<f4", "<f2", "<i8", ">i2", "|u1", "|b1"])
def test_every_real_dtype_and_order_is_read_exactly(tmp_path, kind, order):
    a = np.asarray(Y, dtype=kind, order=order)
    assert np.array_equal(read_Y(tmp_path, Y=a).data, a.astype(float))


def test_the_second_npy_version_is_read(tmp_path):
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, Y, version=(2, 0))
    assert np.array_equal(read_Y(tmp_path, "a.npy").data, Y)


def test_coordinates_are_observed_entries_even_when_zero(tmp_path):
    scipy.io.mmwrite(tmp_path / "a.mtx", SPARSE)
    loss = read_Y(tmp_path, "a.mtx")
    assert [list(k) for k in loss.observed.listed] == [[0, 0, 1], [0, 2, 1]]
    assert loss.data.tolist() == [5.0, 0.0, 4.0]


@pytest.mark.parametrize("layout", ["csr", "csc", "coo"])
def test_a_sparse_npz_is_observed_entries(tmp_path, layout):
    sp.save_npz(tmp_path / "a.npz", SPARSE.asformat(layout))
    loss = read_Y(tmp_path, "a.npz")
    assert [list(k) for k in loss.observed.listed] == [[0, 0, 1], [0, 2, 1]]
    assert loss.data.tolist() == [5.0, 0.0, 4.0]


@pytest.mark.parametrize("top", ["", "a,b,c\n", "# made by hand\n", "\n,first,second\n"])
def test_a_csv_may_have_a_header(tmp_path, top):
    (tmp_path / "a.csv").write_text(f"{top}5,0,0\n0, 4 ,0\n")
    assert np.array_equal(read_Y(tmp_path, "a.csv").data, Y)


@pytest.mark.parametrize("given", ["[[true, false, true], [true, true, true]]", '"m.csv"'])
def test_a_mask_is_booleans_or_zeros_and_ones(tmp_path, given):
    (tmp_path / "m.csv").write_text("1,0,1\n1,1,1\n")
    held = load(write(tmp_path, data=f'Y = "Y.npy"\nmask = {given}'))
    assert held.problem.loss.observed.size == 5
    assert 1 not in held.problem.loss.observed.listed[1][:2]


def test_offsets_and_their_values_are_read(tmp_path):
    np.save(tmp_path / "A.npy", [[1.0, 2.0], [3.0, 4.0]])
    (tmp_path / "q.csv").write_text("1\n2\n3\n")
    tail = '[[offsets]]\nkind = "column"\nridge = 0.5\n[[offsets]]\nkind = "linear"\nA = "A.npy"'
    head = 'q = ["q.csv", [[1, 2, 3], [4, 5, 6]]]'
    held = load(write(tmp_path, head=head, tail=tail))
    column, linear = held.problem.offsets
    assert isinstance(column, ColumnIntercept)
    assert column.ridge == 0.5
    assert isinstance(linear, Linear)
    assert linear.A.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert [x.tolist() for x in held.q] == [[1, 2, 3], [[1, 2, 3], [4, 5, 6]]]


def test_a_single_offset_value_may_be_a_number(tmp_path):
    held = load(write(tmp_path, head="q = [2.5]", tail='[[offsets]]\nkind = "intercept"'))
    assert held.q[0].tolist() == [2.5]


def test_the_zero_model_is_written_inline(tmp_path):
    path = write(tmp_path)
    path.write_text(path.read_text().replace('"U.npy"', "[[], []]").replace('"V.npy"', "[[],[],[]]"))
    assert [x.shape for x in load(path).factors] == [(2, 0), (3, 0)]


# --- what the TOML may not say -----------------------------------------------------------

TABLES = {
    "": ("lam", "data", "atom", "factors", "loss", "offsets", "q", "epsilon"),
    "data": ("Y", "weights", "mask"),
    "atom": ("left", "right", "form"),
    "factors": ("U", "V"),
    "epsilon": ("rtol", "atol"),
}
SLIPS = [(t, k, w) for t, keys in TABLES.items() for k in keys for w in (k + "x", k.swapcase())]


@pytest.mark.parametrize(("table", "key", "wrong"), SLIPS)
def test_an_unknown_key_is_answered_with_the_nearest_known_one(tmp_path, table, key, wrong):
    path = write(tmp_path, tail="[epsilon]\nrtol = 0.5")
    text, line = path.read_text(), f"{wrong} = 1"
    mark = f"[{table}]\n" if table else ""
    path.write_text(text.replace(mark, f"{mark}{line}\n") if table else f"{line}\n{text}")
    with pytest.raises(InputError, match=f"the key '{wrong}' is not known") as caught:
        load(path)
    assert f"did you mean {key!r}?" in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"atom": f"{ATOM}\nlam = 2.0"}, "the key 'lam' is not known in [atom]: it belongs at the"),
        ({"head": "rtol = 0.5"}, "the key 'rtol' is not known at the top of the file: it belongs in"),
        ({"tail": "q = []"}, "the key 'q' is not known in [factors]: it belongs at the top"),
        ({"lam": '"three"'}, "lam must be a valid number, got 'three'"),
        ({"lam": "true"}, "lam must be a valid number, got True"),
        ({"lam": "1979-05-27"}, "lam must be a valid number, got datetime.date(1979, 5, 27)"),
        ({"lam": "-1.0"}, "lam must be a finite number >= 0, got -1.0"),
        ({"lam": "nan"}, "lam must be a finite number >= 0, got nan"),
        ({"lam": "2.0]"}, "is not valid TOML"),
        ({"lam": "2.0\nlam = 3.0"}, "is not valid TOML"),
        ({"head": f"q = {'[' * 5000}{']' * 5000}"}, "is not valid TOML"),
        ({"atom": ""}, "atom.kind is missing; known are rank_one"),
        ({"atom": 'kind = "rankone"'}, "atom.kind 'rankone' is unknown: did you mean 'rank_one'?"),
        ({"atom": "kind = 7"}, "atom.kind 7 is unknown"),
        ({"atom": f"{PLAIN}\nleft = 2"}, "atom.left must be a valid string, got 2"),
        ({"atom": f'{PLAIN}\nleft = "l3"'}, "one of l1, l1+, l2, l2+, got 'l3'"),
        ({"atom": f'{PLAIN}\nform = "max"'}, "form must be one of product, sum, got 'max'"),
        ({"tail": '[loss]\nkind = "square"'}, "did you mean 'squared'?"),
        ({"tail": '[loss]\nkind = "squared"\nscale = 2'}, "which has no keys but kind"),
        ({"tail": '[[offsets]]\nkind = "columns"'}, "did you mean 'column'?"),
        ({"tail": '[[offsets]]\nkind = "row"\nridge = -2.0'}, "got -2.0"),
        ({"tail": '[[offsets]]\nkind = "linear"'}, "offsets.A is missing"),
        ({"tail": '[offsets]\nkind = "row"'}, "offsets must be a valid list"),
        ({"tail": '[epsilon]\nrtol = "small"'}, "epsilon.rtol must be a valid number, got 'small'"),
        ({"data": "weights = 1.0"}, "data.Y is missing"),
        ({"data": "Y = true"}, 'data.Y must be a file ("a.npy", "a.npz:Y"),'),
        ({"data": 'Y = ""'}, "or numbers, got ''"),
        ({"data": 'Y = "a\\u0000b"'}, "or numbers, got 'a\\x00b'"),
        ({"data": 'Y = {file = "Y.npy", kee = "Y"}'}, "got {'file': 'Y.npy', 'kee': 'Y'}"),
        ({"data": "Y = {file = 1}"}, "got {'file': 1}"),
        ({"data": "Y = [[1, 2], [3]]"}, "Y must be a rectangle of numbers"),
        ({"data": 'Y = [[1, "two"]]'}, "Y must hold numbers, got 'two'"),
        ({"data": "Y = [[9007199254740993, 0.5]]"}, "integer 9007199254740993, which float64 would"),
        ({"data": 'Y = "Y.npy"\nmask = [[0, 1, 2], [1, 1, 1]]'}, "booleans or 0 and 1, got 2"),
        ({"data": 'Y = "nowhere.npy"'}, "nowhere.npy: No such file or directory"),
        ({"data": 'Y = "."'}, "whose format is not read; known are .csv, .mtx, .npy, .npz"),
        ({"data": 'Y = "Y.npy"\nmask = "problem.toml"'}, "whose format is not read"),
        ({"head": "q = [1.0]"}, "q must be a sequence of 0 arrays"),
        ({"head": "q = 1.0"}, "q must be a valid list, got 1.0"),
    ],
)
def test_a_wrong_toml_is_one_sentence_with_the_wrong_value(tmp_path, changed, said):
    assert said in refused(tmp_path, **changed)


def test_several_errors_are_counted_and_the_unknown_key_comes_first(tmp_path):
    path = write(tmp_path)
    path.write_text(path.read_text().replace("[factors]", "[factor]"))
    with pytest.raises(InputError, match=r"'factor' is not known.*'factors'.*\(1 more after it\)"):
        load(path)


def test_a_toml_that_is_missing_or_binary_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="nowhere.toml: No such file"):
        load(tmp_path / "nowhere.toml")
    with pytest.raises(InputError, match="Is a directory"):
        load(tmp_path)
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"a\.toml is not valid TOML"):
        load(tmp_path / "a.toml")


# --- what the arrays may not be ----------------------------------------------------------


class Malice:
    """Makes a folder when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("suffix", ["npy", "npz", "mtx", "safetensors"])
def test_a_pickle_is_refused_and_never_run(tmp_path, suffix, protocol):
    trap = tmp_path / "trap"
    blob = pickle.dumps(Malice(str(trap)), protocol)
    (tmp_path / f"a.{suffix}").write_bytes(blob)
    text = refused(tmp_path, data=f'Y = "a.{suffix}"')
    assert f"a.{suffix} is a pickle, which is never loaded" in text
    assert not trap.exists()
    pickle.loads(blob)  # noqa: S301  the trap is a real one
    assert trap.exists()


def test_a_pickle_by_any_other_name_is_refused(tmp_path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Y))
    assert "a.pkl, whose format is not read" in refused(tmp_path, data='Y = "a.pkl"')
    (tmp_path / "a.csv").write_bytes(pickle.dumps(Y))
    assert "a.csv is not text" in refused(tmp_path, data='Y = "a.csv"')
    (tmp_path / "a.npy").write_bytes(pickle.dumps(Y, 0))
    assert "a.npy is no .npy array: it starts with b'" in refused(tmp_path, data='Y = "a.npy"')


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_an_object_array_is_refused_and_never_unpickled(tmp_path, name):
    trap, a = tmp_path / "trap", np.empty((2, 3), dtype=object)
    a[:] = [[Malice(str(trap))] * 3] * 2
    (np.save if name == "a.npy" else np.savez)(tmp_path / name, a)
    assert "holds Python objects (dtype object)" in refused(tmp_path, data=f'Y = "{name}"')
    assert not trap.exists()


@pytest.mark.parametrize("kind", ["<c16", "<f16", "<M8[s]", "|V8"])
def test_other_dtypes_are_refused_by_name(tmp_path, kind):
    np.save(tmp_path / "a.npy", np.zeros((2, 3), kind))
    assert f"got dtype '{kind}'" in refused(tmp_path, data='Y = "a.npy"')


def test_text_and_records_are_refused(tmp_path):
    assert "got dtype <U3" in refused(tmp_path, Y=Y.astype("<U3"))
    assert "got dtype" in refused(tmp_path, Y=np.zeros((2, 3), [("a", "<f8")]))


def npy(header, body=b"", version=1):
    """Bytes of a .npy file with this header."""
    text = header.encode()
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + body


def header(shape, kind="<f8", order="False"):
    return f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}\n"


DAMAGED_NPY = [
    (npy(header((10**12,))), "claims 1000000000000 elements of float64, 8000000000000 bytes, and 0"),
    (npy(header((2, 3)), b"\0" * 47), "48 bytes, and 47 follow"),
    (npy(header((2, 3)), b"\0" * 49), "48 bytes, and 49 follow"),
    (npy(header((2, -3)), b"\0" * 48), "its header is b"),
    (npy(header((2, 3.0)), b"\0" * 48), "its header is b"),
    (npy(header((True, 3)), b"\0" * 24), "its header is b"),
    (npy(header([2, 3]), b"\0" * 48), "its header is b"),
    (npy(header((2, 3), order="0"), b"\0" * 48), "its header is b"),
    (npy("{'descr': '<f8'}"), "its header is b"),
    (npy("__import__('os').abort()"), "its header is b"),
    (npy("[" * 9000), "its header is b"),
    (npy("{" * 200), "its header is b"),
    (npy(header((0, 1 << 62, 1 << 62))), "has the impossible shape"),
    (npy(header((1,) * 99), b"\0" * 8), "has the impossible shape"),
    (npy(header((2, 3), "|b1"), b"\0\1\2\0\1\0"), "a boolean is 2, neither 0 nor 1"),
    (npy(header((2, 3)), b"\0" * 48, version=3), "has .npy version 3.0; 1.0 and 2.0 are read"),
    (npy(" " * 20_000, version=2), "its header claims 20000 bytes"),
    (npy(header((2, 3)))[:30], "its header is b"),
    (b"\x93NUMPY", "it starts with b'\\x93NUMPY'"),
    (b"", "it starts with b''"),
]


@pytest.mark.parametrize(("blob", "said"), DAMAGED_NPY)
def test_a_damaged_npy_is_refused_before_anything_is_allocated(tmp_path, blob, said):
    (tmp_path / "a.npy").write_bytes(blob)
    tracemalloc.start()
    text = refused(tmp_path, data='Y = "a.npy"')
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert said in text
    assert peak < ROOMY


@pytest.mark.parametrize(("blob", "said"), DAMAGED_NPY)
def test_a_damaged_array_in_an_npz_is_refused_too(tmp_path, blob, said):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("Y.npy", blob)
    assert said in refused(tmp_path, data='Y = "a.npz"')


def directory(blob, size):
    """The zip file with another size in its central directory."""
    at = blob.index(b"PK\1\2") + 24
    return blob[:at] + struct.pack("<I", size) + blob[at + 4 :]


def packed(text, **how):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **how) as archive:
        archive.writestr("Y.npy", text)
    return buffer.getvalue()


GOOD_NPY = npy(header((2, 3)), Y.tobytes())
DAMAGED_NPZ = [
    (packed(GOOD_NPY)[:-30], "is not a readable .npz file: File is not a zip file"),
    (packed(GOOD_NPY).replace(Y.tobytes(), (Y + 1).tobytes()), "Bad CRC-32"),
    (packed(GOOD_NPY, compression=zipfile.ZIP_BZIP2), "compressed by an unknown method"),
    (directory(packed(npy(header((10**9,)))), 1 << 31), "its directory claims 2147483648 bytes out"),
    (directory(packed(GOOD_NPY), len(GOOD_NPY) + 8), "and 56 follow"),
    (b"PK", "File is not a zip file"),
    (b"", "File is not a zip file"),
    (packed(b"")[:0] + b"PK\5\6" + b"\0" * 18, "holds no array"),
]


@pytest.mark.parametrize(("blob", "said"), DAMAGED_NPZ)
def test_a_damaged_npz_is_refused(tmp_path, blob, said):
    (tmp_path / "a.npz").write_bytes(blob)
    assert said in refused(tmp_path, data='Y = "a.npz"')


def test_an_honest_npz_of_the_same_makers_is_read(tmp_path):
    (tmp_path / "a.npz").write_bytes(packed(GOOD_NPY, compression=zipfile.ZIP_DEFLATED))
    assert np.array_equal(read_Y(tmp_path, "a.npz").data, Y)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"indices": [0, 2, 7]}, "is no sparse matrix: indices"),
        ({"indices": [0, 2]}, "is no sparse matrix: indices and data"),
        ({"indptr": [0, 9, 3]}, "is no sparse matrix: "),
        ({"shape": [2, -3]}, "is no sparse matrix: "),
        ({"shape": 7}, "is no sparse matrix: "),
        ({"format": "dia"}, "a sparse matrix of layout 'dia'; csr, csc, coo are read"),
        ({"indptr": None}, "it has no array 'indptr'"),
    ],
)
def test_a_sparse_npz_with_wrong_indices_is_refused(tmp_path, changed, said):
    parts = {"format": "csr", "shape": [2, 3], "data": [5.0, 0.0, 4.0]}
    parts |= {"indices": [0, 2, 1], "indptr": [0, 2, 3]} | changed
    np.savez(tmp_path / "a.npz", **{k: v for k, v in parts.items() if v is not None})
    assert said in refused(tmp_path, data='Y = "a.npz"')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no row of numbers in 0 characters"),
        ("a,b\n", "holds no row of numbers in 4 characters"),
        ("1,2\n3\n", "is not a table of numbers: the number of columns changed from 2 to 1"),
        ("1,2\n3,x\n", "could not convert string 'x'"),
        ("1,2\n3,\n", "could not convert string ''"),
        ("1;2\n3;4\n", "is not a table of numbers"),
        ("1,2+3j\n", "could not convert string '2+3j'"),
        ("1,nan,3\n4,5,6\n", "Y must be finite, got nan at [0, 1]"),
        ("1,2,1e999\n4,5,6\n", "Y must be finite, got inf at [0, 2]"),
        ("1,-9007199254740993,3\n", "integer -9007199254740993, which float64 would round"),
    ],
)
def test_a_csv_that_is_no_table_of_numbers_is_refused(tmp_path, text, said):
    (tmp_path / "a.csv").write_text(text)
    assert said in refused(tmp_path, data='Y = "a.csv"')


def test_long_integers_that_are_exact_are_read_from_csv(tmp_path):
    (tmp_path / "a.csv").write_text("9007199254740994,0,0\n0,1.2345678901234567,10000000000000000\n")
    assert read_Y(tmp_path, "a.csv").data[0, 0] == 2.0**53 + 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a Matrix Market file"),
        ("%%MatrixMarket vector array real general\n1 1\n1\n", "is not a Matrix Market file"),
        ("%%MatrixMarket matrix array real general\n2 3\n1\n2\n", "is not a Matrix Market file"),
        ("%%MatrixMarket matrix coordinate real general\n2 3 1\n3 1 5\n", "not a Matrix Market"),
        (f"%%MatrixMarket matrix coordinate real general\n2 3 {10**12}\n1 1 5\n", "claims 10000"),
        (f"%%MatrixMarket matrix array real general\n{10**6} {10**6}\n5\n", "claims 10000"),
        ("%%MatrixMarket matrix coordinate complex general\n2 3 1\n1 1 5 1\n", "got dtype complex"),
        ("%%MatrixMarket matrix coordinate real general\n2 3 1\n1 1 nan\n", "finite, got nan"),
        (
            "%%MatrixMarket matrix coordinate real general\n2 3 2\n1 2 5\n1 2 6\n",
            "Y has entry [0, 1] stored more than once",
        ),
    ],
)
def test_a_wrong_matrix_market_file_is_refused(tmp_path, text, said):
    (tmp_path / "a.mtx").write_text(text)
    tracemalloc.start()
    found = refused(tmp_path, data='Y = "a.mtx"')
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert said in found
    assert peak < ROOMY


def tensors(text, body=b""):
    return struct.pack("<Q", len(text)) + text.encode() + body


@pytest.mark.parametrize(
    ("blob", "said"),
    [
        (b"", "is not a safetensors file"),
        (tensors("{}"), "holds no array"),
        (tensors('{"Y":{"dtype":"BF16","shape":[1,1],"data_offsets":[0,2]}}', b"\0\0"), "dtype BF16"),
        (
            tensors(f'{{"Y":{{"dtype":"F64","shape":[{10**12}],"data_offsets":[0,{8 * 10**12}]}}}}'),
            "is not a safetensors file",
        ),
        (struct.pack("<Q", 1 << 60) + b"{}", "is not a safetensors file"),
    ],
)
def test_a_wrong_safetensors_file_is_refused(tmp_path, blob, said):
    (tmp_path / "a.safetensors").write_bytes(blob)
    assert said in refused(tmp_path, data='Y = "a.safetensors"')


def test_sparse_arrays_are_refused_where_dense_ones_are_due(tmp_path):
    sp.save_npz(tmp_path / "m.npz", SPARSE)
    assert "mask must be dense" in refused(tmp_path, data='Y = "Y.npy"\nmask = "m.npz"')


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_a_damaged_byte_is_read_or_refused_and_nothing_else(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    WRITERS[suffix](path)
    blob, rng = path.read_bytes(), np.random.default_rng(11)
    key = ":Y" if FORMATS[suffix].keyed else ""
    question = write(tmp_path, data=f'Y = "a.{suffix}{key}"')
    outcomes = set()
    for _ in range(300):
        changed = bytearray(blob)
        changed[rng.integers(len(blob))] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed[: rng.integers(len(blob) // 2, 2 * len(blob))])
        try:
            load(question)
            outcomes.add("read")
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017  most damage is an error, not all
            outcomes.add("refused")
    assert "refused" in outcomes


def test_nearest_names_are_those_of_difflib():
    assert difflib.get_close_matches("wieghts", ["weights", "mask"]) == ["weights"]


def test_a_folder_moves_with_its_files(tmp_path):
    (tmp_path / "a").mkdir()
    write(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    shutil.rmtree(tmp_path / "a")
    assert np.array_equal(load(tmp_path / "b/problem.toml").problem.loss.data, Y)
