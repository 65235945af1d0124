"""What an engine would say of a device's memory at start, and what would have to give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from guide_ml.answers.blocks import Sheet
from guide_ml.describe.descriptors import Model
from guide_ml.features.memory import extract, log_lines
from guide_ml.predictions import advice
from guide_ml.predictions.run import ask
from guide_ml.table import given
from guide_ml.table.given import HardwareLike
from guide_ml.table.read import Definitions
from guide_ml.units import GIB

__all__ = ["DEVICES", "StartLog", "sheet", "starts"]

#: Devices that a model is shown on where none is asked for, small to large.
DEVICES = ("nvidia-rtx-4090-24gb", "nvidia-l40s-48gb", "nvidia-a100-sxm-80gb",
           "nvidia-h100-sxm-80gb", "nvidia-h200-sxm-141gb", "amd-mi300x-192gb")  # fmt: skip
#: A request of so many tokens must have room for a start to be one.
SHORT = 16


@dataclass(frozen=True, kw_only=True)
class StartLog:
    """What an engine logs at start, on each device.

    Parameters
    ----------
    hardware, framework, weight_dtype : str
        What starts where.
    kv_bits : float
        Bits of a number in the KV cache.
    devices : int
        Devices of a replica (``tp * pp``).
    weights_gib, kv_gib : float
        Weights, what drafts tokens and adapters among them; memory for the KV cache. GiB.
    kv_tokens : int
        Tokens that the cache of a replica holds.
    longest_request : int
        Tokens of the longest request that is let in.
    requests_at_longest : float
        Requests of that length at once.
    longest_context : int
        Tokens of the longest request that fits.
    gives : str
        What would have to give for the longest request; blank where it has room.
    error : str
        Why nothing starts there whatever gives; blank where it does.
    """

    hardware: str
    framework: str
    weight_dtype: str
    kv_bits: float
    devices: int
    weights_gib: float
    kv_gib: float
    kv_tokens: int
    longest_request: int
    requests_at_longest: float
    longest_context: int
    gives: str
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self)


def starts(
    model: Model, devices: Sequence[HardwareLike] = DEVICES, **deployment: Any
) -> list[StartLog]:
    """Say what an engine would log at start on each of some devices; no estimator is asked.

    Parameters
    ----------
    model : Model
        Model that is served.
    devices : sequence of str, Hardware, dict or path
        Devices, one start each.
    deployment
        Further columns of a table of deployments (``framework``, ``tp``, ``weight_dtype``, ...);
        ``None`` counts as not given.

    Examples
    --------
    >>> from guide_ml import catalogue
    >>> (h100,) = starts(catalogue.model("llama-3.1-8b-instruct"), ["h100"], framework="vllm")
    >>> round(h100.weights_gib), h100.requests_at_longest > 1, h100.gives
    (15, True, '')
    """
    found = [given.hardware(device) for device in devices]
    stated: dict[str, Any] = {k: v for k, v in deployment.items() if v is not None}
    wide = int(stated.get("tp") or 1) * int(stated.get("pp") or 1)
    longest = int(stated.get("max_model_len") or model.max_position)
    table = pd.DataFrame([
        {"num_devices": wide, "concurrency": 1, "input_len": max(longest - 1, 1), "output_len": 1,
         "hardware": device.hardware, "model": model.model} | stated for device in found
    ])  # fmt: skip
    known = Definitions({device.hardware: device for device in found}, {model.model: model})
    _, resolved = ask(table, known)
    columns = resolved.columns
    account = extract(columns)
    lines = log_lines(columns, account)
    right = resolved.errors == ""
    short = np.flatnonzero(right & ((account["fits"] == 0) | (lines.requests < 1)))
    ways = dict(zip(short.tolist(), advice.unfit(resolved, account, short), strict=True))
    loaded = account["weights_byte"] + account["draft_byte"] + account["adapters_byte"]
    out = []
    for i, device in enumerate(found):
        if not right[i]:
            out.append(_refused(device.hardware, resolved.names, i, str(resolved.errors[i])))
            continue
        reach = int(lines.longest[i]) if account["kv_budget_byte"][i] > 0 else 0
        gives = _gives(ways[i], reach, longest) if i in ways else ""
        out.append(StartLog(
            hardware=device.hardware, framework=str(resolved.names["framework"][i]),
            weight_dtype=str(resolved.names["weight_dtype"][i]),
            kv_bits=float(columns["kv_bits"][i]),
            devices=int(columns["tp"][i] * columns["pp"][i]),
            weights_gib=float(loaded[i]) / GIB,
            kv_gib=max(float(account["kv_budget_byte"][i]), 0.0) / GIB,
            kv_tokens=int(account["kv_tokens"][i]), longest_request=longest,
            requests_at_longest=float(lines.requests[i]), longest_context=reach, gives=gives,
        ))  # fmt: skip
    return out


def _refused(hardware: str, names: Mapping[str, Any], i: int, reason: str) -> StartLog:
    return StartLog(
        hardware=hardware, framework=str(names["framework"][i]),
        weight_dtype=str(names["weight_dtype"][i]), kv_bits=0.0, devices=0,
        weights_gib=0.0, kv_gib=0.0, kv_tokens=0, longest_request=0, requests_at_longest=0.0,
        longest_context=0, gives="", error=reason,
    )  # fmt: skip


def _gives(sentence: str, reach: int, longest: int) -> str:
    """Say what would have to give: a shorter context where one fits, else what advice names."""
    way = sentence.rpartition("; ")[2]
    if SHORT <= reach < longest:
        return f"max_model_len={reach}, or {way}"
    return way


def sheet(logs: Sequence[StartLog]) -> Sheet:
    """Lay starts out as a table, a device a row."""
    longest = max((log.longest_request for log in logs), default=0)
    rows = tuple(
        (log.hardware, f"{log.weights_gib:,.2f}", f"{log.kv_gib:,.2f}", f"{log.kv_tokens:,}",
         f"{log.requests_at_longest:,.2f}", f"{log.longest_context:,}", log.gives)
        if not log.error else (log.hardware, "", "", "", "", "", log.error) for log in logs
    )  # fmt: skip
    engines = ", ".join(dict.fromkeys(log.framework for log in logs))
    kinds = ", ".join(dict.fromkeys(log.weight_dtype for log in logs if log.weight_dtype))
    return Sheet(
        title=f"as {engines} logs it at start, {kinds} weights", rows=rows,
        headings=("hardware", "weights GiB", "for KV GiB", "KV tokens",
                  f"requests of {longest:,}", "longest context", "what would have to give"),
        right=frozenset(range(1, 6)), spare=1,
    )  # fmt: skip
