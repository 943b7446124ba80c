"""The kernel accepts honest certificates and names what is wrong with others."""

import json
import shutil
import subprocess
import sys
from array import array
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from certify import Problem, check
from certify.atoms import RankOne
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel import claim
from certify.kernel import verdict as kernel_verdict
from certify.kernel.arrays import Array, Arrays, dyadic, filled, squares_exactly
from certify.kernel.claim import main
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.file import File, digest, read, seal, tensors
from certify.kernel.rules.floor import floor
from certify.kernel.rules.matrices import POLAR_RULES
from certify.kernel.rules.witness import meets
from certify.kernel.scalars import power, root
from certify.kernel.statement import point, question
from certify.kernel.values import objective, thetas
from certify.losses import Squared
from certify.norms import L2
from certify.pipeline.certificate.file import Certificate, as_numpy
from tests.golden import KERNEL
from tests.kernel_cases import PROBLEMS, honest, zero

CASES = honest()
EACH = pytest.mark.parametrize("name", CASES)
TIERS = {"exact": Exact, "flint": Flint, "rounded": Rounded}


def certificate(name):
    return CASES[name][3].certificate


def prove(  # noqa: PLR0913  one for each part of a certificate
    cert, ar=None, *, statement=None, given=None, proof=None, witness=None
):
    return kernel_verdict.prove(
        cert.statement | (statement or {}),
        cert.given | (given or {}),
        cert.proof | (proof or {}),
        cert.witness | (witness or {}),
        ar,
    )


def numbers(*values, shape=None):
    return Array(shape or (len(values),), array("d", values))


def like(a, value):
    return filled(a.shape, value)


@pytest.mark.thorough
@EACH
def test_three_arithmetics_prove_the_same(name):
    cert = certificate(name)
    outcomes = {tier: prove(cert, make()) for tier, make in TIERS.items()}
    exact = outcomes["exact"]
    assert outcomes["flint"] == exact
    rounded = outcomes["rounded"]
    assert rounded.verdict == exact.verdict
    if "conic" not in exact.rules:  # whose factors are stored coarsely; floats make their own
        assert rounded.lower <= exact.lower + exact.upper / 2**40
    assert exact.lower - exact.upper / 2**20 <= rounded.lower <= exact.upper
    assert exact.upper <= rounded.upper <= exact.upper * (1 + Fraction(1, 2**40))
    assert rounded.rules == exact.rules


@pytest.mark.sampled(4)
@EACH
def test_bracket_holds_the_better_factors(name):
    outcome = prove(certificate(name))
    assert 0 <= outcome.lower <= outcome.upper
    if outcome.better is not None:
        assert outcome.lower <= outcome.better < outcome.upper


@pytest.mark.thorough
def test_every_rule_and_verdict_is_exercised():
    outcomes = [prove(certificate(name)) for name in CASES]
    rules = {rule for outcome in outcomes for rule in outcome.rules}
    assert rules == {*POLAR_RULES, "weak_duality", "ky_fan", "blocks"}
    verdicts = {outcome.verdict for outcome in outcomes}
    assert verdicts == {"CERTIFIED", "REFUTED", "RANK_LIMITED"}


# --- lies: (case, what is changed, where it is noticed, code) --------------------------

Y0 = CASES["plain/best"][3].certificate.given["Y"]
OBSERVED = len(CASES["masked/poor"][3].certificate.given["Y"].data)
SAME = Array((OBSERVED,), array("q", [0] * OBSERVED))
MASKED = {k: CASES["masked/poor"][3].certificate.given[k].data for k in ("rows", "cols")}


def listed(name, **changes):
    """Return the masked case's rows or columns with other numbers in some places."""
    data = array("q", MASKED[name])
    for at, value in changes.items():
        data[int(at.removeprefix("k"))] = value
    return {"given": {name: Array((OBSERVED,), data)}}


