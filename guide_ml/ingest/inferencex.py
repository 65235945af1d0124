"""InferenceX (InferenceMAX) ``agg_*.json``: one run, times in seconds, rates a GPU.

Prompts and answers are drawn from 0.8 to 1.0 of the nominal lengths, so their mean is 0.9 of it;
some runs send the nominal lengths. Which it was follows from the times: a request takes the first
token and then one after the other. Agentic runs are conversations whose history is cached.
"""

from __future__ import annotations

import re
from typing import Any

from guide_ml.ingest.content import Content, number, pick
from guide_ml.ingest.devices import hardware_of
from guide_ml.ingest.names import engine_of, model_of
from guide_ml.ingest.precision import precision
from guide_ml.ingest.rows import (
    FAULT,
    Importer,
    Row,
    drafted,
    failed,
    flagged,
    joined,
    served,
    stats,
)
from guide_ml.units import MS_PER_S

__all__ = ["INFERENCEX"]

#: Mean over nominal length of ``--random-range-ratio`` 0.8 and 1, and how near times must lie.
MEAN_SHARES, NEAR = (0.9, 1.0), 0.04


def _is_run(found: dict[str, Any]) -> bool:
    agentic = found.keys() >= {"request_metrics", "num_requests_total"}
    return {"hw", "conc", "precision"} <= found.keys() and ("tput_per_gpu" in found or agentic)


def _recognises(content: Content) -> bool:
    return any(map(_is_run, content.objects))


def _rows(content: Content) -> list[Row]:
    return [_run(o) for o in content.objects if _is_run(o)]


def _run(found: dict[str, Any]) -> Row:
    device = hardware_of(re.split(r"[-_]", str(found.get("hw")))[0])
    name = found.get("model")
    stated = {"fp4": _four_bit(device)}.get(str(found.get("precision")), found.get("precision"))
    row = joined(
        served(found.get("conc")), _devices(found), model_of(name), device,
        _engine(found.get("framework")),
        {"framework_version": found.get("image") or None}, precision(stated, model=name),
        drafted(found.get("spec_decoding") or found.get("mtp")), _times(found),
    )  # fmt: skip
    rates = _rates(found, row)
    return joined(row, rates, _talk(found) if _is_talk(found) else _lengths(found))


def _engine(name: object) -> Row:
    """Find the engine; one that the catalogue lacks is a fault, as it cannot be another."""
    row = engine_of(name)
    return row or ({FAULT: f"the engine is {name!r}, which the catalogue lacks"} if name else {})


def _is_talk(found: dict[str, Any]) -> bool:
    return str(found.get("scenario_type") or "").startswith("agentic") or "request_metrics" in found


def _times(found: dict[str, Any]) -> Row:
    row: Row = {}
    for name, key in (("ttft", "ttft"), ("tpot", "tpot"), ("e2e", "e2el")):
        inside = pick(found, "request_metrics", "latency", key) or {}
        figures = [found.get(f"{s}_{key}") for s in ("mean", "median", "p99")]
        if inside:
            figures = [inside.get(s) for s in ("mean", "p50", "p99")]
        row |= stats(name, figures, MS_PER_S)
    return row


def _devices(found: dict[str, Any]) -> Row:
    """Devices and layout; with attention data-parallel, its ranks are replicas."""
    before, after = _side(found, "prefill"), _side(found, "decode")
    if found.get("disagg") or (found.get("is_multinode") and before and after):
        both = before + after if before and after else None
        return {"mode": "disagg", "num_devices": both}
    tp = number(found.get("tp"))
    if not tp:
        return {}
    pp, pcp = number(found.get("pp")) or 1.0, number(found.get("pcp_size")) or 1.0
    stated = number(found.get("num_gpus"))
    dp = number(found.get("dp_size")) or number(found.get("dp")) or 1.0
    shared = str(found.get("dp_attention")).lower() == "true"
    count = stated or tp * pp * pcp * (1.0 if shared else dp)
    return {"num_devices": count, "tp": 1.0 if shared else tp, "dp": tp if shared else dp,
            "pp": pp, "ep": number(found.get("ep"))} | flagged(
                "context-parallel" if pcp > 1 else None)  # fmt: skip


def _side(found: dict[str, Any], side: str) -> float | None:
    """Devices of the prefill or the decode workers."""
    if stated := number(found.get(f"num_{side}_gpu")):
        return stated
    tp = number(found.get(f"{side}_tp"))
    sizes = (number(found.get(f"{side}_{k}")) or 1.0 for k in ("pp", "pcp_size", "num_workers"))
    for size in sizes:
        tp = tp * size if tp else None
    return tp


def _rates(found: dict[str, Any], row: Row) -> Row:
    """Tokens a second of the deployment; a disaggregated one's are those of its decode devices."""
    count = row.get("num_devices")
    made = number(found.get("output_tput_tps")) or number(
        pick(found, "request_metrics", "throughput", "output", "tokens_per_second"))  # fmt: skip
    each, every = number(found.get("output_tput_per_gpu")), number(found.get("tput_per_gpu"))
    of_output = _side(found, "decode") if row.get("mode") == "disagg" else count
    return {"output_tok_s": made or (each * of_output if each and of_output else None),
            "total_tok_s": number(found.get("total_tput_tps"))
            or (every * count if every and count else None)}  # fmt: skip


def _talk(found: dict[str, Any]) -> Row:
    """Lengths, hits and failures of conversations."""
    tokens = pick(found, "request_metrics", "tokens") or {}
    done = number(found.get("num_requests_successful"))
    sent = number(found.get("num_requests_total"))
    lost = number(pick(found, "request_accounting", "records_error_dropped"))
    if lost is None and sent is not None and done is not None:
        lost = sent - done
    hits = number(found.get("theoretical_cache_hit_rate"))
    hits = (
        number(pick(found, "request_metrics", "cache", "theoretical_cache_hit_rate"))
        if hits is None
        else hits
    )
    inside = number(found.get("mean_input_tokens")) or number(pick(tokens, "input", "mean"))
    outside = number(found.get("mean_output_tokens_actual")) or number(
        pick(tokens, "output_actual", "mean")
    )
    return joined({"input_len": inside, "output_len": outside, "num_requests": done,
                   "prefix_hit_rate": hits}, failed(lost, done), flagged("multi-turn"))  # fmt: skip


def _lengths(found: dict[str, Any]) -> Row:
    """Mean lengths: the share of the nominal ones that the times of a request tell."""
    inside, outside = number(found.get("isl")), number(found.get("osl"))
    if not inside or not outside:
        return {}
    whole, first, step = (number(found.get(f"mean_{k}")) for k in ("e2el", "ttft", "tpot"))
    share = MEAN_SHARES[0]
    if whole and first and step:
        told = (1.0 + (whole - first) / step) / outside
        share = min(MEAN_SHARES, key=lambda s: abs(s - told))
        if abs(share - told) > NEAR:
            return {}
    return {"input_len": share * inside, "output_len": share * outside}


def _four_bit(device: Row) -> str:
    return "mxfp4" if str(device.get("hardware", "")).startswith("amd") else "nvfp4"


INFERENCEX = Importer(
    "inferencex", "InferenceX (InferenceMAX): agg_*.json", _recognises, _rows,
    versions="2026-02 to 2026-11", gives="device, engine, layout, model, precision, load, lengths,"
    " TTFT, TPOT, throughput, drafting, hits of conversations",
)  # fmt: skip
