"""Ratings in blocks of rows on a local Dask cluster: seconds of all processors, memory, the gap.

    python benchmarks/row_blocks.py FOLDER [--case 1m] [--workers 2]

FOLDER keeps the generated blocks for the next run.  Without workers one process does it all.
Factors are fitted from none and certified, and the certificate is verified from the files.
"""

import argparse
import os
import time
from contextlib import nullcontext
from pathlib import Path

import dask
import distributed
import numpy as np
from data import generated_ratings
from matrices import SHAPES, at_scale
from measure import peak, table

from certify.pipeline import row_blocks

BLOCKS = 4
KEEPING = {"MALLOC_TRIM_THRESHOLD_": 1 << 28, "MALLOC_MMAP_THRESHOLD_": 1 << 28} | {
    "OMP_NUM_THREADS": 1,
    "OPENBLAS_NUM_THREADS": 1,
}  # of workers: memory is kept, as docs/howto/scale.md says


def stored(folder: Path, count: int, shape: tuple[int, int]) -> list[str]:
    """Return the files of blocks of about equally many entries, made where they are not there."""
    files = [folder / f"{count}-{k}.npz" for k in range(BLOCKS)]
    if not files[-1].exists():
        folder.mkdir(parents=True, exist_ok=True)
        Y = generated_ratings(shape, count).tocsr()
        ends = np.searchsorted(Y.indptr, np.linspace(0, Y.nnz, BLOCKS + 1)[1:-1])
        for file, part in zip(files, np.split(np.arange(shape[0]), ends), strict=True):
            rows, cols = Y[part].tocoo().coords
            np.savez(file, rows=rows, cols=cols, data=Y[part].data)
    return [str(file) for file in files]


def everywhere(client, work) -> list:
    """Return what a function returns in this process and in each worker."""
    return [work(), *(client.run(work).values() if client else ())]


def run(folder: Path, size: str, client) -> dict:
    """Fit and verify the case of `at_scale`."""
    (case,) = (c for c in at_scale.cases if c.name == f"ratings-{size}")
    many, rtol, (count, shape, _) = case.make, case.asked["rtol"], SHAPES[size]
    blocks = row_blocks.RowBlocks(stored(folder, count, shape), shape[1], many.lam, many.offsets())
    before = sum(everywhere(client, time.process_time))
    found = row_blocks.improve(blocks, rtol=rtol, client=client)
    between = sum(everywhere(client, time.process_time))
    certificate, factors = found.result.certificate, found.factors
    proof = row_blocks.verify(certificate, blocks, factors, rtol=rtol, client=client)
    after = sum(everywhere(client, time.process_time))
    assert proof.lower == found.result.lower
    return {
        "improve s": between - before,
        "verify s": after - between,
        "verdict": proof.verdict.name,
        "gap": proof.relative_gap,
        "components": factors[1].shape[1],
        "GB here": peak(),
        "GB of a worker": max(everywhere(client, peak)[1:], default=0.0),
    }


def main() -> None:
    """Print a row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--case", default="1m", help="100k, 1m, 10m, 20m")
    parser.add_argument("--workers", type=int, default=0)
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    cluster = client = nullcontext()
    if asked.workers:
        dask.config.set({"distributed.nanny.pre-spawn-environ": KEEPING})
        cluster = distributed.LocalCluster(
            n_workers=asked.workers, threads_per_worker=1, dashboard_address=None
        )
        client = distributed.Client(cluster, set_as_default=False)
    with cluster, client as there:
        row = run(asked.folder, asked.case, there)
    print(table([{"case": asked.case, "workers": asked.workers} | row]))


if __name__ == "__main__":
    main()
