"""Ratings in blocks of rows on a local Dask cluster: seconds of all processors, memory, the gap.

Factors are fitted from none and certified, and the certificate is verified from the files.
"""

import time
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from data import generated_ratings
from matrices import MILLIONS, SHAPES
from measure import Case, Options, Row, Table, alone, peak

from certify.pipeline.row_blocks import RowBlocks, improve, verify

BLOCKS = 4
KEEPING = {"MALLOC_TRIM_THRESHOLD_": 1 << 28, "MALLOC_MMAP_THRESHOLD_": 1 << 28} | {
    "OMP_NUM_THREADS": 1,
    "OPENBLAS_NUM_THREADS": 1,
}  # of workers: memory is kept, as docs/howto/clusters.md says


def stored(folder: Path, count: int, shape: tuple[int, int]) -> list[str]:
    """Write blocks of about equally many entries; return their files."""
    files = [folder / f"{k}.npz" for k in range(BLOCKS)]
    Y = generated_ratings(shape, count).tocsr()
    ends = np.searchsorted(Y.indptr, np.linspace(0, Y.nnz, BLOCKS + 1)[1:-1])
    for file, part in zip(files, np.split(np.arange(shape[0]), ends), strict=True):
        rows, cols = Y[part].tocoo().coords
        np.savez(file, rows=rows, cols=cols, data=Y[part].data)
    return [str(file) for file in files]


def everywhere(client, work) -> list:
    """Return what a function returns in this process and in each worker."""
    return [work(), *(client.run(work).values() if client else ())]


def in_blocks(case: Case, _: Options) -> Row:
    """Fit and verify a case of `at_scale` by so many workers; without any one process does it."""
    import dask
    import distributed

    size, workers = case.make
    cluster = client = nullcontext()
    if workers:
        dask.config.set({"distributed.nanny.pre-spawn-environ": KEEPING})
        cluster = distributed.LocalCluster(workers, threads_per_worker=1, dashboard_address=None)
        client = distributed.Client(cluster, set_as_default=False)
    with TemporaryDirectory() as folder, cluster, client as there:
        return fitted(Path(folder), size, there)


def fitted(folder: Path, size: str, client) -> Row:
    """Fit, certify and verify; return the row."""
    (many, _, rtol), (count, shape, _) = MILLIONS[f"ratings-{size}"], SHAPES[size]
    files = alone(stored, folder, count, shape)
    blocks = RowBlocks(files, shape[1], many.lam, many.offsets())
    before = sum(everywhere(client, time.process_time))
    found = improve(blocks, rtol=rtol, client=client)
    between = sum(everywhere(client, time.process_time))
    certificate, factors = found.result.certificate, found.factors
    proof = verify(certificate, blocks, factors, rtol=rtol, client=client)
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


row_blocks = Table(
    "ratings in four blocks of rows, fitted and proved by workers",
    {
        f"{size}, {n} workers": Case((size, n))
        for size in ("100k", "1m", "10m")
        for n in (0, 1, 2, 4)
    },
    in_blocks,
    few=1,
)