SWAPPED = {"rows": Array((OBSERVED,), array("q", MASKED["rows"][::-1]))}
NEGATIVE = filled((91,), -1.0)  # entries of a symmetric matrix of 6 + 5 + 2 rows
LIES = [
    ("plain/best", {"statement": {"format": "certify/9"}}, "statement.format", "version"),
    ("plain/best", {"statement": {"robust": True}}, "statement", "fields"),
    (
        "plain/best",
        {"statement": {"atom": {"kind": "rank_one", "left": "l2", "right": "l2", "rho": "0x1p0"}}},
        "statement.atom",
        "fields",
    ),
    ("plain/best", {"statement": {"atom": ["rank_one"]}}, "statement.atom", "json"),
    ("plain/best", {"statement": {"offsets": {}}}, "statement.offsets", "list"),
    ("plain/best", {"statement": {"offsets": ["row"]}}, "statement.offsets[0]", "json"),
    ("plain/best", {"given": {"ridge0": like(Y0, 1.0)}}, "statement.arrays", "unknown"),
    ("plain/best", {"given": {"left.weights": like(Y0, 1.0)}}, "statement.arrays", "unknown"),
    ("plain/best", {"statement": {"loss": "magic"}}, "statement.loss", "unknown"),
    ("plain/best", {"statement": {"claim": "beautiful"}}, "statement.claim", "unknown"),
    ("plain/best", {"statement": {"lam": "-0x1p2"}}, "statement.lam", "sign"),
    ("plain/best", {"statement": {"lam": "0x0p0"}}, "statement.lam", "sign"),
    ("plain/best", {"statement": {"lam": "4.0"}}, "statement.lam", "number"),
    ("plain/best", {"statement": {"lam": "0x1p9999"}}, "statement.lam", "number"),
    ("plain/best", {"statement": {"lam": "0xnope"}}, "statement.lam", "number"),
    ("plain/best", {"statement": {"lam": None}}, "statement.lam", "null"),
    ("plain/best", {"statement": {"rtol": "-0x1p-3"}}, "statement.rtol", "sign"),
    ("plain/best", {"statement": {"shape": [6]}}, "statement.shape", "shape"),
    ("plain/best", {"statement": {"shape": [6, 0]}}, "statement.shape", "shape"),
    ("plain/best", {"statement": {"shape": [5, 6]}}, "statement.U", "shape"),
    ("plain/best", {"statement": {"observed": "some"}}, "statement.observed", "unknown"),
    ("plain/best", {"statement": {"atom": {"kind": "magic"}}}, "statement.kind", "unknown"),
    ("plain/best", {"statement": {"atom": None}}, "statement.atom", "null"),
    (
        "plain/best",
        {"statement": {"offsets": [{"kind": "magic"}]}},
        "statement.offsets[0]",
        "unknown",
    ),
    ("plain/best", {"statement": {"q": "guessed"}}, "statement.q", "unknown"),
    ("plain/best", {"given": {"Y": numbers(1.0)}}, "statement.Y", "shape"),
    (
        "plain/best",
        {"given": {"Y": replace(Y0, data=array("q", [0] * 30))}},
        "statement.Y",
        "dtype",
    ),
    ("plain/best", {"given": {"Y": replace(Y0, data=array("d", [0.0]))}}, "statement.Y", "length"),
    ("plain/best", {"given": {"Y": like(Y0, float("nan"))}}, "statement.Y", "finite"),
    ("plain/best", {"given": {"V": filled((5, 9), 1.0)}}, "statement.V", "shape"),
    ("plain/best", {"proof": {"polar": {"rule": "magic"}}}, "proof.polar.rule", "unknown"),
    ("plain/best", {"proof": {"polar": {"rule": "lines"}}}, "proof.polar.rule", "wrong_rule"),
    (
        "plain/best",
        {"proof": {"polar": {"rule": "spectral", "axis": 1, "shift": "x"}}},
        "proof.polar.shift",
        "number",
    ),
    (
        "plain/best",
        {"proof": {"polar": {"rule": "spectral", "axis": 1, "shift": "1/3"}}},
        "proof.polar.shift",
        "dyadic",
    ),
    (
        "plain/best",
        {"proof": {"polar": {"rule": "spectral", "axis": 0}}},
        "proof.polar.axis",
        "axis",
    ),
    (
        "plain/best",
        {"proof": {"polar": {"rule": "spectral", "axis": []}}},
        "proof.polar.axis",
        "axis",
    ),
    ("plain/best", {"proof": {"polar": ["spectral"]}}, "proof.polar", "json"),
    ("plain/best", {"statement": {"shape": [6, 1 << 40]}}, "budget", "limit"),
    ("plain/best", {"witness": {"L": numbers(1.0, 2.0)}}, "proof.L", "shape"),
    ("plain/best", {"witness": {"L": filled((5, 3), 1.0)}}, "proof.L", "shape"),
    ("plain/best", {"witness": {"N": like(Y0, 1.0)}}, "proof.N", "wrong_rule"),
    ("plain/best", {"witness": {"M": filled((5, 5), 0.0)}}, "proof.M", "wrong_rule"),
    ("plain/best", {"witness": {"W": numbers(1.0)}}, "proof.W", "shape"),
    ("plain/best", {"proof": {"corrections": {}}}, "proof.W.corrections", "list"),
    ("plain/best", {"proof": {"corrections": [[1]]}}, "proof.W.corrections", "pair"),
    ("plain/best", {"proof": {"corrections": [[99, "1"]]}}, "proof.W.corrections", "outside"),
    ("plain/best", {"proof": {"corrections": [[0, "1/0"]]}}, "proof.W.corrections", "number"),
    (
        "plain/best",
        {"proof": {"corrections": [[0, "1"], [0, "2"]]}},
        "proof.W.corrections",
        "order",
    ),
    ("nonnegative/poor", {"witness": {"N0": NEGATIVE}}, "proof.N0", "sign"),
    ("one_sign/poor", {"witness": {"N": like(Y0, 0.0)}}, "proof.N", "wrong_rule"),
    ("masked/poor", {"given": {"rows": SAME, "cols": SAME}}, "statement.rows", "order"),
    ("masked/poor", {"given": SWAPPED}, "statement.rows", "order"),
    ("masked/poor", listed("cols", k1=MASKED["cols"][0]), "statement.rows", "order"),
    ("masked/poor", listed("rows", k0=-1), "statement.rows", "outside"),
    ("masked/poor", listed("rows", **{f"k{OBSERVED - 1}": 6}), "statement.rows", "outside"),
    ("masked/poor", listed("cols", k0=-1), "statement.rows", "outside"),
    ("masked/poor", listed("cols", k3=5), "statement.rows", "outside"),
    ("nonnegative/poor", {"given": {"U": filled((6, 1), -1.0)}}, "statement.U", "sign"),
    ("one_sign/poor", {"witness": {"M": filled((5, 5), -1.0)}}, "proof.M", "sign"),
    (
        "one_sign/poor",
        {"witness": {"M": numbers(*range(25), shape=(5, 5))}},
        "proof.M",
        "symmetric",
    ),
    (
        "masked/poor",
        {"given": {"rows": Array((30,), array("q", [0] * 30))}},
        "statement.cols",
        "shape",
    ),
    ("weighted/poor", {"given": {"weights": like(Y0, 0.0)}}, "statement.weights", "sign"),
    ("column/poor", {"witness": {"W": like(Y0, 1.0)}}, "proof.W", "orthogonal"),
    ("column/poor", {"witness": {"floor.W": like(Y0, 1.0)}}, "proof.floor.W", "orthogonal"),
    ("row/poor", {"witness": {"W": like(Y0, 1.0)}}, "proof.W", "orthogonal"),
    ("intercept/poor", {"witness": {"W": like(Y0, 1.0)}}, "proof.W", "orthogonal"),
    ("linear/poor", {"proof": {"corrections": []}}, "proof.W", "orthogonal"),
    ("column/poor", {"witness": {"q0": numbers(1.0)}}, "statement.q0", "shape"),
    ("given_q", {"given": {"q0": numbers(1.0)}}, "statement.q0", "shape"),
    (
        "ridge/poor",
        {"statement": {"offsets": [{"kind": "row", "ridge": "-0x1p0"}]}},
        "statement.offsets[0].ridge",
        "sign",
    ),
    (
        "plain/short",
        {"witness": {"better.U": filled((6, 9), 1.0)}},
        "proof.better.V",
        "shape",
    ),
    (
        "rank/poor",
        {
            "witness": {
                "better.U": filled((6, 2), 1.0),
                "better.V": filled((5, 2), 1.0),
            }
        },
        "proof.better",
        "size",
    ),
    (
        "rank/best",
        {"proof": {"ky_fan": {"axis": 1, "shift": "1/7"}}},
        "proof.ky_fan.shift",
        "dyadic",
    ),
    ("rank_means/best", {"witness": {"mu.q0": numbers(0.0)}}, "proof.mu.q0", "shape"),
]


