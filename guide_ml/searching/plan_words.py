"""A plan in words: what is told of the best one, and the cells of a table of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from guide_ml.answers.cells import HELD, plain
from guide_ml.searching.request import LIMITS, Request

__all__ = ["FACTS", "cells", "limit", "misses", "over"]

#: Other confidences cost this much more to know; told beside the estimates' price.
SURE = 0.9

_DOMAIN = {
    "measured": "measured", "interpolated": "interpolated: measured under other loads",
    "near": "estimated: much like what was measured",
    "far": "estimated: far from what was measured",
}  # fmt: skip
_SHORT = {"measured": "measured", "interpolated": "interpolated", "near": "near data",
          "far": "far from data"}  # fmt: skip


def _rent(p: Any) -> str:
    place = f"{p.provider}, {p.region}, price of {p.price_date}"
    return f"{p.machines} at {place}" + (", spot" if p.spot else "")


def _price(p: Any) -> str:
    if p.job_usd is not None and p.job_h is not None:
        return f"{p.job_usd:,.2f} USD for the job: {p.job_h:,.1f} h at {p.usd_h:,.2f}"
    return f"{p.usd_h:,.2f} USD/h, {p.usd_month:,.0f} USD a month (730 h)"


def _million(p: Any) -> str:
    return (f"{p.usd_per_m_input:,.3f} USD in, {p.usd_per_m_output:,.3f} USD out at this load;"
            f" {p.usd_per_m_input_full:,.3f} and {p.usd_per_m_output_full:,.3f} at full load")


def _run(p: Any) -> str:
    flight = f", {p.concurrency} in flight a replica" if p.concurrency else ""
    return (f"{p.framework} on {p.backend}, weights in {p.weight_dtype}, KV cache in {p.kv_dtype},"
            f" {p.max_len:,} tokens a request {'at most' if p.longest_asked else 'on average'}"
            f"{flight}")


def _carries(p: Any) -> str:
    serves = f"{p.capacity_tok_s:,.0f} tokens/s, {p.capacity_req_s:,.3g} requests/s"
    users = f", {p.capacity_users:,} concurrent users" if p.concurrency else ""
    return f"{serves}{users} ({100 * p.headroom:,.0f} % headroom)"


def _sure(p: Any) -> str:
    return (f"{p.confidence:g} that limits and load hold; {_usd(p.usd_h_estimate)} by the"
            f" estimates, {_usd(p.usd_h_sure)} to be {max(p.confidence, SURE):g} sure")


def _ms(value: float | None, confidence: float) -> str | None:
    sure = f" or less, {confidence:g} sure" if confidence > 0.5 else ""
    return None if value is None else f"{plain(value)} ms{sure}"


def _tails(p: Any) -> str | None:
    if not p.percentiles:
        return None
    words = {"ttft_p99_ms": "TTFT", "tpot_p99_ms": "TPOT", "e2e_p99_ms": "request"}
    return ", ".join(f"{word} {plain(p.percentiles[n])} ms or less" for n, word in words.items()
                     if n in p.percentiles) + " (simulated)"  # fmt: skip


def _usd(value: float | None) -> str:
    return "not at any size" if value is None else f"{value:,.2f} USD/h"


FACTS: Mapping[str, Callable[[Any], str | None]] = {
    "rent": _rent,
    "GPUs": lambda p: f"{p.num_devices} x {p.hardware}: {p.layout}",
    "price": _price,
    "per million tokens": _million,
    "run": _run,
    "TTFT": lambda p: _ms(p.ttft_ms, p.confidence),
    "TPOT": lambda p: _ms(p.tpot_ms, p.confidence),
    "99 in 100 requests": lambda p: _tails(p),
    "a user sees": lambda p: None if p.tok_s_per_user is None
    else f"{p.tok_s_per_user:,.0f} tokens/s",
    "carries": _carries,
    "evidence": lambda p: _DOMAIN.get(p.in_domain, p.in_domain),
    "confidence": _sure,
}
"""What is told of a plan, by the name of the line; ``None`` leaves the line out."""


def cells(p: Any) -> dict[str, Any]:
    """Write a plan in cells of two lines, so that a table of plans fits a terminal.

    Parameters
    ----------
    p : Plan
        What a search found.
    """
    users, rate = f"{p.capacity_users:,}{HELD}users", f"{p.capacity_tok_s:,.0f}{HELD}tok/s"
    carries = users if p.concurrency else rate
    sure = "not at any size" if p.usd_h_sure is None else f"{p.usd_h_sure:,.2f}"
    speed = "" if p.ttft_ms is None else (
        f"{plain(p.ttft_ms)}{HELD}ms\n{p.tok_s_per_user:,.3g}{HELD}tok/s")  # fmt: skip
    return {
        "gpus": f"{p.num_devices} x {p.hardware}\n{p.layout.split(' = ')[-1]}",
        "engine": f"{p.framework} {p.weight_dtype}\n{_SHORT.get(p.in_domain, p.in_domain)}",
        "provider": f"{p.provider}\n{p.region}", "price": f"{p.usd_h:,.2f}",
        "usd_h": f"{p.usd_h:,.2f}\n{sure}",
        "job": None if p.job_usd is None else f"{p.job_usd:,.2f}",
        "speed": speed, "carries": f"{carries}\n+{100 * p.headroom:,.0f} %",
        "e2e": None if p.e2e_ms is None else p.e2e_ms / 1e3, "rate": f"{p.capacity_tok_s:,.0f}",
    }  # fmt: skip


def limit(request: Request, name: str) -> float:
    """Return the limit that a request sets."""
    if name in request.slo.limits:
        return request.slo.limits[name]
    if name in request.slo.percentiles:
        return request.slo.percentiles[name]
    return float(getattr(request.constraints, name))


def over(share: float) -> str:
    """Say by how much a limit is missed, which is never by 0 %."""
    percent = f"{100.0 * share:,.0f}"
    return f"{percent} %" if percent != "0" else "less than 1 %"


def misses(found: Any, request: Request) -> str:
    """Say what a plan misses: ``TTFT 83 ms, 66 % over 50 ms``."""
    parts = []
    for name, share in found.misses.items():
        if name == "predicted":
            parts.append("cannot be sized")
        elif name == "in_domain":
            parts.append("is far from the data")
        else:
            word, unit = LIMITS[name]
            given = limit(request, name)
            parts.append(f"{word} {plain(given * (1 + share))}{unit}, {over(share)} over"
                         f" {plain(given)}{unit}")  # fmt: skip
    return "; ".join(parts)
