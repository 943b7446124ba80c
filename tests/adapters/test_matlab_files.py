"""MATLAB's files: what scipy writes is read bit by bit, and what lies is refused."""

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp

from certify import InputError
from certify.adapters.files import FORMATS, load
from tests.question_files import inside

READ = FORMATS["mat"]().read
ARRAYS = {
    "double": np.array([[1.5, -2.0], [0.0, 1e300], [3.0, 4.0]]),
    "single": np.array([[1.5, 2.5]], np.float32),
    "bytes": np.array([[1, 255]], np.uint8),
    "long": np.array([[-(2**40), 3]], np.int64),
    "logical": np.array([[True, False]]),
    "cube": np.arange(24.0).reshape(2, 3, 4),
    "number": np.array([[7.0]]),
    "empty": np.zeros((0, 3)),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ARRAYS)
def test_numbers_are_read_exactly(tmp_path, name, packed):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, ARRAYS, do_compression=packed)
    found = READ(path, name)
    assert found.shape == ARRAYS[name].shape
    assert np.array_equal(found, ARRAYS[name])


@pytest.mark.parametrize("packed", [False, True])
def test_a_sparse_matrix_is_its_stored_entries(tmp_path, packed):
    S = sp.coo_array(([5.0, 0.0, -1.0], ([0, 2, 1], [0, 1, 3])), shape=(3, 4)).tocsc()
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"S": S}, do_compression=packed)
    found = READ(path, None)
    assert sp.issparse(found)
    assert found.nnz == 3
    assert np.array_equal(found.toarray(), S.toarray())


def test_big_endian_files_are_read(tmp_path):
    body = b"".join(
        [
            struct.pack(">IIII", 6, 8, 6, 0),
            struct.pack(">IIii", 5, 8, 1, 2),
            struct.pack(">HH4s", 1, 1, b"Y\0\0\0"),
            struct.pack(">IIdd", 9, 16, 1.5, -2.0),
        ]
    )
    head = b"MATLAB 5.0".ljust(124) + struct.pack(">H", 0x0100) + b"MI"
    (tmp_path / "a.mat").write_bytes(head + struct.pack(">II", 14, len(body)) + body)
    assert READ(tmp_path / "a.mat", None).tolist() == [[1.5, -2.0]]


def test_a_question_and_a_draft_name_the_arrays(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    U, V = np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [0.5]])
    scipy.io.savemat("fit.mat", {"W": U, "H": V.T, "note": "made by hand"})
    scipy.io.savemat("Y.mat", {"Y": U @ V.T})
    ended = inside(capsys, "init", "Y.mat", "fit.mat")
    assert ended.status == 0, ended.err
    held = load(tmp_path / "problem.toml")
    assert np.array_equal(held.factors[0], U)
    assert np.array_equal(held.factors[1], V)


@pytest.mark.parametrize(
    ("held", "key", "said"),
    [
        ({"c": np.array([1, "x"], dtype=object)}, "c", "is a cell array, not an array of numbers"),
        ({"s": {"a": 1}}, "s", "is a struct"),
        ({"t": "words"}, None, "is text"),
        ({"z": np.array([[1 + 2j]])}, None, "z is complex"),
        ({"a": 1.0, "b": 2.0}, None, "holds a, b: name one of them"),
        ({"a": 1.0}, "q", "has no array 'q'"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(tmp_path, held, key, said):
    scipy.io.savemat(tmp_path / "a.mat", held)
    with pytest.raises(InputError, match=said):
        READ(tmp_path / "a.mat", key)


def good(**parts):
    """Bytes of a file of one array, its elements by name."""
    held = {
        "flags": struct.pack("<IIII", 6, 8, 6, 0),
        "dims": struct.pack("<IIii", 5, 8, 1, 2),
        "name": struct.pack("<HH4s", 1, 1, b"Y\0\0\0"),
        "data": struct.pack("<IIdd", 9, 16, 1.5, -2.0),
    } | parts
    body = b"".join(held.values())
    head = b"MATLAB 5.0".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    return head + struct.pack("<II", 14, len(body)) + body


BOMB = zlib.compress(bytes(1 << 20))


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("blob", "said"),
    [
        (b"", "is not a MATLAB file"),
        (b"\x89HDF\r\n\x1a\n", 'is of MATLAB 7.3 .* save\\(..., "-v7"\\)'),
        (good()[:140], "claims 64 bytes, and 4 follow"),
        (good(data=struct.pack("<II", 9, 1 << 31)), "claims 2147483648 bytes, and 0 follow"),
        (good(dims=struct.pack("<IIii", 5, 8, 1 << 30, 2)), "has 2147483648 numbers, and 2 follow"),
        (good(dims=struct.pack("<IIii", 5, 8, -1, -2)), "is of shape"),
        (good(name=struct.pack("<HH4s", 1, 9, b"Yyyy")), "a short element claims 9 bytes"),
        (good(data=struct.pack("<II", 9, 0)), "and 0 follow"),
        (good(data=b""), "is damaged: not enough values|is damaged: "),
        (good(data=struct.pack("<IId", 99, 8, 1.5)), "is damaged"),
        (good()[:128] + struct.pack("<II", 15, 9) + b"nodeflate", "is damaged: Error -3"),
        (good()[:128] + struct.pack("<II", 15, len(BOMB)) + BOMB, "holds no array"),
    ],
)
def test_a_file_that_lies_is_refused_before_anything_is_allocated(tmp_path, blob, said):
    (tmp_path / "a.mat").write_bytes(blob)
    tracemalloc.start()
    with pytest.raises(InputError, match=said):
        READ(tmp_path / "a.mat", None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 24


@pytest.mark.parametrize("starts", [[0, 9], [1, 0], [0, 1, 2]])
def test_a_sparse_matrix_whose_columns_lie_is_refused(tmp_path, starts):
    column = struct.pack(f"<II{len(starts)}i", 5, 4 * len(starts), *starts)
    column += bytes(-len(column) % 8)
    blob = good(
        flags=struct.pack("<IIII", 6, 8, 5, 1),
        dims=struct.pack("<IIii", 5, 8, 2, 1),
        data=struct.pack("<IIii", 5, 8, 0, 1) + column + struct.pack("<IIdd", 9, 16, 1.0, 2.0),
    )
    (tmp_path / "a.mat").write_bytes(blob)
    with pytest.raises(InputError, match="is damaged"):
        READ(tmp_path / "a.mat", None)


@pytest.mark.parametrize("kind", [np.int64, np.uint64])
def test_an_integer_that_float64_would_round_is_refused_with_its_place(tmp_path, kind):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"Y": np.array([[1, 2], [2**53 + 1, 2**60]], kind)})
    with pytest.raises(InputError, match=r"a\.mat:Y has at \[1, 0\] the integer 9007199254740993"):
        READ(path, "Y")
    scipy.io.savemat(path, {"Y": np.array([[1, 2], [3, 2**60]], kind)})
    assert READ(path, "Y").tolist() == [[1, 2], [3, 2**60]]
