"""What SGLang's ``bench_one_batch`` and ``bench_one_batch_server`` print; warm-ups are passed over.

`bench_one_batch` prints no lengths. Its rates are tokens over times, so that the batch and both
lengths follow from them. The server's client prints them, and times to a hundredth of a second.
"""

from __future__ import annotations

import re
from typing import Any

from guide_ml.ingest.content import Content, number
from guide_ml.ingest.names import model_of
from guide_ml.ingest.precision import precision
from guide_ml.ingest.rows import Importer, Row, joined
from guide_ml.ingest.sglang import batch

__all__ = ["ONE_BATCH_TEXT"]

_LATENCY = r"latency:\s+([\d.]+) s, (?:median )?throughput:\s+([\d.]+) token/s"
_ALONE = re.compile(
    rf"Prefill\. {_LATENCY}(?:(?!Prefill\. ).)*?Decode\.\s+median {_LATENCY}"
    rf"(?:(?!Prefill\. ).)*?Total\. {_LATENCY}",
    re.S,
)
_SERVED = re.compile(
    r"batch size: (\d+)\n[^\n]*?input_len: (\d+)\n[^\n]*?output_len: (\d+)\n"
    r"[^\n]*?latency: ([\d.]+) s"
    r"((?:\n(?![^\n]*batch size: )[^\n]*){0,12})"
)
_MORE = {"acc_length": re.compile(r"acc_length: ([\d.]+)"),
         "cache_hit_rate": re.compile(r"cache hit rate: ([\d.]+)")}  # fmt: skip
_WARM = re.compile(r"=+ Warmup Begin =+.*?=+ Warmup End +=+", re.S)
_MODEL = re.compile(r"(?:--model(?:-path)?[ =]|model_path=)[\"']?([^\s\"',]+)")


def _measured(text: str) -> str:
    """Leave the warm-up out."""
    rest = _WARM.sub("", text)
    return rest.split("Benchmark ...", 1)[-1]


def _found(content: Content) -> list[dict[str, Any]]:
    text = content.text
    if "token/s" not in text and "output_len: " not in text:
        return []
    text = _measured(text)
    return [_alone(m) for m in _ALONE.finditer(text)] + [_served(m) for m in _SERVED.finditer(text)]


def _alone(match: re.Match[str]) -> dict[str, Any]:
    """Work out batch and lengths: tokens = rate x time."""
    first, read, step, made, whole, every = map(float, match.groups())
    size = max(round(step * made), 1)
    inside = round(first * read / size)
    return {"batch_size": size, "input_len": inside,
            "output_len": round(whole * every / size) - inside, "prefill_latency": first,
            "median_decode_latency": step, "total_latency": whole}  # fmt: skip


def _served(match: re.Match[str]) -> dict[str, Any]:
    size, inside, outside, took, rest = match.groups()
    more = {k: number(m[1]) for k, p in _MORE.items() if (m := p.search(rest))}
    return {"batch_size": size, "input_len": inside, "output_len": outside, "latency": took, **more}


def _rows(content: Content) -> list[Row]:
    names = set(_MODEL.findall(content.text))
    name = names.pop() if len(names) == 1 else None
    told = joined(model_of(name), precision(model=name))
    return [joined(told, batch(found)) for found in _found(content)]


ONE_BATCH_TEXT = Importer(
    "sglang-one-batch", "what sglang.bench_one_batch and bench_one_batch_server print: text",
    lambda c: bool(_found(c)), _rows, versions="fields of 0.5.23",
    gives="batch, lengths, batch latency; TTFT and TPOT of bench_one_batch",
)  # fmt: skip
