"""Files of arrays that are not what they claim: one sentence each, nothing run or allocated."""

import gzip
import io
import os
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
import scipy.sparse as sp

from certify import InputError
from certify.adapters.files import FORMATS, load
from certify.adapters.files._table import read_table
from tests.adapters.test_files import SPARSE, WRITERS, read_Y, refused
from tests.question_files import Y, write

ROOMY = 1 << 20  # bytes: more than any honest read here, far less than any lie


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
    assert "a.npy is not a .npy array: it starts with b'" in refused(tmp_path, data='Y = "a.npy"')


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
    (
        npy(header((10**12,))),
        "claims 1000000000000 elements of float64, 8000000000000 bytes, and 0",
    ),
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
        entry = zipfile.ZipInfo("Y.npy")  # of 1980: the bytes are in the names of tests
        archive.writestr(entry, text, archive.compression)
    return buffer.getvalue()


GOOD_NPY = npy(header((2, 3)), Y.tobytes())
DAMAGED_NPZ = [
    (packed(GOOD_NPY)[:-30], "is not a readable .npz file: File is not a zip file"),
    (packed(GOOD_NPY).replace(Y.tobytes(), (Y + 1).tobytes()), "Bad CRC-32"),
    (packed(GOOD_NPY, compression=zipfile.ZIP_BZIP2), "compressed by an unknown method"),
    (
        directory(packed(npy(header((10**9,)))), 1 << 31),
        "its directory claims 2147483648 bytes out",
    ),
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
        ({"indices": [0, 2, 7]}, "is not a sparse matrix: indices"),
        ({"indices": [0, 2]}, "is not a sparse matrix: indices and data"),
        ({"indptr": [0, 9, 3]}, "is not a sparse matrix: "),
        ({"indptr": [0, 1048576, 0]}, "is not a sparse matrix: indptr decreases"),
        ({"shape": [2, -3]}, "is not a sparse matrix: "),
        ({"shape": 7}, "is not a sparse matrix: "),
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
        ("1,2\n3\n", "a.csv is not a table of numbers: row 2 has 1 columns, the first 2"),
        ("a,b\n1,2\n3,4,5\n", "a.csv is not a table of numbers: row 2 has 3 columns, the first 2"),
        ("0,1,2,3\n5,6,7,8\n", "the first row of {path} counts the columns, 0, 1, ...: leave the"),
        ("1,2\n3,x\n", "could not convert string 'x'"),
        ("1,2\n3,\n", "an empty cell is no number: write nan where an entry is missing, and give"),
        ("1,2,\n3,4,\n", "an empty cell is no number"),
        (",2,3\n4,5,6\n", "an empty cell is no number"),
        (",1.5,2.5\n1,5,6\n0,7,8\n", "an empty cell is no number"),
        (",,\n4,5,6\n", "an empty cell is no number"),
        ("NA,NA\n5,6\n", "'NA' is no number"),
        ("a,b,c\n,5,6\n,7,8\n", "an empty cell is no number"),
        ("1,2\n3,NA\n", "'NA' is no number: write nan where an entry is missing, and give mask"),
        ("1;2\n3;x\n", "could not convert string 'x'"),
        ("1,a\n3,b\n", "could not convert string 'a' to float64 at row 0, column 2; leave out "),
        ('"1,5","2,5"\n"0,5","1,5"\n', "could not convert string '1,5'"),
        ('"1,234",2\n3,4\n', "could not convert string '1,234'"),
        ('"1,2\n3,4"\n5,6\n', "a quoted cell does not end in its row"),
        (
            ",a,b\n6,1,2\n11,3,4\n",
            "the first column of {path} (6, 11, ...) has no name: name it, or",
        ),
        ("1:2\n3:4\n", "could not convert string '3:4'"),
        ("1,2+3j\n", "could not convert string '2+3j'"),
        ("1,nan,3\n4,5,6\n", "Y must be finite, got nan at [0, 1]"),
        ("1,2,1e999\n4,5,6\n", "Y must be finite, got inf at [0, 2]"),
        ("1,-9007199254740993,3\n", "integer -9007199254740993, which float64 would round"),
    ],
)
def test_a_csv_that_is_no_table_of_numbers_is_refused(tmp_path, text, said):
    (tmp_path / "a.csv").write_text(text)
    assert said.format(path=tmp_path / "a.csv") in refused(tmp_path, data='Y = "a.csv"')


PACKED = gzip.compress(b"5,0,0\n0,4,0\n", mtime=0)
WRONG = PACKED[:-8] + bytes([PACKED[-8] ^ 1]) + PACKED[-7:]  # the sum that checks it


@pytest.mark.parametrize("blob", [b"5,0,0\n", PACKED[:-4], PACKED[:15] + b"\xff" * 9, WRONG])
def test_a_table_that_gzip_did_not_pack_is_refused(tmp_path, blob):
    (tmp_path / "a.csv.gz").write_bytes(blob)
    assert "a.csv.gz is not a readable .gz file: " in refused(tmp_path, data='Y = "a.csv.gz"')


