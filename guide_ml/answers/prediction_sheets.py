"""The tables of a prediction: what was asked, speed, how sure it is, memory, what was assumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from guide_ml.answers.blocks import Block, Sheet, Words, details, listing
from guide_ml.answers.cells import HELD, cell
from guide_ml.answers.parts import Domain, Evidence, MemoryAccount
from guide_ml.describe.descriptors import Deployment, Workload
from guide_ml.describe.targets import TARGETS

__all__ = ["METRICS", "brief_sheets", "full_sheets"]

METRICS = {t.name: t.title for t in TARGETS} | {
    "request_latency_s": "request latency", "tok_s_per_user": "per user",
    "tok_s_per_device": "per device",
}  # fmt: skip
"""What is shown of the speed, and its names."""

_LOADS = {"batch_size": "batch", "concurrency": "concurrency", "input_len": "in",
          "output_len": "out", "context_depth": "depth"}  # fmt: skip

Metrics = Mapping[str, float | None]


class _Told(Protocol):
    """What the tables tell: the fields of a :class:`guide_ml.Prediction`."""

    @property
    def deployment(self) -> Deployment: ...
    @property
    def workload(self) -> Workload: ...
    @property
    def floors(self) -> Metrics: ...
    @property
    def memory(self) -> MemoryAccount: ...
    @property
    def assumed(self) -> Mapping[str, str]: ...
    @property
    def level(self) -> float | None: ...
    @property
    def low(self) -> Metrics: ...
    @property
    def high(self) -> Metrics: ...
    @property
    def domain(self) -> Domain | None: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def calibrated(self) -> str: ...
    @property
    def evidence(self) -> tuple[Evidence, ...]: ...


def brief_sheets(told: _Told, metrics: Metrics) -> list[Block]:
    """Return what a prompt shows: what was asked, the speed, and a line each of the rest."""
    asked = _asked(told)
    memory = told.memory
    lines = [f"in domain: {told.domain.text()}"] if told.domain else []
    lines += [f"memory of a device: {memory.free_gb:,.2f} of {memory.total_gb:,.2f} GB free,"
              f" {memory.largest_batch:,} requests fit at once"]  # fmt: skip
    lines += [f"beware: {note}" for note in told.notes]
    lines += [f"profile: {told.calibrated}"] if told.calibrated else []
    lines += [f"assumed: {', '.join(told.assumed)}"] if told.assumed else []
    return [
        Words(title=f"{asked['hardware']}: {asked['model']}",
              lines=(f"{asked['engine']}; {asked['load']}",), inset=0),
        _speed(told, metrics, ""),
        Words(lines=(*lines, "summary() tells everything, explain() tells why."), inset=0),
    ]  # fmt: skip


def full_sheets(told: _Told, metrics: Metrics) -> list[Block]:
    """Return everything that is known of a prediction."""
    found: list[Block] = [details(_asked(told), "deployment"), _speed(told, metrics, "speed")]
    found += [*_sureness(told), told.memory.sheet(bool(told.deployment.model.state_values)),
              told.memory.log_sheet()]  # fmt: skip
    if told.assumed:
        found.append(details(told.assumed, "assumed, as it was not given"))
    if told.notes:
        notes = {f"note {k}": note for k, note in enumerate(told.notes, 1)}
        found.append(details(notes, "beware"))
    if told.calibrated:
        found.append(details({"profile": told.calibrated}, "your own measurements"))
    return found


def _asked(told: _Told) -> dict[str, str]:
    d, w = told.deployment, told.workload
    engine = f"{d.framework.framework} {d.framework.version}".strip()
    layout = ", ".join(f"{k}={getattr(d, k)}" for k in ("tp", "pp", "dp", "ep")
                       if getattr(d, k) > 1)  # fmt: skip
    load = {"batch": w.batch_size, "concurrency": w.concurrency, "context": w.context_depth}
    asked = ", ".join([*filter(None, [w.arriving]), *(f"{k} {v:,g}" for k, v in load.items() if v)])
    return {
        "hardware": f"{d.num_devices} x {d.hardware.hardware}" + (f" ({layout})" if layout else ""),
        "model": f"{d.model.model} in {d.weight_dtype}, KV cache in {d.kv_dtype}",
        "engine": f"{engine} on {d.framework.backend}",
        "load": f"{w.mode}: {w.input_len:,g} tokens in, {w.output_len:,g} out"
        + (f", {asked}" if asked else ""),
    }


def _speed(told: _Told, metrics: Metrics, title: str) -> Sheet:
    sure = "" if told.level is None else f"{100 * told.level:g} % between"
    rows = []
    for name, value in metrics.items():
        if value is not None:
            ends = [cell(end.get(name)) for end in (told.low, told.high)]
            between = [" - ".join(ends) if ends[0] else ""] if sure else []
            rows.append((METRICS[name], cell(value), *between, cell(told.floors.get(name)),
                         _unit(name)))  # fmt: skip
    headings = ("", "predicted", *([sure] if sure else []), "at best", "unit")
    return Sheet(title=title, rows=tuple(rows), headings=headings,
                 right=frozenset(range(1, len(headings) - 1)))  # fmt: skip


def _unit(name: str) -> str:
    return "tok/s" if "tok_s" in name else name.rsplit("_", 1)[-1]


def _sureness(told: _Told) -> list[Block]:
    """Say how familiar the deployment is, and what was measured near it."""
    if told.domain is None:
        return []
    head = details({"in domain": told.domain.text(), "nearest": told.domain.nearest}, "how sure")
    rows = [_evidence(row) for row in told.evidence]
    columns = {k: k for k in ("measured", "load", "figures", "source")}
    return [head, listing(rows, columns, "measured nearby")]


def _evidence(row: Evidence) -> dict[str, str]:
    """Say what was measured, as far as its source says; any cell may be blank."""
    d = row.deployment
    engine = f"{d.get('framework', 'engine not stated')} {d.get('framework_version', '')}".strip()
    what = [f"{cell(d.get('num_devices', 1))} x {d.get('hardware', 'a device not stated')}",
            d.get("model", "model not stated"), engine, d.get("weight_dtype")]  # fmt: skip
    load = ", ".join(f"{word} {cell(d[k])}" for k, word in _LOADS.items() if k in d)
    figures = [f"{METRICS[k]} {cell(v)}{HELD}{_unit(k)}" for k, v in row.measured.items()]
    return {
        "measured": ", ".join(str(part) for part in what if part),
        "load": ": ".join(str(part) for part in (d.get("mode"), load) if part),
        "figures": ", ".join(figures), "source": row.source or "not stated",
    }  # fmt: skip
