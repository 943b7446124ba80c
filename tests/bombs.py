"""Certificates of a few kilobytes that ask for hours or for all memory: each is refused at once.

python -m tests.bombs        the table of CONTRIBUTING.md, measured now
"""

import json
import subprocess
import sys
import tempfile
from array import array
from math import prod
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from certify.kernel.arrays import Array
from certify.kernel.claim import REJECTED
from certify.kernel.file import identity, seal
from certify.kernel.statement import FORMAT
from tests.golden import KERNEL

LAUNCHER = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
told = done.returncode, done.stdout, done.stderr, used.ru_utime + used.ru_stime
print(json.dumps([*told, used.ru_maxrss * 1024]))
"""
SIDE = 1 << 15
MANY = 1 << 26
ONE = float(1).hex()
L1, L2 = {"norm": "l1", "cone": ""}, "l2"
ELASTIC = {"norm": "elastic", "cone": "", "alpha": (0.5).hex()}
LEAF = {"leaf": 0, "shift": "1"}
RELU = {"kind": "relu", "left": "l2", "right": "l2", "form": "product", "bias": "none"}
RELU |= {"slope": (0.0).hex()}


def floats(*shape):
    return np.zeros(shape)


def ints(*values):
    return np.array(values, dtype=np.int64)


def pair(left="l2", right="l2", kind="rank_one"):
    return {"kind": kind, "left": left, "right": right, "form": "product"}


def cp(*norms, symmetric=False):
    return {"kind": "cp", "norms": [*norms], "symmetric": symmetric, "form": "product"}


def listed(shape, atom, count=1):
    """A statement of a few observed entries, its arrays, and a dual point."""
    n = prod(shape[1:])
    places = np.arange(count)
    given = {"Y": np.ones(count), "rows": places // n, "cols": places % n}
    held = ["U", "V", *(f"X{k}" for k in range(2, len(shape)))]
    given |= {k: floats(d, 0) for k, d in zip(held, shape, strict=True)}
    said = {"shape": [*shape], "observed": "listed", "atom": atom}
    return said, given, {"W": np.ones(count)}


def polar(shape, atom, count=1, arrays=None, **proof):
    """A question of a few entries, and a proof of its polar by a rule."""
    said, given, witness = listed(shape, atom, count)
    return said, given, {"polar": {"axis": 0, "shift": "1", **proof}}, witness | (arrays or {})


def tree(count, leaf, key="split"):
    """Nodes of a tree with this many leaves, one after the other."""
    nodes = []
    for k in range(count - 1):
        nodes += [{key: 0, "plus": 2 * k + 1, "minus": 2 * k + 2}, leaf]
    return [*nodes, leaf]


def rows():
    return polar((MANY, MANY), pair(), rule="spectral")


def with_offsets(shape, offsets, arrays, q="given"):
    said, given, witness = listed(shape, pair())
    return said | {"offsets": offsets, "q": q}, given | arrays, {}, witness


def components():
    offset = {"kind": "smooth", "rho": ONE, "ridge": ONE}
    return with_offsets((MANY, 1), [offset], {"edges0": ints([0, 1])}, "found")


def intercepts():
    values = {f"q{k}": floats(1) for k in range(400)}
    return with_offsets((1 << 16, 1), [{"kind": "intercept", "ridge": ONE}] * 400, values)


def layer(shape, rows, rule, *, most=False, **proof):
    """A hidden layer over a few features, many samples and outputs."""
    said, given, found, witness = polar(shape, RELU, rule=rule, **proof)
    said["atom"] = RELU | ({"pool": "max"} if most else {})
    given |= {"features": np.ones((rows, 1)), "U": floats(1, 0)}
    given["samples"] = np.arange(rows) * (rows == shape[0])
    return said, given, found, witness


def outputs():
    return layer((SIDE, SIDE), 1, "network", nodes=[LEAF])


def pooled_by_a_matrix():
    return layer((1 << 16, 1), 64, "network", nodes=[LEAF])


def pooled_by_the_largest():
    each = [{"nodes": tree(8000, {"leaf": 0, "nodes": [LEAF]})}] * 2
    said, given, proof, witness = layer((200, 1), 200, "max_pool", most=True, each=each)
    given |= {"features": np.ones((200, 200)), "U": floats(200, 0)}
    return said, given, proof, witness | {"s0.splits": floats(1, 200)}


def leaves_of_a_layer():
    leaf = {"leaf": 0, "tau": ONE, "shift": "1"}
    nodes = tree(64, leaf, "row")
    return layer((600, 1), 600, "network", nodes=nodes)


def deep():
    said, given, _, witness = polar((512, SIDE), {})
    said["atom"] = {"kind": "deep_linear", "hidden": [1], "form": "product"}
    given |= {"features": np.ones((512, 1)), "U": floats(1, 0), "V": floats(SIDE, 0)}
    return said, given, {}, witness


def cubes():
    sides = ["left", "right"]
    free = pair(*({"norm": "linf", "cone": "+"},) * 2)
    return polar((1024, 1024), free, rule="conic", nodes=[LEAF], boxed=sides)


def chain():
    nodes = tree(20_000, LEAF, "cut")
    return polar((2, 2), pair(), arrays={"cuts": np.ones((1, 4))}, rule="conic", nodes=nodes)


def cones():
    codes = np.array([1] * 20_000 + [0] * 20_008, dtype=np.uint8).view(np.int64)
    return polar((2, 2), pair(), arrays={"tree": codes}, rule="cones", axis=1)


def path_of_cones():
    """One generator is cut, again and again: few cones wait, their integers get long."""
    codes = np.array([1, 0] * 20_000 + [0] * 8, dtype=np.uint8).view(np.int64)
    return polar((2, 2), pair(), arrays={"tree": codes}, rule="cones", axis=1)


def symmetric_cones():
    codes = np.array([1, 0] * 20_000 + [0] * 8, dtype=np.uint8).view(np.int64)
    atom = cp(*["l2+"] * 6, symmetric=True)
    said, given, proof, witness = polar((4,) * 6, atom, arrays={"tree": codes}, rule="cones")
    del proof["polar"]["axis"]  # a symmetric tensor has none
    return said, given, proof, witness


def copies():
    leaf = {"form": "gram", "rows": [0], "copies": [0] * 9, "nodes": [LEAF]}
    return polar((4, 4, 4), cp(L2, L2, L2), rule="transpose", **leaf)


def digits():
    return polar((2, 2), pair(), rule="spectral", shift="1/" + "7" * 1_500_000)


def exponent():
    shift = "1/1" + "0" * 100_000
    return polar((256, 256), pair(), rule="spectral", shift=shift)


def denominators():
    said, given, proof, witness = polar((50, 50), pair(), 2000, rule="spectral")
    rng = np.random.default_rng(0)
    proof["corrections"] = [[k, f"1/1{rng.bytes(100).hex()}"] for k in range(2000)]
    return said, given, proof, witness


def grams(**proof):
    return polar((SIDE, SIDE), pair(), rule="spectral", **proof)


def products():
    leaf = {"form": "gram", "rows": [0, 1], "nodes": [LEAF]}
    arrays = {"K0.rows": floats(0)}
    return polar((36, 36, 1), cp(L2, L2, L2), arrays=arrays, rule="transpose", **leaf)


def cells():
    nodes = [{"signs": [1, 2]}, {"cell": 0}]  # below node 2 the tree is balanced
    nodes += [{"row": 0, "plus": 2 * k + 3, "minus": 2 * k + 4} for k in range(9_999)]
    nodes += [{"cell": 0}] * 10_000
    said, given, proof, witness = layer((200, 1), 200, "network", nodes=nodes)
    given |= {"features": np.ones((200, 200)), "U": floats(200, 0)}
    return said, given, proof, witness


def edges():
    said, given, proof, witness = polar((2, 2), {}, rule="conic", nodes=[LEAF])
    norm = {"norm": "variation", "cone": "", "rho": ONE}
    pairs = np.zeros((20_000, 2), dtype=np.int64)
    given |= {"U": floats(2, 20_000), "V": floats(2, 20_000), "left.edges": pairs}
    return said | {"atom": pair(norm)}, given, proof, witness


def level():
    far = "1" + "0" * 200_000
    return polar((128, 128), pair(L1, ELASTIC), rule="lines", level=far)


EACH = [{"rule": "lines"}]
BOMBS = {
    "rows and columns": rows,
    "components of a graph": components,
    "400 intercepts of 2^16 rows": intercepts,
    "lines of a listed pattern": lambda: polar((SIDE, SIDE), pair(L1, ELASTIC), rule="lines"),
    "Gram matrix of a listed pattern": grams,
    "tree of 64 leaves at 2048": lambda: polar(
        (1024, 1024),
        pair(),
        arrays={"cuts": floats(1, 2048)},
        rule="conic",
        nodes=tree(64, LEAF, "cut"),
    ),
    "one leaf at 2^14": lambda: polar((1 << 13, 1 << 13), pair(), rule="conic", nodes=[LEAF]),
    "symmetric leaf at 2^13": lambda: polar(
        (1 << 13, 1 << 13), pair(kind="symmetric"), rule="conic", nodes=[LEAF]
    ),
    "free cubes": cubes,
    "chain of 20,000 cases": chain,
    "chain of 20,000 cones": cones,
    "path of 20,000 cones": path_of_cones,
    "20,000 cones of a symmetric tensor": symmetric_cones,
    "outputs of a layer": outputs,
    "64 rows of 2^16 samples": pooled_by_a_matrix,
    "64 leaves of a layer of 600 rows": leaves_of_a_layer,
    "8,000 leaves of max-pooling": pooled_by_the_largest,
    "10,000 cells of a layer": cells,
    "20,000 slices by 20,000 edges": edges,
    "level of 200,000 digits": level,
    "outputs of deep networks": deep,
    "tensor of 2^24 entries": lambda: polar(
        (1 << 8,) * 3, cp(L2, L2, L2), rule="transpose", form="gram", rows=[0], nodes=[LEAF]
    ),
    "symmetric tensor of 2^20 entries": lambda: polar(
        (16,) * 5,
        cp(*[L2] * 5, symmetric=True),
        rule="transpose",
        form="square",
        rows=[0, 1],
        nodes=[LEAF],
    ),
    "slices of 2^24 entries": lambda: polar(
        (1 << 8,) * 3, cp("l1", L2, L2), rule="slices", each=EACH * (1 << 8)
    ),
    "products with nine copies": copies,
    "pairs of products": products,
    "rational of 1.5 million digits": digits,
    "shift of 2^-400,000": exponent,
    "2,000 coprime denominators": denominators,
}


def built(name, folder):
    """Write a bomb as a certificate whose seal is right."""
    said, given, proof, witness = BOMBS[name]()
    if said["atom"].get("symmetric") or said["atom"]["kind"] == "symmetric":
        given = {k: a for k, a in given.items() if k[0] not in "VX"}
    return sealed(folder / "x.cert", said, given, proof, witness)


def sealed(path, said, given, proof, witness):
    """Write a certificate of any statement."""
    question = {k: numbers(a) for k, a in given.items()}
    plain = {"format": FORMAT, "claim": "any size", "loss": "squared", "lam": ONE}
    plain |= {"rtol": ONE, "atol": ONE, "offsets": [], "q": "given"}
    statement = plain | said | {"arrays": {k: identity(a) for k, a in question.items()}}
    arrays = {f"question.{k}": a for k, a in given.items()}
    arrays |= {f"proof.{k}": a for k, a in witness.items()}
    head = {"statement": statement, "claim": {"verdict": "CERTIFIED"}, "proof": proof}
    held = {k: numbers(a) for k, a in arrays.items()}
    head["seal"] = seal(*head.values(), held)
    save_file(
        {k: np.ascontiguousarray(a) for k, a in arrays.items()}, path, {"certify": json.dumps(head)}
    )
    return path


def numbers(a):
    """Return an array as the kernel holds it."""
    code = "q" if a.dtype == np.int64 else "d"
    return Array(a.shape, array(code, a.tobytes()))


def alone(*arguments):
    """Run the kernel by itself; return (status, output, errors, processor seconds, bytes)."""
    command = [sys.executable, "-I", "-S", str(KERNEL), *map(str, arguments)]
    small = [sys.executable, "-I", "-S", "-c", LAUNCHER, *command]
    done = subprocess.run(small, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def tell(line):
    """Write a line of the table."""
    sys.stdout.write(f"{line}\n")


def main():
    """Print the table."""
    tell("| bomb | bytes | seconds | MB | refused for |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in BOMBS:
            path = built(name, Path(folder))
            status, told, _, seconds, size = alone(path)
            assert status == REJECTED, told
            why = told.partition("budget: limit: ")[2].partition(", and this file")[0]
            assert why, told
            figures = f"{path.stat().st_size:,} | {seconds:.2f} | {size / 1e6:.0f}"
            tell(f"| {name} | {figures} | {why} |")


if __name__ == "__main__":
    main()
