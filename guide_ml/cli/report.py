"""Predictions and catalogue entries as tables for a terminal."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from guide_ml.answers.explanation import Explanation
from guide_ml.answers.prediction import Evidence, Prediction
from guide_ml.describe.targets import TARGETS

__all__ = ["details", "listing", "prediction", "show", "text"]

#: Width where there is no terminal to ask: a slug must not be cut when piped.
PIPE_WIDTH = 140

_METRICS = {t.name: t.title for t in TARGETS} | {
    "request_latency_s": "request latency", "tok_s_per_user": "per user",
    "tok_s_per_device": "per device",
}  # fmt: skip


def _unit(name: str) -> str:
    return "tok/s" if "tok_s" in name else name.rsplit("_", 1)[-1]



def prediction(found: Prediction, explained: Explanation | None = None) -> RenderableType:
    """Lay a prediction out: speed, memory of a device, what was assumed, and why.

    Parameters
    ----------
    found : Prediction
        What to show.
    explained : Explanation, optional
        Its explanation, to be shown below.

    Returns
    -------
    renderable
        For a rich console.
    """
    parts = [_title(found), _speed(found), *_sureness(found), _memory(found)]
    if found.assumed:
        parts.append(details(found.assumed, "assumed, as it was not given"))
    if found.calibrated:
        parts.append(details({"profile": found.calibrated}, "your own measurements"))
    if explained:
        parts.append(Text(explained.text()))
    return Group(*parts)


def listing(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str], title: str) -> Table:
    """Lay rows out as a table.

    Parameters
    ----------
    rows : iterable of mapping
        One for each line.
    columns : mapping of str to str
        Keys of the rows to show, and their headings.
    title : str
        Heading of the table.
    """
    table = _table(title)
    taken = [[row.get(key) for key in columns] for row in rows]
    for k, heading in enumerate(columns.values()):
        numeric = all(isinstance(r[k], int | float | None) for r in taken)
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold",
                         no_wrap=k == 0)  # fmt: skip
    for row in taken:
        table.add_row(*map(_cell, row))
    return table


def details(values: Mapping[str, Any], title: str) -> Table:
    """Lay one thing out as a table of names and values.

    Parameters
    ----------
    values : mapping
        What is known of it; blanks are left out.
    title : str
        Heading of the table.
    """
    table = _table(title, show_header=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in values.items():
        if value is not None and value != "":
            table.add_row(escape(name), _cell(value))
    return table


def show(shown: RenderableType) -> None:
    """Print to the terminal, or wide enough for `grep` where there is none.

    Parameters
    ----------
    shown : renderable
        What one of the functions of this module returned.
    """
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(shown)


def text(shown: RenderableType, width: int = 100) -> str:
    """Return what a console of a width shows, without colours.

    Examples
    --------
    >>> text(details({"tp": 8}, "layout"), width=20).split()
    ['layout', 'tp', '8']
    """
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(shown)
    return stream.getvalue()


def _table(title: str, show_header: bool = True) -> Table:
    return Table(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD,
                 show_header=show_header, pad_edge=False)  # fmt: skip


def _title(found: Prediction) -> RenderableType:
    d, w = found.deployment, found.workload
    engine = f"{d.framework.framework} {d.framework.version}".strip()
    layout = ", ".join(f"{k}={getattr(d, k)}" for k in ("tp", "pp", "dp", "ep")
                       if getattr(d, k) > 1)  # fmt: skip
    load = {"batch": w.batch_size, "concurrency": w.concurrency, "context": w.context_depth}
    asked = ", ".join(f"{k} {v:,g}" for k, v in load.items() if v)
    lines = {
        "hardware": f"{d.num_devices} x {d.hardware.hardware}" + (f" ({layout})" if layout else ""),
        "model": f"{d.model.model} in {d.weight_dtype}, KV cache in {d.kv_dtype}",
        "engine": f"{engine} on {d.framework.backend}",
        "load": f"{w.mode}: {w.input_len:,g} tokens in, {w.output_len:,g} out"
        + (f", {asked}" if asked else ""),
    }
    return details(lines, "deployment")


def _speed(found: Prediction) -> Table:
    table = _table("speed")
    sure = "" if found.level is None else f"{100 * found.level:g} % between"
    for heading in ("", "predicted", *([sure] if sure else []), "at best", "unit"):
        table.add_column(heading, justify="left" if heading in ("", "unit") else "right")
    for name, title in _METRICS.items():
        if (value := getattr(found, name)) is not None:
            ends = [_cell(end.get(name)) for end in (found.low, found.high)]
            between = [" - ".join(ends) if ends[0] else ""] if sure else []
            table.add_row(title, _cell(value), *between, _cell(found.floors.get(name)),
                          _unit(name))  # fmt: skip
    return table


def _sureness(found: Prediction) -> list[Table]:
    """Say how familiar the deployment is, and what was measured near it."""
    if found.domain is None:
        return []
    head = details(
        {"in domain": found.domain.text(), "nearest": found.domain.nearest}, "how sure"
    )
    near = _table("measured nearby")
    for heading in ("measured", "load", "figures", "source"):
        near.add_column(heading, overflow="fold")
    for row in found.evidence:
        near.add_row(*_evidence(row))
    return [head, near]


def _evidence(row: Evidence) -> tuple[str, str, str, str]:
    d = row.deployment
    version = f" {d['framework_version']}" if d.get("framework_version") else ""
    what = (f"{_cell(d.get('num_devices', 1))} x {d['hardware']}, {d['model']},"
            f" {d['framework']}{version}, {d.get('weight_dtype', '')}")  # fmt: skip
    words = {"batch_size": "batch", "concurrency": "concurrency", "input_len": "in",
             "output_len": "out", "context_depth": "depth"}  # fmt: skip
    load = ", ".join(f"{w} {_cell(d[k])}" for k, w in words.items() if k in d)
    figures = ", ".join(f"{_METRICS[k]} {_cell(v)} {_unit(k)}" for k, v in row.measured.items())
    return escape(what), f"{d['mode']}: {load}", figures, row.source


def _memory(found: Prediction) -> Table:
    account = asdict(found.memory)
    table = _table("memory of a device", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    words = {"weights_gb": "weights", "kv_cache_gb": "KV cache", "activations_gb": "activations",
             "reserved_gb": "reserved", "free_gb": "free", "total_gb": "total"}  # fmt: skip
    if found.deployment.model.state_values:
        words["kv_cache_gb"] = "KV cache, states"
    for name, word in words.items():
        table.add_row(word, f"{account[name]:,.2f} GB")
    table.add_row("largest batch", f"{found.memory.largest_batch:,}   ")
    return table


def _cell(value: Any) -> str:
    """Write a value for people: four significant digits, no markup."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:{',' * (abs(value) >= 1e4)}.0f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{escape(str(k))} {_inner(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_inner, value))
    return escape(str(value))


def _inner(value: Any) -> str:
    return f"({_cell(value)})" if isinstance(value, Mapping | list | tuple) else _cell(value)
