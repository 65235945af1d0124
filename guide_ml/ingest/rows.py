"""Bits that importers share: one canonical row, its load and its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from guide_ml import catalogue
from guide_ml.errors import GuideError
from guide_ml.ingest.content import Content, number
from guide_ml.ingest.loads import served
from guide_ml.measurements.columns import FIGURES, SETTINGS, TEXTS
from guide_ml.measurements.read import MEASURED
from guide_ml.precision.dtypes import dtype
from guide_ml.table.read import DESCRIPTORS, NUMBERS

__all__ = [
    "ASKS",
    "BITS",
    "COLUMNS",
    "FAULT",
    "LAYERS",
    "NOTED",
    "PARAMETERS",
    "REPEAT",
    "SAID",
    "SLUGS",
    "TOKENS",
    "UNLIKE",
    "Importer",
    "Row",
    "asking",
    "drafted",
    "failed",
    "flagged",
    "joined",
    "per_request",
    "served",
    "slug",
    "stats",
    "typed",
]

Row = dict[str, Any]

#: What a run says of itself beyond what training reads: kept beside the rest.
NOTED = ("failed_requests", "accept_len", "prefix_hit_rate", "e2e_median_ms", "e2e_p99_ms",
         "peak_mem_gb", "power_w")  # fmt: skip
#: Columns of the stored table: those of ``data/README.md``.
COLUMNS = tuple(dict.fromkeys((
    "source", "source_ref", "measured_on", *DESCRIPTORS, *TEXTS, *SETTINGS, *MEASURED, *FIGURES,
    *NOTED, "flags",
)))  # fmt: skip
_FLOATS = {*NUMBERS, *MEASURED, *SETTINGS, *FIGURES, *NOTED}
#: What a row has beside its columns. Why it is rejected as read; tokens a request where a file
#: gives only their sum; layers on the device where some may be elsewhere.
FAULT, TOKENS, LAYERS = "fault", "tokens_per_request", "layers_on_device"
#: Columns that must be given and why, where the file allows two readings; columns as the file
#: writes them; what rows have in common that are repeats of one run.
ASKS, SAID, REPEAT = "asks", "said", "repeat"
#: Bits a weight and parameters (in billions) that the file states; unlike devices that it lists.
BITS, PARAMETERS, UNLIKE = "bits_a_weight", "parameters_b", "unlike_devices"
#: Share of failed requests beyond which a run says nothing of its load.
MAX_FAILED = 0.05
#: Accepted tokens a step from which on drafting is certain: one is what there is without.
DRAFTING = 1.02


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
    versions : str
        Versions of the tool whose files were read.
    gives : str
        What of a run such a file says, for people.
    """

    name: str
    reads: str
    recognises: Callable[[Content], bool]
    rows: Callable[[Content], list[Row]]
    complete: bool = False
    versions: str = ""
    gives: str = ""


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


def per_request(total: object, requests: object) -> float | None:
    """Mean of a total over its requests."""
    a, b = number(total), number(requests)
    return a / b if a and b else None


def failed(bad: object, good: object) -> Row:
    """Note how many requests failed; too many are a fault.

    Examples
    --------
    >>> failed(1, 99), failed(20, 80)
    ({'failed_requests': 1.0}, {'failed_requests': 20.0, 'fault': '20% of the requests failed'})
    """
    lost, done = number(bad), number(good) or 0.0
    if lost is None or lost < 0:
        return {}
    row: Row = {"failed_requests": lost}
    if lost and lost / (lost + done) > MAX_FAILED:
        row[FAULT] = f"{lost / (lost + done):.0%} of the requests failed"
    return row


def drafted(method: object = None, accept_len: object = None) -> Row:
    """Read speculative decoding; tokens that were accepted ask for a method that is not stated.

    Parameters
    ----------
    method : object
        As the engine or the client names it; blank if the file does not say.
    accept_len : object
        Mean tokens a step, the model's own one included.

    Examples
    --------
    >>> drafted("EAGLE3", 2.9)
    {'spec_method': 'eagle3', 'accept_len': 2.9}
    """
    text = "" if method is None or isinstance(method, bool) else str(method).strip().lower()
    text = "none" if text in ("none", "off", "false", "no") else text
    mean = number(accept_len)
    row: Row = {"spec_method": text} if text else {}
    if mean is None or mean < DRAFTING:
        return row
    row["accept_len"] = mean
    if text in ("", "none"):
        row.pop("spec_method", None)
        row[ASKS] = {
            "spec_method": f"{mean:.3g} tokens a step were accepted, so tokens were drafted"
            ", but the file does not say how"
        }
    return row


def flagged(*flags: str | None) -> Row:
    """Flag a row: it is kept, but trains nothing."""
    found = [f for f in flags if f]
    return {"flags": ";".join(found)} if found else {}


def asking(column: str, why: str) -> Row:
    """Ask for a column that the file leaves open."""
    return {ASKS: {column: why}}


def joined(*parts: Row) -> Row:
    """Put parts of a row together: later cells win, but blanks do not; the first fault stays.

    Examples
    --------
    >>> joined({"tp": 2.0, "flags": "a"}, {"tp": None, "flags": "b"})
    {'tp': 2.0, 'flags': 'a;b'}
    """
    out: Row = {}
    for key, value in ((k, v) for part in parts for k, v in part.items() if v is not None):
        if key in (ASKS, SAID) and key in out:
            out[key] = out[key] | value
        elif key == "flags" and key in out:
            out[key] = ";".join(dict.fromkeys([*out[key].split(";"), *value.split(";")]))
        elif key != FAULT or FAULT not in out:
            out[key] = value
    return out


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
