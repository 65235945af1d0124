"""Bits that importers share: one canonical row, its figures, and how tools write names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from guide_ml import catalogue
from guide_ml.describe.descriptors import BACKENDS
from guide_ml.errors import GuideError
from guide_ml.ingest.content import Content, number
from guide_ml.measurements.read import MEASURED
from guide_ml.precision.dtypes import dtype
from guide_ml.table.read import DESCRIPTORS, NUMBERS

__all__ = [
    "COLUMNS", "FAULT", "LAYERS", "SLUGS", "TOKENS", "Importer", "Row", "backend_of", "dtype_of",
    "engine_of", "failed", "model_of", "per_request", "served", "slug",
    "stats", "typed",
]  # fmt: skip

Row = dict[str, Any]

#: Columns of the stored table: those of ``data/README.md``.
COLUMNS = ("source", "source_ref", "measured_on", *DESCRIPTORS, *MEASURED, "e2e_median_ms",
           "e2e_p99_ms", "peak_mem_gb", "power_w", "flags")  # fmt: skip
_FLOATS = {*NUMBERS, *MEASURED, "e2e_median_ms", "e2e_p99_ms", "peak_mem_gb", "power_w"}
#: What a row has beside its columns: why it is rejected as read, and tokens a request where a
#: file gives only their sum, and layers on the device where some may be elsewhere.
FAULT, TOKENS, LAYERS = "fault", "tokens_per_request", "layers_on_device"
#: Share of failed requests beyond which a run says nothing of its load.
MAX_FAILED = 0.05


@dataclass(frozen=True)
class Importer:
    """A tool whose files can be read.

    Parameters
    ----------
    name : str
        Of the tool; the default source of its rows.
    reads : str
        The file, for people.
    recognises : callable
        Whether a file is one of this tool, by its content.
    rows : callable
        Rows of such a file under canonical columns; blanks are left out or ``None``.
    complete : bool
        Whether its blanks are meant, so that nothing but names and mode is asked for.
    """

    name: str
    reads: str
    recognises: Callable[[Content], bool]
    rows: Callable[[Content], list[Row]]
    complete: bool = False


SLUGS: dict[str, Callable[[str], str]] = {
    "hardware": lambda s: catalogue.hardware(s).hardware,
    "model": lambda s: catalogue.model(s).model,
    "framework": lambda s: catalogue.framework(s)[0].framework,
    "weight_dtype": lambda s: dtype(s).name,
}
"""Columns of names, and how the catalogue spells them; each raises for one that it lacks."""


def slug(column: str, value: str) -> str:
    """Spell a name as the catalogue does; leave one that it lacks as it is."""
    try:
        return SLUGS[column](value)
    except GuideError:
        return value


def stats(name: str, figures: Iterable[object], scale: float = 1.0) -> Row:
    """Lay a latency's statistics out; zeros are what tools write for what was not measured.

    Parameters
    ----------
    name : str
        ``ttft``, ``tpot`` or ``e2e``.
    figures : iterable
        Mean, median and 99th percentile in the file's unit; later ones may be left out, and
        ``None`` stands for one that is not there.
    scale : float
        Milliseconds in that unit.

    Examples
    --------
    >>> stats("ttft", (0.2, None, 0.5), scale=1000)
    {'ttft_ms': 200.0, 'ttft_stat': 'mean', 'ttft_p99_ms': 500.0}
    >>> stats("tpot", (None, 11))
    {'tpot_ms': 11.0, 'tpot_stat': 'median', 'tpot_median_ms': 11.0}
    """
    values = [(number(v) or 0.0) * scale for v in figures] + [0.0, 0.0]
    row: Row = {}  # zeros at the end stand for what was left out
    main = values[0] or values[1]
    if main and (values[0] or name != "e2e"):
        row[f"{name}_ms"] = main
        if name != "e2e":
            row[f"{name}_stat"] = "mean" if values[0] else "median"
    for key, value in (("median", values[1]), ("p99", values[2])):
        if value:
            row[f"{name}_{key}_ms"] = value
    return row


def served(concurrency: object, rate: object = None) -> Row:
    """Name the mode of a server's run by its load.

    A stated request rate is an open load; a cap alone a closed one; neither sends all requests
    at once, so that the engine drains a queue.

    Examples
    --------
    >>> served(8), served(None, "inf")
    ({'mode': 'closed', 'concurrency': 8.0}, {'mode': 'offline'})
    >>> served(None, 2.5)
    {'mode': 'open', 'request_rate_rps': 2.5}
    """
    cap, pace = number(concurrency), number(rate)
    if pace is not None or rate == "trace":
        return {"mode": "open"} | ({"request_rate_rps": pace} if pace is not None else {})
    return {"mode": "closed", "concurrency": cap} if cap else {"mode": "offline"}


def per_request(total: object, requests: object) -> float | None:
    """Mean of a total over its requests."""
    a, b = number(total), number(requests)
    return a / b if a and b else None


def failed(bad: object, good: object) -> Row:
    """Mark a run of which too many requests failed."""
    share = _share_failed(bad, good)
    return {FAULT: f"{share:.0%} of the requests failed"} if share > MAX_FAILED else {}


def _share_failed(bad: object, good: object) -> float:
    """Share of the requests that failed."""
    lost, done = number(bad) or 0.0, number(good) or 0.0
    return lost / (lost + done) if lost else 0.0


def engine_of(name: object) -> Row:
    """Return the engine that a client's name for its protocol tells, if any."""
    text = str(name or "").lower()
    for cut in (text, text.split("-")[0]):
        try:
            return {"framework": catalogue.framework(cut)[0].framework}
        except GuideError:
            continue
    return {}


