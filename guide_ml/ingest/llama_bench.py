"""``llama-bench`` as JSON, JSONL, CSV, SQL or Markdown (``-o``).

A row is a prefill (`pp`), a decode (`tg`) or both in turn (`pg`), at a context depth (``n_depth``,
``@ d4096``): tokens that are in the KV cache before. Rows with layers, or experts, on the CPU
beside a device are flagged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from guide_ml.ingest.content import Content, number
from guide_ml.ingest.devices import device_of
from guide_ml.ingest.rows import FAULT, LAYERS, Importer, Row, backend_of, dtype_of, model_of
from guide_ml.units import MS_PER_S

__all__ = ["LLAMA_BENCH"]

_NEEDED = {"build_number", "model_type", "n_prompt", "n_gen", "avg_ts"}
_INSERT = re.compile(r"INSERT INTO llama_bench \((.*?)\) VALUES \((.*)\);")
_CELL = re.compile(r"'((?:[^']|'(?!, '|$))*)'")
_TEST = re.compile(r"(?:pp(\d+))?\+?(?:tg(\d+))?(?: @ d(\d+))?")
_WIDTH = re.compile(r"[._-](i?q\d(?:_[0-9a-z]+)*|bf16|f16|fp16|f32|mxfp4)(?:[._-]|$)", re.I)
_PER_NS = 1e9


def _recognises(content: Content) -> bool:
    heads = (content.objects[:1], content.table[:1], _sql(content)[:1])
    return any(h[0].keys() >= _NEEDED for h in heads if h) or bool(_markdown(content))


def _rows(content: Content) -> list[Row]:
    found = [o for o in content.objects if o.keys() >= _NEEDED] or content.table
    return [_row(o) for o in found or _sql(content) or _markdown(content)]


def _sql(content: Content) -> list[dict[str, str]]:
    return [
        dict(zip(names.split(", "), _CELL.findall(values), strict=False))
        for names, values in _INSERT.findall(content.text)
    ]


def _markdown(content: Content) -> list[dict[str, Any]]:
    """Read the table that is printed by default, under the names of the other formats."""
    found, heading = [], []
    build = re.search(r"^build: \w+ \((\d+)\)", content.text, re.M)
    for line in content.text.splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if line.lstrip().startswith("|") and {"model", "test", "t/s"} <= set(cells):
            heading = cells
        elif heading and len(cells) == len(heading) and not set(line) <= set("|-: "):
            found.append(_from_markdown(dict(zip(heading, cells, strict=True)), build))
    return [f for f in found if f]


def _from_markdown(cells: dict[str, str], build: re.Match[str] | None) -> dict[str, Any]:
    test = _TEST.fullmatch(cells["test"])
    if test is None:
        return {}
    return {
        "build_number": build[1] if build else None, "model_type": cells["model"],
        "backends": cells.get("backend"), "n_gpu_layers": cells.get("ngl"),
        "n_cpu_moe": cells.get("n_cpu_moe"), "type_k": cells.get("type_k", "f16"),
        "split_mode": cells.get("sm"), "n_prompt": test[1] or 0, "n_gen": test[2] or 0,
        "n_depth": test[3] or 0, "avg_ts": cells["t/s"].split("±")[0].strip(),
    }  # fmt: skip


def _row(found: Mapping[str, Any]) -> Row:
    build = number(found.get("build_number"))
    row: Row = {"framework": "llama.cpp", "batch_size": 1.0,
                "framework_version": f"b{build:.0f}" if build else None,
                "context_depth": number(found.get("n_depth")) or 0.0,
                "weight_dtype": _width(found), "kv_dtype": _kv(found),
                "measured_on": str(found.get("test_time") or "")[:10] or None}  # fmt: skip
    row |= _name(found) | backend_of(found.get("backends")) | _devices(found) | _speed(found)
    if str(found.get("backends")).upper() != "CPU":
        layers = 0.0 if number(found.get("n_cpu_moe")) else number(found.get("n_gpu_layers"))
        row[LAYERS] = layers if layers is not None and layers >= 0 else None  # -1: all
    return row


def _speed(found: Mapping[str, Any]) -> Row:
    prompt, answer = (number(found.get(k)) or 0.0 for k in ("n_prompt", "n_gen"))
    rate, mean_ns = number(found.get("avg_ts")), number(found.get("avg_ns"))
    if not rate:
        return {FAULT: "no tokens a second (avg_ts)"}
    took_s = mean_ns / _PER_NS if mean_ns else (prompt + answer) / rate
    if not answer:
        return {"mode": "prefill", "input_len": prompt, "total_tok_s": rate,
                "ttft_ms": MS_PER_S * took_s}  # fmt: skip
    if not prompt:
        return {"mode": "decode", "output_len": answer, "output_tok_s": rate,
                "tpot_ms": MS_PER_S * took_s / answer}  # fmt: skip
    return {"mode": "static", "input_len": prompt, "output_len": answer, "total_tok_s": rate,
            "batch_latency_s": took_s, "output_tok_s": answer / took_s}  # fmt: skip


def _name(found: Mapping[str, Any]) -> Row:
    file = re.split(r"[/\\]", str(found.get("model_filename") or ""))[-1].removesuffix(".gguf")
    file = re.sub(r"-\d{5}-of-\d{5}$", "", file)
    return model_of(_WIDTH.split(file)[0]) or model_of(file)


def _width(found: Mapping[str, Any]) -> str | None:
    """Quantisation by the file's name, else by llama.cpp's name of the type."""
    file = re.split(r"[/\\]", str(found.get("model_filename") or ""))[-1].removesuffix(".gguf")
    kind = str(found.get("model_type") or "")
    ending = re.search(r"(\S+?)(?: - (Small|Medium|Large))?(?: - [\d.]+ bpw)?$", kind)
    spelt = ending[1] + (f"_{ending[2][0]}" if ending[2] else "") if ending else None
    inside = [m[1] for m in _WIDTH.finditer(file)]
    if "MXFP4" in kind:  # its files are named by what the rest is in
        return "mxfp4-f16" if dtype_of(*inside) in ("fp16", "bf16") else "mxfp4"
    return dtype_of(*inside, spelt)


def _kv(found: Mapping[str, Any]) -> str | None:
    return dtype_of(found.get("type_k"))


def _devices(found: Mapping[str, Any]) -> Row:
    if str(found.get("backends")).upper() == "CPU":
        return {"num_devices": 1.0} | device_of(found.get("cpu_info"))
    names = [n.strip() for n in str(found.get("gpu_info") or "").split(",") if n.strip()]
    if not names or len(set(names)) > 1:
        return {}
    used = str(found.get("devices") or "auto")
    count = len(names) if used == "auto" else used.count("/") + 1
    count = 1 if str(found.get("split_mode")) == "none" else count
    layout = "tp" if str(found.get("split_mode")) in ("row", "tensor") else "pp"
    return {"num_devices": float(count), layout: float(count)} | device_of(names[0])


LLAMA_BENCH = Importer(
    "llama-bench", "llama-bench -o json|jsonl|csv|sql|md", _recognises, _rows
)