@pytest.mark.parametrize(("name", "lie", "where", "code"), LIES)
@pytest.mark.parametrize("tier", TIERS)
def test_lie_is_rejected_for_its_own_reason(name, lie, where, code, tier):
    with pytest.raises(RejectedError) as caught:
        prove(certificate(name), TIERS[tier](), **lie)
    assert (caught.value.where, caught.value.code) == (where, code)


def test_missing_arrays_are_named():
    cert = certificate("plain/best")
    with pytest.raises(RejectedError, match=r"statement\.V: missing"):
        kernel_verdict.prove(
            cert.statement, {k: a for k, a in cert.given.items() if k != "V"}, {}, {}
        )


WEAKER = {
    "no factor": {"L": None},
    "zero factor": {"L": numbers(*[0.0] * 15)},
    "huge factor": {"L": numbers(*[1e9] * 15)},
    "no dual point": {"W": None},
    "zero dual point": {"W": like(Y0, 0.0)},
    "huge dual point": {"W": like(Y0, 1e9)},
    "wrong sign": {"W": like(Y0, -1.0)},
}


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("weaker", WEAKER)
def test_bad_witness_weakens_the_bound_and_nothing_else(weaker, tier):
    cert = certificate("plain/best")
    best = prove(cert, TIERS[tier]())
    witness = {k: a for k, a in {**cert.witness, **WEAKER[weaker]}.items() if a is not None}
    ar = TIERS[tier]()
    outcome = kernel_verdict.prove(cert.statement, cert.given, cert.proof, witness, ar)
    assert outcome.upper == best.upper
    assert outcome.lower <= best.lower + (best.upper / 2**30 if "factor" in weaker else 0)
    if not (tier == "rounded" and "factor" in weaker):  # it factorizes for itself
        assert outcome.verdict == "UNDECIDED"