def model_of(name: object) -> Row:
    """Return the model that a path or served name tells; blank if the catalogue has none."""
    text = str(name or "").strip().rstrip("/")
    for cut in (text, re.split(r"[/\\]", text)[-1].replace("models--", "").replace("--", "/")):
        try:
            return {"model": catalogue.model(cut).model}
        except GuideError:
            continue
    return {}


_DTYPES = {
    "fp8_block_scales": "fp8", "fp8_per_channel_per_token": "fp8", "w4a16_awq": "awq-int4",
    "w4a16_gptq": "gptq-int4", "w4a8_awq": "int4-fp8", "w8a8_sq_per_channel": "int8",
    "w4a8_mxfp4_fp8": "mxfp4", "w4a16_mxfp4": "mxfp4", "w4a8_mxfp4_mxfp8": "mxfp4",
    "modelopt_fp8": "fp8", "modelopt_fp4": "nvfp4", "modelopt": "fp8", "w8a8_fp8": "fp8",
    "w8a8_int8": "int8", "awq_marlin": "awq-int4", "gptq_marlin": "gptq-int4",
    "bitsandbytes": "nf4", "bnb": "nf4", "compressed-tensors": "", "f16": "fp16", "f32": "fp32",
}  # fmt: skip


def dtype_of(*names: object) -> str | None:
    """Return the first name that is a dtype as tools spell it: a scheme before a plain type.

    Examples
    --------
    >>> dtype_of(None, "torch.bfloat16"), dtype_of("FP8_BLOCK_SCALES", "bfloat16"), dtype_of("auto")
    ('bf16', 'fp8', None)
    """
    for name in names:
        text = str(name or "").lower().removeprefix("torch.")
        try:
            return dtype(_DTYPES.get(text, text)).name
        except GuideError:
            continue
    return None


def backend_of(name: object) -> Row:
    """Return the first backend that a list of them names."""
    for part in str(name or "").lower().split(","):
        if part.strip() in BACKENDS:
            return {"backend": part.strip()}
    return {}


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """Give every canonical column its type, so that an empty one is not of none.

    Parameters
    ----------
    table : DataFrame
        Canonical columns in any order, blanks where a row lacks one; others are kept behind.
    """
    extra = [c for c in table.columns if c not in COLUMNS]
    out = table.reindex(columns=[*COLUMNS, *extra])
    for name in COLUMNS:
        if name in _FLOATS:
            out[name] = pd.to_numeric(out[name], errors="coerce").astype(float)
        else:
            out[name] = out[name].astype("string")
    return out
