"""problem.toml and the arrays it names: what is read, bit by bit, and what is refused."""

import gzip
import os
import shutil

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp
from safetensors.numpy import save_file

from certify import InputError
from certify.adapters.files import FORMATS, load
from certify.atoms import DeepLinear, DeepReLU, RankOne, ReLU
from certify.losses import LOSSES
from certify.offsets import ColumnIntercept, Linear
from tests.question_files import ATOM, PLAIN, U, V, Y, write

SPARSE = sp.coo_array(([5.0, 0.0, 4.0], ([0, 0, 1], [0, 2, 1])), shape=(2, 3))


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


def test_an_l1_penalty_stands_beside_lam(tmp_path):
    held = load(write(tmp_path, lam="0.0", head="l1 = [0.5, 2]", atom=PLAIN))
    assert (held.problem.lam, held.problem.l1) == (0.0, (0.5, 2.0))
    assert load(write(tmp_path)).problem.l1 is None


def test_epsilon_has_the_defaults_of_check(tmp_path):
    held = load(write(tmp_path))
    assert (held.rtol, held.atol) == (1e-6, None)


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
    "mat": lambda path: scipy.io.savemat(path, {"Y": Y, "other": U}, do_compression=True),
    "tsv": lambda path: np.savetxt(path, Y, delimiter="\t"),
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


