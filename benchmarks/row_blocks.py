"""Ratings in blocks of rows on a local Dask cluster: seconds of all processors, memory, the gap.

Factors are fitted from none and certified, and the certificate is verified from the files.
"""

import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from data import centered, generated_ratings
from matrices import MILLIONS, SIZES
from measure import Case, Options, Row, Table, alone, peak

from certify.pipeline.row_blocks import RowBlocks, improve, verify

BLOCKS = 4
KEEPING = {"MALLOC_TRIM_THRESHOLD_": 1 << 28, "MALLOC_MMAP_THRESHOLD_": 1 << 28} | {
    "OMP_NUM_THREADS": 1,
    "OPENBLAS_NUM_THREADS": 1,
}  # of workers: memory is kept, as docs/howto/clusters.md says


def stored(folder: str, size: str) -> list[str]:
    """Write blocks of about equally many entries; return their files."""
    files = [str(Path(folder) / f"{k}.npz") for k in range(BLOCKS)]
    Y = centered(generated_ratings(*SIZES[size])).tocsr()
    ends = np.searchsorted(Y.indptr, np.linspace(0, Y.nnz, BLOCKS + 1)[1:-1])
    for file, part in zip(files, np.split(np.arange(Y.shape[0]), ends), strict=True):
        rows, cols = Y[part].tocoo().coords
        np.savez(file, rows=rows, cols=cols, data=Y[part].data)
    return files


def in_blocks(case: Case, _: Options) -> Row:
    """Fit, certify and verify a case of `at_scale` by so many workers; 0: by this process."""
    import dask
    import distributed

    size, workers = case.make
    (_, lam, biases, *_), _, rtol = MILLIONS[f"ratings-{size}"]
    with ExitStack() as stack:
        files, client = alone(stored, stack.enter_context(TemporaryDirectory()), size), None
        if workers:
            dask.config.set({"distributed.nanny.pre-spawn-environ": KEEPING})
            alike = {"threads_per_worker": 1, "dashboard_address": None}
            cluster = stack.enter_context(distributed.LocalCluster(workers, **alike))
            client = stack.enter_context(distributed.Client(cluster, set_as_default=False))

        def everywhere(work) -> list:
            """Return what a function returns in this process and in each worker."""
            return [work(), *(client.run(work).values() if client else ())]

        blocks = RowBlocks(files, SIZES[size][1][1], lam, [kind(lam) for kind in biases])
        before = sum(everywhere(time.process_time))
        found = improve(blocks, rtol=rtol, client=client)
        between = sum(everywhere(time.process_time))
        proof = verify(found.result.certificate, blocks, found.factors, rtol=rtol, client=client)
        after, memory = sum(everywhere(time.process_time)), everywhere(peak)
    return {
        "improve s": between - before,
        "verify s": after - between,
        "verdict": proof.verdict.name,
        "gap": proof.relative_gap,
        "components": found.factors[1].shape[1],
        "GB here": memory[0],
        "GB of a worker": max(memory[1:], default=0.0),
    }


CASES = {f"{size}, {n} workers": (size, n) for size in ("100k", "1m", "10m") for n in (0, 1, 2, 4)}
row_blocks = Table(
    "ratings in four blocks of rows, fitted and proved by workers",
    {name: Case(made, {"verdict": "CERTIFIED"}) for name, made in CASES.items()},
    in_blocks,
    few=1,
)
