"""LightGBM boosters asked through the library's C interface, without its Python package.

``import lightgbm`` takes one to three seconds, as it brings scikit-learn and scipy.stats along;
a first prediction needs none of that. The functions are those that the package itself calls
(https://lightgbm.readthedocs.io/en/stable/C-API.html), so results are equal to the last bit.
"""

from __future__ import annotations

import ctypes
import weakref
from functools import cache
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from guide_ml.table.read import Floats

__all__ = ["Native", "library"]

_FLOAT32, _PREDICT_NORMAL, _PREDICT_CONTRIB = 0, 0, 3  # of LightGBM's c_api.h
_FOLDERS = ("lib", "bin", ".")
_NAMES = ("lib_lightgbm.so", "lib_lightgbm.dylib", "lib_lightgbm.dll")
_TEXT = 1 << 22  # letters of a booster's text, at first
_END = "\npandas_categorical:null\n"  # what the package adds when it writes a booster


@cache
def library() -> ctypes.CDLL | None:
    """Load the library that the installed package brings; ``None`` if it is somewhere else."""
    spec = find_spec("lightgbm")  # finds the package without importing it
    for folder in (spec and spec.submodule_search_locations) or ():
        for part, name in product(_FOLDERS, _NAMES):
            path = Path(folder, part, name)
            if path.is_file():
                try:
                    loaded = ctypes.CDLL(str(path))
                    loaded.LGBM_GetLastError.restype = ctypes.c_char_p
                except (AttributeError, OSError):
                    return None
                return loaded
    return None


class Native:
    """A booster read from its text; the part of ``lightgbm.Booster`` that predicting needs.

    Parameters
    ----------
    text : str
        What its native file holds.

    Raises
    ------
    ValueError
        If LightGBM cannot read it.
    """

    def __init__(self, text: str) -> None:
        self._handle, rounds = ctypes.c_void_p(), ctypes.c_int()
        self._call("BoosterLoadModelFromString", text.encode(), ctypes.byref(rounds),
                   ctypes.byref(self._handle))  # fmt: skip
        if found := library():
            weakref.finalize(self, found.LGBM_BoosterFree, self._handle).atexit = False

    def __reduce__(self) -> tuple[type[Native], tuple[str]]:
        return Native, (self.model_to_string(),)  # its file may be gone by then

    def _call(self, name: str, *arguments: object) -> None:
        found = library()
        if found is None:
            raise ValueError("LightGBM's library was not found")
        if getattr(found, f"LGBM_{name}")(*arguments):
            raise ValueError(found.LGBM_GetLastError().decode("utf-8", "replace"))

    def num_feature(self) -> int:
        """Count the inputs."""
        out = ctypes.c_int()
        self._call("BoosterGetNumFeature", self._handle, ctypes.byref(out))
        return out.value

    def model_to_string(self) -> str:
        """Write the booster's text."""
        length, size = ctypes.c_int64(), _TEXT
        while True:
            buffer = ctypes.create_string_buffer(size)
            self._call("BoosterSaveModelToString", self._handle, 0, -1, 0, ctypes.c_int64(size),
                       ctypes.byref(length), buffer)  # fmt: skip
            if length.value <= size:
                return buffer.value.decode("utf-8") + _END
            size = length.value

    def predict(
        self, x: NDArray[np.float32], num_threads: int = 1, pred_contrib: bool = False
    ) -> Floats:
        """Predict n rows, or split what is predicted over the inputs.

        Parameters
        ----------
        x : array of shape (n, inputs)
        num_threads : int
            Threads of the library.
        pred_contrib : bool
            Whether to return contributions.

        Returns
        -------
        array of shape (n,), or (n, inputs + 1)
            Predictions, or the contribution of each input and, last, the mean.
        """
        rows, inputs = x.shape
        by_row = x.flags.c_contiguous or not x.flags.f_contiguous
        given = np.ascontiguousarray(x if by_row else x.T, dtype=np.float32)
        out = np.empty(rows * (inputs + 1 if pred_contrib else 1))
        length = ctypes.c_int64()
        self._call(
            "BoosterPredictForMat", self._handle, given.ctypes.data_as(ctypes.c_void_p), _FLOAT32,
            ctypes.c_int32(rows), ctypes.c_int32(inputs), ctypes.c_int(by_row),
            _PREDICT_CONTRIB if pred_contrib else _PREDICT_NORMAL, 0, -1,
            f"num_threads={num_threads}".encode(), ctypes.byref(length),
            out.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
        )  # fmt: skip
        return out.reshape(rows, -1) if pred_contrib else out
