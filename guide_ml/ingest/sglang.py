"""SGLang's benchmarks: ``bench_serving``, ``bench_one_batch`` (and ``_server``), ``offline``.

`bench_serving`: ``random_input_len`` and its like are upper ends of a range
(``random_range_ratio``), so lengths come from the totals. ``concurrency`` is what was measured,
``max_concurrency`` what was asked. No field counts failures: they are texts in ``errors`` or what
``completed`` lacks. Servers of a prefill/decode pair are two, each with devices of its own.
"""

from __future__ import annotations

from typing import Any

from guide_ml.ingest.content import Content, number, pick
from guide_ml.ingest.names import engine_of, model_of
from guide_ml.ingest.precision import kv_precision, precision
from guide_ml.ingest.rows import (
    FAULT,
    Importer,
    Row,
    drafted,
    failed,
    flagged,
    joined,
    per_request,
    served,
    stats,
)
from guide_ml.units import MS_PER_S

__all__ = ["OFFLINE", "ONE_BATCH", "SGLANG", "batch", "offline_run", "run"]

#: How far the tokens that a text makes may be from those that were sent: no text is cut up twice
#: in quite the same way.
RETOKENISED = 1.25

#: Data sets of which requests share their beginnings, or are turns of one conversation.
_SHARED = {"generated-shared-prefix": "prefix-cached", "mooncake": "prefix-cached",
           "agentic_trace": "multi-turn", "agentic-trace": "multi-turn"}  # fmt: skip


def _is_run(found: dict[str, Any]) -> bool:
    return {"backend", "output_throughput", "mean_e2e_latency_ms"} <= found.keys()


def _recognises(content: Content) -> bool:
    return any(map(_is_run, content.objects))


def _rows(content: Content) -> list[Row]:
    return [run(o) for o in content.objects if _is_run(o)]


def run(found: dict[str, Any]) -> Row:
    """Read one result of `bench_serving`."""
    done, sent = number(found.get("completed")), number(found.get("num_prompts"))
    lost = _lost(found, sent, done)
    engine = engine_of(found.get("backend"))
    server: Row = {}
    if engine.get("framework") == "sglang":
        server = _server(found.get("server_info") or {})
    model: Row = {} if server.get("model") else model_of(found.get("model_path"))
    asked = sent or (done or 0.0) + (lost or 0.0)
    row = joined(
        served(found.get("max_concurrency"), found.get("request_rate"), asked, _reached(found),
               (number(found.get("mean_e2e_latency_ms")) or 0.0) / MS_PER_S),
        engine,
        model,
        server,
        _drafts(server, found.get("accept_length")),
        _cached(found),
        {
            "num_requests": done,
            "input_len": per_request(found.get("total_input_tokens"), done),
            "output_len": per_request(found.get("total_output_tokens"), done),
            "output_tok_s": number(found.get("output_throughput")),
            "total_tok_s": number(found.get("total_throughput")) or _total(found),
        },
        _came(found),
        failed(lost, done),
    )  # fmt: skip
    for name, key in (("ttft", "ttft"), ("tpot", "tpot"), ("e2e", "e2e_latency")):
        row |= stats(name, (found.get(f"{s}_{key}_ms") for s in ("mean", "median", "p99")))
    return row


def _reached(found: dict[str, Any]) -> float | None:
    """Read requests done a second, counted where the file does not say."""
    done, took = number(found.get("completed")), number(found.get("duration"))
    return number(found.get("request_throughput")) or (done / took if done and took else None)


def _came(found: dict[str, Any]) -> Row:
    """Refuse a run whose answers do not hold the tokens that its figures count.

    Where a server does not say how many tokens it sent, the client takes those that it asked for;
    how many the text of the answers makes stands beside.
    """
    counted = number(found.get("total_output_tokens"))
    came = number(found.get("total_output_tokens_retokenized"))
    if not counted or not came or 1 / RETOKENISED <= came / counted <= RETOKENISED:
        return {}
    return {FAULT: f"{counted:,.0f} output tokens are counted, but the answers hold {came:,.0f}:"
                   " throughput and TPOT are of tokens that never came"}  # fmt: skip


def _total(found: dict[str, Any]) -> float | None:
    parts = [
        number(found.get(k)) for k in ("total_input_tokens", "total_output_tokens", "duration")
    ]
    if None in parts or not parts[2]:
        return None
    return (parts[0] + parts[1]) / parts[2]  # type: ignore[operator]


def _lost(found: dict[str, Any], sent: float | None, done: float | None) -> float | None:
    """Count failed requests: texts in ``errors``, or what was sent and not completed."""
    errors = found.get("errors")
    if isinstance(errors, list):
        return float(sum(bool(str(e or "").strip()) for e in errors))
    return None if sent is None or done is None else max(sent - done, 0.0)


def _cached(found: dict[str, Any]) -> Row:
    rate = number(found.get("cache_hit_rate"))
    rate = number(pick(found, "cache_report", "cache_hit_rate_pct")) if rate is None else rate
    share = None if rate is None else rate / 100.0
    data = str(found.get("dataset_name") or "").lower()
    turns = number(found.get("num_turns")) or 1
    flag = _SHARED.get(data) or ("multi-turn" if turns > 1 else None)
    pictures = number(found.get("total_input_vision_tokens")) or data in ("image", "mmmu")
    return {"prefix_hit_rate": share} | flagged(
        flag or ("prefix-cached" if share else None), "multimodal" if pictures else None
    )


def _drafts(server: Row, accepted: object) -> Row:
    return drafted(server.pop("spec_method", None), accepted)


