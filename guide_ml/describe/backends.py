"""Programming backends under an engine, and the names under which people know them.

In: ``backends.csv``, a row each. Out: the canonical name of what somebody wrote.
A new backend is a row at the end of the file: estimators know the others by their place in it.
"""

from __future__ import annotations

import csv
import io
import re
from importlib.resources import files

from guide_ml.errors import InvalidInput, nearest

__all__ = ["ANY_GPU", "BACKENDS", "BACKEND_ALIASES", "VENDOR_BACKEND", "backend"]

_ROWS = tuple(
    csv.DictReader(
        io.StringIO(files(__package__).joinpath("backends.csv").read_text(encoding="utf-8"))
    )
)

BACKENDS = tuple(r["backend"] for r in _ROWS)
"""Every backend, in the order of the file."""

BACKEND_ALIASES = {alias: r["backend"] for r in _ROWS for alias in r["aliases"].split()}
"""Other names of the backends, in lower case."""

VENDOR_BACKEND = {vendor: r["backend"] for r in _ROWS for vendor in r["vendors"].split()}
"""Backend that a vendor's devices run on when nothing is said."""

ANY_GPU = ("gpu", "igpu", "dgpu")
"""What says only that it is a GPU: the device's own backend is meant."""

#: What people write behind it: a release or the driver.
_RELEASE = re.compile(r"\s*\(.*\)$|[\s-]+v?\d+(\.\d+)*$")


def backend(name: str) -> str | None:
    """Look a backend up by name or alias, in any case.

    Returns
    -------
    str or None
        Canonical name; ``None`` for a mere "gpu", which stands for what the device has.

    Raises
    ------
    InvalidInput
        If no backend has that name.

    Examples
    --------
    >>> backend("TT-Metalium"), backend("hexagon"), backend("ROCm 6.4"), backend("gpu")
    ('tt', 'npu', 'rocm', None)
    """
    text = name.strip().lower()
    if text not in BACKENDS and text not in BACKEND_ALIASES:
        text = _RELEASE.sub("", text)
    text = BACKEND_ALIASES.get(text, text)
    if text in ANY_GPU:
        return None
    if text not in BACKENDS:
        near = nearest(text, (*BACKENDS, *BACKEND_ALIASES), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InvalidInput(f"backend must be one of {', '.join(BACKENDS)}; got {name!r}{hint}")
    return text
