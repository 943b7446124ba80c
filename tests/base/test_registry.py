"""Registries refuse a malformed folder; errors of names and parts show the wrong value."""

import importlib
import itertools
from pathlib import Path

import numpy as np
import pytest

import certify
from certify import InputError, Problem, check, improve, restarts, verify
from certify.atoms import ATOMS, CP, Atom, DeepLinear, RankOne, ReLU, Symmetric
from certify.base.registry import load, names
from certify.losses import LOSSES, Loss, Squared
from certify.norms import KEYS, NORMS, Gauge, Group, Variation, gauge
from certify.offsets import OFFSETS, Intercept, Linear, Offset, RowIntercept
from certify.polar import METHODS, Method

REGISTRIES = {
    "atoms": (ATOMS, Atom),
    "losses": (LOSSES, Loss),
    "norms": (NORMS, Gauge),
    "offsets": (OFFSETS, Offset),
    "polar.methods": (METHODS, Method),
}
each_registry = pytest.mark.parametrize("folder", REGISTRIES)
fresh = itertools.count()
BASE = "class Entry:\n    pass\n"
ONE = "from {package}._base import Entry\nclass One(Entry):\n    pass\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a function that writes a package, and its name: new, so never imported before."""
    monkeypatch.syspath_prepend(tmp_path)

    def written(**files):
        package = f"registry_folder_{next(fresh)}"
        (tmp_path / package).mkdir()
        for name, text in {"__init__": "", "_base": BASE, **files}.items():
            source = text.format(package=package)
            (tmp_path / package / f"{name}.py").write_text(source, encoding="utf-8")
        importlib.invalidate_caches()
        return package

    return written


def base_of(package):
    return importlib.import_module(f"{package}._base").Entry


# --- the mechanism ------------------------------------------------------------------------


def test_a_file_is_an_entry_under_its_own_name(folder):
    package = folder(beta=ONE, alpha=ONE)
    found = load(package, base_of(package))
    assert list(found) == ["alpha", "beta"]  # alphabetical, private files left out
    assert [c.__module__ for c in found.values()] == [f"{package}.alpha", f"{package}.beta"]


def test_an_imported_entry_is_not_the_files_own(folder):
    again = "from {package}.alpha import One\nclass Other(One):\n    pass\n"
    package = folder(alpha=ONE, beta=again)
    assert load(package, base_of(package))["beta"].__name__ == "Other"


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("", r"has \[\]"),
        ("from {package}._base import Entry\n", r"has \[\]"),
        ("class Stray:\n    pass\n", r"has \[\]"),
        (ONE + "class Two(Entry):\n    pass\n", r"has \['One', 'Two'\]"),
    ],
    ids=["empty", "imported only", "unrelated", "two"],
)
def test_a_file_without_exactly_one_entry_is_refused_by_name(folder, text, has):
    package = folder(good=ONE, wrong=text)
    with pytest.raises(
        ImportError, match=rf"{package}\.wrong must define exactly one Entry, {has}"
    ):
        load(package, base_of(package))


def test_an_error_inside_an_entry_is_not_swallowed(folder):
    package = folder(broken="raise RuntimeError('no such solver')\n")
    with pytest.raises(RuntimeError, match="no such solver"):
        load(package, base_of(package))


def test_an_unknown_folder_is_refused_by_name():
    with pytest.raises(ModuleNotFoundError, match=r"certify\.nothing"):
        names("certify.nothing")


# --- the folders --------------------------------------------------------------------------


@each_registry
def test_every_public_file_of_a_folder_is_registered(folder):
    held, base = REGISTRIES[folder]
    path = Path(certify.__file__).parent / folder.replace(".", "/")
    files = {p.stem for p in path.glob("*.py") if not p.name.startswith("_")}
    assert set(held) == set(names(f"certify.{folder}")) == files
    for key, entry in held.items():
        assert issubclass(entry, base)
        assert entry.__module__ == f"certify.{folder}.{key}"


