"""``llama-batched-bench`` and ``llama-sweep-bench``: Markdown or JSON lines, times in seconds.

Batched: `B` sequences of `PP` tokens each are computed together, then `TG` steps generate.
Sweep: no `B`; one sequence at a depth `N_KV`, a prefill and a decode. Both come from llama.cpp and
from its fork, so a sweep's engine is asked for.
"""

from __future__ import annotations

import re
from typing import Any

from guide_ml.ingest.content import Content, number
from guide_ml.ingest.llama_text import cells_of
from guide_ml.ingest.rows import FAULT, LAYERS, Importer, Row, flagged, joined
from guide_ml.units import MS_PER_S

__all__ = ["LLAMA_BATCHED"]

_JSON = {
    "PP": "pp",
    "TG": "tg",
    "B": "pl",
    "N_KV": "n_kv",
    "T_PP s": "t_pp",
    "T_TG s": "t_tg",
    "T s": "t",
}
#: Layers on the device, in the line of settings before the table.
_LAYERS = re.compile(r"\bn_gpu_layers ?= ?(-?\d+)")
_NEEDED = {"PP", "TG", "N_KV", "T_PP s", "T_TG s"}
#: How far a sum may be from its parts, which are rounded.
ROUNDED = 0.02


def _lines(content: Content) -> list[dict[str, Any]]:
    found = [
        {k: o.get(v) for k, v in _JSON.items() if v in o} | {"ngl": o.get("n_gpu_layers")}
        for o in content.objects
        if {"pp", "tg", "t_pp", "t_tg", "n_kv"} <= o.keys()
    ]
    heading: list[str] = []
    layers = None
    for line in content.text.splitlines() if not found else ():
        cells = cells_of(line)
        layers = told[1] if (told := _LAYERS.search(line)) else layers
        if set(cells) >= _NEEDED:
            heading = cells
        elif heading and len(cells) == len(heading):
            found.append(dict(zip(heading, cells, strict=True)) | {"ngl": layers})
    return found


def _rows(content: Content) -> list[Row]:
    return [row for line in _lines(content) for row in _both(line)]


def _both(cells: dict[str, Any]) -> list[Row]:
    f = {k: number(v) for k, v in cells.items()}
    layers = f.get("ngl")
    rows = [_batch(f)] if "B" in f else _sweep(f)
    here: Row = {LAYERS: layers} if layers is not None and layers >= 0 else {}  # -1: all
    return [row | here for row in rows]


def _batch(f: dict[str, float | None]) -> Row:
    prompt, answer, size, kept = (f.get(k) or 0.0 for k in ("PP", "TG", "B", "N_KV"))
    first, rest = f.get("T_PP s") or 0.0, f.get("T_TG s") or 0.0
    if not (prompt and answer and size and first and rest):
        return {FAULT: "PP, TG, B and their times must all be there"}
    whole = f.get("T s") or first + rest
    row: Row = {
        "mode": "static",
        "framework": "llama.cpp",
        "batch_size": size,
        "input_len": prompt,
        "output_len": answer,
        "batch_latency_s": whole,
        "ttft_ms": MS_PER_S * first,
        "tpot_ms": MS_PER_S * rest / answer,
        "output_tok_s": size * answer / whole,
    }
    if abs(whole - first - rest) > ROUNDED * whole:
        row[FAULT] = f"T is {whole:g} s, but T_PP and T_TG sum to {first + rest:g}"
    shared = size > 1 and abs(kept - (prompt + size * answer)) < 1
    return joined(row, flagged("prefix-cached" if shared else None))


def _sweep(f: dict[str, float | None]) -> list[Row]:
    prompt, answer = f.get("PP") or 0.0, f.get("TG") or 0.0
    first, rest = f.get("T_PP s") or 0.0, f.get("T_TG s") or 0.0
    depth: Row = {"batch_size": 1.0, "context_depth": f.get("N_KV") or 0.0}
    out: list[Row] = []
    if prompt and first:
        out.append(depth | {"mode": "prefill", "input_len": prompt, "ttft_ms": MS_PER_S * first,
                            "total_tok_s": prompt / first})  # fmt: skip
    if answer and rest:
        out.append(depth | {"mode": "decode", "output_len": answer, "output_tok_s": answer / rest,
                            "tpot_ms": MS_PER_S * rest / answer})  # fmt: skip
    return out


LLAMA_BATCHED = Importer(
    "llama-batched-bench", "llama-batched-bench, llama-sweep-bench: Markdown, JSONL",
    lambda c: bool(_lines(c)), _rows, versions="fields of build 9,100",
    gives="batch, lengths, batch latency, TTFT, TPOT; model and device are asked for",
)  # fmt: skip
