"""The readers: each writes a damaged file, and reads it as the library does."""

import gzip
import io
import json
import shutil
import struct
import tempfile
import zipfile
from array import array
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import scipy.io
import scipy.sparse as sp
from hypothesis import strategies as st
from safetensors.numpy import save

from certify import InputError, Problem, RejectedError, check
from certify.adapters.files import load, load_blocks, load_document
from certify.adapters.files._drafts import draft
from certify.atoms import ReLU
from certify.base.errors import OutOfScopeError
from certify.cli import audit
from certify.cli.audit import _again as again
from certify.cli.audit import _book as book
from certify.kernel import arrays as kernel_arrays
from certify.kernel import claim
from certify.kernel import file as kernel_file
from certify.losses import Squared
from certify.pipeline.certificate.file import Certificate, as_numpy
from certify.pipeline.report import facts, in_words, page
from certify.pipeline.row_blocks.checkpoint import read_head
from tests import question_files
from tests.golden import HERE as GOLDEN

from .edits import ODD, damaged, doubled, edited

Y = np.array([[5.0, 0.0, 1.5], [0.0, 4.0, -2.0]])
SMALL = 10_000
GOOD = [p.read_bytes() for p in sorted(GOLDEN.glob("*.cert")) if p.stat().st_size < SMALL]
MAGIC = [b"PK\3\4", b"\x93NUMPY\1\0", b"MATLAB 5.0", b"%%MatrixMarket ", b"\x1f\x8b", b"\x02\0\0\0"]


class Reader:
    """One file, written anew for each example."""

    name = "x"
    refusals = (InputError, OutOfScopeError, RejectedError)

    def __init__(self, folder):
        self.folder, self.kept = folder, Path(tempfile.gettempdir(), "certify-fuzz")
        self.path = folder / self.name
        self.seeds = self.make()

    def make(self):
        """Return valid contents of the file, after the others beside it are written."""
        raise NotImplementedError

    def change(self, data, blob):
        """Return damaged contents."""
        return damaged(data, blob, self.seeds)

    def write(self, data):
        """Write a damaged file, or random bytes, and return its size."""
        if data.draw(st.integers(0, 19)) == 0:
            blob = data.draw(st.sampled_from([b"", *MAGIC])) + data.draw(st.binary(max_size=300))
        else:
            blob = self.change(data, data.draw(st.sampled_from(self.seeds)))
        self.path.write_bytes(blob)
        return len(blob)

    def warm(self):
        """Read all valid contents."""
        for blob in self.seeds:
            self.path.write_bytes(blob)
            self.read()

    def read(self):
        """Read the file; return what became of it."""
        raise NotImplementedError

    def keep(self, number):
        """Copy the file to where it stays, and return its name."""
        self.kept.mkdir(exist_ok=True)
        place = self.kept / f"{type(self).__name__}-{number}-{self.path.name}"
        shutil.copy(self.path, place)
        return str(place)


