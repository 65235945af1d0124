"""Mooncake's traces: JSON lines with the blocks that prompts consist of.

``timestamp`` is in milliseconds. A number of ``hash_ids`` stands for a block of 512 tokens and all
that is before it, so prompts that begin with the same numbers begin with the same tokens.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from guide_ml.errors import BadData
from guide_ml.traffic.rows import Rows, checked
from guide_ml.traffic.sharing import from_blocks
from guide_ml.units import MS_PER_S

__all__ = ["recognises", "rows"]

#: Tokens of a block.
BLOCK = 512
FIELDS = ("timestamp", "input_length", "output_length")


def recognises(head: str) -> bool:
    """Whether a file's first line is a request of such a trace."""
    found = _object(head.lstrip().split("\n", 1)[0])
    return found is not None and set(FIELDS) <= set(found)


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        # The first request of a long file may have more blocks than the part that is looked at.
        return dict.fromkeys(FIELDS) if all(f'"{f}"' in line for f in FIELDS) else None
    return found if isinstance(found, dict) else None


def rows(path: Path) -> Rows:
    """Read a trace."""
    lines: list[int] = []
    values: list[list[float]] = []
    blocks: list[list[int]] = []
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for line, text in enumerate(file, 1):
            if text.strip():
                found = _request(path, line, text)
                lines.append(line)
                values.append([_number(found.get(name)) for name in FIELDS])
                blocks.append(_blocks(path, line, found))
    times, inside, outside = np.asarray(values, dtype=float).T
    numbers = np.asarray(lines, dtype=np.int64)
    checked(path, numbers, times, inside, outside)
    tokens = inside.astype(np.int64)
    shared = from_blocks(blocks, tokens, BLOCK) if any(blocks) else None
    return Rows(times / MS_PER_S, tokens, outside.astype(np.int64), shared)


def _request(path: Path, line: int, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadData(f"{path}: line {line} is no JSON object; each line must be one request")
    return found


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return float("nan")
    return float(value)


def _blocks(path: Path, line: int, found: dict[str, Any]) -> list[int]:
    blocks = found.get("hash_ids", [])
    whole = isinstance(blocks, list) and all(type(b) is int for b in blocks)
    if not whole:
        raise BadData(f"{path}: line {line}: hash_ids must be a list of whole numbers")
    return list(blocks)