def test_small_shift_is_no_bound():
    cert = certificate("plain/best")
    polar = cert.proof["polar"] | {"shift": "1/1"}
    for make in TIERS.values():
        outcome = prove(cert, make(), proof={"polar": polar}, witness={"L": numbers(*[0.0] * 15)})
        assert outcome.lower < prove(cert).lower


def test_without_its_floor_a_candidate_with_found_offsets_is_not_refuted():
    cert = certificate("column/poor")
    assert prove(cert).verdict == "REFUTED"
    witness = {k: a for k, a in cert.witness.items() if k != "floor.W"}
    outcome = kernel_verdict.prove(cert.statement, cert.given, cert.proof, witness)
    assert outcome.verdict == "UNDECIDED"


def test_better_factors_that_are_not_better_do_not_refute():
    cert = certificate("plain/short")
    assert prove(cert).verdict == "RANK_LIMITED"
    same = {"better.U": cert.given["U"], "better.V": cert.given["V"]}
    assert prove(cert, witness=same).verdict == "UNDECIDED"


def test_better_factors_within_epsilon_do_not_refute():
    cert = certificate("plain/short")
    witness = {k: a for k, a in cert.witness.items() if k != "W"}
    for rtol, verdict in ((2.0**-20, "RANK_LIMITED"), (0.5, "UNDECIDED")):
        statement = cert.statement | {"rtol": rtol.hex()}
        outcome = kernel_verdict.prove(statement, cert.given, cert.proof, witness)
        assert (outcome.verdict, outcome.lower) == (verdict, 0)


def corrected(cert, share, lam):
    """Prove from W + C = 2 share Y, one half in floats and one half in corrections."""
    half = [share * y for y in cert.given["Y"].data]
    pairs = enumerate(map(Fraction, half))
    listed = [[k, f"{'-' * (c < 0)}{abs(c.numerator):x}/{c.denominator:x}"] for k, c in pairs]
    statement = {"lam": lam.hex()}
    return prove(
        replace(cert, witness={k: a for k, a in cert.witness.items() if k != "L"}),
        statement=statement,
        proof={"corrections": listed},
        witness={"W": replace(cert.given["Y"], data=array("d", half))},
    )


def test_corrections_count_in_the_dual_value_and_in_the_polar():
    cert = certificate("plain/best")
    size = squares_exactly(cert.given["Y"].data)
    outcome = corrected(cert, 0.75, 2.0**20)  # polar(1.5 Y) <= lam: d = 1.5 |Y|^2 - 1.125 |Y|^2
    assert outcome.lower == size * Fraction(3, 8)
    honest_lower = prove(cert).upper
    assert corrected(cert, 0.5, 10.0).lower < honest_lower  # unscaled, d(Y) = |Y|^2 / 2 is false


