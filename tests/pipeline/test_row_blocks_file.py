"""Certificates of blocks of rows: read again they prove the same; what is changed is refused."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from certify import Problem, RejectedError, Verdict
from certify import check as check_whole
from certify.atoms import RankOne
from certify.base.cluster import PLACE
from certify.base.errors import InputError
from certify.kernel.file import read as kernel_read
from certify.kernel.file import seal
from certify.losses import Squared
from certify.norms import Weighted
from certify.offsets import ColumnIntercept, Intercept, RowIntercept
from certify.pipeline.certificate.file import Certificate, as_numpy
from certify.pipeline.row_blocks import (
    RowBlocks,
    check,
    embed_factors,
    improve,
    load_factors,
    question,
    verify,
)
from certify.polar.proved import as_kernel_array
from tests.places import Lossy, Task

N, R, LAM = 5, 2, 0.5
BOTH = [RowIntercept(1.0), ColumnIntercept(0.0)]


def parts(seed=0):
    """Return three blocks with weights, and factors."""
    rng = np.random.default_rng(seed)
    blocks, U = [], []
    for m in (4, 3, 5):
        rows, cols = np.nonzero(rng.random((m, N)) < 0.7)
        at = rows, cols
        Y = sparse.csr_array((rng.standard_normal(len(rows)), at), shape=(m, N))
        blocks.append((Y, sparse.csr_array((1 + rng.random(len(rows)), at), shape=(m, N))))
        U.append(rng.standard_normal((m, R)) / 4)
    return blocks, (U, rng.standard_normal((N, R)) / 4)


def asked(blocks):
    return RowBlocks(blocks, N, LAM, BOTH)


RTOL = 1.001 * check(asked(parts()[0]), parts()[1], rtol=1e-3).relative_gap  # hardly wide enough


@pytest.fixture
def saved(tmp_path):
    """Return blocks, factors, a result, and the file of its certificate."""
    blocks, factors = parts()
    found = check(asked(blocks), factors, rtol=RTOL)
    assert found.certified
    found.certificate.save(tmp_path / "x.cert")
    return blocks, factors, found, tmp_path / "x.cert"


def flipped(x, bit):
    """Return an array with one bit of its first number changed."""
    out = np.ascontiguousarray(x).copy()
    out.reshape(-1)[:1].view(np.uint64)[0] ^= np.uint64(1 << bit)
    return out


def test_a_file_proves_the_same_again(saved):
    blocks, factors, found, file = saved
    again = verify(file, asked(blocks), factors, rtol=RTOL)
    assert (again.verdict, again.tier) == (Verdict.CERTIFIED, "rounded")
    assert (again.lower, again.upper) == (found.lower, found.upper)
    assert again.rules == ("spectral", "weak_duality")
    assert "rank_one of size 2, squared loss, 12x5 data" in repr(Certificate.load(file, known))
    poor = check(asked(blocks), factors, rtol=1e-3)
    assert poor.verdict is Verdict.UNDECIDED
    assert verify(poor.certificate, asked(blocks), factors, rtol=1e-3).verdict == "UNDECIDED"


def known(_statement):
    """Read any format."""


def test_the_kernel_refuses_the_format_by_its_name(saved):
    with pytest.raises(RejectedError, match="is not certify/3"):
        kernel_read(saved[3])
    with pytest.raises(RejectedError, match=r"certify/blocks/1.* is not certify/3"):
        Certificate.load(saved[3])


def test_another_certificate_is_refused_by_its_format(tmp_path):
    blocks, factors = parts()
    other = check_whole(Problem(Squared(np.eye(2)), RankOne(), 2.0), (np.zeros((2, 0)),) * 2)
    other.certificate.save(tmp_path / "y.cert")
    for x in (tmp_path / "y.cert", other.certificate):
        with pytest.raises(RejectedError, match="the format of blocks of rows"):
            verify(x, asked(blocks), factors)


@pytest.mark.parametrize("byte", [3, 60, 400, -1, -50])
def test_a_changed_byte_of_the_file_is_refused(saved, byte):
    blocks, factors, _, file = saved
    data = bytearray(file.read_bytes())
    data[byte] ^= 1
    file.write_bytes(data)
    with pytest.raises(RejectedError):
        verify(file, asked(blocks), factors, rtol=RTOL)


@pytest.mark.parametrize("bit", [0, 52, 63])
@pytest.mark.parametrize("name", ["Y", "weights", "U", "V"])
def test_a_flipped_bit_of_each_array_is_refused(saved, name, bit):
    blocks, (U, V), _, file = saved
    (Y, C), other = blocks[1], "arrays" if name == "V" else "blocks"
    if name == "V":
        V = flipped(V, bit)
    elif name == "U":
        U = [U[0], flipped(U[1], bit), U[2]]
    else:
        changed = {"Y": Y, "weights": C}
        x = changed[name]
        data = flipped(x.data, bit)
        changed[name] = sparse.csr_array((data, x.indices, x.indptr), shape=x.shape)
        blocks = [blocks[0], (changed["Y"], changed["weights"]), blocks[2]]
    try:
        verify(file, asked(blocks), (U, V), rtol=RTOL)
    except InputError as error:
        assert "must be > 0" in str(error)  # noqa: PT017  a weight of another sign
    except RejectedError as error:
        assert error.where.startswith(f"statement.{other}.{'V' if name == 'V' else f'1.{name}'}")  # noqa: PT017
    else:
        pytest.fail("accepted")


def test_an_entry_in_another_place_is_refused(saved):
    blocks, factors, _, file = saved
    Y, C = blocks[2]
    moved = Y.toarray()[::-1], C.toarray()[::-1]
    blocks[2] = tuple(sparse.csr_array(x) for x in moved)
    with pytest.raises(RejectedError, match=r"statement.blocks.2.Y: .*of your block 2 is not"):
        verify(file, asked(blocks), factors, rtol=RTOL)


@pytest.mark.parametrize("name", ["rows", "cols"])
def test_the_same_numbers_in_another_row_or_column_are_refused(name):
    places = {"rows": [0, 1], "cols": [0, 1]}
    moved = places | {name: [0, 0] if name == "rows" else [0, 2]}
    tables = []
    for at in (places, moved):
        Y = sparse.csr_array(([1.0, 2.0], (at["rows"], at["cols"])), shape=(2, N))
        tables.append(RowBlocks([Y], N, LAM))
    factors = [np.ones((2, 1))], np.ones((N, 1))
    found = check(tables[0], factors)
    assert verify(found.certificate, tables[0], factors).upper == found.upper
    with pytest.raises(RejectedError, match=f"{name} of your block 0 is not"):
        verify(found.certificate, tables[1], factors)


def test_missing_repeated_and_exchanged_blocks_are_refused(saved):
    blocks, (U, V), _, file = saved
    for order, said in (
        ([0, 1], "the certificate has 3 blocks, you have 2"),
        ([0, 1, 2, 2], "the certificate has 3 blocks, you have 4"),
        ([0, 1, 1], "your block 2 is the certificate's block 1"),
        ([1, 0, 2], "your block 0 is the certificate's block 1"),
    ):
        mine = [blocks[k] for k in order], [U[k] for k in order]
        with pytest.raises(RejectedError, match=said):
            verify(file, asked(mine[0]), (mine[1], V), rtol=RTOL)


def test_another_blocks_factors_are_refused(saved):
    blocks, (U, V), _, file = saved
    U[0] = np.vstack([U[1], U[1][:1]])
    with pytest.raises(RejectedError, match=r"U of your block 0 is not that of the certificate"):
        verify(file, asked(blocks), (U, V), rtol=RTOL)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"lam": LAM / 2}, "statement.lam"),
        ({"norms": "counts"}, "statement.atom.weights"),
        ({"offsets": [RowIntercept(2.0), ColumnIntercept(0.0)]}, "statement.offsets"),
        ({"offsets": [RowIntercept(1.0)]}, "statement.offsets"),
    ],
)
def test_another_question_is_refused(saved, change, where):
    blocks, factors, _, file = saved
    with pytest.raises(RejectedError) as caught:
        verify(file, replace(asked(blocks), **change), factors, rtol=RTOL)
    assert caught.value.where == where


def test_another_epsilon_is_refused(saved):
    blocks, factors, _, file = saved
    for name in ("rtol", "atol"):
        with pytest.raises(RejectedError, match=f"statement.{name}"):
            verify(file, asked(blocks), factors, **({"rtol": RTOL} | {name: 0.5}))


LIES = [
    ({"proof": {"rule": "spectral"}}, "proof.shift"),
    ({"proof": {"rule": "spectral", "shift": "-1/1"}}, "proof.shift"),
    ({"proof": {"rule": "spectral", "shift": "1/3"}}, "proof.shift"),
    ({"proof": {"rule": "conic", "shift": "1/1"}}, "proof.rule"),
    ({"proof": {"rule": "spectral", "shift": "1/1", "s": "2/1"}}, "proof"),
    ({"proof": {"rule": "spectral", "shift": "0/1"}}, "claim.verdict"),
    ({"proof": {"rule": "spectral", "shift": "fffffff/1"}}, "claim.verdict"),
    ({"claim": {"verdict": "UNDECIDED", "tier": "rounded"}}, "claim.verdict"),
    ({"claim": {"verdict": "REFUTED", "tier": "rounded"}}, "claim.verdict"),
    ({"claim": {}}, "claim.verdict"),
    ({"witness": {}}, "proof"),
    ({"witness": {"b": as_kernel_array(np.zeros(N)), "W": as_kernel_array(np.zeros(N))}}, "proof"),
    ({"witness": {"b": as_kernel_array(np.zeros(N - 1))}}, "proof.b"),
    ({"witness": {"b": as_kernel_array(np.full(N, np.nan))}}, "proof.b"),
    ({"witness": {"b": as_kernel_array(np.full(N, 100.0))}}, "claim.verdict"),
    ({"witness": {"b": as_kernel_array(np.full(N, 1e308))}}, "rounded"),
]


@pytest.mark.parametrize(("change", "where"), LIES)
def test_a_lie_with_a_new_seal_is_refused_with_its_place(saved, tmp_path, change, where):
    blocks, factors, found, _ = saved
    file = tmp_path / "lie.cert"
    replace(found.certificate, **change).save(file)  # sealed anew
    with pytest.raises(RejectedError) as caught:
        verify(file, asked(blocks), factors, rtol=RTOL)
    assert caught.value.where == where


def test_other_biases_prove_another_bracket_and_never_a_wrong_one(saved):
    blocks, factors, found, _ = saved
    b = as_numpy(found.certificate.witness["b"])
    for shift in (1e-9, 1e-3, 1.0):
        change = {"witness": {"b": as_kernel_array(b + shift * np.arange(N))}}
        made = replace(found.certificate, **change)
        for verdict in ("CERTIFIED", "UNDECIDED"):
            claim = {"verdict": verdict, "tier": "rounded"}
            try:
                again = verify(replace(made, claim=claim), asked(blocks), factors, rtol=RTOL)
            except RejectedError as error:
                assert error.where == "claim.verdict"  # noqa: PT017
                continue
            assert again.lower <= found.upper
            assert found.lower <= again.upper


def test_factors_in_the_file_are_handed_over_and_verified(saved, tmp_path):
    blocks, (U, V), found, file = saved
    names = []
    for k, u in enumerate(U):  # as workers write them
        names.append(str(tmp_path / f"U{k}.npy"))
        np.save(names[-1], u)
    for given in ((U, V), (names, V)):
        made = embed_factors(found.certificate, given)
        assert set(made.given) == {"V", "U0", "U1", "U2"}
        made.save(tmp_path / "whole.cert")
        back = load_factors(tmp_path / "whole.cert")
        pairs = zip([*U, V], [*back[0], back[1]], strict=True)
        assert all(np.array_equal(*pair) for pair in pairs)
        again = verify(tmp_path / "whole.cert", asked(blocks), rtol=RTOL)
        assert (again.lower, again.upper) == (found.lower, found.upper)
        assert verify(tmp_path / "whole.cert", asked(blocks), (U, V), rtol=RTOL) == again
    made.save(tmp_path / "small.cert", data=False)
    for small in (file, tmp_path / "small.cert"):
        for act in (load_factors, lambda x: verify(x, asked(blocks), rtol=RTOL)):
            with pytest.raises(InputError, match="the certificate has no U0: give the fact"):
                act(small)


def test_factors_that_the_statement_does_not_name_are_refused(saved):
    blocks, (U, V), found, _ = saved
    made = embed_factors(found.certificate, (U, V))
    for name in ("V", "U1"):
        wrong = as_kernel_array(flipped(as_numpy(made.given[name]), 0))
        lie = replace(made, given={**made.given, name: wrong})
        for act in (load_factors, lambda x: verify(x, asked(blocks), rtol=RTOL)):
            with pytest.raises(RejectedError) as caught:
                act(lie)
            assert (caught.value.where, caught.value.code) == (f"question.{name}", "digest")
    for bad in ([U[0], U[2], U[1]], [2 * U[0], *U[1:]]):
        with pytest.raises(RejectedError, match=r"question.U\d"):
            embed_factors(found.certificate, (bad, V))
    with pytest.raises(InputError, match="the certificate has no U2"):
        embed_factors(found.certificate, (U[:2], V))
    with pytest.raises(RejectedError, match=r"question: arrays: \['U3'\]"):
        embed_factors(found.certificate, ([*U, U[0]], V))
    with pytest.raises(RejectedError, match=r"question.V: digest"):
        embed_factors(found.certificate, (U, 2 * V))
    bare = replace(found.certificate, given={})
    assert set(embed_factors(bare, (U, V)).given) == {"V", "U0", "U1", "U2"}


@pytest.mark.parametrize("change", [
    {"blocks": 3}, {"blocks": {"0": 3}}, {"arrays": []}, {"blocks": {}}, {"blocks": None},
    {"arrays": {}}, {"arrays": {"U": {}}}, {"blocks": {"1": {}}}, {"blocks": {"0": {"U": []}}},
])  # fmt: skip
def test_a_statement_without_blocks_hands_over_nothing(saved, change):
    blocks, factors, found, _ = saved
    made = embed_factors(found.certificate, factors)
    lie = replace(made, statement=made.statement | change)
    for act in (load_factors, lambda x: verify(x, asked(blocks), rtol=RTOL)):
        with pytest.raises(RejectedError):
            act(lie)


def test_the_data_are_not_in_the_file_and_V_may_be_left_out(saved, tmp_path):
    blocks, factors, found, _ = saved
    assert set(found.certificate.given) == {"V"}
    found.certificate.save(tmp_path / "small.cert", data=False)
    made = Certificate.load(tmp_path / "small.cert", known)
    assert made.given == {}
    assert verify(made, asked(blocks), factors, rtol=RTOL).certified
    assert seal(made.statement, made.claim, made.proof, {})


def test_files_of_triplets_are_blocks_in_any_order_of_their_entries(saved, tmp_path):
    blocks, (U, V), _, file = saved
    names, factors = [], []
    for k, (Y, C) in enumerate(blocks):
        order = np.random.default_rng(k).permutation(Y.nnz)
        rows, cols = (x[order] for x in Y.tocoo().coords)
        names.append(tmp_path / f"{k}.npz")
        np.savez(names[-1], rows=rows, cols=cols, data=Y.data[order], weights=C.data[order])
        factors.append(tmp_path / f"U{k}.npy")
        np.save(factors[-1], U[k])
    assert verify(file, asked(names), (factors, V), rtol=RTOL).certified
    with pytest.raises(InputError, match=r"a block is listed twice: .*1\.npz"):
        asked([names[0], names[1], names[1]])


HELD = {"rows": [0, 1], "cols": [0, 1], "data": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rows": [0, 0], "cols": [1, 1]}, "1 entries of a block are listed twice"),
        ({"data": [np.nan, 1.0]}, r"data of a block must be finite, got nan at \[0\]"),
        ({"data": [2**53 + 1, 1]}, "which float64 would round"),
        ({"cols": [0, N]}, "is no block of rows"),
        ({"rows": [0, 2]}, "is no block of rows"),
        ({"rows": [0, 1.5]}, r"must be lists of whole numbers, got float64 of shape \(2,\)"),
        ({"cols": ["0", "1"]}, "must be lists of whole numbers, got <U1"),
        ({"rows": 0}, r"must be lists of whole numbers, got int64 of shape \(\)"),
        ({"data": [1.0]}, "is no block of rows"),
        ({"data": None}, "is no block of rows"),
        ({"weights": [1.0, 0.0]}, "weights of a block must be > 0, got 0.0"),
        ({"weights": [1.0, np.inf]}, r"weights of a block must be finite, got inf at \[1\]"),
    ],
)
def test_what_is_no_block_is_refused(tmp_path, change, said):
    file = tmp_path / "block.npz"
    np.savez(file, **{k: x for k, x in (HELD | change).items() if x is not None})
    with pytest.raises(InputError, match=said):
        check(RowBlocks([file], N, LAM), ([np.ones((2, R))], np.ones((N, R))))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"no array"])
def test_files_that_hold_nothing_are_refused(tmp_path, content):
    blocks, (U, V) = parts()
    file = tmp_path / "x.npz"
    file.write_bytes(content)
    for table, factors, said in (
        (RowBlocks([file], N, LAM), (U[:1], V), "is no block of rows"),
        (RowBlocks(blocks[:1], N, LAM), ([file], V), "is no factor, U of a block"),
        (RowBlocks(blocks[:1], N, LAM), (U[:1], file), "is no factor, V:"),
    ):
        with pytest.raises(InputError, match=rf"x.npz {said}"):
            check(table, factors)


@pytest.mark.parametrize(
    ("U", "said"),
    [
        (np.full((4, R), np.inf), r"U of a block must be finite, got inf at \[0, 0\]"),
        (np.ones((4, R + 1)), r"does not fit U \(4, 3\) and V \(5, 2\)"),
        (np.ones((3, R)), r"does not fit U \(3, 2\)"),
        (np.ones(4), "U of a block must have 2 dimensions"),
        ("gone.npy", "gone.npy is no factor, U of a block"),
    ],
)
def test_what_is_no_factor_of_a_block_is_refused(U, said):
    blocks, (_, V) = parts()
    with pytest.raises(InputError, match=said):
        check(RowBlocks(blocks[:1], N, LAM), ([U], V))


def test_weights_of_other_entries_are_refused():
    blocks, (U, V) = parts()
    Y = blocks[0][0]
    listed = rf"must be of the {Y.nnz} entries of shape \(4, 5\) that it lists, got "
    for C, said in (
        (Y[::-1], f"{Y.nnz} of other places"),
        (Y[:2], rf"{Y[:2].nnz} of shape \(2, 5\)"),
        (sparse.csr_array(Y.shape), r"0 of shape \(4, 5\)"),
    ):
        with pytest.raises(InputError, match=listed + said):
            check(RowBlocks([(Y, C)], N, LAM), (U[:1], V))
    with pytest.raises(InputError, match="a block must be a matrix, or it and its weights, got 3"):
        check(RowBlocks([(Y, Y, Y)], N, LAM), (U[:1], V))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lam": -1.0}, "lam must be a finite number"),
        ({"lam": np.nan}, "lam must be a finite number"),
        ({"norms": "weighted"}, 'norms must be "l2", "counts" or a pair of weights, got'),
        ({"norms": None}, 'norms must be "l2", "counts" or a pair of weights, got None'),
        ({"norms": (1, 2, 3)}, 'norms must be "l2", "counts" or a pair of weights, got'),
        ({"norms": (np.ones(4), np.ones(N))}, "weights of the rows must be a sequence, one for"),
        ({"norms": ("abc", np.ones(N))}, "weights of the rows must be a sequence, one for"),
        (
            {"norms": ([np.ones(4)], np.ones(N))},
            "3 blocks, but weights of the rows for 1",
        ),
        ({"blocks": None}, "blocks must be a sequence, got None"),
        ({"blocks": "0.npz"}, "blocks must be a sequence, got '0.npz'"),
        ({"offsets": RowIntercept()}, "offsets must be a sequence, got RowIntercept"),
        ({"blocks": []}, "there must be a block of rows, got none"),
        ({"columns": 0}, "columns must be a whole number > 0, got 0"),
        ({"columns": True}, "columns must be a whole number > 0, got True"),
        ({"columns": np.int64(0)}, "columns must be a whole number > 0, got "),
        ({"columns": 2.0}, "columns must be a whole number > 0, got 2.0"),
        ({"offsets": [Intercept()]}, "blocks of rows may have one RowIntercept"),
        ({"offsets": [RowIntercept(), RowIntercept()]}, "blocks of rows may have one RowIntercept"),
        ({"offsets": [ColumnIntercept([1.0] * N)]}, "blocks of rows may have one RowIntercept"),
    ],
)
def test_what_is_no_question_is_refused(change, said):
    with pytest.raises(InputError, match=said):
        RowBlocks(**({"blocks": parts()[0], "columns": N, "lam": LAM} | change))


def given_weights():
    """Return weights of the rows of each block, and of the columns."""
    rng = np.random.default_rng(5)
    return [np.exp(rng.standard_normal(m)) for m in (4, 3, 5)], np.exp(rng.standard_normal(N))


def test_weights_of_the_norms_are_files_as_well(tmp_path):
    blocks, factors = parts()
    p, q = given_weights()
    names = [str(tmp_path / f"rows{k}.npy") for k in range(3)], tmp_path / "columns.npy"
    for name, x in (*zip(names[0], p, strict=True), (names[1], q)):
        np.save(name, x)
    one = check(replace(asked(blocks), norms=(p, q)), factors)
    table = replace(asked(blocks), norms=names)
    assert verify(one.certificate, table, factors).upper == one.upper
    whole = replace(asked(blocks), norms=(p, q))
    assert improve(table, rtol=1e-3).result.lower == improve(whole, rtol=1e-3).result.lower
    np.save(names[1], 2 * q)
    with pytest.raises(RejectedError, match=r"statement.atom.columns"):
        verify(one.certificate, table, factors)
    np.savez(tmp_path / "rows1.npz", p[1])
    for k, wrong, said in (
        (0, str(tmp_path / "none.npy"), "is no array, weights of the rows of a block: "),
        (1, str(tmp_path / "rows1.npz"), "it is an archive, not one array"),
    ):
        changed = [wrong if j == k else x for j, x in enumerate(p)], q
        with pytest.raises(InputError, match=said):
            check(replace(asked(blocks), norms=changed), factors)


@pytest.mark.parametrize("block", [0, 1, 2, None])
@pytest.mark.parametrize("change", ["a bit", "exchanged", "half"])
def test_other_weights_of_the_norms_are_refused(block, change):
    blocks, factors = parts()
    p, q = given_weights()
    found = check(replace(asked(blocks), norms=(p, q)), factors, rtol=RTOL)
    held = (q if block is None else p[block]).copy()
    if change == "a bit":
        held[-1:].view(np.uint64)[0] ^= 1
    elif change == "exchanged":
        held[[0, 1]] = held[[1, 0]]
    else:
        held *= 0.5
    other = p if block is None else [held if k == block else x for k, x in enumerate(p)]
    table = replace(asked(blocks), norms=(other, held if block is None else q))
    with pytest.raises(RejectedError) as caught:
        verify(found.certificate, table, factors, rtol=RTOL)
    where = "atom.columns" if block is None else f"blocks.{block}.row_weights"
    assert caught.value.where.startswith(f"statement.{where}")


@pytest.mark.parametrize(
    ("norms", "where"),
    [("l2", "statement.blocks.0.row_weights"), ("counts", "statement.blocks.0.row_weights")],
)
def test_a_certificate_of_given_weights_is_of_no_other_norms(norms, where):
    blocks, factors = parts()
    p = [np.maximum(np.diff(Y.indptr), 1).astype(float) for Y, _ in blocks]
    q = np.maximum(sum(np.diff(Y.tocsc().indptr) for Y, _ in blocks), 1).astype(float)
    if norms == "l2":
        p, q = [np.ones(len(x)) for x in p], np.ones(N)
    given, named = (replace(asked(blocks), norms=x) for x in ((p, q), norms))
    one, other = (check(x, factors, rtol=RTOL) for x in (given, named))
    assert one.upper == pytest.approx(other.upper, rel=1e-14)
    assert one.lower == pytest.approx(other.lower, rel=1e-6)
    for certificate, table in ((one.certificate, named), (other.certificate, given)):
        with pytest.raises(RejectedError) as caught:
            verify(certificate, table, factors, rtol=RTOL)
        assert caught.value.where == where


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (np.ones(3), r"weights of the rows of a block must have shape \(4,\), got \(3,\)"),
        (np.ones((4, 1)), r"weights of the rows of a block must have shape \(4,\), got \(4, 1\)"),
        (np.array([1, 1, np.nan, 1]), "weights of the rows of a block"),
        (np.array([1, 1, np.inf, 1]), "weights of the rows of a block"),
        (np.array([1.0, 0, 1, 1]), r"weights of the rows of a block must be > 0, got 0\.0"),
        (np.array([1.0, 1, -2, 1]), r"weights of the rows of a block must be > 0, got -2\.0"),
        (np.array(["a"] * 4), "weights of the rows of a block"),
    ],
)
def test_what_are_no_weights_of_a_norm_is_refused(wrong, said):
    blocks, factors = parts()
    p, q = given_weights()
    for act in (lambda x: check(x, factors), improve):
        with pytest.raises(InputError, match=said):
            act(replace(asked(blocks), norms=([wrong, *p[1:]], q)))
    with pytest.raises(InputError, match=r"weights of the columns must have shape \(5,\), got \(6"):
        check(replace(asked(blocks), norms=(p, np.ones(6))), factors)


@pytest.mark.sampled(5)
@pytest.mark.parametrize("row", [1e-150, 5e-324, 1e150, 1e308])
@pytest.mark.parametrize("column", [1.0, 1e-150, 1e150, 1e308])
def test_weights_of_any_size_have_a_bracket_or_are_refused(monkeypatch, row, column):
    monkeypatch.setattr("certify.pipeline.own_size.LARGEST", 0)  # the one question only
    blocks, (U, V) = parts()
    p, q = given_weights()
    p[1][0], q[2] = row, column
    try:
        found = check(replace(asked(blocks), norms=(p, q)), (U, V))
    except RejectedError as error:
        assert error.code == "overflow"  # noqa: PT017
        return
    assert 0 <= found.lower <= found.upper
    with np.errstate(all="ignore"):
        left = np.sqrt(sum((r[:, None] * u**2).sum(axis=0) for r, u in zip(p, U, strict=True)))
        price = LAM * float(left @ np.sqrt((q[:, None] * V**2).sum(axis=0)))
    assert found.upper >= price * (1 - 1e-12)
    Y, C = (sparse.vstack(x, format="csr") for x in zip(*blocks, strict=True))
    atom = RankOne(Weighted(np.concatenate(p)), Weighted(q))
    whole = Problem(Squared(Y, weights=C.data), atom, LAM, BOTH)
    try:
        other = check_whole(whole, (np.vstack(U), V), budget=5.0)
    except InputError as error:
        assert "overflows" in str(error)  # noqa: PT017
        return
    assert found.lower <= other.upper
    assert other.lower <= found.upper


def test_numbers_that_are_not_aligned_in_memory_are_those_that_are(saved):
    """What a worker receives from another one may lie anywhere."""
    blocks, (U, V), found, _ = saved

    def shift(x):
        """Return an array one byte off."""
        raw = np.frombuffer(b"-" + x.tobytes(), dtype=np.uint8)[1:]
        return raw.view(np.float64).reshape(x.shape)

    moved = [shift(u) for u in U]
    assert not moved[0].flags.aligned
    again = check(asked(blocks), (moved, shift(V)), rtol=RTOL)
    assert again.certificate.statement == found.certificate.statement
    assert verify(found.certificate, asked(blocks), (moved, shift(V)), rtol=RTOL).certified


def test_columns_may_be_a_number_of_numpy(tmp_path):
    blocks, factors = parts()
    plain = check(asked(blocks), factors).certificate
    made = check(replace(asked(blocks), columns=np.int64(N)), factors).certificate
    for k, x in enumerate((plain, made)):
        x.save(tmp_path / str(k))
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()


def test_other_sizes_are_refused():
    blocks, (U, V) = parts()
    table = asked(blocks)
    with pytest.raises(InputError, match=r"V must have shape \(5, r\), got \(4, 2\)"):
        check(table, (U, V[1:]))
    with pytest.raises(InputError, match=r"V must have 2 dimensions, got shape \(5,\)"):
        check(table, (U, V[:, 0]))
    with pytest.raises(InputError, match="V must be finite"):
        check(table, (U, np.full_like(V, np.nan)))
    with pytest.raises(InputError, match="there are 3 blocks, but U has 2"):
        check(table, (U[:2], V))
    with pytest.raises(InputError, match="a block must have 6 columns, got shape"):
        check(RowBlocks(blocks, N + 1, LAM), (U, np.ones((N + 1, R))))
    with pytest.raises(InputError, match="rtol must be"):
        check(table, (U, V), rtol=-1.0)
    with pytest.raises(InputError, match="seed must be an integer >= 0, got 'x'"):
        check(table, (U, V), seed="x")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (None, "factors must be a pair, U of each block and V, got NoneType"),
        (np.ones((2, 2)), "factors must be a pair, U of each block and V, got ndarray"),
        (([], [], []), "factors must be a pair, U of each block and V, got 3"),
        ((None, np.ones((N, 1))), "U must be a sequence, one factor for each block, got None"),
        (
            ("U.npy", np.ones((N, 1))),
            "U must be a sequence, one factor for each block, got 'U.npy'",
        ),
    ],
)
def test_what_is_no_pair_of_factors_is_refused(saved, wrong, said):
    blocks, _, found, _ = saved
    acts = [lambda: check(asked(blocks), wrong), lambda: embed_factors(found.certificate, wrong)]
    if wrong is not None:  # where it means none, or those of the certificate
        acts += [lambda: improve(asked(blocks), wrong)]
        acts += [lambda: verify(found.certificate, asked(blocks), wrong)]
    for act in acts:
        with pytest.raises(InputError, match=said):
            act()


def test_what_is_no_certificate_is_refused(saved):
    blocks, factors, found, _ = saved
    said = "a certificate must be a path or a Certificate, got Checked: pass result.certificate"
    for act in (
        lambda: verify(found, asked(blocks)),
        lambda: load_factors(found),
        lambda: embed_factors(found, factors),
    ):
        with pytest.raises(InputError, match=said):
            act()


class Forgetful(Lossy):
    """Everything is made again whenever it is asked for."""

    def value(self, task):
        """Return what a task returns."""
        if isinstance(task, Task):
            task.held = None
        return super().value(task)


def test_a_block_that_changes_while_it_is_used_is_refused(tmp_path, monkeypatch):
    blocks, (U, V) = parts()
    Y, file = blocks[0][0], tmp_path / "0.npz"
    rows, cols = Y.tocoo().coords
    table = RowBlocks([file], N, LAM)

    def stored(data):
        """Write the block."""
        np.savez(file, rows=rows, cols=cols, data=data)

    state = question.identities

    def identities(block, given):
        """State it, and write another one."""
        stated = state(block, given)
        stored(2 * Y.data)
        return stated

    stored(Y.data)
    kept = check(table, (U[:1], V))
    monkeypatch.setattr(question, "identities", identities)
    for act in (lambda x: check(*x), lambda x: verify(kept.certificate, *x)):
        stored(Y.data)
        token = PLACE.set(Forgetful())
        try:
            with pytest.raises(InputError, match="Y of a block has changed since"):
                act((table, (U[:1], V)))
        finally:
            PLACE.reset(token)
