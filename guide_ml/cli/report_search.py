"""Searches, sweeps and offers as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from guide_ml.cli.report import details, listing
from guide_ml.searching.reasons import misses_text
from guide_ml.searching.result import Found, Plan

__all__ = ["OFFER", "found", "offers", "swept"]

_SHOWN, _ON_FRONT = 6, 8
OFFER = {
    "hardware": "device", "num_devices": "GPUs", "usd_h": "USD/h", "usd_h_device": "USD/h each",
    "spot": "spot", "provider": "provider", "region": "region", "instance_type": "machine",
    "as_of": "price of",
}  # fmt: skip
"""Columns of a list of offers, and their headings."""

_DOMAIN = {
    "measured": "measured", "interpolated": "interpolated: measured under other loads",
    "near": "estimated: much like what was measured",
    "far": "estimated: far from what was measured",
}  # fmt: skip
_SHORT = {"measured": "measured", "interpolated": "interpolated", "near": "near data",
          "far": "far from data"}  # fmt: skip


def found(result: Found) -> RenderableType:
    """Lay a search's result out: the best deployment, why, and what else was found."""
    request = result.request
    limits = [f"{k} {v:,.4g}" for k, v in request.slo.limits.items()]
    title = (f"{request.model.model}: {request.load.text()},"
             f" {request.workload.input_len:,g} tokens in, {request.workload.output_len:,g} out"
             + (f"; {', '.join(limits)} at most" if limits else "")
             + (f"; {request.confidence:g} sure" if request.confidence > 0.5 else ""))  # fmt: skip
    parts: list[RenderableType] = [Text(title, style="bold"), Text("")]
    if best := result.best:
        parts += [details(_facts(best), "the deployment to rent"), _reasons(result)]
        others = list(result.plans[:_SHOWN])
        if result.runner_up and result.runner_up not in others:
            others.append(result.runner_up)
        parts.append(listing(map(_row, others), _headings(best), "what keeps all limits"))
        if len(result.front) > 1:
            parts.append(_front(result))
    else:
        parts.append(_reasons(result))
        rows = [_row(p) | {"misses": misses_text(p, request)} for p in result.nearest]
        parts.append(listing(rows, _MISSING, "what misses least"))
    parts.append(Text(_small_print(result), style="dim"))
    return Group(*parts)


def _reasons(result: Found) -> RenderableType:
    return Text("\n".join(f"- {line}" for line in result.why) + "\n")


def _facts(best: Plan) -> dict[str, Any]:
    """Everything that matters of the best plan, in words."""
    price = f"{best.usd_h:,.2f} USD/h, {best.usd_month:,.0f} USD a month (730 h)"
    if best.job_usd is not None and best.job_h is not None:
        price = f"{best.job_usd:,.2f} USD for the job: {best.job_h:,.1f} h at {best.usd_h:,.2f}"
    serves = f"{best.capacity_tok_s:,.0f} tokens/s, {best.capacity_req_s:,.3g} requests/s"
    if best.concurrency:
        serves += f", {best.capacity_users:,} concurrent users"
    at = f"{best.provider}, {best.region}, price of {best.price_date}"
    return {
        "rent": f"{best.machines} at {at}" + (", spot" if best.spot else ""),
        "GPUs": f"{best.num_devices} x {best.hardware}: {best.layout}",
        "price": price,
        "per million tokens": f"{best.usd_per_m_input:,.3f} USD in,"
        f" {best.usd_per_m_output:,.3f} USD out at this load;"
        f" {best.usd_per_m_input_full:,.3f} and {best.usd_per_m_output_full:,.3f} at full load",
        "run": f"{best.framework} on {best.backend}, weights in {best.weight_dtype}, KV cache in"
        f" {best.kv_dtype}, {best.max_len:,} tokens a request on average"
        + (f", {best.concurrency} in flight a replica" if best.concurrency else ""),
        "TTFT": _ms(best.ttft_ms, best.confidence), "TPOT": _ms(best.tpot_ms, best.confidence),
        "a user sees": None if best.tok_s_per_user is None
        else f"{best.tok_s_per_user:,.0f} tokens/s",
        "carries": f"{serves} ({100 * best.headroom:,.0f} % headroom)",
        "evidence": _DOMAIN.get(best.in_domain, best.in_domain),
        "start a replica": best.start,
        "confidence": f"{best.confidence:g} that limits and load hold;"
        f" {_usd(best.usd_h_estimate)} by the estimates, {_usd(best.usd_h_sure)}"
        f" to be {max(best.confidence, 0.9):g} sure",
    }  # fmt: skip


def _ms(value: float | None, confidence: float) -> str | None:
    sure = f" or less, {confidence:g} sure" if confidence > 0.5 else ""
    return None if value is None else f"{value:,.4g} ms{sure}"


def _usd(value: float | None) -> str:
    return "not at any size" if value is None else f"{value:,.2f} USD/h"


