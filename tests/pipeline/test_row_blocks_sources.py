"""Blocks of rows from folders of triplets and from Dask arrays are those that were put there."""

import sys
from types import ModuleType

import numpy as np
import pytest
from scipy import sparse

from certify.base.errors import InputError
from certify.offsets import RowIntercept
from certify.pipeline.row_blocks import RowBlocks, check, improve

N, LAM = 5, 0.5
FIRST = [0, 4, 6]  # rows of blocks
ROWS = [4, 2, 5]


def table(seed=0):
    """Return a matrix (11, 5) in which each row and column has an entry, and weights."""
    rng = np.random.default_rng(seed)
    rows, cols = np.nonzero((rng.random((11, N)) < 0.5) | (np.arange(N) == 0))
    at = rows, cols
    Y = sparse.csr_array((rng.standard_normal(len(rows)), at), shape=(11, N))
    return Y, sparse.csr_array((1 + rng.random(len(rows)), at), shape=(11, N))


def parts(x):
    return [x[a : a + m] for a, m in zip(FIRST, ROWS, strict=True)]


def plain(*, weighted=False):
    Y, C = table()
    blocks = list(zip(parts(Y), parts(C), strict=True)) if weighted else parts(Y)
    return RowBlocks(blocks, N, LAM)


def factors():
    rng = np.random.default_rng(1)
    return [rng.standard_normal((m, 2)) for m in ROWS], rng.standard_normal((N, 2))


def statement(blocks):
    return check(blocks, factors()).certificate.statement


class Column:
    """A column of a table of Arrow."""

    def __init__(self, values):
        self.values = values

    def to_numpy(self):
        """Return it."""
        return self.values


@pytest.fixture
def arrow(monkeypatch):
    """Put a package of that name in place whose files are kept in a dictionary."""
    held, package = {}, ModuleType("pyarrow")
    module = ModuleType("pyarrow.parquet")

    def read_table(source, columns=None):
        """Return a table with columns."""
        if str(source) not in held:
            raise OSError("no such file")
        found = held[str(source)]
        names = list(found) if columns is None else columns
        out = ModuleType("table")
        out.columns = [Column(np.asarray(found[k])) for k in names]
        return out

    def read_schema(source):
        """Return the names."""
        if str(source) not in held:
            raise OSError("no such file")
        out = ModuleType("schema")
        out.names = list(held[str(source)])
        return out

    module.read_table, module.read_schema = read_table, read_schema
    monkeypatch.setitem(sys.modules, "pyarrow", package)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", module)
    return held


def stored(arrow, folder, *, through, weighted=False):
    """Keep the blocks as files of Arrow; through: rows are counted through all of them."""
    Y, C = table()
    names = []
    for k, (y, c) in enumerate(zip(parts(Y), parts(C), strict=True)):
        names.append(str(folder / f"part-{k}.parquet"))
        (folder / f"part-{k}.parquet").touch()
        rows, cols = y.tocoo().coords
        columns = {"user": rows + FIRST[k] * through, "item": cols, "stars": y.data}
        arrow[names[-1]] = columns | ({"trust": c.data} if weighted else {})
    return names


@pytest.mark.sampled(2)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("through", [False, True])
def test_a_folder_of_parquet_files_is_a_table(arrow, tmp_path, through, weighted):
    stored(arrow, tmp_path, through=through, weighted=weighted)
    (tmp_path / ".part-3.parquet").touch()  # hidden: it is not whole
    (tmp_path / "notes.txt").touch()
    blocks = RowBlocks.from_folder(tmp_path, N, LAM, rows="table" if through else "block")
    assert statement(blocks) == statement(plain(weighted=weighted))
    assert (
        improve(blocks, rtol=1e-3).result.upper
        == improve(plain(weighted=weighted), rtol=1e-3).result.upper
    )


def test_a_folder_of_npz_files_is_a_table(tmp_path):
    for k, y in enumerate(parts(table()[0])):
        rows, cols = y.tocoo().coords
        np.savez(tmp_path / f"{k}.npz", rows=rows, cols=cols, data=y.data)
    assert statement(RowBlocks.from_folder(tmp_path, N, LAM)) == statement(plain())


def test_a_file_of_too_many_rows_is_refused(tmp_path):
    file = tmp_path / "0.npz"
    np.savez(file, rows=np.array([2**62]), cols=np.zeros(1, dtype=int), data=np.ones(1))
    with pytest.raises(InputError, match=rf"a block of shape \({2**62 + 1}, 5\) is too large"):
        improve(RowBlocks([file], N, LAM))