def test_floor_is_the_best_value_over_the_offsets():
    cert = certificate("column/poor")
    asked = question(cert.statement, cert.given)
    ar, arrays = Exact(), Arrays(cert.witness, "proof")
    upper = objective(
        ar,
        asked,
        point(Arrays({**cert.witness, **cert.given}, "statement"), "", asked),
    )
    low = floor(ar, asked, Evidence(cert.proof, arrays), upper)
    field = ar.subtract(ar.load(asked.Y), ar.outer_sum(asked.factors, asked.at))
    left = ar.squares(field, None).lo - ar.sums(field, "column", asked.at).lo / asked.at.m
    best = left / 2 + asked.lam * thetas(asked, asked.factors).lo
    assert best * (1 - Fraction(1, 2**30)) <= low <= best


# --- the rank claim ---------------------------------------------------------------------


def test_rank_bound_does_not_depend_on_the_means_of_the_proof():
    problem = PROBLEMS["rank_means"]
    cert = check(problem, zero(problem)).certificate  # rank 0: the bound is 1/2 |PYP'|^2
    honest_lower = prove(cert).lower
    for name, size in (("mu.q0", 6), ("mu.q1", 5)):
        outcome = prove(cert, witness={name: filled((size,), 0.0)})
        assert outcome.lower == honest_lower > 0


def test_rank_claim_without_a_witness_proves_the_trivial_bound():
    cert = certificate("rank/best")
    outcome = kernel_verdict.prove(cert.statement, cert.given, {}, {})
    assert (outcome.verdict, outcome.lower, outcome.rules) == ("UNDECIDED", 0, ("trivial",))


# --- numbers -----------------------------------------------------------------------------


@given(st.fractions(min_value=0))
def test_root_encloses_the_square_root(x):
    r = root(x)
    assert r.lo**2 <= x <= r.hi**2
    assert r.hi - r.lo <= r.hi / 2**100


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_dyadic_is_exact(values):
    ints, e = dyadic(values)
    assert [Fraction(x) * power(e) for x in ints] == [Fraction(v) for v in values]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_flint_loads_the_same_numbers(values):
    grid = Flint().load(numbers(*values))
    assert [Fraction(x) * power(grid.exp) for x in grid.ints] == [Fraction(v) for v in values]


# --- the file -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("kernel") / "x.cert"
    certificate("plain/short").save(path)
    return path


