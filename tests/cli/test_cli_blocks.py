"""problem.toml of blocks of rows: improve, check and verify on the command line."""

import json
import re

import numpy as np
import pytest
from scipy import sparse

from certify.adapters.files import load
from certify.base.cluster import PLACE
from certify.base.errors import InputError
from certify.offsets import RowIntercept
from certify.pipeline import row_blocks
from certify.pipeline.certificate.file import Certificate
from certify.pipeline.row_blocks import RowBlocks
from tests import question_files
from tests.question_files import inside

N = 5
TABLE = 'columns = 5\nnorm_weights = "norms"'
TOML = """
lam = 0.5
[blocks]
folder = "ratings"
columns = 5
{fit}
[[offsets]]
kind = "row"
ridge = 1.0
[epsilon]
rtol = 1e-3
{tail}
"""


@pytest.fixture
def folder(tmp_path):
    """Return a folder with blocks of rows and two problems, with and without a fit."""
    rng = np.random.default_rng(0)
    (tmp_path / "ratings").mkdir()
    for k, m in enumerate((4, 2, 5)):
        Y = sparse.coo_array(rng.standard_normal((m, N)) * (rng.random((m, N)) < 0.7))
        rows, cols = Y.coords
        np.savez(tmp_path / "ratings" / f"{k}.npz", rows=rows, cols=cols, data=Y.data)
    write(tmp_path / "start.toml")
    write(tmp_path / "problem.toml", fit='fit = "fit"')
    return tmp_path


def write(file, *, fit="", tail=""):
    file.write_text(TOML.format(fit=fit, tail=tail), encoding="utf-8")
    return file


def fitted(folder, capsys, *more):
    """Make a fit and its certificate."""
    out = ("-o", folder / "fit", "--certificate", folder / "x.cert", "--json")
    return inside(capsys, "improve", folder / "start.toml", *out, *more)


def test_a_folder_is_fitted_checked_and_verified(folder, capsys):
    made = fitted(folder, capsys)
    assert (made.status, made.json["verdict"]) == (0, "CERTIFIED")
    assert made.json["components"] == np.load(folder / "fit" / "V.npy").shape[1]
    assert made.json["written"] == {
        "factors": str(folder / "fit"),
        "certificate": str(folder / "x.cert"),
    }
    assert {p.name for p in (folder / "fit").iterdir()} == {"U0.npy", "U1.npy", "U2.npy", "V.npy"}
    checked = inside(capsys, "check", folder / "problem.toml", "-o", folder / "y.cert", "--json")
    verified = inside(
        capsys, "verify", folder / "x.cert", "--problem", folder / "problem.toml",
        "--tier", "rounded", "--json",
    )  # fmt: skip
    for other in (checked, verified):
        assert other.status == 0
        for name in ("verdict", "lower", "upper", "tier", "rules"):
            assert other.json[name] == made.json[name]
    mine = Certificate.load(folder / "y.cert", lambda _: None)
    mine = row_blocks.embed_factors(mine, row_blocks.load_factors(folder / "x.cert"))
    mine.save(folder / "y.cert")
    assert (folder / "x.cert").read_bytes() == (folder / "y.cert").read_bytes()
    alone = inside(
        capsys, "verify", folder / "x.cert", "--problem", folder / "start.toml",
        "--tier", "rounded", "--json",
    )  # fmt: skip
    assert (alone.status, alone.json["lower"]) == (0, made.json["lower"])  # its own factors
    people = inside(capsys, "check", folder / "problem.toml")
    assert "CERTIFIED" in people.out
    again = inside(
        capsys, "improve", folder / "problem.toml", "-o", folder / "better", "--rtol", "1e-4",
        "--atol", "0", "--json",
    )  # fmt: skip
    assert again.status == 0
    assert again.json["relative_gap"] <= 1e-4


def test_a_fit_is_gone_on_from(folder, capsys):
    first = fitted(folder, capsys, "--resume", folder / "kept", "--budget", "1e-9")
    assert (first.status, first.json["components"]) == (12, 0)
    assert (folder / "kept" / "1" / "V.npy").exists()
    for _ in range(2):
        ended = fitted(folder, capsys, "--resume", folder / "kept")
        assert ended.status == 0
    (folder / "whole").mkdir()
    whole = question_files.write(folder / "whole")
    other = inside(capsys, "improve", whole, "-o", folder / "z.npz", "--resume", folder / "kept")
    assert other.status == 2
    assert "--resume of improve is for blocks of rows" in other.err


def test_weights_of_the_norms_are_in_a_folder(folder, capsys):
    (folder / "norms").mkdir()
    p, q = [np.linspace(0.5, 2, m) for m in (4, 2, 5)], np.linspace(1, 3, N)
    for k, x in enumerate(p):
        np.save(folder / "norms" / f"rows{k}.npy", x)
    np.save(folder / "norms" / "columns.npy", q)
    for name in ("start", "problem"):
        file = folder / f"{name}.toml"
        text = file.read_text("utf-8").replace("columns = 5", TABLE)
        file.write_text(text, encoding="utf-8")
    made = fitted(folder, capsys)
    assert (made.status, made.json["verdict"]) == (0, "CERTIFIED")
    biases = [RowIntercept(1.0)]
    table = RowBlocks.from_folder(folder / "ratings", N, 0.5, biases, norms=(p, q))
    names = [str(folder / "fit" / f"U{k}.npy") for k in range(3)], folder / "fit" / "V.npy"
    proved = row_blocks.verify(folder / "x.cert", table, names, rtol=1e-3)
    assert proved.lower == made.json["lower"]
    assert proved.over == made.json["over"] == "any size and any offsets"
    alone = inside(capsys, "verify", folder / "x.cert")
    assert alone.status == 2
    assert "is about a table in blocks of rows: add --problem" in alone.err
    verify = ("verify", folder / "x.cert", "--problem", folder / "problem.toml", "--tier")
    assert inside(capsys, *verify, "rounded").status == 0
    onto = inside(capsys, "check", folder / "problem.toml", "-o", folder / "norms" / "rows1.npy")
    assert (onto.status, "it is an input" in onto.err) == (2, True)
    np.save(folder / "norms" / "rows2.npy", 2 * p[2])
    changed = inside(capsys, *verify, "rounded")
    assert changed.status == 20
    assert "row_weights of your block 2 is not that of the certificate" in changed.err
    (folder / "norms" / "rows2.npy").unlink()
    gone = inside(capsys, *verify, "rounded")
    assert gone.status == 2
    assert "rows2.npy is no array, weights of the rows of a block" in gone.err