def test_what_names_no_folder_is_refused():
    with pytest.raises(InputError, match="folder must be the name of a folder, got 3"):
        RowBlocks.from_folder(3, N, LAM)


def test_rows_that_two_files_share_are_refused(arrow, tmp_path):
    names = stored(arrow, tmp_path, through=True)
    arrow[names[2]]["user"] = arrow[names[2]]["user"] - 1
    blocks = RowBlocks.from_folder(tmp_path, N, LAM, rows="table")
    with pytest.raises(InputError, match=r"part-1.* has rows 4 to 5 and .*part-2.*, 5 to 9: sort"):
        improve(blocks)
    with pytest.raises(InputError, match=r"part-2.*: rows 5 to 9 are listed, not rows 6 to 10"):
        check(blocks, factors())
    with pytest.raises(InputError, match=r"part-1.*: rows 4 to 5 are listed, not rows 0 to 1"):
        check(RowBlocks(names, N, LAM, rows="block"), factors())


def test_files_that_all_begin_at_row_0_are_counted_as_it_is_said(arrow, tmp_path):
    """Of triplets in no order each file may list row 0 of the one table."""
    names = stored(arrow, tmp_path, through=False)
    with pytest.raises(InputError, match=r"say how the files .parquet count their rows"):
        RowBlocks(names, N, LAM)
    with pytest.raises(InputError, match=r"part-0.* has rows 0 to 3 and .*part-1.* 0 to 1: sort"):
        improve(RowBlocks(names, N, LAM, rows="table"))
    assert statement(RowBlocks(names, N, LAM, rows="block")) == statement(plain())
    one = improve(RowBlocks(names[:1], N, LAM)).result.certificate.statement
    assert one == improve(RowBlocks(names[:1], N, LAM, rows="table")).result.certificate.statement


def empty_rows(y):
    """Return a block without the entries of its first and last row."""
    held = y.tocoo()
    rows, cols = held.coords
    inner = (rows > 0) & (rows < y.shape[0] - 1)
    return sparse.csr_array((held.data[inner], (rows[inner], cols[inner])), shape=y.shape)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("suffix", ["npz", "parquet"])
@pytest.mark.parametrize("rows", ["block", "table"])
def test_rows_without_entries_stay_where_they_are(arrow, tmp_path, rows, suffix):
    blocks = [empty_rows(y) for y in parts(table()[0])]  # the second one lists nothing
    names = []
    for k, y in enumerate(blocks):
        names.append(str(tmp_path / f"{k}.{suffix}"))
        at, cols = y.tocoo().coords
        at = at + (FIRST[k] if rows == "table" else 0)
        arrow[names[-1]] = {"user": at, "item": cols, "stars": y.data}
        if suffix == "npz":
            np.savez(names[-1], rows=at, cols=cols, data=y.data)
    listed = RowBlocks(names, N, LAM, rows=rows)
    assert statement(listed) == statement(RowBlocks(blocks, N, LAM))
    found = improve(listed, rtol=1e-3)  # nobody has said how many rows there are
    heights = [3, 0, 4] if rows == "block" else [7, 0, 3]
    assert [len(u) for u in found.factors[0]] == heights
    assert check(listed, found.factors, rtol=1e-3).upper == found.result.upper
    whole = improve(RowBlocks(blocks, N, LAM), rtol=1e-3).result
    assert np.isclose(found.result.upper, whole.upper, rtol=1e-3)


def test_files_that_list_nothing_have_no_rows(tmp_path):
    for k in range(2):
        np.savez(tmp_path / f"{k}.npz", rows=np.zeros(0, int), cols=np.zeros(0, int), data=[])
    found = improve(RowBlocks.from_folder(tmp_path, N, LAM, rows="table"))
    assert [len(u) for u in found.factors[0]] == [0, 0]


def test_how_rows_are_counted_is_for_files(tmp_path):
    with pytest.raises(InputError, match=r'rows must be "block" or "table", got \'file\''):
        RowBlocks([tmp_path / "a.npz"], N, LAM, rows="file")
    with pytest.raises(InputError, match=r"sorted by rows, got a block csr_array"):
        RowBlocks([tmp_path / "a.npz", table()[0]], N, LAM, rows="table")
    with pytest.raises(InputError, match=r"a.npz is no block of rows: .*No such file"):
        improve(RowBlocks([tmp_path / "a.npz"], N, LAM, rows="table"))