TOMLS = [
    """lam = 2.0
[data]
Y = "Y.npy"
[loss]
kind = "huber"
delta = 1.0
[atom]
kind = "rank_one"
left = "l2"
right = { norm = "elastic", alpha = 0.5, cone = "" }
form = "sum"
[factors]
U = "U.npy"
V = { file = "H.npy", transpose = true }
[[offsets]]
kind = "column"
ridge = 1.0
[epsilon]
rtol = 1e-6
atol = 0.5
""",
    """lam = [1.0, 2.0]
q = [[0.5]]
data = { Y = [[5, 0, 1.5], [0, 4, -2]], mask = [[1, 1, 0], [1, 1, 1]], weights = "W.npz:w" }
atom = { kind = "rank_one", left = "l2", right = "l2", form = "sum" }
[[offsets]]
kind = "intercept"
ridge = 1
[factors]
X = ["U.npy", "V.npy"]
[[restarts]]
U = "U.npy"
V = "V.npy"
""",
    """lam = 1
l1 = [0.5, 1]
[data]
Y = { file = "r.csv", columns = ["u", "i", "r"], order = "number", shape = [2, 3], less = 1.0 }
[atom]
kind = "rank_one"
left = { norm = "group", groups = [[0], [1]], outer = "linf" }
right = { norm = "variation", edges = [[0, 1], [1, 2]], rho = 0.5 }
[[offsets]]
kind = "smooth"
edges = [[0, 1]]
rho = 1.0
ridge = 0.5
[factors]
U = "U.npy"
V = "V.npy"
""",
    """lam = 1
[data]
Y = [[[1, 2], [3, 4]], [[0, 1], [1, 0]]]
[atom]
kind = "cp"
norms = ["l2", "l2+", "l1"]
form = "sum"
[factors]
U = [[1], [2]]
V = [[1], [2]]
X2 = [[1], [2]]
""",
    """lam = 1
[data]
Y = [[1], [2]]
[loss]
kind = "squared"
[atom]
kind = "relu"
V = [[1, 2, 3], [0, 1, 0]]
bias = "free"
activation = "leaky_relu"
slope = 0.1
[[offsets]]
kind = "linear"
A = [[1, 0], [0, 1]]
ridge = 1
[factors]
U = [[1], [2], [3], [0]]
V = [[1]]
""",
    """lam = 0.5
[data]
Y = "Y.npy"
[atom]
kind = "deep_relu"
V = "Y.npy"
hidden = [2]
[factors]
U = [[[1], [2]], [[1], [0]], [[0], [1]]]
V = [[[1], [0], [1]], [[0], [1], [1]]]
""",
    """[network]
model = "net.safetensors"
X = [[1.0, 2.0], [0.5, -1.0], [3.0, 1.0]]
y = [[1.0], [0.0], [2.0]]
loss = "huber"
delta = 0.5
weight_decay = [0.1, 0.2]
reduction = "sum"
reported = [1.0, 0.9]
reported_rtol = 10.0
activation = "leaky_relu"
slope = 0.1
""",
    """lam = 100.0
[blocks]
folder = "ratings"
columns = 3
fit = "fit"
rows = "block"
norms = "counts"
[[offsets]]
kind = "row"
ridge = 1.0
""",
]
RATINGS = "u,i,r\n0,0,5\n0,2,1.5\n1,1,4\n1,2,-2\n"
WEIGHTS = {
    "0.weight": np.array([[1.0, 0.5], [0.0, 1.0]]),
    "0.bias": np.array([0.5, 0.0]),
    "2.weight": np.array([[1.0, -1.0]]),
    "2.bias": np.array([0.25]),
}


def beside(folder):
    """Write the files that problem.toml names."""
    for name, x in (("Y", Y), ("U", Y[:, :2]), ("V", Y.T), ("H", Y)):
        np.save(folder / f"{name}.npy", x)
    np.savez(folder / "W.npz", w=np.ones((2, 3)))
    (folder / "r.csv").write_text(RATINGS)
    (folder / "net.safetensors").write_bytes(save(WEIGHTS))
    (folder / "ratings").mkdir(exist_ok=True)
    (folder / "fit").mkdir(exist_ok=True)
    blob = np.arange(3)
    np.savez(folder / "ratings" / "a.npz", rows=blob, cols=blob, data=blob + 0.5)
    np.save(folder / "fit" / "U0.npy", np.ones((3, 1)))
    np.save(folder / "fit" / "V.npy", np.ones((3, 1)))