@each_registry
def test_every_entry_is_final_and_complete(folder):
    held, base = REGISTRIES[folder]
    for entry in held.values():
        *shared, own = entry.__bases__  # no inheritance between entries
        assert own is base
        assert not any(issubclass(b, base) for b in shared)
        assert all(b.__module__.startswith(f"certify.{folder}._") for b in shared)
        assert not entry.__abstractmethods__
        assert entry.__doc__


@each_registry
def test_an_incomplete_entry_cannot_be_made(folder):
    _, base = REGISTRIES[folder]
    incomplete = type("Incomplete", (base,), {})
    with pytest.raises(TypeError, match="abstract"):
        incomplete()


def test_the_name_of_an_entry_is_its_files_name():
    for held in (LOSSES, NORMS, OFFSETS):
        assert {key: entry.name for key, entry in held.items()} == {key: key for key in held}
    assert {key: entry.kind for key, entry in ATOMS.items()} == {key: key for key in ATOMS}


# --- names --------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["l3", "L1", "l1++", "+l1", "l2 ", "", None, 2, ["l2"]])
def test_an_unknown_norm_is_refused_with_the_known_ones(wrong):
    for made in (gauge, RankOne, lambda key: RankOne("l1", key)):
        with pytest.raises(InputError) as error:
            made(wrong)
        assert str(error.value) == f"a norm must be one of {', '.join(KEYS)}, got {wrong!r}"


@pytest.mark.parametrize("wrong", ["prod", "Product", "", None, 1])
def test_an_unknown_form_is_refused_with_the_known_ones(wrong):
    with pytest.raises(InputError) as error:
        RankOne("l1", "l2+", wrong)
    assert str(error.value) == f"form must be one of product, sum, got {wrong!r}"


# --- the parts of a problem ---------------------------------------------------------------

LOSS = Squared(np.zeros((2, 3)))
U, V = np.zeros((2, 1)), np.zeros((3, 1))


def with_lam(lam):
    return lambda: Problem(LOSS, RankOne(), lam)


def with_offsets(*held):
    return lambda: Problem(LOSS, RankOne(), 1.0, held)


def accepting(*factors):
    return lambda: Problem(LOSS, RankOne(), 1.0).accept(factors)


PARTS = {
    "loss is data": (lambda: Problem(U, RankOne(), 1.0), r"loss must be a Loss, got array\(\["),
    "loss is a class": (lambda: Problem(Squared, RankOne(), 1.0), "got <class .*Squared'>"),
    "loss and atom swapped": (lambda: Problem(RankOne(), LOSS, 1.0), "got RankOne"),
    "atom is a norm": (lambda: Problem(LOSS, "l2", 1.0), "atom must be an? Atom, got 'l2'"),
    "atom is a class": (lambda: Problem(LOSS, RankOne, 1.0), "got <class .*RankOne'>"),
    "lam negative": (with_lam(-1), "lam must be a finite number >= 0, got -1"),
    "lam barely negative": (with_lam(-5e-324), "got -5e-324"),
    "lam nan": (with_lam(float("nan")), "got nan"),
    "lam infinite": (with_lam(float("inf")), "got inf"),
    "lam text": (with_lam("large"), "got 'large'"),
    "lam none": (with_lam(None), "got None"),
    "lam complex": (with_lam(1j), "got 1j"),
    "lam list": (with_lam([1.0]), r"got \[1.0\]"),
    "lam array": (with_lam(np.array([1.0, 2.0])), r"got array\(\[1., 2.\]\)"),
    "offset number": (with_offsets(3.5), "offsets must be Offset objects, got 3.5"),
    "offset name": (with_offsets("row"), "got 'row'"),
    "offset class": (with_offsets(Intercept), "got <class .*Intercept'>"),
    "offset twice": (with_offsets(Intercept(), Intercept(1)), r"got \['intercept', 'intercept'\]"),
    "offset rows": (with_offsets(Linear([[1.0]] * 5)), "must have 2 rows, got 5"),
    "one factor": (accepting(U), "factors must be a sequence of 2 arrays, got 1"),
    "three factors": (accepting(U, V, V), "got 3"),
    "no sequence": (lambda: Problem(LOSS, RankOne(), 1.0).accept(7), "got int"),
    "one array": (lambda: Problem(LOSS, RankOne(), 1.0).accept(U @ V.T), "got ndarray"),
    "vectors": (accepting(U[:, 0], V), r"factors\[0\] must have shape \(2, r\), got \(2,\)"),
    "transposed": (accepting(U, V.T), r"factors\[1\] must have shape \(3, r\), got \(1, 3\)"),
    "swapped": (accepting(V, U), r"must have shape \(2, r\), got \(3, 1\)"),
    "sizes": (accepting(U, np.zeros((3, 2))), r"one number of components, got \[1, 2\]"),
    "nan": (accepting(U, V * np.nan), r"factors\[1\] must be finite, got nan at \[0, 0\]"),
    "infinite": (accepting([[0.0], [np.inf]], V), r"got inf at \[1, 0\]"),
    "complex": (accepting(U + 0j, V), "complex128"),
    "object": (accepting(np.array([["a"], ["b"]], dtype=object), V), r"'a' at \[0, 0\] .*object"),
    "text": (accepting("ab", "abc"), "<U2"),
    "integer": (accepting(np.full((2, 1), 2**60 + 1), V), "integer 1152921504606846977"),
}


