"""How much KV cache an engine sets aside for a request, beyond what the request fills."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from guide_ml import catalogue
from guide_ml.table.read import Codes, Columns

__all__ = ["reserve"]


def reserve(columns: Columns, family: NDArray[np.object_], engines: Codes) -> None:
    """Note cache that engines set aside and leave empty, and batches padded to the longest.

    Parameters
    ----------
    columns : dict of str to array of shape (n,)
        Gets ``kv_reserve``, tokens set aside for each token used (mostly 1), ``padded``, 1 where
        the sequences of a batch are padded to the longest, and ``output_held``, the share of the
        output that a running request takes on average: a half where the cache is allotted as it
        fills, all of it where a request is let in only if its whole length has room;
        ``cache_share``, the share of what weights leave that becomes cache, blank where an engine
        takes a share of the whole memory instead.
    family : array of shape (n,)
        Family of the model.
    engines : Codes
        For each row the engine, first in a tuple; ``None`` where it is wrong.
    """
    rules = [catalogue.reserve(e[0]) if e[0] else {} for e in engines.values]
    flash = Codes(engines.index, rules).numbers(lambda r: r.get("flash", 1.0))
    padded = np.zeros(len(flash))
    for k, rule in enumerate(rules):
        if rule:
            padded[(engines.index == k) & np.isin(family, rule["padded_families"])] = rule["padded"]
    columns["kv_reserve"] = np.where(padded > 0, padded, flash)
    columns["padded"] = (padded > 0).astype(float)
    blocks = catalogue.framework_blocks()
    columns["output_held"] = engines.numbers(
        lambda e: 0.5 if e[0] and blocks[e[0].framework].get("paged") else 1.0
    )
    columns["cache_share"] = engines.numbers(
        lambda e: blocks[e[0].framework].get("cache_share", np.nan) if e[0] else np.nan
    )