def test_an_array_that_is_named_an_archive_is_refused_and_the_reverse(tmp_path):
    block, factor = tmp_path / "block.npz", tmp_path / "U.npy"
    with block.open("wb") as file:
        np.save(file, np.eye(3))
    with factor.open("wb") as file:
        np.savez(file, np.eye(3))
    for rows in ("block", "table"):
        with pytest.raises(InputError, match=r"block.npz is no block .* it is one array, not an"):
            improve(RowBlocks([block], 3, LAM, rows=rows))
    with pytest.raises(InputError, match=r"U.npy is no factor, U of a block: .* it is an archive"):
        check(RowBlocks([np.eye(3)], 3, LAM), ([factor], np.eye(3)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: x.pop("stars"), "is no block of rows: 2 columns"),
        (lambda x: x.update(a=x["stars"], b=x["stars"]), "is no block of rows: 5 columns"),
        (lambda x: x.update(user=x["user"] + 0.5), "must be lists of whole numbers, got float64"),
        (lambda x: x.update(item=x["item"] + N), "is no block of rows"),
        (
            lambda x: x.update(stars=["good"] * len(x["stars"])),
            "must hold real float64 or integers",
        ),
        (lambda x: x.clear(), "is no block of rows"),
    ],
)
def test_a_parquet_file_that_is_no_block_is_refused(arrow, tmp_path, change, said):
    names = stored(arrow, tmp_path, through=False)
    change(arrow[names[1]])
    for blocks in (names, names[1:2]):
        start = 0 if len(blocks) > 1 else 1
        U = factors()[0][start : start + len(blocks)]
        with pytest.raises(InputError, match=said):
            check(RowBlocks(blocks, N, LAM, rows="block"), (U, factors()[1]))


def test_a_file_that_is_not_there_is_refused(arrow, tmp_path):
    names = stored(arrow, tmp_path, through=False)
    del arrow[names[0]]
    with pytest.raises(InputError, match=r"part-0.parquet is no block of rows"):
        check(RowBlocks(names[:1], N, LAM), (factors()[0][:1], factors()[1]))


def test_without_its_package_an_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (tmp_path / "a.parquet").touch()
    with pytest.raises(InputError, match=r"pip install 'certifact\[parquet\]'"):
        improve(RowBlocks.from_folder(tmp_path, N, LAM))


def test_folders_without_blocks_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"has no blocks of rows: no file .npz or .parquet"):
        RowBlocks.from_folder(tmp_path, N, LAM)
    with pytest.raises(InputError, match=r"cannot read .*gone: No such file"):
        RowBlocks.from_folder(tmp_path / "gone", N, LAM)


def holes(Y):
    """Return a dense matrix with NaN where nothing is observed."""
    out = np.full(Y.shape, np.nan)
    at = Y.tocoo().coords
    out[at] = Y.data
    return out


@pytest.mark.parametrize("weighted", [False, True])
def test_a_dask_array_is_a_table_of_its_chunks_of_rows(weighted):
    array = pytest.importorskip("dask.array")
    Y, C = table()
    chunks = tuple(ROWS), (2, 3)
    y, c = (array.from_array(holes(x), chunks) for x in (Y, C))
    blocks = RowBlocks.from_dask(y, LAM, [RowIntercept(1.0)], weights=c if weighted else None)
    mine = RowBlocks(plain(weighted=weighted).blocks, N, LAM, [RowIntercept(1.0)])
    assert len(blocks.blocks) == len(ROWS)
    assert statement(blocks) == statement(mine)


def test_dense_blocks_are_observed_where_they_are_numbers():
    Y, C = table()
    dense = [(holes(y), holes(c)) for y, c in zip(parts(Y), parts(C), strict=True)]
    assert statement(RowBlocks(dense, N, LAM)) == statement(plain(weighted=True))
    mixed = [(holes(y), c) for y, c in zip(parts(Y), parts(C), strict=True)]
    assert statement(RowBlocks(mixed, N, LAM)) == statement(plain(weighted=True))
    bad = [(dense[0][0], dense[0][1][1:])]
    with pytest.raises(InputError, match=r"must have its shape \(4, 5\), got \(3, 5\)"):
        check(RowBlocks(bad, N, LAM), (factors()[0][:1], factors()[1]))


def test_what_is_no_dask_array_of_rows_is_refused():
    array = pytest.importorskip("dask.array")
    for wrong, said in ((np.eye(2), r"got ndarray \(2, 2\)"), (array.ones(3), r"got Array \(3,\)")):
        with pytest.raises(InputError, match=said):
            RowBlocks.from_dask(wrong, LAM)
    y = array.ones((4, N), chunks=(2, N))
    with pytest.raises(InputError, match=r"the same chunks of rows, got \(2, 2\) and \(4,\)"):
        RowBlocks.from_dask(y, LAM, weights=array.ones((4, N), chunks=(4, N)))