class ProblemToml(Reader):
    """A problem.toml; the files it names are valid."""

    name = "problem.toml"

    def make(self):
        beside(self.folder)
        return [text.encode() for text in TOMLS]

    def change(self, data, blob):
        """Damage lines: values, keys, tables; or bytes."""
        if data.draw(st.booleans()):
            return super().change(data, blob)
        lines = blob.decode().splitlines()
        every = [k for text in TOMLS for k in text.splitlines()]
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(0, len(lines) - 1))
            kind = data.draw(st.integers(0, 4))
            if kind == 0:
                lines[at] = data.draw(st.sampled_from(every))
            elif kind == 1:
                lines.insert(at, data.draw(st.sampled_from(every)))
            elif kind == 2 and len(lines) > 1:
                del lines[at]
            else:
                value = json.dumps(data.draw(st.sampled_from([x for x in ODD if x is not None])))
                lines[at] = f"{lines[at].partition('=')[0]} = {value}"
        return "\n".join(lines).encode()

    def read(self):
        if (blocks := load_blocks(self.path)) is not None:
            return f"blocks {len(blocks.inputs)}"
        load_document(self.path)
        loaded = load(self.path)
        loaded.problem.objective(loaded.factors, loaded.problem.best_offsets(loaded.factors))
        return "read"


class DataFile(Reader):
    """A file of data; the problem.toml that names it is valid."""

    sources = ()

    def warm(self):
        """Read all valid contents, of which some are text, or no matrix of this shape."""
        read = 0
        question_files.write(self.folder)
        for blob in self.seeds:
            self.path.write_bytes(blob)
            try:
                read += self.read() == "read"
            except self.refusals:
                continue
        assert 2 * read >= len(self.seeds)

    def read(self):
        read, refused = 0, None
        for text in self.sources:
            question = question_files.write(self.folder, data=f"Y = {text}")
            try:
                load(question)
                read += 1
            except self.refusals as error:
                refused = error
        try:
            draft(self.path, [], self.folder)
            read += 1
        except self.refusals as error:
            refused = error
        if refused is not None and not read:
            raise refused
        return "read"


class Csv(DataFile):
    name = "a.csv"
    sources = (
        '"a.csv"',
        '{ file = "a.csv", columns = ["u", "i", "r"], order = "first seen" }',
        '{ file = "a.csv", columns = ["u", "i", "r"], order = "number" }',
        '{ file = "a.csv", columns = ["u", "i", "r"], order = "from 1", shape = [9, 9] }',
    )

    def make(self):
        texts = ["5,0,0\n0,4,0\n", "a,b,c\n5,0,0\n0,4,0\n", ",0,1,2\n0,5,0,0\n1,0,4,0\n", RATINGS]
        texts += [
            "5;0,5;0\n0;4;0\n",
            "u\ti\tr\nx\ty\t1\n",
            "# note\n1 2 3\n",
            '"5","0","0"\n0,4,0\n',
        ]
        texts += ["u;i;r\n1;1;3,5\n2;3;4\n", RATINGS.replace("0,0,5", "77777777,0,5")]
        return [t.encode() for t in texts] + ["\ufeff5,0,0\n0,4,0\n".encode("utf-16")]


class Tsv(Csv):
    name = "a.tsv"
    sources = ('"a.tsv"', '{ file = "a.tsv", columns = ["u", "i", "r"] }')


class Gzip(Csv):
    name = "a.csv.gz"
    sources = ('"a.csv.gz"', '{ file = "a.csv.gz", columns = ["u", "i", "r"] }')

    def make(self):
        return [gzip.compress(b, mtime=0) for b in super().make()]

    def change(self, data, blob):
        if data.draw(st.booleans()):
            return damaged(data, blob, self.seeds)
        plain = damaged(data, gzip.decompress(blob), [RATINGS.encode()])
        return gzip.compress(plain * data.draw(st.sampled_from([1] * 40 + [2_000])), mtime=0)


