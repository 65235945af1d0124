"""What a first prediction needs of a set's errors and data, without Arrow, whose import takes long.

The file of arrays (NumPy's ``.npz``: numbers and letters, nothing in it can run) is made from the
tables beside it, which stay what is read of a set of one's own.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.descriptors import MODES
from guide_ml.describe.targets import NAMES
from guide_ml.errors import BadArtefact
from guide_ml.trust.domain.cases import LOADS
from guide_ml.trust.domain.levels import LEVELS
from guide_ml.trust.domain.measured import DESCRIBED, HASHES, MEASURED, Measured
from guide_ml.trust.domain.reference import Reference
from guide_ml.trust.intervals import GRID
from guide_ml.trust.knowledge import Knowledge

__all__ = ["archive", "archive_rows", "quantiles", "unpack"]

#: Measured rows that are packed together.
BLOCK = 128

#: Errors over their width, a logarithm; the largest ever kept is 12.
WIDEST = 200.0


def archive(knowledge: Knowledge) -> bytes:
    """Write the file of arrays: cases, and the hashes of the measured rows."""
    cases = knowledge.reference.cases
    texts = [k for k, v in cases.items() if v.dtype == object]
    numbers = [k for k in cases if k not in texts]
    file = io.BytesIO()
    # A block of each kind, as a member of an archive takes as long to open as to read.
    np.savez_compressed(
        file, texts=np.asarray(texts), numbers=np.asarray(numbers),
        text=np.stack([cases[k].astype(str) for k in texts]),
        number=np.stack([cases[k].astype(float) for k in numbers]),
        hashes=np.stack([knowledge.measured.rows[k].to_numpy(dtype=np.uint64) for k in HASHES]),
    )  # fmt: skip
    return file.getvalue()


def archive_rows(knowledge: Knowledge) -> bytes:
    """Write the measured rows: their loads, and what describes them as JSON in packed blocks.

    The nearest of a deployment are three of some ten thousands, so a block is unpacked alone.
    """
    import pyarrow as pa  # only writing needs it: what is read back is what Parquet would give

    rows = knowledge.measured.rows
    shown = [*DESCRIBED, *MEASURED, *(f"held_out_{name}" for name in MEASURED)]
    told = pa.Table.from_pandas(rows[shown], preserve_index=False).to_pylist()
    blocks = [zlib.compress(json.dumps(told[k : k + BLOCK]).encode(), 9)
              for k in range(0, len(told), BLOCK)]  # fmt: skip
    file = io.BytesIO()
    np.savez_compressed(
        file, case=rows["case"].to_numpy(),
        loads=np.stack([rows[f"log_{name}"].to_numpy(dtype=float) for name in LOADS]),
        blocks=np.frombuffer(b"".join(blocks), dtype=np.uint8),
        ends=np.cumsum([len(block) for block in blocks], dtype=np.int64),
    )  # fmt: skip
    return file.getvalue()


class _Rows:
    """The measured rows, read when somebody asks for them.

    Parameters
    ----------
    rows : callable
        What returns the file of :func:`archive_rows`.
    whole : callable
        What reads the table that it was made from.
    """

    def __init__(self, rows: Callable[[], bytes], whole: Callable[[], Measured]) -> None:
        self._read, self._whole = rows, whole

    @cached_property
    def _file(self) -> dict[str, NDArray[Any]]:
        return _arrays(self._read(), "measured rows")

    @cached_property
    def loads(self) -> dict[str, NDArray[Any]]:
        """``case`` and the logarithms of loads."""
        named = zip((f"log_{name}" for name in LOADS), self._file["loads"], strict=True)
        return {"case": self._file["case"], **dict(named)}

    def _block(self, number: int) -> list[dict[str, Any]]:
        ends = self._file["ends"]
        start = ends[number - 1] if number else 0
        data = self._file["blocks"][start : ends[number]].tobytes()
        found: list[dict[str, Any]] = json.loads(zlib.decompress(data))
        return found

    def __call__(self, rows: NDArray[np.intp] | None = None) -> Any:
        """Return all rows as a data frame, or what describes and was measured of some."""
        if rows is None:
            return self._whole().rows
        blocks = {k: self._block(k) for k in {int(row) // BLOCK for row in rows}}
        return [blocks[int(row) // BLOCK][int(row) % BLOCK] for row in rows]


class _Loads(dict[str, NDArray[Any]]):
    """Loads of the measured rows, read when one of them is first asked for."""

    def __init__(self, rows: _Rows) -> None:
        super().__init__()
        self._rows = rows

    def __missing__(self, name: str) -> NDArray[Any]:
        return self._rows.loads[name]


def _arrays(data: bytes, what: str) -> dict[str, NDArray[Any]]:
    """Read a file of arrays, or refuse it."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise BadArtefact(f"a trained set must hold arrays of {what}: {error!s:.200}") from error


def unpack(
    known: bytes, rows: Callable[[], bytes], whole: Callable[[], Measured]
) -> tuple[Reference, Measured]:
    """Read the files of arrays, of the shipped set: their hashes were compared with the card.

    Parameters
    ----------
    known : bytes
        The file of :func:`archive`.
    rows : callable
        What returns that of :func:`archive_rows`, when somebody asks for measured rows.
    whole : callable
        What reads the table of measured rows.

    Raises
    ------
    BadArtefact
        If it is no such file.
    """
    found = _arrays(known, "cases")
    if missing := {"texts", "text", "numbers", "number", "hashes"} - found.keys():
        raise BadArtefact(f"a trained set must hold arrays of cases; {min(missing)} is missing")
    cases: dict[str, NDArray[Any]] = {}
    for names, block, kind in (("texts", "text", object), ("numbers", "number", float)):
        cases |= {str(k): v.astype(kind)
                  for k, v in zip(found[names], found[block], strict=True)}  # fmt: skip
    hashes = dict(zip(HASHES, found["hashes"], strict=True))
    source = _Rows(rows, whole)
    return Reference(cases), Measured(source, hashes, _Loads(source))


def quantiles(found: Mapping[str, Any], where: str) -> dict[str, list[float]]:
    """Read the quantiles of errors by group.

    Parameters
    ----------
    found : dict
        What the file holds.
    where : str
        The file, to speak of.

    Raises
    ------
    BadArtefact
        If there is no table of last resort, or a table is none.
    """
    tables = found.get("quantiles")
    if not isinstance(tables, dict) or "" not in tables:
        raise BadArtefact(f"{where} must hold quantiles; train again")
    for key, values in tables.items():
        if not _is_group(key):
            raise BadArtefact(f"{where} has quantiles of {key!r:.80}, which is no group of"
                              " target/mode/domain")  # fmt: skip
        plain = isinstance(values, list) and all(type(x) in (int, float) for x in values)
        if not plain or len(values) != len(GRID):
            raise BadArtefact(f"{where}: quantiles of {key!r} must be {len(GRID)} numbers")
        if not all(-WIDEST <= x <= WIDEST for x in values) or np.any(np.diff(values) < 0.0):
            raise BadArtefact(f"{where}: quantiles of {key!r} must rise, from -{WIDEST:g} to"
                              f" {WIDEST:g}")  # fmt: skip
    return tables


def _is_group(key: str) -> bool:
    parts = key.split("/") if key else []
    return all(part in known for part, known in zip(parts, (NAMES, MODES, LEVELS), strict=False)) \
        and len(parts) <= 3  # fmt: skip
