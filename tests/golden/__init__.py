"""Stored certificates, one for each rule, norm, loss, offset and verdict of the kernel.

NAME.cert is a certificate and NAME.out what the kernel prints about it when it runs alone.
`earlier/` holds a certificate of each earlier format: the kernel refuses it by its version.
`python -m tests.golden` writes the certificates and their outputs again.
"""

import contextlib
import io
import json
from pathlib import Path

from certify import kernel
from certify.kernel.claim import main

HERE = Path(__file__).parent
EARLIER = HERE / "earlier"
KERNEL = Path(kernel.__file__).parent  # what `python -I -S` runs
CASES = {  # name -> file/case of the zoo
    "absolute": "absolute/spectral_at_the_threshold",
    "bias": "network_biases/line_optimal",
    "blocks": "masked_rank/blocks",
    "column": "column_means/optimal_q_found",
    "concave": "l1_penalty/one_slice_pays",
    "cones": "short_side/zero_model",
    "cones_bias": "network_biases/tiled_optimal",
    "conic": "nonnegative_gap/zero_model",
    "corners": "cube_tensor/linf_linf_linf_optimal",
    "deep_layers": "deep/kinks_none",
    "deep_linear": "deep/linear_product",
    "given": "column_means/optimal_q_given",
    "hinge": "hinge/spectral_at_the_threshold",
    "huber": "huber/optimal",
    "intercept": "grand_mean/optimal_q_found",
    "kullback_leibler": "kullback_leibler/optimal",
    "ky_fan": "principal/pca_rank_2",
    "linear": "covariates/plain_optimal",
    "lines": "rows/l1_optimal",
    "logistic": "logistic/optimal",
    "masked": "masked/optimal",
    "max_pool": "largest_patch/optimal",
    "mode": "mode_means/optimal_q_found",
    "negative": "scalar/l1_l2-_product_optimal",
    "network": "network_plane/optimal",
    "network_leaf": "network_plane/two_outputs_l2",
    "network_linear": "network_linear/gated_optimal",
    "outputs": "network_plane/two_outputs_linf",
    "outputs_max_pool": "largest_patch/two_outputs_l1",
    "poisson": "poisson/optimal",
    "quantile": "quantile/at_the_threshold",
    "rank_limited": "denoised/first_component_only",
    "rank_limited_network": "network_plane/no_neuron",
    "rank_limited_tensor": "signed_tensor/one_short",
    "refuted": "denoised/sign_flipped",
    "refuted_by_rank": "principal/pca_uncentred",
    "refuted_offset": "smooth_part/slice_missing",
    "ridge": "ridge/large_optimal_q_found",
    "own_size_tensor": "own_size/tensor",
    "row": "row_means/optimal_q_found",
    "signs": "own_size/corner",
    "slices": "tensor_slices/rows_optimal",
    "smooth": "smooth_part/ridged",
    "softmax": "softmax/optimal",
    "sparse": "sparse_part/optimal_q_found",
    "spectral": "denoised/optimal",
    "spectral_scaled": "scalar/l2_linf_product_optimal",
    "squared_hinge": "squared_hinge/spectral",
    "symmetric": "symmetric/l2_optimal",
    "transpose": "signed_tensor/optimal",
    "undecided": "masked_rank/weights",
    "weighted_entries": "weighted/optimal",
}


def names():
    """Return the names of the stored certificates."""
    return sorted(path.stem for path in HERE.glob("*.cert"))


def answer(path):
    """Return the status and the text that the kernel answers about a file."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        status = main([str(path)])
    return status, text.getvalue()


def format_of(path):
    """Return the format that a certificate of any version names."""
    blob = path.read_bytes()
    header = json.loads(blob[8 : 8 + int.from_bytes(blob[:8], "little")])
    return json.loads(header["__metadata__"]["certify"])["statement"]["format"]