class Npy(DataFile):
    name = "a.npy"
    sources = ('"a.npy"',)

    def make(self):
        out = []
        for kind in ("<f8", ">f8", "<f4", "<f2", "<i8", "|u1", "|b1", "<U3"):
            for order in "CF":
                buffer = io.BytesIO()
                np.save(buffer, np.asarray(Y, kind, order=order))
                out.append(buffer.getvalue())
        return out

    def change(self, data, blob):
        if data.draw(st.booleans()):
            return damaged(data, blob, self.seeds)
        shape = data.draw(st.lists(st.sampled_from([0, 1, 2, 3, 2**31, 2**62, -1]), max_size=40))
        kind = data.draw(
            st.sampled_from(["<f8", "|O", "<c16", "<f16", "|V8", "<M8[s]", "|S9", "<U0"])
        )
        head = f"{{'descr': '{kind}', 'fortran_order': {data.draw(st.booleans())}, "
        text = damaged(data, f"{head}'shape': {tuple(shape)}, }}\n".encode(), self.seeds)
        return b"\x93NUMPY\1\0" + struct.pack("<H", len(text) % 65536) + text + blob[-48:]


def zipped(members, **how):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **how) as archive:
        for name, blob in members.items():
            archive.writestr(name, blob)
    return buffer.getvalue()


class Npz(DataFile):
    name = "a.npz"
    sources = ('"a.npz"', '"a.npz:Y"', '"a.npz:data"')

    def make(self):
        out = []
        for saved in (sp.csr_array(Y), sp.csc_array(Y), sp.coo_array(Y)):
            buffer = io.BytesIO()
            sp.save_npz(buffer, saved, compressed=len(out) == 1)
            out.append(buffer.getvalue())
        for save_ in (np.savez, np.savez_compressed):
            buffer = io.BytesIO()
            save_(buffer, Y=Y, W=Y[0])
            out.append(buffer.getvalue())
        return out

    def change(self, data, blob):
        """Damage the bytes, or a member, or the numbers of the members."""
        kind = data.draw(st.integers(0, 2))
        if kind == 0:
            return damaged(data, blob, self.seeds)
        with zipfile.ZipFile(io.BytesIO(blob)) as archive:
            members = {n: archive.read(n) for n in archive.namelist()}
        name = data.draw(st.sampled_from([*members]))
        if kind == 1:
            members[name] = damaged(data, members[name], [*members.values()])
        else:
            numbers = [0, 1, -1, 5, 2**20, 2**27, 2**31, 2**40, 2**62, -(2**63)]
            given = data.draw(st.lists(st.sampled_from(numbers), min_size=0, max_size=5))
            wide = data.draw(st.sampled_from(["<i8", "<f8", "<i4", "<U9"]))
            buffer = io.BytesIO()
            with np.errstate(all="ignore"):
                np.save(buffer, np.array(given, "<i8").astype(wide))
            members[name] = buffer.getvalue()
        return zipped(members)


class Safetensors(DataFile):
    name = "a.safetensors"
    sources = ('"a.safetensors:Y"', '"a.safetensors"')

    def make(self):
        kinds = ("<f8", "<f4", "<f2", "<i8", "|u1", "|b1")
        return [save({"Y": np.ascontiguousarray(Y).astype(k), "W": Y}) for k in kinds]

    def change(self, data, blob):
        if data.draw(st.booleans()):
            return damaged(data, blob, self.seeds)
        size = int.from_bytes(blob[:8], "little")
        text = doubled(data, json.dumps(edited(data, json.loads(blob[8 : 8 + size])))).encode()
        return struct.pack("<Q", len(text)) + text + blob[8 + size :]


class Mat(DataFile):
    name = "a.mat"
    sources = ('"a.mat:Y"', '"a.mat"')

    def make(self):
        out = []
        for x in (Y, Y.astype("i4"), sp.csc_array(Y), Y > 0, np.stack([Y, Y]), "text", {"a": Y}):
            for packed in (False, True):
                buffer = io.BytesIO()
                scipy.io.savemat(buffer, {"Y": x}, do_compression=packed)
                out.append(buffer.getvalue())
        return out


class Mtx(DataFile):
    name = "a.mtx"
    sources = ('"a.mtx"',)

    def make(self):
        out = []
        for x in (Y, sp.coo_array(Y), np.asarray(Y, int), sp.coo_array(Y @ Y.T)):
            buffer = io.BytesIO()
            scipy.io.mmwrite(buffer, x)
            out.append(buffer.getvalue())
        return out