@pytest.mark.parametrize("name", ["a.npy.gz", "a.gz", "csv.gz"])
def test_gzip_is_read_of_tables_alone(tmp_path, name):
    (tmp_path / name).write_bytes(PACKED)
    assert "whose format is not read" in refused(tmp_path, data=f'Y = "{name}"')


@pytest.mark.parametrize("text", ["0,1,2\n", "0.0,1,2,3\n", "1,2,3,4\n"])
def test_a_first_row_that_may_be_data_is_read(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    assert np.array_equal(
        read_table(tmp_path / "a.csv", ","), np.loadtxt([text], ndmin=2, delimiter=",")
    )


def test_long_integers_that_are_exact_are_read_from_csv(tmp_path):
    (tmp_path / "a.csv").write_text(
        "9007199254740994,0,0\n0,1.2345678901234567,10000000000000000\n"
    )
    assert read_Y(tmp_path, "a.csv").data[0, 0] == 2.0**53 + 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a Matrix Market file"),
        ("%%MatrixMarket vector array real general\n1 1\n1\n", "is not a Matrix Market file"),
        ("%%MatrixMarket matrix array real general\n2 3\n1\n2\n", "is not a Matrix Market file"),
        ("%%MatrixMarket matrix coordinate real general\n2 3 1\n3 1 5\n", "not a Matrix Market"),
        (
            f"%%MatrixMarket matrix coordinate real general\n2 3 {10**12}\n1 1 5\n",
            "1000000000000 entr",
        ),
        (f"%%MatrixMarket matrix array real general\n{10**6} {10**6}\n5\n", "1000000000000 entr"),
        ("%%MatrixMarket matrix array real general\n0 3\n5\n", "claims 0 rows, 3 columns"),
        ("%%MatrixMarket matrix array real general\n1 1\n5\0\n", "it has the byte 0"),
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
        (
            tensors('{"Y":{"dtype":"BF16","shape":[1,1],"data_offsets":[0,2]}}', b"\0\0"),
            "dtype BF16",
        ),
        (
            tensors(
                f'{{"Y":{{"dtype":"F64","shape":[{10**12}],"data_offsets":[0,{8 * 10**12}]}}}}'
            ),
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


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_a_damaged_byte_is_read_or_refused_and_nothing_else(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    WRITERS[suffix](path)
    blob, rng = path.read_bytes(), np.random.default_rng(11)
    key = ":Y" if FORMATS[suffix].keyed else ""
    question = write(tmp_path, data=f'Y = "a.{suffix}{key}"')
    outcomes = set()
    for _ in range(150):
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


@pytest.mark.parametrize("name", [f"a.{suffix}" for suffix in sorted(FORMATS)] + ["a.csv.gz"])
def test_a_pipe_or_a_device_in_the_place_of_data_is_refused_and_never_read(tmp_path, name):
    os.mkfifo(tmp_path / name)
    wanted = f"{name}: it is a stream, and must be a regular file"
    assert wanted in refused(tmp_path, data=f'Y = "{name}"')
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/zero")
    assert f"{name}: it is a stream, and" in refused(tmp_path, data=f'Y = "{name}"')


ROUNDED = 2**53 + 1
LISTED = "user,item,rating\n0,0,{}\n0,1,3\n1,2,4\n"
RATED = 'Y = {file = "a.csv", columns = ["user", "item", "rating"]}'


@pytest.mark.parametrize("number", [ROUNDED, -ROUNDED, 10**400 + 1, "1" * 9000])
def test_an_integer_that_float64_would_round_is_refused_in_every_text(tmp_path, number):
    said = f"the integer {str(number)[:80]}, which float64 would round"
    (tmp_path / "a.csv").write_text(LISTED.format(number))
    assert said in refused(tmp_path, data=RATED)
    (tmp_path / "a.csv").write_text(f"{number},0,0\n0,4,0\n")
    assert said in refused(tmp_path, data='Y = "a.csv"')
    head = "%%MatrixMarket matrix array real general\n% 9007199254740993 is in a comment\n2 3\n"
    (tmp_path / "a.mtx").write_text(f"{head}1\n0\n0\n{number}\n0\n0\n")
    assert said in refused(tmp_path, data='Y = "a.mtx"')


def test_a_long_integer_that_float64_holds_is_read_from_every_text(tmp_path):
    (tmp_path / "a.csv").write_text(LISTED.format(2**60))
    head = 'order = "number", shape = [2, 3]}'
    assert load(write(tmp_path, data=RATED.replace("}", f", {head}"))).problem.loss.data[0] == 2**60
    head = "%%MatrixMarket matrix array real general\n% 9007199254740993 is in a comment\n2 3\n"
    (tmp_path / "a.mtx").write_text(f"{head}1\n0\n0\n{2**60}\n0\n0\n")
    assert read_Y(tmp_path, "a.mtx").data[1, 1] == 2**60
