"""Arrow's columns as NumPy arrays, without pandas, which pyarrow's own way would import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["array"]

_KINDS = {"double": "f8", "float": "f4", "halffloat": "f2"}


def array(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return a column of numbers, or of texts as objects; a missing number is NaN.

    Examples
    --------
    >>> import pyarrow as pa
    >>> array(pa.chunked_array([[1, 2], [3]])), array(pa.chunked_array([["a"], ["b"]]))
    (array([1, 2, 3]), array(['a', 'b'], dtype=object))
    >>> array(pa.chunked_array([[0.5, None]])), array(pa.chunked_array([[]], pa.uint64()))
    (array([0.5, nan]), array([], dtype=uint64))
    """
    name = str(column.type)
    if "string" in name or name == "null":
        return np.asarray([*column.to_pylist(), None], dtype=object)[:-1]
    if column.null_count:
        return np.asarray(column.to_pylist(), dtype=float)
    kind = np.dtype(_KINDS.get(name, name))
    parts = [np.frombuffer(chunk.buffers()[1], kind, len(chunk), chunk.offset * kind.itemsize)
             for chunk in column.chunks if len(chunk)]  # fmt: skip
    if len(parts) == 1:
        found: NDArray[Any] = parts[0]
        return found
    return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)