class Network(Reader):
    """The weights of a network, in the two formats."""

    name = "net.safetensors"

    def make(self):
        beside(self.folder)
        (self.folder / "problem.toml").write_text(TOMLS[6])
        return [save(WEIGHTS), save({k: x.astype("f4") for k, x in WEIGHTS.items()})]

    def change(self, data, blob):
        return Safetensors.change(self, data, blob)

    def read(self):
        load(self.folder / "problem.toml")
        return "read"


class Onnx(Reader):
    """A graph of ONNX."""

    name = "net.onnx"

    def make(self):
        from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

        beside(self.folder)
        tail = [k for k in TOMLS[6].splitlines() if k.split(" ")[0] not in ("activation", "slope")]
        text = "\n".join(tail).replace("net.safetensors", "net.onnx")
        (self.folder / "problem.toml").write_text(text)
        names = {"A": WEIGHTS["0.weight"].T, "a": WEIGHTS["0.bias"]}
        names |= {"B": WEIGHTS["2.weight"].T, "b": WEIGHTS["2.bias"]}
        nodes = [
            ("Gemm", ["X", "A", "a"], "h"),
            ("Relu", ["h"], "g"),
            ("Gemm", ["g", "B", "b"], "y"),
        ]
        graph = helper.make_graph(
            [helper.make_node(op, ins, [out]) for op, ins, out in nodes],
            "net",
            [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["n", 2])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
            [numpy_helper.from_array(x.astype("f4"), k) for k, x in names.items()],
        )
        return [helper.make_model(graph).SerializeToString()]

    read = Network.read


def resealed(stated, given, said, proof, witness):
    """Return a certificate's bytes with the right seal."""
    arrays = {f"question.{k}": a for k, a in given.items()}
    arrays |= {f"proof.{k}": a for k, a in witness.items()}
    head = {"statement": stated, "claim": said, "proof": proof}
    head["seal"] = kernel_file.seal(stated, said, proof, arrays)
    return save({k: as_numpy(a) for k, a in arrays.items()}, {"certify": json.dumps(head)})


def other_array(data, a):
    """Return an array with other numbers, another shape or another type."""
    draw, flat, code = data.draw, list(a.data), memoryview(a.data).format
    kind = draw(st.integers(0, 3))
    if kind == 0 and flat:
        at = draw(st.integers(0, len(flat) - 1))
        odd = [0, 1, -1, 2**40] if code in "ql" else [0.0, -1.0, 1e300, 5e-324, float("nan"), 2e8]
        flat[at] = draw(st.sampled_from(odd))
    elif kind == 1:
        flat = flat[: draw(st.integers(0, len(flat)))]
        return kernel_arrays.Array((len(flat),), array(code, flat))
    elif kind == 2:
        code = "d" if code in "ql" else "q"
        flat = [int(min(max(x, -9e15), 9e15)) if x == x else 0 for x in flat]  # noqa: PLR0124  NaN
    else:
        shapes = [(*a.shape, 1), a.shape[::-1], (len(flat),), (1, len(flat)), (len(flat), 1)]
        return kernel_arrays.Array(draw(st.sampled_from(shapes)), a.data)
    return kernel_arrays.Array(a.shape, array(code, flat))