def alone(*arguments):
    """Run the kernel by itself, as a third person would."""
    command = [sys.executable, "-I", "-S", str(KERNEL), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_kernel_runs_alone_and_says_what_it_proved(saved):
    done = alone(saved)
    assert done.returncode == 14
    assert done.stdout.startswith("VERIFIED RANK_LIMITED")
    assert '"lam": "10.0"' in done.stdout


def test_kernel_takes_the_readers_own_arrays(saved, tmp_path):
    cert = certificate("plain/short")
    mine = tmp_path / "mine.safetensors"
    arrays = {k: np.frombuffer(a.data).reshape(a.shape) for k, a in cert.given.items()}
    save_file(arrays, mine)
    bare = tmp_path / "bare.cert"
    cert.save(bare, data=False)
    assert alone(bare, mine).returncode == 14
    assert alone(bare).returncode == 20
    save_file(arrays | {"Y": arrays["Y"] + 2.0**-40}, mine)
    done = alone(saved, mine)
    assert done.returncode == 20
    assert "statement.arrays.Y.sha256: question" in done.stdout


def test_kernel_alone_rejects_nonsense(tmp_path):
    assert alone().returncode == 2
    assert alone(tmp_path / "absent").returncode == 20
    (tmp_path / "text").write_text("hello")
    done = alone(tmp_path / "text")
    assert (done.returncode, done.stdout[:12]) == (20, "NOT VERIFIED")


def test_main_in_process(saved, capsys):
    assert main([str(saved)]) == 14
    assert main([str(saved), str(saved)]) == 20
    assert "NOT VERIFIED" in capsys.readouterr().out


@pytest.mark.thorough
def test_every_flipped_byte_is_rejected(saved, tmp_path):
    blob = saved.read_bytes()
    path = tmp_path / "flipped.cert"
    for k in range(len(blob)):
        changed = bytearray(blob)
        changed[k] ^= 1 << (k % 8)
        path.write_bytes(changed)
        with pytest.raises(RejectedError):
            claim.check(file := read(path), file.given)


def test_every_truncation_is_rejected(saved, tmp_path):
    blob = saved.read_bytes()
    path = tmp_path / "short.cert"
    for k in range(0, len(blob), 7):
        path.write_bytes(blob[:k])
        with pytest.raises(RejectedError):
            read(path)
    path.write_bytes(blob + b"\0" * 8)
    with pytest.raises(RejectedError, match="trailing"):
        read(path)


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("seed", range(200))
def test_resealed_damage_to_a_witness_never_proves_something_false(seed):
    rng = np.random.default_rng(seed)
    cert = certificate(list(CASES)[seed % len(CASES)])
    witness = dict(cert.witness)
    name = rng.choice(sorted(witness))
    data = array("d", witness[name].data)
    k = int(rng.integers(len(data))) if len(data) else 0
    raw = bytearray(data.tobytes())
    if raw:
        raw[8 * k + int(rng.integers(8))] ^= 1 << int(rng.integers(8))
    witness[name] = replace(witness[name], data=array("d", bytes(raw)))
    honest_outcome = prove(cert)
    best = min(x for x in (honest_outcome.better, honest_outcome.upper) if x is not None)
    try:
        outcome = kernel_verdict.prove(cert.statement, cert.given, cert.proof, witness)
    except RejectedError:
        return
    assert outcome.lower <= best
    if honest_outcome.verdict != "CERTIFIED":
        assert outcome.verdict != "CERTIFIED" or outcome.upper - best <= outcome.upper / 10**6


def header_of(**entries):
    return json.dumps(entries).encode()


def write(path, header, body=b""):
    path.write_bytes(len(header).to_bytes(8, "little") + header + body)
    return path


HEADERS = [
    (b"{}", b"", "not a certificate"),
    (b"[]", b"", "json"),
    (b"{nope", b"", "json"),
    (b'{"a": NaN}', b"", "number"),
    (b'{"a": 1, "a": 2}', b"", "duplicate"),
    (b'{"__metadata__": 3}', b"", "metadata"),
    (b'{"a": 3}', b"", "header"),
    (header_of(a={"dtype": "F16", "shape": [1], "data_offsets": [0, 4]}), b"0" * 4, "dtype"),
    (header_of(a={"dtype": "F64", "shape": 1, "data_offsets": [0, 8]}), b"0" * 8, "shape"),
    (header_of(a={"dtype": "F64", "shape": [-1], "data_offsets": [0, 8]}), b"0" * 8, "shape"),
    (header_of(a={"dtype": "F64", "shape": [2], "data_offsets": [0, 8]}), b"0" * 8, "shape"),
    (header_of(a={"dtype": "F64", "shape": [1], "data_offsets": [8, 16]}), b"0" * 16, "offsets"),
    (header_of(a={"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}), b"", "truncated"),
    (
        header_of(a={"dtype": "F64", "shape": [10**12], "data_offsets": [0, 8 * 10**12]}),
        b"",
        "truncated",
    ),
    (header_of(a={"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}), b"0" * 16, "trailing"),
    (header_of(__metadata__={"certify": 3}), b"", "not a certificate"),
    (header_of(__metadata__={"certify": "[]"}), b"", "json"),
    (header_of(__metadata__={"certify": "{}"}), b"", "json"),
    (
        header_of(
            __metadata__={
                "certify": '{"statement": {"format": "certify/2"}, "claim": {}, "proof": {}}'
            }
        ),
        b"",
        "version",
    ),
    (
        header_of(
            __metadata__={
                "certify": '{"statement": {"format": "certify/3"}, "claim": {}, "proof": {}}'
            }
        ),
        b"",
        "digest",
    ),
    (b'{"a": ' + b"[" * 100000 + b"]" * 100000 + b"}", b"", "json"),
]


@pytest.mark.parametrize(("header", "body", "code"), HEADERS)
def test_bad_header_is_rejected_by_name(header, body, code, tmp_path):
    with pytest.raises(RejectedError) as caught:
        read(write(tmp_path / "x.cert", header, body))
    assert caught.value.code == code


def test_header_longer_than_the_file_is_not_read(tmp_path):
    path = tmp_path / "x.cert"
    path.write_bytes((1 << 60).to_bytes(8, "little") + b"{}")
    with pytest.raises(RejectedError, match="not a certificate"):
        read(path)


def sealed(cert, path, *, names=None, **parts):
    """Write a forged certificate whose seal is right."""
    head = {"statement": cert.statement, "claim": cert.claim, "proof": cert.proof} | parts
    arrays = names or {
        **{f"question.{k}": a for k, a in cert.given.items()},
        **{f"proof.{k}": a for k, a in cert.witness.items()},
    }
    head["seal"] = seal(head["statement"], head["claim"], head["proof"], arrays)
    held = {k: as_numpy(a) for k, a in arrays.items()}
    save_file(held, path, {"certify": json.dumps(head)})
    return path


def test_array_of_neither_part_is_rejected(tmp_path):
    cert = certificate("plain/best")
    path = sealed(cert, tmp_path / "x.cert", names={"other": cert.given["Y"]})
    with pytest.raises(RejectedError, match=r"file: unknown"):
        read(path)


def test_statement_without_digests_is_rejected(tmp_path):
    cert = certificate("plain/best")
    statement = {k: v for k, v in cert.statement.items() if k != "arrays"}
    file = read(sealed(cert, tmp_path / "x.cert", statement=statement))
    with pytest.raises(RejectedError, match=r"statement\.arrays: missing"):
        claim.check(file, file.given)


def test_claim_beyond_the_proof_is_rejected(tmp_path):
    cert = certificate("plain/short")
    path = sealed(cert, tmp_path / "x.cert", claim={"verdict": "CERTIFIED", "tier": "exact"})
    file = read(path)
    with pytest.raises(RejectedError) as caught:
        claim.check(file, file.given)
    assert (caught.value.where, caught.value.code) == ("claim.verdict", "not proved")


def test_certificate_round_trip(saved):
    cert = Certificate.load(saved)
    outcome = claim.check(
        File(cert.statement, cert.given, cert.claim, cert.proof, cert.witness), cert.given
    )
    assert outcome.verdict == cert.verdict == "RANK_LIMITED"


def test_big_endian_machines_read_the_same_digest(monkeypatch):
    a = numbers(1.0, -2.5)
    little = digest(a)
    swapped = array("d", a.data)
    swapped.byteswap()
    monkeypatch.setattr(sys, "byteorder", "big")
    assert digest(Array(a.shape, swapped)) == little


def test_big_endian_machines_read_the_same_numbers(monkeypatch, saved):
    here = tensors(saved)[0]["question.Y"]
    monkeypatch.setattr(sys, "byteorder", "big")
    there = tensors(saved)[0]["question.Y"]
    there.data.byteswap()
    assert there.data == here.data


def test_a_copy_of_the_kernel_stands_alone(tmp_path, saved):
    copy = tmp_path / "copy"
    shutil.copytree(KERNEL, copy)
    command = [sys.executable, "-I", "-S", str(copy), str(saved)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 14


def test_nothing_of_the_question_is_cut_off_when_it_is_printed(capsys, tmp_path):
    signs = "+*" * 1200
    problem = Problem(Squared(np.ones((2400, 1))), RankOne(L2(cone=signs), "l2"), 64.0)
    result = check(problem, (np.zeros((2400, 0)), np.zeros((1, 0))), rtol=0.25)
    result.certificate.save(tmp_path / "x.cert")
    assert main([str(tmp_path / "x.cert")]) == 0
    told = capsys.readouterr().out
    assert '"lam": "64.0", "rtol": "0.25"' in told
    assert "(2400 signs, sha256 " in told
    assert signs not in told


@pytest.mark.parametrize("x", [-2.0, 3.0])
@pytest.mark.parametrize("a", "*+-0")
@pytest.mark.parametrize("b", "*+-0")
def test_a_multiplier_meets_a_product_that_has_its_sign_on_both_cones(x, a, b):
    points = {"*": (-1, 0, 1), "+": (0, 1), "-": (-1, 0), "0": (0,)}
    least = min(x * u * v for u in points[a] for v in points[b])
    assert meets(x, a, b) is (least >= 0)