@pytest.mark.parametrize(("made", "said"), PARTS.values(), ids=PARTS)
def test_a_wrong_part_is_refused_with_the_wrong_value(made, said):
    with pytest.raises(InputError, match=said):
        made()


@pytest.mark.parametrize("wrong", [3.5, None, Intercept], ids=repr)
def test_offsets_that_are_no_sequence_are_refused_with_the_wrong_value(wrong):
    with pytest.raises(InputError, match="offsets must be"):
        Problem(LOSS, RankOne(), 1.0, wrong)


@pytest.mark.parametrize("wrong", [10**400, "3", b"3", np.complex128(1)], ids=lambda x: repr(x)[:9])
def test_a_lam_that_is_no_float_is_refused_with_the_wrong_value(wrong):
    with pytest.raises(InputError, match="lam must be"):
        Problem(LOSS, RankOne(), wrong)


def test_parts_that_fit_are_taken_as_they_are():
    problem = Problem(LOSS, RankOne(), 1, [Linear(np.ones((2, 1))), RowIntercept(2)])
    assert (problem.lam, type(problem.lam)) == (1.0, float)
    assert [o.ridge for o in problem.offsets] == [0.0, 2.0]
    assert Problem(LOSS, RankOne(), 0, Intercept()).offsets[0].name == "intercept"
    held = problem.accept([np.ones((2, 0), int), np.ones((3, 0), bool)])
    assert [x.shape for x in held] == [(2, 0), (3, 0)]
    assert not any(x.flags.writeable for x in problem.accept((U, V)))


# --- the keywords of check and verify -----------------------------------------------------