class CertificateFile(Reader):
    """A certificate whose JSON and arrays are other ones, with the right seal and digests."""

    name = "x.cert"

    def make(self):
        self.files = []
        for k, blob in enumerate(GOOD):
            (self.folder / f"{k}.cert").write_bytes(blob)
            self.files.append(kernel_file.read(self.folder / f"{k}.cert"))
        return GOOD

    def change(self, data, blob):
        if data.draw(st.integers(0, 3)) == 0:
            return damaged(data, blob, self.seeds)
        f = data.draw(st.sampled_from(self.files))
        parts = {"statement": f.statement, "claim": f.claim, "proof": f.proof}
        arrays = {"given": dict(f.given), "witness": dict(f.witness)}
        for _ in range(data.draw(st.integers(0, 2))):
            held = arrays[data.draw(st.sampled_from([*arrays]))]
            if held:
                name = data.draw(st.sampled_from([*held]))
                kind = data.draw(st.integers(0, 5))
                if kind == 0:
                    del held[name]
                elif kind == 1:
                    held[data.draw(st.sampled_from(["U", "X2", "q0", "W", "rows", "x"]))] = held[
                        name
                    ]
                else:
                    held[name] = other_array(data, held[name])
        stated = {k: kernel_file.identity(a) for k, a in arrays["given"].items()}
        parts["statement"] = f.statement | {"arrays": stated}
        if data.draw(st.integers(0, 3)):
            name = data.draw(st.sampled_from(["statement", "proof", "proof", "claim"]))
            parts[name] = edited(data, parts[name])
        return resealed(
            parts["statement"], arrays["given"], parts["claim"], parts["proof"], arrays["witness"]
        )


class Kernel(CertificateFile):
    """The kernel's own reader, and its command."""

    def read(self):
        with redirect_stdout(io.StringIO()):
            status = claim.main([str(self.path)])
        if status not in (0, 10, 12, 14, 20):
            raise AssertionError(status)
        kernel_file.read(self.path)
        return str(status)


class Exact(CertificateFile):
    """explain and report, in the arithmetic that the certificate claims or another."""

    tier = "exact"

    def read(self):
        certificate = Certificate.load(self.path)
        certificate.summary()
        proof = facts(certificate, self.tier)
        in_words(proof)
        page(proof)
        return proof.verdict.name


class Rounded(Exact):
    tier = "rounded"


class Claimed(Exact):
    tier = None


class Audit(Reader):
    """The folder of an audit, of which one file is damaged."""

    name = "out"

    def make(self):
        question_files.write(self.folder, U=question_files.U[:, :1], V=question_files.V[:, :1])
        (self.folder / "old.cert").write_bytes((GOLDEN / "spectral.cert").read_bytes())
        (self.folder / "audit.toml").write_text(
            '[defaults]\nbudget = 1\n[[model]]\nname = "few"\nproblem = "problem.toml"\n'
            '[[model]]\nname = "old"\ncertificate = "old.cert"\n'
        )
        audit.run(self.folder / "audit.toml", self.folder / "out", jobs=1)
        self.jobs = audit.plan(self.folder / "audit.toml")
        self.members = {
            p.relative_to(self.path): p.read_bytes() for p in self.path.rglob("*") if p.is_file()
        }
        self.last = None
        return [*self.members.values()]

    def warm(self):
        self.read()

    def write(self, data):
        if self.last is not None:
            (self.path / self.last).write_bytes(self.members[self.last])
        self.last = data.draw(st.sampled_from([*self.members]))
        blob = self.members[self.last]
        text = self.last.suffix in (".json", ".lock")
        if text and data.draw(st.integers(0, 3)):
            blob = doubled(data, json.dumps(edited(data, json.loads(blob)))).encode()
        else:
            blob = damaged(data, blob, self.seeds)
        (self.path / self.last).write_bytes(blob)
        return len(blob)

    def read(self):
        for job in self.jobs:
            again.earlier_row(self.path, job)
        for name in self.members:  # earlier_row writes reports
            if name.parts[0] == "reports" and name != self.last:
                (self.path / name).write_bytes(self.members[name])
        given = self.folder if self.last and self.last.name == "audit.lock" else None
        rows = audit.verify(self.path, inputs=given).rows
        json.dumps(rows, allow_nan=False)
        return str(book.worst(rows))

    def keep(self, number):
        self.kept.mkdir(exist_ok=True)
        place = self.kept / f"Audit-{number}-{self.last.name}"
        shutil.copy(self.path / self.last, place)
        return str(place)