@pytest.mark.parametrize(("name", "by"), [("a.csv.gz", ","), ("a.TSV.GZ", "\t")])
def test_a_table_may_be_packed_by_gzip(tmp_path, name, by):
    text = "\n".join(by.join(map(str, row)) for row in Y)
    (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    assert np.array_equal(read_Y(tmp_path, name).data, Y)


@pytest.mark.parametrize("suffix", sorted(k for k, f in FORMATS.items() if f.keyed))
def test_a_key_may_be_a_field_and_is_needed_among_several(tmp_path, suffix):
    WRITERS[suffix](tmp_path / f"a.{suffix}")
    held = load(write(tmp_path, data=f'Y = {{file = "a.{suffix}", key = "Y"}}'))
    assert np.array_equal(held.problem.loss.data, Y)
    text = refused(tmp_path, data=f'Y = "a.{suffix}"')
    assert f'a.{suffix} holds Y, other: name one of them, "a.{suffix}:Y"' in text
    text = refused(tmp_path, data=f'Y = "a.{suffix}:othr"')
    assert "has no array 'othr': did you mean 'other'?" in text


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_a_format_lists_the_names_of_its_arrays(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    WRITERS[suffix](path)
    form = FORMATS[suffix]()
    assert sorted(form.names(path)) == (["Y", "other"] if form.keyed else [])


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


@pytest.mark.parametrize("top", ["", "a,b,c\n", "# made by hand\n", "\nzeroth,first,second\n"])
def test_a_csv_may_have_a_header(tmp_path, top):
    (tmp_path / "a.csv").write_text(f"{top}5,0,0\n0, 4 ,0\n")
    assert np.array_equal(read_Y(tmp_path, "a.csv").data, Y)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "5;0;0\n0;4;0\n"),
        ("a.csv", "x;y;z\n5,0;0,0;0,0\n0,0;4,0;0,0\n"),
        ("a.csv", "5\t0\t0\n0\t4\t0\n"),
        ("a.csv", ",x,y,z\n0,5,0,0\n1,0,4,0\n"),
        ("a.csv", ",0,1,2\n0,5,0,0\n1,0,4,0\n"),
        ("a.csv", ",0,1,2\nBRCA1,5,0,0\nTP53,0,4,0\n"),
        ("a.csv", ",2024,2025,2026\n0,5,0,0\n1,0,4,0\n"),
        ("a.csv", "gene,x,y,z\nBRCA1,5,0,0\nTP53,0,4,0\n"),
        ("a.csv", '"gene","x","y","z"\n"BRCA1",5,0,0\n"TP53",0,4,0\n'),
        ("a.csv", "BRCA1,5,0,0\nTP53,0,4,0\n"),
        ("a.csv", 'who, "x,1", y, z\n"Doe, J.", "5", 0, 0\n"Roe, R.",0 ,"4" ,0\n'),
        ("a.tsv", "x\ty\tz\n5\t0\t0\n0\t4\t0\n"),
        ("a.tsv", "\tx\ty\tz\n0\t5\t0\t0\n1\t0\t4\t0\n"),
    ],
)
def test_a_table_may_have_other_separators_and_a_column_of_names(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert np.array_equal(read_Y(tmp_path, name).data, Y)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_the_encodings_that_spreadsheets_write_are_told_by_their_mark(tmp_path, encoding):
    text = "é\tb\tc\n5\t0\t0\n0\t4\t0\n"
    marked = text if encoding in ("utf-8-sig", "utf-16") else "\ufeff" + text
    (tmp_path / "a.tsv").write_bytes(marked.encode(encoding))
    assert np.array_equal(read_Y(tmp_path, "a.tsv").data, Y)
    (tmp_path / "a.tsv").write_bytes(marked.encode(encoding) + b"\xff")
    with pytest.raises(InputError, match=r"a\.tsv is not text: "):
        read_Y(tmp_path, "a.tsv")


@pytest.mark.parametrize("given", ["[[true, false, true], [true, true, true]]", '"m.csv"'])
def test_a_mask_is_booleans_or_zeros_and_ones(tmp_path, given):
    (tmp_path / "m.csv").write_text("1,0,1\n1,1,1\n")
    held = load(write(tmp_path, data=f'Y = "Y.npy"\nmask = {given}'))
    assert held.problem.loss.observed.size == 5
    assert 1 not in held.problem.loss.observed.listed[1][:2]


KINDS = {  # data that every loss of the kind accepts, and the loss's own number
    "logistic": [[1, 0, 1], [0, 1, 0]],
    "softmax": [[1, 0, 0], [0, 0, 1]],
    "hinge": [[1, -1, 1], [-1, 1, 1]],
    "squared_hinge": [[1, -1, 1], [-1, 1, 1]],
}
NUMBERS = {"huber": {"delta": 0.25}, "quantile": {"tau": 0.75}}


@pytest.mark.parametrize("kind", LOSSES)
def test_every_loss_is_read_with_its_number(tmp_path, kind):
    held = NUMBERS.get(kind, {})
    told = "".join(f"\n{k} = {v}" for k, v in held.items())
    data = np.array(KINDS.get(kind, Y), dtype=float)
    problem = load(write(tmp_path, tail=f'[loss]\nkind = "{kind}"{told}', Y=data)).problem
    assert type(problem.loss) is LOSSES[kind]
    assert {k: getattr(problem.loss, k) for k in held} == held
    assert np.array_equal(problem.loss.data, data)
    inline = ", ".join(f"{k} = {v}" for k, v in {"kind": f'"{kind}"', **held}.items())
    twin = load(write(tmp_path, head=f"loss = {{ {inline} }}", Y=data)).problem
    assert twin.loss.statement() == problem.loss.statement()


FEATURES = [[1.0, 0.5], [-2.0, 0.25]]
LEAKY = ReLU(FEATURES, right="l1", activation="leaky_relu", slope=0.5)
OTHERS = {  # all but the features V, as a file says it
    "three layers": ("deep_linear", "hidden = [3, 2]", DeepLinear(FEATURES, (3, 2))),
    "two layers": ("deep_relu", "hidden = [2]", DeepReLU(FEATURES, 2)),
    "one number": ("deep_relu", 'hidden = 2\nform = "sum"', DeepReLU(FEATURES, 2, form="sum")),
    "leaky": ("relu", 'activation = "leaky_relu"\nslope = 0.5\nright = "l1"', LEAKY),
    "pooled": ("relu", "samples = [0, 0]", ReLU(FEATURES, samples=[0, 0])),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_network_is_read(tmp_path, name):
    kind, keys, atom = OTHERS[name]
    rows = 1 if name == "pooled" else 2
    parts = "".join(
        f"\n{k} = {np.ones((*shape, 1)).tolist()}"
        for k, shape in zip(("U", "V", "X2"), atom.shapes((rows, 3)), strict=False)
    )
    path = tmp_path / "network.toml"
    path.write_text(
        f"lam = 1\n[data]\nY = {[[1.0, 2.0, 3.0]] * rows}\n"
        f'[atom]\nkind = "{kind}"\nV = {FEATURES}\n{keys}\n[factors]{parts}\n'
    )
    found = load(path).problem.atom
    assert found.statement() == atom.statement()
    assert {k: a.tolist() for k, a in found.arrays().items()} == {
        k: a.tolist() for k, a in atom.arrays().items()
    }


@pytest.mark.parametrize("hidden", ["[1.5]", "[[2]]", "[0]", "[]", "[true]", "2.0", '"hidden.npy"'])
def test_widths_of_a_file_are_whole_numbers(tmp_path, hidden):
    atom = f'kind = "deep_relu"\nV = {FEATURES}\nhidden = {hidden}'
    assert "hidden must be" in refused(tmp_path, atom=atom)


def test_sparse_and_smooth_parts_are_read(tmp_path):
    np.save(tmp_path / "w.npy", np.array([2.0]))
    graph = 'kind = "smooth"\nrho = 1.5\nedges = [[0, 1]]\nweights = "w.npy"\nridge = 0.5'
    tail = f'[[offsets]]\nkind = "sparse"\nrho = 0.25\n[[offsets]]\n{graph}'
    sparse, smooth = load(write(tmp_path, tail=tail)).problem.offsets
    assert sparse.rho == 0.25
    assert (smooth.rho, smooth.ridge, smooth.weights.tolist()) == (1.5, 0.5, [2.0])
    assert smooth.edges.tolist() == [[0, 1]]


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
    path.write_text(
        path.read_text().replace('"U.npy"', "[[], []]").replace('"V.npy"', "[[],[],[]]")
    )
    assert [x.shape for x in load(path).factors] == [(2, 0), (3, 0)]


def test_a_folder_moves_with_its_files(tmp_path):
    (tmp_path / "a").mkdir()
    write(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    shutil.rmtree(tmp_path / "a")
    assert np.array_equal(load(tmp_path / "b/problem.toml").problem.loss.data, Y)


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


WRONG = [
    ({"atom": f"{ATOM}\nlam = 2.0"}, "the key 'lam' is not known in [atom]: it belongs at the"),
    (
        {"head": "rtol = 0.5"},
        "the key 'rtol' is not known at the top of the file: it belongs in",
    ),
    ({"tail": "q = []"}, "the key 'q' is not known in [factors]: it belongs at the top"),
    (
        {"atom": 'kind = "relu"\nX = "Y.npy"'},
        "the key 'X' is not known in [atom]: did you mean 'V'?",
    ),
    (
        {"atom": f'{ATOM}\nX = "Y.npy"'},
        "the key 'X' is not known in [atom]: it belongs in [factors]",
    ),
    ({"lam": '"three"'}, "lam must be a valid number, got 'three'"),
    ({"lam": "true"}, "lam must be a valid number, got True"),
    ({"lam": "1979-05-27"}, "lam must be a valid number, got datetime.date(1979, 5, 27)"),
    ({"lam": "-1.0"}, "lam must be a finite number >= 0, got -1.0"),
    ({"lam": "nan"}, "lam must be a finite number >= 0, got nan"),
    ({"lam": "2.0]"}, "is not valid TOML"),
    ({"head": "l1 = 0.5"}, "l1 must be a list of numbers, one for each factor, got 0.5"),
    ({"head": 'l1 = [0.5, "2"]'}, "l1 must be a valid number, got [0.5, '2']"),
    ({"head": "l1 = [0.5]"}, "l1 must be 2 weights, one for each factor, got [0.5]"),
    ({"head": "l1 = [0.5, -1.0]"}, "l1[1] must be a finite number >= 0, got -1"),
    ({"head": "l1 = [0.0, 0.0]"}, "l1 must have a weight > 0, got [0.0, 0.0]"),
    ({"lam": "2.0\nlam = 3.0"}, "is not valid TOML"),
    ({"head": f"q = {'[' * 5000}{']' * 5000}"}, "is not valid TOML"),
    ({"atom": ""}, "atom.kind is missing; known are cp, deep_linear"),
    ({"atom": 'kind = "rankone"'}, "atom.kind 'rankone' is unknown: did you mean 'rank_one'?"),
    ({"atom": "kind = 7"}, "atom.kind 7 is unknown"),
    ({"atom": f"{PLAIN}\nleft = 2"}, 'atom.left must be a norm ("l2+") or a table'),
    ({"atom": f'{PLAIN}\nleft = "l3"'}, "got 'l3'"),
    ({"atom": f'{PLAIN}\nform = "max"'}, "form must be one of product, sum, got 'max'"),
    ({"tail": '[loss]\nkind = "square"'}, "did you mean 'squared'?"),
    ({"head": 'loss = "huber"'}, "loss must be a table, {key = ...}, got 'huber'"),
    ({"tail": '[loss]\nkind = "huber"'}, "loss.delta is missing"),
    ({"tail": '[loss]\nkind = "huber"\ndelta = "1"'}, "loss.delta must be a valid number, got"),
    ({"tail": '[loss]\nkind = "huber"\ndelta = 0'}, "delta must be a finite number > 0, got 0"),
    ({"tail": '[loss]\nkind = "huber"\ntau = 0.5'}, "the key 'tau' is not known in [loss]"),
    ({"tail": '[loss]\nkind = "quantile"\ntau = 1'}, "tau must be between 0 and 1, got 1"),
    ({"tail": '[loss]\nkind = "logistic"'}, "Y must hold 0 and 1 only, got 5.0"),
    (
        {"atom": f'{PLAIN}\nleft = "elastic+"'},
        'atom.left must be a table {norm = "elastic", ...}',
    ),
    (
        {"atom": f'{PLAIN}\nright = {{ norm = "elastic", alpha = 2 }}'},
        "right: alpha must be in",
    ),
    ({"atom": 'kind = "symmetric"'}, "did you mean 'U'? Known are U"),
    ({"tail": '[loss]\nkind = "absolute"\nscale = 2'}, "which has no keys but kind"),
    ({"tail": '[loss]\nkind = "squared"\nscale = 2'}, "did you mean 'zeros'? Known are zeros"),
    ({"tail": '[[offsets]]\nkind = "columns"'}, "did you mean 'column'?"),
    ({"tail": '[[offsets]]\nkind = "row"\nridge = -2.0'}, "got -2.0"),
    ({"tail": '[[offsets]]\nkind = "linear"'}, "offsets.A is missing"),
    ({"tail": '[[offsets]]\nkind = "sparse"'}, "offsets.rho is missing"),
    ({"tail": '[[offsets]]\nkind = "sparse"\nrho = 0.0'}, "Sparse.rho must be"),
    ({"tail": '[[offsets]]\nkind = "smooth"\nrho = 1.0'}, "offsets.edges is missing"),
    (
        {"tail": '[[offsets]]\nkind = "smooth"\nrho = 1.0\nedges = [[0, 2]]'},
        "lie in 0..1, got 2",
    ),
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
    (
        {"data": "Y = [[9007199254740993, 0.5]]"},
        "integer 9007199254740993, which float64 would",
    ),
    ({"data": 'Y = "Y.npy"\nmask = [[0, 1, 2], [1, 1, 1]]'}, "booleans or 0 and 1, got 2"),
    ({"data": 'Y = "nowhere.npy"'}, "nowhere.npy: No such file or directory"),
    ({"data": 'Y = "."'}, "whose format is not read; known are .csv, .mat, .mtx, .npy, .npz"),
    ({"data": 'Y = "Y.npy"\nmask = "problem.toml"'}, "whose format is not read"),
    ({"head": "q = [1.0]"}, "q must be a sequence of 0 arrays"),
    ({"head": "q = 1.0"}, "q must be a valid list, got 1.0"),
]


@pytest.mark.parametrize(("changed", "said"), WRONG)
def test_a_wrong_toml_is_one_sentence_with_the_wrong_value(tmp_path, changed, said):
    assert said in refused(tmp_path, **changed)


def test_several_errors_are_counted_and_the_unknown_key_comes_first(tmp_path):
    path = write(tmp_path)
    path.write_text(path.read_text().replace("[factors]", "[factor]"))
    with pytest.raises(
        InputError, match=r"'factor' is not known.*'factors'.*; 1 more error follows$"
    ):
        load(path)


def test_a_toml_that_is_missing_or_binary_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.toml: No such file"):
        load(tmp_path / "nowhere.toml")
    with pytest.raises(InputError, match="Is a directory"):
        load(tmp_path)
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(InputError, match=r"pipe\.toml: it is a stream, and must be a regular"):
        load(tmp_path / "pipe.toml")
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"a\.toml is not valid TOML"):
        load(tmp_path / "a.toml")
