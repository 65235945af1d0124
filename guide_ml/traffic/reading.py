"""Files of requests: which format a file has, and what its lines say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from guide_ml.errors import BadData, UnknownName
from guide_ml.traffic import client_logs, mooncake, tables
from guide_ml.traffic.rows import Rows
from guide_ml.traffic.shipped import SAMPLES

__all__ = ["FORMATS", "Format", "read"]

#: So many bytes tell what a file is.
HEAD = 65_536


@dataclass(frozen=True)
class Format:
    """A format of files.

    Parameters
    ----------
    name : str
        What it is asked for by.
    title : str
        What it is, for lists and messages.
    recognises : callable
        Tells from the first part of a file whether it is of this format.
    rows : callable
        Reads a file.
    """

    name: str
    title: str
    recognises: Callable[[str], bool]
    rows: Callable[[Path], Rows]


FORMATS = {f.name: f for f in (
    Format("azure", "Azure LLM inference trace 2023 or 2024: CSV", tables.is_azure, tables.azure),
    Format("burstgpt", "BurstGPT: CSV", tables.is_burstgpt, tables.burstgpt),
    Format("mooncake", "Mooncake: JSON lines with hash_ids", mooncake.recognises, mooncake.rows),
    Format("vllm", "vllm bench serve --save-result --save-detailed: JSON", client_logs.is_vllm,
           client_logs.vllm),
    Format("guidellm", "GuideLLM: benchmarks.json", client_logs.is_guidellm, client_logs.guidellm),
    Format("inference-perf", "inference-perf: per_request_lifecycle_metrics.json",
           client_logs.is_inference_perf, client_logs.inference_perf),
    Format("csv", "CSV with columns arrival_s, input_tokens, output_tokens, and if wanted"
           " conversation, shared_prefix, shared_tokens", tables.is_plain, tables.plain),
)}  # fmt: skip
"""Formats by name; the first one that recognises a file reads it."""


def read(path: Path, format: str | None = None) -> dict[str, Any]:
    """Read a file into the fields of a traffic; its first request arrives at 0.

    Parameters
    ----------
    path : Path
        The file.
    format : str, optional
        One of :data:`FORMATS`; else the file is looked at.
    """
    head = _head(path)
    if format is not None and format not in FORMATS:
        raise UnknownName("format of traffic", format, FORMATS)
    found = FORMATS[format] if format else next(
        (f for f in FORMATS.values() if f.recognises(head)), None)  # fmt: skip
    if found is None:
        known = "; ".join(f.title for f in FORMATS.values())
        first = head.lstrip().split("\n", 1)[0].strip()[:80]
        raise BadData(f"{path}: line 1 is of no known format of requests: {first!r}; known are"
                      f" {known}")  # fmt: skip
    rows = found.rows(path)
    if not len(rows.arrival_s):
        raise BadData(f"{path} holds no request that was answered; {found.title} is expected to")
    shared = rows.shared
    return {
        "arrival_s": rows.arrival_s - rows.arrival_s[0], "input_tokens": rows.input_tokens,
        "output_tokens": rows.output_tokens, "left_out": rows.left_out,
        "conversation": np.empty(0, np.int64) if shared is None else shared.conversation,
        "shared_prefix": np.empty(0, np.int64) if shared is None else shared.shared_prefix,
        "shared_tokens": np.empty(0, np.int64) if shared is None else shared.shared_tokens,
        "text": f"{path.name} ({found.name}{rows.note})",
    }  # fmt: skip


def _head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(HEAD)
    except FileNotFoundError:
        raise BadData(f"{path} must be a file of requests, or one of the samples"
                      f" {', '.join(SAMPLES)}; there is no such file") from None  # fmt: skip
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror or error}") from None
    if not raw.strip():
        raise BadData(f"{path} is empty")
    if b"\0" in raw:
        raise BadData(f"{path} is no text; traffic is read from CSV and JSON")
    return raw.decode("utf-8-sig", errors="replace")