_HEADINGS = {
    "gpus": "GPUs, layout", "engine": "engine, evidence", "provider": "provider",
    "usd_h": "USD/h, if sure", "speed": "TTFT, a user", "carries": "carries, headroom",
}  # fmt: skip
_MISSING = {k: _HEADINGS[k] for k in ("gpus", "engine", "provider")} | {
    "price": "USD/h", "misses": "misses"}  # fmt: skip


def _headings(best: Plan) -> dict[str, str]:
    """Leave out what an offline job does not have."""
    if best.job_usd is None:
        return _HEADINGS
    kept = {k: v for k, v in _HEADINGS.items() if k != "speed"}
    return {k: v for key, word in kept.items() for k, v in
            ([("job", "USD a job"), (key, word)] if key == "usd_h" else [(key, word)])}  # fmt: skip


def _row(found: Plan) -> dict[str, Any]:
    """Write a plan in cells of two lines, so that a table fits a terminal."""
    carries = f"{found.capacity_users:,} users" if found.concurrency else (
        f"{found.capacity_tok_s:,.0f} tok/s")  # fmt: skip
    sure = "not at any size" if found.usd_h_sure is None else f"{found.usd_h_sure:,.2f}"
    speed = "" if found.ttft_ms is None else (
        f"{found.ttft_ms:,.4g} ms\n{found.tok_s_per_user:,.3g} tok/s")  # fmt: skip
    layout = found.layout.split(" = ")[-1]
    return {
        "gpus": f"{found.num_devices} x {found.hardware}\n{layout}",
        "engine": f"{found.framework} {found.weight_dtype}\n"
        f"{_SHORT.get(found.in_domain, found.in_domain)}",
        "provider": f"{found.provider}\n{found.region}", "price": f"{found.usd_h:,.2f}",
        "usd_h": f"{found.usd_h:,.2f}\n{sure}",
        "job": None if found.job_usd is None else f"{found.job_usd:,.2f}",
        "speed": speed, "carries": f"{carries}\n+{100 * found.headroom:,.0f} %",
    }  # fmt: skip


_FRONT = {k: _HEADINGS[k] for k in ("gpus", "engine", "provider")} | {
    "price": "USD/h", "e2e": "request s", "rate": "tok/s",
}  # fmt: skip


def _front(result: Found) -> RenderableType:
    """Lay the Pareto front out: nothing scored is cheaper and faster."""
    front = result.front
    step = max((len(front) - 1) / (_ON_FRONT - 1), 1.0)  # the ends, and what lies evenly between
    at = dict.fromkeys(round(k * step) for k in range(min(_ON_FRONT, len(front))))
    rows = [_row(p) | {"e2e": None if p.e2e_ms is None else p.e2e_ms / 1e3,
                       "rate": f"{p.capacity_tok_s:,.0f}"} for p in (front[i] for i in at)]
    offline = result.request.load.offline
    heads = {k: v for k, v in _FRONT.items() if not (offline and k == "e2e")}
    aims = result.request.objectives
    words = aims if len(aims) > 1 else ("cost", "throughput" if offline else "latency")
    return listing(rows, heads, f"Pareto front of {' and '.join(words)}:"
                   f" {len(rows)} of {len(front)}")  # fmt: skip


def _small_print(result: Found) -> str:
    counts = result.counts
    left = sum(n for k, n in counts.items() if k.startswith("offers left out"))
    return (
        f"{counts['deployments']:,} deployments on {counts['offers']:,} offers come down to"
        f" {counts['points']:,} engine configurations; {counts['scored']:,} scored in"
        f" {result.seconds:.1f} s. {left:,} offers left out (undated, slices or unlisted devices)."
        " 'if sure': USD/h to keep the limits with 90 % confidence or what was asked; 'near data':"
        " much like what was measured."
    )


def swept(table: pd.DataFrame) -> RenderableType:
    """Lay a sweep out."""
    over = str(table.columns[0])
    headings = {over: over, "usd_h": "USD/h", "usd_per_m_output": "USD/M out", "gpus": "GPUs",
                "layout": "layout", "framework": "engine", "provider": "provider",
                "ttft_ms": "TTFT ms", "tpot_ms": "TPOT ms", "proven": "proven"}  # fmt: skip
    rows: list[Mapping[Any, Any]] = []
    for row in table.astype(object).where(table.notna(), None).to_dict("records"):
        gpus = str(row["why"]).split(" Proven:")[0].split(" Not proven:")[0]
        if row["fits"]:
            gpus = f"{int(row['num_devices'])} x {row['hardware']}"
        rows.append(row | {"gpus": gpus, "layout": str(row["layout"] or "").split(" = ")[-1]})
    return listing(rows, headings, f"cost by {over}")


def offers(rows: Iterable[Mapping[Any, Any]], total: int) -> RenderableType:
    """Lay offers out."""
    shown = list(rows)
    if not shown:
        return Text("No offer is left: loosen what is asked; --marketplace, --undated and --spot"
                    " let more in.")  # fmt: skip
    return listing(shown, OFFER, f"{len(shown)} of {total:,} offers")