class Checkpoint(Reader):
    """A checkpoint of a check(), which goes on from it."""

    name = "x.npz"

    def make(self):
        rng = np.random.default_rng(5)
        X, y = rng.standard_normal((8, 3)), rng.standard_normal((8, 1))
        self.problem = Problem(Squared(y), ReLU(X), 1.0)
        self.factors = rng.standard_normal((3, 2)), rng.standard_normal((1, 2))
        self.path.unlink(missing_ok=True)
        self.read()
        return [self.path.read_bytes()]

    def change(self, data, blob):
        if data.draw(st.integers(0, 3)) == 0:
            return damaged(data, blob, self.seeds)
        with np.load(io.BytesIO(blob)) as stored:
            members = {k: stored[k] for k in stored.files}
        if data.draw(st.booleans()):
            head = json.loads(str(members["head"]))
            head["kept"] = edited(data, head["kept"])
            members["head"] = np.array(doubled(data, json.dumps(head)))
        else:
            name = data.draw(st.sampled_from([k for k in members if k != "head"]))
            x = members[name]
            kind = data.draw(st.integers(0, 3))
            if kind == 0:
                del members[name]
            elif kind == 1:
                members[name] = x[: data.draw(st.integers(0, x.size))]
            elif kind == 2 and x.size:
                x[data.draw(st.integers(0, x.size - 1))] = data.draw(st.sampled_from([0, 1, -1]))
                members[name] = x
            else:
                odd = [np.nan, np.inf, -np.inf, 1e300, 0.0]
                wide = data.draw(st.sampled_from(["<f8", "<f4", "<i8", "|b1", "<U3"]))
                with np.errstate(all="ignore"):
                    members[name] = np.full(x.shape, data.draw(st.sampled_from(odd))).astype(wide)
        buffer = io.BytesIO()
        np.savez(buffer, **members)
        return buffer.getvalue()

    def read(self):
        result = check(self.problem, self.factors, budget=0.3, checkpoint=self.path)
        return result.verdict.name


class BlockHead(Reader):
    """The head of a checkpoint of blocks of rows."""

    name = "checkpoint.json"

    def make(self):
        return [json.dumps({"at": 3, "question": "0" * 64}).encode()]

    def change(self, data, blob):
        if data.draw(st.booleans()):
            return doubled(data, json.dumps(edited(data, json.loads(blob)))).encode()
        return damaged(data, blob, self.seeds)

    def read(self):
        read_head(self.path)
        return "read"


class Blocks(Reader):
    """A block of rows, or its factors, in blocks that check() reads."""

    name = "ratings"

    def make(self):
        beside(self.folder)
        self.toml = self.folder / "problem.toml"
        self.toml.write_text(TOMLS[7])
        names = ["ratings/a.npz", "fit/U0.npy", "fit/V.npy"]
        self.members = {k: (self.folder / k).read_bytes() for k in names}
        self.last = names[0]
        return [*self.members.values()]

    def warm(self):
        self.read()

    def write(self, data):
        (self.folder / self.last).write_bytes(self.members[self.last])
        self.last = data.draw(st.sampled_from([*self.members]))
        blob = self.members[self.last]
        change = Npz.change if self.last.endswith("npz") else Npy.change
        self.path = self.folder / self.last
        blob = change(self, data, blob)
        self.path.write_bytes(blob)
        return len(blob)

    def read(self):
        from certify.pipeline import row_blocks  # noqa: PLC0415

        blocks = load_blocks(self.toml)
        result = row_blocks.check(blocks.table, blocks.factors(), rtol=1e-3)
        return result.verdict.name


READERS = {
    "problem": ProblemToml,
    "csv": Csv,
    "tsv": Tsv,
    "gzip": Gzip,
    "npy": Npy,
    "npz": Npz,
    "safetensors": Safetensors,
    "mat": Mat,
    "mtx": Mtx,
    "network": Network,
    "onnx": Onnx,
    "kernel": Kernel,
    "exact": Exact,
    "rounded": Rounded,
    "claimed": Claimed,
    "audit": Audit,
    "checkpoint": Checkpoint,
    "block head": BlockHead,
    "blocks": Blocks,
}