def test_a_lie_and_a_changed_block_are_rejected(folder, capsys):
    fitted(folder, capsys)
    verify = ("verify", folder / "x.cert", "--problem", folder / "problem.toml")
    other = inside(capsys, *verify, "--tier", "rounded", "--rtol", "1e-2", "--json")
    assert (other.status, json.loads(other.out)["rejected"]["where"]) == (20, "statement.rtol")
    held = dict(np.load(folder / "ratings" / "1.npz"))
    held["data"][0] += 1
    np.savez(folder / "ratings" / "1.npz", **held)
    changed = inside(capsys, *verify, "--tier", "rounded")
    assert changed.status == 20
    assert "Y of your block 1 is not that of the certificate" in changed.err


@pytest.mark.thorough
@pytest.mark.filterwarnings("default")
def test_a_scheduler_is_asked_for_the_blocks(folder, capsys, monkeypatch):
    distributed = pytest.importorskip("distributed")
    places = []
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, processes=False
    ) as cluster:
        scheduler = ("--scheduler", cluster.scheduler_address)
        run = type(PLACE.get()).run
        monkeypatch.setattr(type(PLACE.get()), "run", lambda *a: places.append(1) or run(*a))
        there = fitted(folder, capsys, *scheduler)
    assert there.status == 0
    assert not places  # nothing ran here
    verified = inside(
        capsys, "verify", folder / "x.cert", "--problem", folder / "problem.toml",
        "--tier", "rounded", "--json",
    )  # fmt: skip
    assert verified.json["lower"] == there.json["lower"]
    assert places


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "start.toml"), "blocks.fit is missing"),
        (("check", "problem.toml"), "V.npy is no factor"),
        (("check", "problem.toml", "--own-size", "z.cert"), "--own-size is not for blocks of rows"),
        (("check", "problem.toml", "--better", "z.npz"), "--better is not for blocks of rows"),
        (("check", "problem.toml", "--resume", "z"), "--resume is not for blocks of rows"),
        (("check", "problem.toml", "--method", "cvxpy"), "--method is not for blocks of rows"),
        (("improve", "start.toml", "-o", "z", "--solver", "SCS"), "--solver is not for blocks"),
        (("improve", "problem.toml", "-o", "fit"), "it is an input of this command"),
        (("verify", "x.cert", "--problem", "problem.toml"), "add --tier rounded"),
        (("verify", "x.cert", "--problem", "problem.toml", "--own-size"), "--own-size is not"),
        (("verify", "x.cert", "--problem", "problem.toml", "--limit", "9"), "--limit is not"),
        (("restarts", "problem.toml"), "which check, verify and improve read"),
    ],
)
def test_what_is_not_for_blocks_of_rows_is_refused(folder, capsys, monkeypatch, arguments, said):
    monkeypatch.chdir(folder)
    ended = inside(capsys, *arguments)
    assert ended.status == 2
    assert said in ended.err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("columns = 5", "columns = 0", "columns must be a whole number > 0, got 0"),
        ("columns = 5", 'columns = "5"', "blocks.columns must be a valid integer"),
        ("columns = 5", "", "blocks.columns is missing"),
        ('folder = "ratings"', 'folder = "gone"', "cannot read .*gone"),
        ('folder = "ratings"', 'folders = "ratings"', "the key 'folders' is not known in .blocks."),
        ("columns = 5", 'columns = 5\nnorms = "l1"', "blocks.norms"),
        ("columns = 5", 'norms = "counts"\n' + TABLE, "blocks.norms must be left out beside"),
        ("lam = 0.5", "lam = -1.0", "lam must be"),
        ("lam = 0.5", "lam = 0.5\nl1 = [1.0, 1.0]", "leave l1 out"),
        ("[epsilon]", '[data]\nY = "Y.npy"\n[epsilon]', "leave data out"),
        ('kind = "row"', 'kind = "intercept"', "blocks of rows may have one RowIntercept"),
        ("rtol = 1e-3", 'rtol = "small"', "epsilon.rtol must be"),
    ],
)
def test_a_problem_that_is_wrong_is_refused(folder, capsys, old, new, said):
    file = folder / "problem.toml"
    file.write_text(file.read_text("utf-8").replace(old, new), encoding="utf-8")
    ended = inside(capsys, "check", file)
    assert ended.status == 2
    assert re.search(said, ended.err)


def test_what_reads_a_whole_table_refuses_blocks(folder):
    with pytest.raises(InputError, match="is of blocks of rows"):
        load(folder / "start.toml")
    assert RowBlocks.from_folder(folder / "ratings", N, 0.5).columns == N
