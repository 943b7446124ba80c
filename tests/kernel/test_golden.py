"""The kernel still proves what it proved of every stored certificate, and nothing else."""

import re
import subprocess
import sys

import pytest

from certify.kernel import file
from certify.kernel.losses import LOSSES
from certify.kernel.norms import NORMS
from certify.kernel.offsets import OFFSETS
from certify.kernel.rules.matrices import POLAR_RULES
from certify.kernel.rules.polar import TENSOR_RULES
from certify.kernel.statement import CLAIMS, FORMAT, KINDS
from certify.kernel.verdict import EXITS
from tests import golden

NAMES = golden.names()
NUMBER = r"[-+.\de]+"
HEAD = re.compile(rf"VERIFIED (\w+)  ({NUMBER}) <= optimum, candidate <= ({NUMBER})")
NETWORK_RULES = {"linear", "max_pool", "network", "outputs"}
RANK_RULES = {"blocks", "ky_fan", "trivial", "weak_duality"}


def stored(name):
    return (golden.HERE / f"{name}.out").read_text(encoding="ascii")


def certificate(name):
    return golden.HERE / f"{name}.cert"


def read(text):
    """Return the verdict and both ends of what the kernel printed."""
    found = HEAD.match(text)
    assert found, text
    return found[1], float(found[2]), float(found[3])


@pytest.mark.parametrize("name", NAMES)
def test_the_kernel_proves_what_it_proved(name):
    status, text = golden.answer(certificate(name))
    assert read(text) == read(stored(name))
    assert status == EXITS[read(text)[0]]


def test_the_kernel_alone_prints_the_same():
    command = [sys.executable, "-I", "-S", golden.KERNEL, certificate("conic")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, stored("conic"), "")


@pytest.mark.parametrize("name", NAMES)
def test_a_byte_of_a_certificate_that_changes_is_noticed(name, tmp_path):
    blob = bytearray(certificate(name).read_bytes())
    blob[-1] ^= 1
    path = tmp_path / "changed.cert"
    path.write_bytes(bytes(blob))
    status, text = golden.answer(path)
    assert status == 20
    assert text.startswith("NOT VERIFIED")


EARLIER = sorted(golden.EARLIER.glob("*.cert"))


@pytest.mark.parametrize("path", EARLIER, ids=[path.stem for path in EARLIER])
def test_an_earlier_format_is_refused_by_its_version(path):
    version = golden.format_of(path)
    assert version != FORMAT
    status, text = golden.answer(path)
    assert status == 20
    assert text.startswith("NOT VERIFIED  statement.format: ")
    assert version in text


def test_there_is_a_certificate_of_an_earlier_format():
    assert EARLIER


def used(name):
    """Return the rules that proved a stored certificate."""
    return {*stored(name).rsplit("  by ", 1)[1].strip().split(", ")}


def statements():
    return [file.read(certificate(name)).statement for name in NAMES]


def kind(stated):
    return stated if isinstance(stated, str) else stated["kind"]


def norms(atom):
    """Return the names of an atom's norms, without their signs."""
    told = atom.get("norms", [atom[k] for k in ("left", "right") if k in atom])
    return {n.rstrip("+-") if isinstance(n, str) else n["norm"] for n in told}


def test_every_rule_has_a_stored_certificate():
    found = {
        (kind(s["atom"]), rule)
        for n, s in zip(NAMES, statements(), strict=True)
        for rule in used(n)
    }
    rules = {rule for _, rule in found}
    assert rules >= {*POLAR_RULES, *TENSOR_RULES, *NETWORK_RULES, *RANK_RULES}
    assert {rule for kind_, rule in found if kind_ == "relu"} >= NETWORK_RULES
    assert {kind_ for kind_, rule in found if rule == "linear"} == {"relu", "deep_linear"}
    assert ("deep_relu", "layers") in found


def test_every_rule_of_the_page_has_a_stored_certificate():
    page = (golden.KERNEL / "SPEC.md").read_text(encoding="utf-8")
    table = page.split("## Rules", 1)[1].split("\n#", 1)[0]
    listed = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert len(listed) > 10
    assert listed <= {rule for name in NAMES for rule in used(name)}


def test_the_page_says_where_every_module_belongs():
    page = (golden.KERNEL / "SPEC.md").read_text(encoding="utf-8")
    table = page.split("| part of this page |", 1)[1].split("\n\n", 1)[0]
    made = {path.stem for path in golden.KERNEL.iterdir() if path.suffix == ".py" or path.is_dir()}
    made = {name for name in made if not name.startswith("__")} - {"rules"}
    assert made == {name for name in re.findall(r"`([\w/]+)`", table) if "/" not in name}


def test_every_verdict_has_a_stored_certificate():
    assert {read(stored(name))[0] for name in NAMES} == set(EXITS)


def test_every_loss_offset_and_norm_has_a_stored_certificate():
    told = statements()
    assert {kind(s["loss"]) for s in told} == set(LOSSES)
    assert {o["kind"] for s in told for o in s["offsets"]} == set(OFFSETS)
    assert {kind(s["atom"]) for s in told} == set(KINDS)
    assert {s["claim"] for s in told} == set(CLAIMS)
    assert {n for s in told for n in norms(s["atom"])} == set(NORMS)
    assert {(s["observed"], s["q"]) for s in told} >= {("listed", "given"), ("all", "found")}


def test_the_stored_certificates_are_few_and_small():
    sizes = [certificate(name).stat().st_size for name in NAMES]
    assert sum(sizes) < 2**20
    assert sorted(path.stem for path in golden.HERE.glob("*.out")) == NAMES
