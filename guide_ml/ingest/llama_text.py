"""llama-bench's SQL and Markdown under the names of its JSON, with the devices it found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from guide_ml.ingest.content import Content, number

__all__ = ["cells_of", "from_markdown", "from_sql"]

_INSERT = re.compile(r"INSERT INTO llama_bench \((.*?)\) VALUES \((.*)\);")
_CELL = re.compile(r"'((?:[^']|'(?!, '|$))*)'")
#: Builds of 2023 leave a space before the number.
_TEST = re.compile(r"(?:pp ?(\d+))?\+?(?:tg ?(\d+))?(?: @ d(\d+))?")
_BUILD = re.compile(r"^build: \w+ \((\d+)\)", re.M)
_SIZE = {
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
    "k": 1e3,
    "m": 1e6,
    "b": 1e9,
    "t": 1e12,
}
#: What the backends print of each device they find.
_DEVICE = re.compile(
    r"^\s*Device \d+: ([^,\n]+),|^ggml_vulkan: \d+ = ([^|\n]+?)(?: \([^|\n]*)? \|"
    r"|GPU name:\s+(.+)$",
    re.M,
)
_AGAIN = re.compile(r"found \d+ \w+ devices", re.I)
#: Columns of llama-benchy, another tool whose tables look alike.
_NOT_OURS = ("ttfr", "est_ppt", "e2e_ttft")


def from_sql(content: Content) -> Iterator[dict[str, str]]:
    """Read the statements of ``-o sql``."""
    for names, values in _INSERT.findall(content.text):
        yield dict(zip(names.split(", "), _CELL.findall(values), strict=False))


def cells_of(line: str) -> list[str]:
    """Cells of a line of a Markdown table; empty if it is none, or only rules off the heading."""
    if not line.lstrip().startswith("|") or set(line.strip()) <= set("|-: "):
        return []
    return [c.strip() for c in line.strip().strip("|").split("|")]


def from_markdown(content: Content) -> Iterator[dict[str, Any]]:
    """Read the tables that are printed by default, under the names of the other formats."""
    heading: list[str] = []
    found: list[str] = []
    builds = [(m.start(), m[1]) for m in _BUILD.finditer(content.text)]
    place = 0
    for line in content.text.splitlines(keepends=True):
        place += len(line)
        if _AGAIN.search(line):
            found = []
        if device := _DEVICE.search(line):
            found.append(next(g for g in device.groups() if g).strip())
        cells = cells_of(line)
        if {"model", "test", "t/s"} <= set(cells):
            heading = [] if any(n in c for c in cells for n in _NOT_OURS) else cells
        elif heading and len(cells) == len(heading):
            build = next((b for at, b in builds if at >= place), builds[-1][1] if builds else None)
            if row := _row(dict(zip(heading, cells, strict=True)), build, found):
                yield row


def _row(cells: dict[str, str], build: str | None, found: list[str]) -> dict[str, Any]:
    test = _TEST.fullmatch(cells["test"])
    if test is None:
        return {}
    return {
        **{k: cells[k] for k in ("fmoe", "mla", "rtr", "amb", "ger") if k in cells},
        "build_number": build,
        "model_type": cells["model"],
        "gpu_info": ", ".join(found),
        "model_size": _quantity(cells.get("size")),
        "model_n_params": _quantity(cells.get("params")),
        "backends": cells.get("backend"),
        "n_gpu_layers": cells.get("ngl"),
        "n_cpu_moe": cells.get("n_cpu_moe"),
        "type_k": cells.get("type_k", "f16"),
        "type_v": cells.get("type_v", "f16"),
        "tensor_buft_overrides": cells.get("ot"),
        "no_kv_offload": cells.get("nkvo"),
        "split_mode": cells.get("sm"),
        "devices": cells.get("dev"),
        "main_gpu": cells.get("mg"),
        "tensor_split": cells.get("ts"),
        "n_prompt": test[1] or 0,
        "n_gen": test[2] or 0,
        "n_depth": test[3] or 0,
        "avg_ts": cells["t/s"].split("±")[0].strip(),
    }


def _quantity(cell: str | None) -> float | None:
    """Read ``3.56 GiB`` or ``6.74 B``."""
    figure, _, unit = (cell or "").partition(" ")
    value, scale = number(figure), _SIZE.get(unit.strip().lower())
    return value * scale if value and scale else None
