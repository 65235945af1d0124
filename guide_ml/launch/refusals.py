"""What an engine refuses to start with: ``refusals.csv``, the one list for every command.

Predictions and tables ask here through :mod:`guide_ml.table.possible`, searches through
:mod:`guide_ml.searching.support`, and starts through :func:`guide_ml.launch.launch`. A row of the
file refuses its values where the device is older than ``needs`` says (everywhere, if that is
blank), in versions after ``after`` and before ``before``.
"""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from guide_ml.precision.dtypes import DTYPES

__all__ = ["GENERATIONS", "Device", "number", "refusal", "rules"]

GENERATIONS = {
    "nvidia": ("kepler", "maxwell", "pascal", "volta", "turing", "ampere", "ada", "hopper",
               "blackwell", "blackwell-ultra"),
    "amd": ("vega20", "rdna2", "cdna1", "rdna3", "rdna3.5", "rdna4", "cdna2", "cdna3", "cdna4"),
}  # fmt: skip
"""Generations of a maker's accelerators, from old to new."""

#: Formats that are named by their beginning: ``exl2-4.0bpw``, ``mlx-4bit``.
_BEGINNINGS = ("exl2", "mlx", "hqq", "bfp")

Number = tuple[float, ...]


@dataclass(frozen=True)
class Device:
    """What a rule asks of a device.

    Parameters
    ----------
    vendor, architecture : str
        Maker and generation, as the catalogue has them.
    """

    vendor: str
    architecture: str


@dataclass(frozen=True)
class Rule:
    """A row of the file.

    Parameters
    ----------
    framework, kind : str
        Engine, and what is refused: device, weights, kv or family.
    values : frozenset of str
        Names that are refused; none stands for all.
    needs : tuple of (vendor, generations)
        The makers of whom it speaks, and the generations that run it.
    after, before : tuple of float
        Version after which, and before which, it holds; empty for all.
    says, source : str
        The engine's reason, and where it stands.
    """

    framework: str
    kind: str
    values: frozenset[str]
    needs: tuple[tuple[str, tuple[str, ...]], ...]
    after: Number
    before: Number
    says: str
    source: str

    def holds(self, version: Number) -> bool:
        """Tell whether it holds in a version; an empty one is the newest."""
        newest = version or (math.inf,)
        return not (self.after and _within(newest, self.after)) and not (
            self.before and newest >= self.before
        )

    def meets(self, device: Device) -> bool:
        """Tell whether a device is one that it refuses."""
        if not self.needs:
            return True
        able = dict(self.needs).get(device.vendor)
        known = device.architecture in GENERATIONS.get(device.vendor, ())
        return able is not None and known and device.architecture not in able


def _within(version: Number, last: Number) -> bool:
    """Tell whether a version is not after `last`, patches of `last` counted with it."""
    return version[: len(last)] <= last


def number(version: str) -> Number:
    """Read a version's number; empty where there is none.

    Examples
    --------
    >>> number("v0.11.1rc2"), number("nightly"), number("b6900"), number("")
    ((0.0, 11.0, 1.0), (), (6900.0,), ())
    """
    match = re.match(r"[vb]?(\d+(?:\.\d+)*)", version.strip().lower())
    return tuple(map(float, match.group(1).split("."))) if match else ()


@cache
def rules() -> tuple[Rule, ...]:
    """Return all rows of the file."""
    text = files(__package__).joinpath("refusals.csv").read_text(encoding="utf-8")
    return tuple(
        Rule(row["framework"], row["kind"], frozenset(row["values"].split()),
             tuple(_need(n) for n in row["needs"].split()), number(row["after"]),
             number(row["before"]), row["says"], row["source"])
        for row in csv.DictReader(io.StringIO(text))
    )  # fmt: skip


def _need(text: str) -> tuple[str, tuple[str, ...]]:
    """Read ``nvidia>=ampere`` or ``amd=cdna2|cdna3``; ``never`` is no generation at all."""
    vendor, least, names = re.split(r"(>?=)", text)
    line = GENERATIONS[vendor]
    if least == "=":
        return vendor, tuple(names.split("|"))
    return vendor, () if names == "never" else line[line.index(names) :]


@lru_cache(maxsize=4096)
def refusal(
    framework: str, version: str, kind: str, value: str, device: Device, stated_only: bool = False
) -> str:
    """Say why an engine refuses; blank where it does not.

    Parameters
    ----------
    framework, version : str
        Engine and its version; a blank one is the newest.
    kind, value : str
        ``device`` (blank value), ``weights`` or ``kv`` (a dtype), ``family`` (of a model).
    device : Device
        What it is to run on.
    stated_only : bool
        Leave out what newer versions alone refuse where no version is given: a run may be older.

    Examples
    --------
    >>> refusal("vllm", "", "weights", "bf16", Device("nvidia", "turing"))
    'vLLM runs bf16 from compute capability 8.0 (Ampere) on: give fp16'
    >>> refusal("vllm", "0.9.1", "family", "aquila", Device("nvidia", "hopper"))
    ''
    """
    asked = number(version)
    names = _names(value) if kind != "family" else {value}
    for rule in rules():
        if (rule.framework, rule.kind) != (framework, kind) or not rule.holds(asked):
            continue
        if rule.after and not asked and (stated_only or version):
            continue  # a run without a number may be older
        if (not rule.values or names & rule.values) and rule.meets(device):
            return rule.says
    return ""


def _names(value: str) -> set[str]:
    """Return a dtype's name, its format, and its family where that is GGUF."""
    found = {value, *(b for b in _BEGINNINGS if value.startswith(b))}
    if value in DTYPES and DTYPES[value].family == "gguf" and value not in ("mxfp4",):
        found.add("gguf")
    return found
