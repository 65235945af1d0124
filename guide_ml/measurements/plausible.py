"""Figures that cannot be meant as written: a unit mixed up, or parts that contradict each other.

Each row of measurements is held against the hardware's floors and against itself: Little's law
ties the load to throughput and latency, a static batch's throughput to its latency, a percentile
to the median. Where one change of unit would put a row right, the reason names it; nothing is
mended here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guide_ml.describe.descriptors import MODES
from guide_ml.describe.targets import TARGETS
from guide_ml.features.floors import floors
from guide_ml.features.load import build
from guide_ml.table.assume import resolve
from guide_ml.table.read import DESCRIPTORS, NUMBERS, Definitions, Floats, read
from guide_ml.units import MS_PER_S

__all__ = ["IN_FLIGHT", "implausible"]

#: Requests in flight by Little's law over the stated concurrency: the range that is believed.
#: Accepted measurements lie within 0.72 to 1.09; runs of few rounds end on an emptying server.
IN_FLIGHT = (0.6, 1.15)
#: Rounds of requests below which the emptying end of a run may lower the mean load further.
FEW_ROUNDS, IN_FLIGHT_FEW = 3.0, 0.3
#: Tolerance of figures that are equal by definition, or nearly so.
SAME, NEARLY = 0.05, 0.25
#: Times above the floor beyond which nothing was ever measured (worst seen: 57, 666).
SLOWEST = {"batch_latency_s": 300.0, "tpot_ms": 1000.0}
#: A server on many cores may serve a tiny model slower yet (worst seen: 1,185).
PROCESSOR = 1.5
#: A time in ms that is shorter than this share of its floor is rather one in seconds.
SECONDS = 0.2
_WRONG_UNIT = {"batch_latency_s": "milliseconds", "tpot_ms": "microseconds"}
_PAIRS = (
    ("ttft_median_ms", "ttft_p99_ms", "the median may not exceed the 99th percentile"),
    ("tpot_median_ms", "tpot_p99_ms", "the median may not exceed the 99th percentile"),
    ("ttft_ms", "e2e_ms", "the first token may not come after the last one"),
    ("tpot_ms", "e2e_ms", "one token may not take longer than the whole request"),
    ("output_tok_s", "total_tok_s", "generated tokens are a part of all tokens"),
)  # fmt: skip
_FIGURES = ("batch_latency_s", "ttft_ms", "ttft_median_ms", "ttft_p99_ms", "tpot_ms",
            "tpot_median_ms", "tpot_p99_ms", "e2e_ms", "output_tok_s", "total_tok_s")  # fmt: skip

Rows = NDArray[np.bool_]


def implausible(table: pd.DataFrame, definitions: Definitions | None = None) -> pd.Series:
    """Say of each row of measurements why it cannot be meant as written.

    Parameters
    ----------
    table : DataFrame of shape (n, any of the measurements' columns)
        Descriptors and measured figures under the names of ``data/README.md``; what is missing
        or blank is not judged, and neither is a deployment that cannot be read.
    definitions : Definitions, optional
        Hardware and models that the catalogue lacks.

    Returns
    -------
    Series of str, on the index of `table`
        One sentence, or blank if the row is plausible.

    Examples
    --------
    A TTFT in seconds:

    >>> row = {"hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm",
    ...        "concurrency": 8, "input_len": 1024, "output_len": 256}
    >>> print(implausible(pd.DataFrame([row | {"ttft_ms": 0.21}]))[0])
    ttft_ms 0.21 is below 14.7, the least that the hardware allows; it looks like seconds (210 ms)
    >>> implausible(pd.DataFrame([row | {"ttft_ms": 210.0}]))[0]
    ''
    """
    t = _Judged.of(table)
    for check in (_floors(t, definitions), _orders(t), _definitions(t), _little(t)):
        for bad, reason in check:
            t.note(bad, reason)
    return pd.Series(t.reasons, index=table.index, dtype=object)


@dataclass
class _Judged:
    """Figures of the rows as arrays, and the reasons found so far."""

    table: pd.DataFrame
    numbers: dict[str, Floats]
    mode: NDArray[np.object_]
    reasons: NDArray[np.object_]

    @classmethod
    def of(cls, table: pd.DataFrame) -> _Judged:
        wanted = table.reset_index(drop=True).reindex(columns=[*DESCRIPTORS, *_FIGURES])
        numbers = {
            c: pd.to_numeric(wanted[c], errors="coerce").to_numpy(np.float64, na_value=np.nan)
            for c in (*NUMBERS, *_FIGURES)
        }
        mode = wanted["mode"].astype("string").fillna("").str.lower().to_numpy(object)
        guess = np.where(np.isfinite(numbers["concurrency"]), "closed", "static")
        mode = np.where(mode == "", guess, mode)
        return cls(wanted, numbers, mode, np.full(len(table), "", dtype=object))

    def __getitem__(self, name: str) -> Floats:
        return self.numbers[name]

    def note(self, bad: Rows, reason: Callable[[int], str]) -> None:
        for i in np.flatnonzero(bad & (self.reasons == "")):
            self.reasons[i] = reason(int(i))


_Found = Iterator[tuple[Rows, Callable[[int], str]]]


def _floors(t: _Judged, definitions: Definitions | None) -> _Found:
    """Faster than the hardware allows, or slower than anything ever was."""
    resolved = resolve(read(t.table, definitions))
    known = (resolved.errors == "") & np.isin(t.mode, MODES)
    rows = np.flatnonzero(known)
    if not len(rows):
        return
    columns = {k: v[rows] for k, v in resolved.columns.items()}
    bound = floors(build(columns))
    longer = np.ones(len(t.reasons))
    longer[rows] = np.where(columns["is_cpu"] > 0, PROCESSOR, 1.0)
    for target in TARGETS:
        limit = np.full(len(t.reasons), np.nan)
        limit[rows] = np.where(target.applies(columns["mode"]), bound[target.name], np.nan)
        value, name = t[target.name], target.name
        with np.errstate(invalid="ignore"):
            fast = value < limit if target.is_time else value > limit
            yield fast, lambda i, v=value, b=limit, n=name: _too_fast(n, v[i], b[i])  # type: ignore[misc]
            if name in SLOWEST:
                slow = value > SLOWEST[name] * longer * limit
                yield slow, lambda i, v=value, b=limit, n=name: (  # type: ignore[misc]
                    f"{n} {v[i]:.3g} is {v[i] / b[i]:,.0f} times what the hardware needs at least;"
                    f" it looks like {_WRONG_UNIT[n]}"
                )


def _too_fast(name: str, value: float, limit: float) -> str:
    if name == "output_tok_s":
        return f"{name} {value:.4g} is above {limit:.4g}, the most that the hardware allows"
    text = f"{name} {value:.3g} is below {limit:.3g}, the least that the hardware allows"
    if name == "batch_latency_s" or not value < SECONDS * limit <= MS_PER_S * value * SECONDS:
        return text
    return text + f"; it looks like seconds ({value * MS_PER_S:.3g} ms)"


def _orders(t: _Judged) -> _Found:
    """Pairs of figures of which the first may not be the larger one."""
    for low, high, why in _PAIRS:
        a, b = t[low], t[high]
        with np.errstate(invalid="ignore"):
            bad = a > b * (1.0 + SAME)
        yield bad, lambda i, low=low, high=high, why=why, a=a, b=b: (  # type: ignore[misc]
            f"{low} {a[i]:.4g} exceeds {high} {b[i]:.4g}: {why}"
        )


def _definitions(t: _Judged) -> _Found:
    """Figures of a fixed batch that follow from each other."""
    batch = np.where(np.isnan(t["batch_size"]), 1.0, t["batch_size"])
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs = (
            ("static", "output_tok_s", batch * t["output_len"] / t["batch_latency_s"],
             "batch_size * output_len / batch_latency_s", SAME),
            ("decode", "output_tok_s", MS_PER_S * batch / t["tpot_ms"],
             "batch_size / TPOT", SAME),
            ("prefill", "total_tok_s", MS_PER_S * batch * t["input_len"] / t["ttft_ms"],
             "batch_size * input_len / TTFT", SAME),
            ("static", "batch_latency_s",
             (t["ttft_ms"] + (t["output_len"] - 1.0) * t["tpot_ms"]) / MS_PER_S,
             "TTFT + (output_len - 1) * TPOT", NEARLY),
        )  # fmt: skip
        for mode, name, other, formula, tolerance in pairs:
            factor = other / t[name]
            bad = (t.mode == mode) & (np.abs(np.log(factor)) > np.log1p(tolerance))
            yield bad, lambda i, n=name, o=other, f=formula, r=factor: (  # type: ignore[misc]
                f"{n} {t[n][i]:.4g} contradicts {f}, which is {o[i]:.4g}"
                + _factor(t, i, float(r[i]), n)
            )


def _factor(t: _Judged, i: int, ratio: float, name: str) -> str:
    """Name the mix-up of units that explains a ratio, if one does."""
    devices, batch = t["num_devices"][i], t["batch_size"][i]
    if name.endswith("tok_s"):
        for count, what in ((devices, "per device"), (batch, "per user")):
            if count > 1 and abs(np.log(ratio / count)) < np.log1p(SAME):
                return f"; it looks like tokens a second {what}, not of the deployment"
    if any(abs(np.log(ratio / f)) < np.log1p(NEARLY) for f in (MS_PER_S, 1 / MS_PER_S)):
        return "; seconds and milliseconds look mixed up"
    return ""


def _little(t: _Judged) -> _Found:
    """Little's law: throughput x latency is what was in flight."""
    asked = t["concurrency"]
    with np.errstate(invalid="ignore", divide="ignore"):
        rounds = t["num_requests"] / asked
        least = np.where(rounds < FEW_ROUNDS, IN_FLIGHT_FEW, IN_FLIGHT[0])
        share = _in_flight(t, {}) / asked
        bad = (t.mode == "closed") & ((share < least) | (share > IN_FLIGHT[1]))
    yield bad, lambda i: _explain(t, i, float(share[i] * asked[i]))


def _in_flight(t: _Judged, factors: dict[str, Floats | float]) -> Floats:
    """Mean requests in flight, with some figures multiplied; NaN where a figure is missing."""
    f = {k: t[k] * factors.get(k, 1.0) for k in ("ttft_ms", "tpot_ms", "e2e_ms", "output_tok_s")}
    parts = f["ttft_ms"] + (t["output_len"] - 1.0) * f["tpot_ms"]
    latency = np.where(np.isnan(f["e2e_ms"]), parts, f["e2e_ms"])
    with np.errstate(invalid="ignore", divide="ignore"):
        in_flight: Floats = f["output_tok_s"] / t["output_len"] * latency / MS_PER_S
    return in_flight


def _explain(t: _Judged, i: int, found: float) -> str:
    text = (
        f"Little's law: throughput x latency gives {found:.3g} requests in flight,"
        f" concurrency says {t['concurrency'][i]:.4g}"
    )
    low, high = IN_FLIGHT
    for what, factors in _mix_ups(t).items():
        changed = any(np.broadcast_to(f, t.mode.shape)[i] != 1 for f in factors.values())
        share = float(_in_flight(t, factors)[i]) / t["concurrency"][i]
        if changed and low <= share <= high:
            return f"{text}; {what}"
    return text


def _mix_ups(t: _Judged) -> dict[str, dict[str, Floats | float]]:
    """Single mistakes that are common, and what undoes each."""
    times = ("ttft_ms", "tpot_ms", "e2e_ms")
    generated = t["output_len"] / (t["input_len"] + t["output_len"])
    return {
        "output_tok_s looks like tokens a second per device, not of the deployment":
            {"output_tok_s": t["num_devices"]},
        "output_tok_s looks like tokens a second per user, not of the deployment":
            {"output_tok_s": t["concurrency"]},
        "output_tok_s looks like all tokens, not the generated ones": {"output_tok_s": generated},
        "output_tok_s looks like requests a second": {"output_tok_s": t["output_len"]},
        "ttft_ms looks like seconds": {"ttft_ms": MS_PER_S},
        "tpot_ms looks like seconds": {"tpot_ms": MS_PER_S},
        "the times look like seconds": dict.fromkeys(times, MS_PER_S),
        "the times look like microseconds": dict.fromkeys(times, 1 / MS_PER_S),
    }  # fmt: skip