KEYWORDS = {
    "rtol negative": ({"rtol": -1.0}, "rtol must be a finite number >= 0, got -1.0"),
    "rtol nan": ({"rtol": float("nan")}, "rtol .* got nan"),
    "rtol infinite": ({"rtol": float("inf")}, "rtol .* got inf"),
    "atol negative": ({"atol": -1e-300}, "atol .* got -1e-300"),
    "atol text": ({"atol": "none"}, "atol .* got 'none'"),
    "q count": ({"q": [1.0, 2.0]}, "1 arrays, one for each offset, got 2"),
    "q shape": ({"q": [[1.0, 2.0, 3.0]]}, r"q of RowIntercept must have shape \(2,\), got \(3,\)"),
    "q scalar": ({"q": 1.5}, "got float"),
}
ONLY_CHECK = {
    "budget negative": ({"budget": -0.5}, "budget must be seconds >= 0 or None, got -0.5"),
    "budget nan": ({"budget": float("nan")}, "got nan"),
    "budget text": ({"budget": "1m"}, "got '1m'"),
    "dual name": ({"dual": "fast"}, "dual must be an array or None, got 'fast'"),
    "dual shape": ({"dual": np.zeros((3, 2))}, r"must have shape \(2, 3\), got \(3, 2\)"),
    "dual nan": ({"dual": np.full((2, 3), np.nan)}, r"dual must be finite, got nan at \[0, 0\]"),
}
ASKED = Problem(LOSS, RankOne(), 1.0, [RowIntercept()])


@pytest.mark.parametrize(
    ("named", "said"), (KEYWORDS | ONLY_CHECK).values(), ids=KEYWORDS | ONLY_CHECK
)
def test_check_refuses_a_wrong_keyword_with_its_value(named, said):
    with pytest.raises(InputError, match=said):
        check(ASKED, (U, V), **named)


@pytest.mark.parametrize(("named", "said"), KEYWORDS.values(), ids=KEYWORDS)
def test_verify_refuses_a_wrong_keyword_with_its_value(named, said):
    certificate = check(ASKED, (U, V)).certificate
    with pytest.raises(InputError, match=said):
        verify(certificate, ASKED, (U, V), **named)


TABLE = np.eye(2)
WORDS = {
    "norm": (lambda x: RankOne(x, "l2"), "a norm must be one of"),
    "form": (lambda x: RankOne(form=x), "form must be one of product, sum"),
    "form of a tensor": (lambda x: CP(["l2"] * 3, form=x), "form must be one of product, sum"),
    "form of layers": (lambda x: DeepLinear(TABLE, 2, form=x), "form must be one of product, sum"),
    "norm of a symmetric matrix": (Symmetric, "norm must be one of"),
    "bias": (lambda x: ReLU(TABLE, bias=x), "bias must be one of"),
    "outer": (lambda x: Group([[0], [1]], outer=x), "outer must be one of"),
    "plus": (lambda x: Variation([[0, 1]], 1.0, plus=x), "plus must be 'l2'"),
    "zeros": (lambda x: Squared(TABLE, zeros=x), "zeros must be one of"),
    "symmetric": (lambda x: CP(["l2"] * 3, symmetric=x), "symmetric must be True or False"),
    "offset": (lambda x: Problem(LOSS, RankOne(), 1.0, [x]), "offsets must be Offset objects"),
    "method": (lambda x: check(ASKED, (U, V), method=x), "method must be one of engine, cvxpy"),
    "method of a polar": (lambda x: RankOne().polar(TABLE, method=x), "method must be one of"),
    "solver": (lambda x: check(ASKED, (U, V), method="cvxpy", solver=x), "solver must be one of"),
    "budget": (lambda x: check(ASKED, (U, V), budget=x), "budget must be seconds >= 0 or None"),
    "tier": (lambda x: verify("no.cert", ASKED, (U, V), tier=x), "tier must be one of exact"),
}


@pytest.mark.parametrize(("made", "said"), WORDS.values(), ids=WORDS)
def test_an_array_is_no_word_and_is_shown_on_one_line(made, said):
    with pytest.raises(InputError, match=said) as caught:
        made(TABLE)
    assert "\n" not in str(caught.value)
    assert "got array([[1., 0.], [0., 1.]])" in str(caught.value)


def test_a_long_wrong_word_is_cut():
    with pytest.raises(InputError) as caught:
        RankOne(form="x" * 1000)
    assert str(caught.value) == f"form must be one of product, sum, got '{'x' * 79}..."


