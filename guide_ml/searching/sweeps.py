"""How cost moves with the load, a limit or a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from guide_ml.errors import InvalidInput, UnknownName
from guide_ml.searching.request import SLO, Constraints, Load, as_given
from guide_ml.searching.run import Progress, search

__all__ = ["COLUMNS", "SWEPT", "sweep"]

_LOADS = ("users", "requests_per_s", "tokens_per_s", "deadline_h")
_LIMITS = ("ttft_ms", "tpot_ms", "e2e_ms", "tok_s_per_user")
_BUDGETS = ("max_usd_h", "max_devices")
SWEPT = (*_LOADS, *_LIMITS, *_BUDGETS)
"""What can be swept."""

COLUMNS = ("usd_h", "usd_month", "usd_per_m_output", "num_devices", "hardware", "layout",
           "framework", "weight_dtype", "provider", "region", "instance_type", "price_date",
           "ttft_ms", "tpot_ms", "capacity_tok_s", "headroom", "in_domain")  # fmt: skip


def sweep(
    *, over: str, values: Sequence[float], load: Load | Mapping[str, Any],
    slo: SLO | Mapping[str, Any] | None = None,
    constraints: Constraints | Mapping[str, Any] | None = None,
    progress: Progress | None = None, **kwargs: Any,
) -> pd.DataFrame:  # fmt: skip
    """Search once for each value of a load, a limit or a budget.

    Parameters
    ----------
    over : str
        One of SWEPT; a load must be said in the way that `load` is.
    values : sequence of float
        Values to try.
    load, slo, constraints
        As :func:`guide_ml.search` takes them; the swept field is replaced.
    progress : callable, optional
        Takes searches done, searches to do, and a word.
    kwargs
        Everything else that :func:`guide_ml.search` takes.

    Returns
    -------
    DataFrame of shape (n, 4 + COLUMNS)
        A row each value: the value (named as ``over``; ``ttft_limit_ms`` and ``tpot_limit_ms``
        beside what is reached), ``fits``, ``proven``, ``why`` and the best plan's COLUMNS, blank
        where nothing fits.

    Examples
    --------
    >>> found = sweep(over="users", values=(4, 64), load={"users": 4},
    ...               model="llama-3.1-8b-instruct",
    ...               workload={"input_len": 512, "output_len": 128}, slo={"tpot_ms": 50},
    ...               constraints={"hardware": ("l4",), "frameworks": ("vllm",)})
    >>> found.fits.tolist(), bool(found.usd_h[1] > found.usd_h[0])
    ([True, True], True)
    """
    if over not in SWEPT:
        raise UnknownName("quantity to sweep", over, SWEPT)
    if not len(values):
        raise InvalidInput("sweep: give at least one value; got none")
    parts: dict[str, dict[str, Any]] = {
        "load": asdict(as_given(Load, load, "load")), "slo": asdict(as_given(SLO, slo, "slo")),
        "constraints": asdict(as_given(Constraints, constraints, "constraints")),
    }  # fmt: skip
    part = "load" if over in _LOADS else "slo" if over in _LIMITS else "constraints"
    if part == "load" and parts["load"][over] is None:
        raise InvalidInput(f"sweep: to sweep {over}, the load must be given as {over} too")
    name = over.replace("_ms", "_limit_ms") if over in COLUMNS else over
    rows = []
    for done, value in enumerate(values):
        if progress:
            progress(done, len(values), f"{over} {value:g}")
        if over == "max_devices" and value != int(value):
            raise InvalidInput(f"sweep: max_devices must be whole numbers; got {value:g}")
        number = int(value) if over == "max_devices" else float(value)
        changed = parts | {part: parts[part] | {over: number}}
        found = search(**(kwargs | changed))
        best = found.best.to_dict() if found.best else {}
        rows.append({name: value, "fits": bool(best), "proven": found.proven,
                     **{c: best.get(c) for c in COLUMNS}, "why": found.why[0]})  # fmt: skip
    if progress:
        progress(len(values), len(values), "done")
    return pd.DataFrame(rows)
