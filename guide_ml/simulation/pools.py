"""Disaggregated deployments: cells of a row to workers that prefill and workers that decode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from guide_ml.errors import InvalidInput
from guide_ml.simulation.names import POOL_COLUMNS
from guide_ml.table.cells import is_blank

__all__ = ["KINDS", "Pools", "is_split", "pools_of", "worker"]

KINDS = ("prefill", "decode")
Cells = Mapping[str, Any] | pd.Series
_MOST = 4096


@dataclass(frozen=True)
class Pools:
    """Layout of both kinds of workers; each list is of prefill and decode.

    Parameters
    ----------
    workers, tp, dp, ep : tuple of (int, int)
        How many, and the parallel sizes of one of them.
    inside : bool
        Whether the data-parallel ranks of the attention lie inside of the tensor-parallel group,
        as the stated devices tell: then a worker has ``tp`` devices, else ``tp * dp``.
    """

    workers: tuple[int, int]
    tp: tuple[int, int]
    dp: tuple[int, int]
    ep: tuple[int | None, int | None]
    inside: bool = False

    def devices(self, kind: int) -> int:
        """Return the devices of one worker."""
        return self.tp[kind] * (1 if self.inside else self.dp[kind])


def is_split(row: Cells) -> bool:
    """Tell whether a row says anything of workers that prefill or decode."""
    said = str(row.get("mode", "")).strip().lower() == "disagg"
    return said or not all(is_blank(row.get(name)) for name in POOL_COLUMNS)


def pools_of(row: Cells) -> Pools | None:
    """Read the layout of a row; ``None`` where it is no disaggregated one.

    Raises
    ------
    InvalidInput
        If a size is missing or absurd, or the devices are not those of the workers.

    Examples
    --------
    >>> pools_of({"prefill_tp": 4, "decode_workers": 2, "decode_tp": 8}).devices(1)
    8
    """
    if not is_split(row):
        return None
    cells = {name: _whole(row, name) for name in POOL_COLUMNS}
    missing = [f"{kind}_tp" for kind in KINDS if cells[f"{kind}_tp"] is None]
    if missing:
        raise InvalidInput("a disaggregated deployment needs prefill_tp and decode_tp, the devices"
                           f" of a worker among which layers are split; got no {missing[0]}")
    workers, tp, dp = ((cells[f"prefill_{part}"] or 1, cells[f"decode_{part}"] or 1)
                       for part in ("workers", "tp", "dp"))  # fmt: skip
    found = Pools(workers, tp, dp, (cells["prefill_ep"], cells["decode_ep"]))
    return _counted(found, _whole(row, "num_devices"))


def _counted(found: Pools, stated: int | None) -> Pools:
    """Compare with the devices that are stated; 1 is what a call has where nobody says more."""
    within = Pools(found.workers, found.tp, found.dp, found.ep, inside=True)
    counts = [sum(w * p.devices(k) for k, w in enumerate(p.workers)) for p in (found, within)]
    if stated in (None, 1, counts[0]):
        return found
    if stated == counts[1]:
        return within
    raise InvalidInput(
        f"num_devices must be those of all workers, prefill_workers * prefill_tp * prefill_dp and"
        f" the same of decode: {counts[0]}; got {stated}: leave it out, or mend the layout"
    )


def worker(row: pd.Series, pools: Pools, kind: int) -> pd.Series:
    """Return a row's cells with the layout of one worker of a kind."""
    out = row.drop(labels=[name for name in POOL_COLUMNS if name in row])
    out["num_devices"], out["tp"] = pools.devices(kind), pools.tp[kind]
    out["pp"], out["dp"], out["ep"] = None, pools.dp[kind], pools.ep[kind]
    return out


def _whole(row: Cells, name: str) -> int | None:
    cell = row.get(name)
    if is_blank(cell):
        return None
    try:
        value = float(str(cell))
    except ValueError:
        raise InvalidInput(f"{name} must be a whole number; got {cell!r}") from None
    if not 1 <= value <= _MOST or value != int(value):
        raise InvalidInput(f"{name} must be a whole number from 1 to {_MOST:,}; got {value:g}")
    return int(value)