def _server(info: dict[str, Any]) -> Row:
    """Read what the server says of itself; blank where a server of another age does not."""
    before, after = info.get("prefill"), info.get("decode")
    if isinstance(before, list) and isinstance(after, list) and before and after:
        return _pair(before, after)
    inside = info.get("server_args")
    return _one(inside if isinstance(inside, dict) else info, info)


def _one(args: dict[str, Any], info: dict[str, Any]) -> Row:
    tp, pp, dp = (number(pick(args, f"{k}_size")) for k in ("tp", "pp", "dp"))
    shared = bool(args.get("enable_dp_attention"))  # attention ranks are taken from the tp ones
    row: Row = {"pp": pp, "ep": number(args.get("ep_size")), "dp": dp,
                "tp": tp / dp if tp and dp and shared else tp,
                "framework_version": info.get("version") or args.get("version")}  # fmt: skip
    if tp:
        row["num_devices"] = tp * (pp or 1) * (1 if shared else dp or 1)
    if "speculative_algorithm" in args:
        row["spec_method"] = str(args["speculative_algorithm"] or "none").lower()
    name = args.get("model_path")
    weights = precision(args.get("quantization"), model=name)  # dtype is the activations'
    row = joined(row, kv_precision(args.get("kv_cache_dtype")), weights, model_of(name))
    if str(args.get("disaggregation_mode") or "null") in ("prefill", "decode"):
        row = joined(row, {"mode": "disagg"})
        row.pop("num_devices", None)  # of one side only
    return row


def _pair(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Row:
    sides = [[_one(a, a) | {"devices": _devices(a)} for a in s] for s in (before, after)]
    count = sum(w["devices"] or 0 for side in sides for w in side)
    whole = all(w["devices"] for side in sides for w in side)
    last = {k: v for k, v in sides[1][0].items() if k not in ("devices", "tp", "pp", "dp", "ep")}
    row = joined(
        *({k: v for k, v in w.items() if k == "framework_version"} for w in sides[0]), last
    )
    return joined(row, {"mode": "disagg", "num_devices": count if whole else None})


def _devices(args: dict[str, Any]) -> float | None:
    tp, pp, dp = (number(args.get(f"{k}_size")) for k in ("tp", "pp", "dp"))
    return tp * (pp or 1) * (1 if args.get("enable_dp_attention") else dp or 1) if tp else None


def _is_one_batch(found: dict[str, Any]) -> bool:
    keys = {"batch_size", "input_len", "output_len"}
    alone = {"prefill_latency", "total_latency"} <= found.keys()
    return keys <= found.keys() and (alone or {"latency", "overall_throughput"} <= found.keys())


def _one_batch(content: Content) -> list[Row]:
    return [batch(o) for o in content.objects if _is_one_batch(o)]


def batch(found: dict[str, Any]) -> Row:
    """Read a fixed batch: alone in the engine, or all at once to a server.

    A server's ``last_ttft`` is that of its last request, in seconds.
    """
    size, inside, outside = (
        number(found.get(k)) for k in ("batch_size", "input_len", "output_len")
    )
    if number(found.get("num_early_stopped")):
        outside = per_request(found.get("total_output_tokens"), size)
    took = number(found.get("total_latency")) or number(found.get("latency"))
    first = number(found.get("prefill_latency"))
    step = number(found.get("median_decode_latency"))
    row: Row = {
        "mode": "static",
        "framework": "sglang",
        "batch_size": size,
        "input_len": inside,
        "output_len": outside,
        "batch_latency_s": took,
        "output_tok_s": size * outside / took if size and outside and took else None,
    }
    if first:
        row |= stats("ttft", [MS_PER_S * first])
    if step:
        row |= stats("tpot", [None, MS_PER_S * step])
    hits = number(found.get("cache_hit_rate"))
    return joined(
        row,
        drafted(None, found.get("acc_length")),
        {"prefix_hit_rate": hits},
        flagged("prefix-cached" if hits else None),
    )


def _is_offline(found: dict[str, Any]) -> bool:
    return {"backend", "successful_requests", "output_throughput"} <= found.keys()


def _offline(content: Content) -> list[Row]:
    return [offline_run(o) for o in content.objects if _is_offline(o)]


def offline_run(found: dict[str, Any]) -> Row:
    """Read one result of `bench_offline_throughput`, whose engine is SGLang itself."""
    done = number(found.get("successful_requests"))
    return joined(
        {"mode": "offline", "framework": "sglang", "num_requests": done,
         "input_len": per_request(found.get("total_input_tokens"), done),
         "output_len": per_request(found.get("total_output_tokens"), done),
         "output_tok_s": number(found.get("output_throughput")),
         "total_tok_s": number(found.get("total_throughput"))},
        model_of(found.get("model_path")),
    )  # fmt: skip


SGLANG = Importer(
    "sglang-bench-serving", "sglang.bench_serving: JSONL", _recognises, _rows,
    versions="0.4 to 0.5.23",
    gives="engine, layout, model, load, lengths, TTFT, TPOT, throughput, failures, acceptance",
)  # fmt: skip
ONE_BATCH = Importer(
    "sglang-one-batch", "sglang.bench_one_batch, bench_one_batch_server: JSONL",
    lambda c: any(map(_is_one_batch, c.objects)), _one_batch, versions="fields of 0.5.23",
    gives="batch, lengths, batch latency, TTFT, TPOT, acceptance",
)  # fmt: skip
OFFLINE = Importer(
    "sglang-offline", "sglang.bench_offline_throughput: JSONL",
    lambda c: any(map(_is_offline, c.objects)), _offline, versions="fields of 0.5.23",
    gives="lengths, throughput of a queue",
)  # fmt: skip
