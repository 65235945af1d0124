"""InferenceX (InferenceMAX) ``agg_*.json``: one run, times in seconds, rates a GPU.

Prompts and answers are drawn from 0.8 to 1.0 of the nominal lengths, so their mean is 0.9 of it.
"""

from __future__ import annotations

import re
from typing import Any

from guide_ml.ingest.content import Content, number
from guide_ml.ingest.devices import device_of
from guide_ml.ingest.rows import Importer, Row, dtype_of, engine_of, model_of, served, stats
from guide_ml.units import MS_PER_S

__all__ = ["INFERENCEX"]

#: Mean over nominal length of ``--random-range-ratio 0.8``.
MEAN_SHARE = 0.9


def _recognises(content: Content) -> bool:
    keys = {"hw", "conc", "precision", "tput_per_gpu", "output_tput_per_gpu"}
    return any(keys <= o.keys() for o in content.objects)


def _rows(content: Content) -> list[Row]:
    return [_run(o) for o in content.objects if "tput_per_gpu" in o]


def _run(found: dict[str, Any]) -> Row:
    row = served(found.get("conc")) | _layout(found) | model_of(found.get("model"))
    row |= device_of(re.split(r"[-_]", str(found.get("hw")))[0])
    row |= engine_of("tensorrt-llm" if found.get("framework") == "trt" else found.get("framework"))
    row |= {"framework_version": found.get("image"),
            "weight_dtype": dtype_of({"fp4": _four_bit(row)}.get(str(found.get("precision")),
                                                                 found.get("precision"))),
            "spec_method": _method(found)}  # fmt: skip
    for column, key in (("input_len", "isl"), ("output_len", "osl")):
        if nominal := number(found.get(key)):
            row[column] = MEAN_SHARE * nominal
    for name, key in (("ttft", "ttft"), ("tpot", "tpot"), ("e2e", "e2el")):
        figures = (found.get(f"{s}_{key}") for s in ("mean", "median", "p99"))
        row |= stats(name, figures, MS_PER_S)
    return row


def _layout(found: dict[str, Any]) -> Row:
    """Devices and rates of the deployment; with attention data-parallel, its ranks are replicas."""
    if found.get("disagg") or found.get("is_multinode"):
        before, after = number(found.get("num_prefill_gpu")), number(found.get("num_decode_gpu"))
        rate = number(found.get("output_tput_per_gpu"))
        return {"mode": "disagg", "num_devices": (before or 0) + (after or 0) or None,
                "output_tok_s": rate * after if rate and after else None}  # fmt: skip
    tp = number(found.get("tp"))
    if not tp:
        return {}
    shared = str(found.get("dp_attention")).lower() == "true"
    rates = {c: number(found.get(k)) for c, k in (("output_tok_s", "output_tput_per_gpu"),
                                                  ("total_tok_s", "tput_per_gpu"))}  # fmt: skip
    return {"num_devices": tp, "tp": 1.0 if shared else tp, "dp": tp if shared else 1.0,
            "ep": number(found.get("ep"))} | {c: r * tp for c, r in rates.items() if r}  # fmt: skip


def _four_bit(row: Row) -> str:
    return "mxfp4" if str(row.get("hardware", "")).startswith("amd") else "nvfp4"


def _method(found: dict[str, Any]) -> str | None:
    method = found.get("spec_decoding") or found.get("mtp")
    return None if method is None else str(method).lower()


INFERENCEX = Importer("inferencex", "InferenceX: agg_*.json", _recognises, _rows)