LISTS = {
    "groups": (lambda: Group(np.array(0.0)), r"groups must be lists of indices, got array\(0.\)"),
    "a group": (lambda: Group([np.array(0)]), r"groups\[0\] must be a list of indices"),
    "edges": (lambda: Variation(np.array(0.0), 1.0), r"edges must be pairs of coordinates"),
    "an edge": (lambda: Variation([np.array(0)], 1.0), r"edges\[0\] must be a pair"),
    "a mask": (
        lambda: Squared(TABLE, mask=[[True, False], [True]]),
        "mask .* got rows that differ",
    ),
    "a ridge": (lambda: RowIntercept([[1.0, 2.0], [3.0]]), "RowIntercept.ridge is not a rectang"),
    "nan": (lambda: Squared(float("nan")), r"Y must have 2 dimensions or more, got shape \(\)"),
    "a long number": (
        lambda: Squared(TABLE, weights=np.longdouble(1) / 3),
        "weights has the number 0.333.*, which float64 would round",
    ),
}


@pytest.mark.parametrize(("made", "said"), LISTS.values(), ids=LISTS)
def test_one_number_is_no_list_and_rows_that_differ_are_no_array(made, said):
    with pytest.raises(InputError, match=said):
        made()


@pytest.mark.parametrize("name", ["rtol", "atol"])
@pytest.mark.parametrize("wrong", [1j, "1", -1.0, float("nan"), 10**400, [0.1]], ids=repr)
def test_improve_and_restarts_refuse_a_wrong_epsilon(name, wrong):
    for call in (lambda **k: improve(ASKED, (U, V), **k), lambda **k: restarts(ASKED, [], **k)):
        with pytest.raises(InputError, match=f"{name} must be a finite number >= 0"):
            call(**{name: wrong})


def test_a_number_of_numpy_is_a_number():
    report = restarts(ASKED, [(U, V)], rtol=np.float32(0.5), atol=np.int8(1), budget=np.float32(1))
    assert report.tolerances == (0.5, 1.0)
    assert RankOne().polar(TABLE, budget=np.int64(1), seed=np.uint8(1)).upper >= 1


POLAR = {
    "budget": ({"budget": "1"}, "budget must be seconds >= 0 or None, got '1'"),
    "negative": ({"budget": -(10**400)}, "budget must be seconds >= 0 .* got an integer of 1329"),
    "a truth": ({"budget": True}, "budget must be seconds >= 0 or None, got True"),
    "seed": ({"seed": -1}, "seed must be an integer >= 0, got -1"),
    "a matrix": ({"seed": np.ones((2, 2)).view(np.matrix)}, "seed must be an integer >= 0"),
    "nodes": ({"nodes": 1.5}, "nodes must be an integer >= 0, got 1.5"),
}


@pytest.mark.parametrize(("named", "said"), POLAR.values(), ids=POLAR)
def test_a_polar_refuses_a_wrong_keyword_with_its_value(named, said):
    with pytest.raises(InputError, match=said):
        RankOne("l2+", "l2").polar(TABLE, **named)


def test_verify_refuses_an_unknown_tier_and_a_missing_file(tmp_path):
    certificate = check(ASKED, (U, V)).certificate
    with pytest.raises(
        InputError, match="tier must be one of exact, rounded, checked, got 'quick'"
    ):
        verify(certificate, ASKED, (U, V), tier="quick")
    with pytest.raises(InputError, match=r"cannot read .*no\.cert: No such file"):
        verify(tmp_path / "no.cert", ASKED, (U, V))


@pytest.mark.parametrize("seed", [-1, "x", 1.5, None])
def test_check_refuses_a_wrong_seed_with_its_value(seed):
    Y = np.random.default_rng(0).standard_normal((5, 6))
    hard = Problem(Squared(Y), RankOne("l2+", "l2+"), 0.25)
    with pytest.raises(InputError, match="seed must be"):
        check(hard, (np.ones((5, 1)), np.ones((6, 1))), seed=seed)
