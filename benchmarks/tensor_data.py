"""The tensors of the benchmarks: data files that TensorLy brings with it."""

from importlib.resources import files
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
SLAB = 30  # of 60 reaction times


class Data(NamedTuple):
    """A tensor, zero where it is not observed, and where it is (None: everywhere)."""

    name: str
    T: Array
    mask: npt.NDArray[np.bool_] | None


def loaded(name: str) -> Array:
    """Return an array of TensorLy's data folder; nothing is unpickled."""
    path = files("tensorly").joinpath("datasets", "data", f"{name}.npy")
    with path.open("rb") as file:
        return np.asarray(np.load(file, allow_pickle=False), dtype=np.float64)


def covid() -> Data:
    """Return serology: 438 samples, 6 antigens, 11 receptors."""
    return Data("COVID19", loaded("COVID19_data"), None)


def il2() -> Data:
    """Return responses to IL-2: 13 ligands by 4 times, 12 doses, 8 cells; some missing."""
    raw = loaded("IL2_Response_Tensor").reshape(52, 12, 8)
    seen = ~np.isnan(raw)
    return Data("IL2", np.where(seen, raw, 0.0), seen)


def kinetic() -> Data:
    """Return fluorescence at one reaction time: 64 by 12 by 10."""
    return Data("Kinetic", loaded("Kinetic")[..., SLAB], None)


DATA = (covid, il2, kinetic)
