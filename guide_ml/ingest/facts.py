"""What a file does not say of its runs: from options or a side file, checked against the file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guide_ml import catalogue
from guide_ml.describe.checks import MAX_TOKENS
from guide_ml.errors import BadData, GuideError, InvalidInput, UnknownName
from guide_ml.ingest.content import number
from guide_ml.ingest.devices import devices_differ
from guide_ml.ingest.memory import misfit
from guide_ml.ingest.names import same_model, sizes_differ, unknown
from guide_ml.ingest.rows import ASKS, FAULT, LAYERS, SAID, SLUGS, TOKENS, Row
from guide_ml.table.read import DESCRIPTORS, NUMBERS

__all__ = [
    "SIDE_FILES", "apply", "beside", "checked", "missing", "option", "read_side_file", "reasons",
]  # fmt: skip

#: Endings of the side file of ``run.json``: ``run.json.facts.toml`` or ``run.facts.toml``, ...
SIDE_FILES = (".facts.toml", ".facts.json")
_RANGES = {"accept_len": (1.0, 100.0), "prefix_hit_rate": (0.0, 1.0)} | {
    name: limits[:2] for name, limits in NUMBERS.items()
}
_FACTS = tuple(dict.fromkeys((*DESCRIPTORS, *_RANGES, "measured_on", "flags")))
#: The load and lengths: filled in where the row's mode has them and the file lacks them.
_LOAD = {
    "closed": ("concurrency", "input_len", "output_len"),
    "static": ("batch_size", "input_len", "output_len"),
    "prefill": ("batch_size", "input_len"), "decode": ("batch_size", "output_len"),
    "offline": ("input_len", "output_len"), "open": ("input_len", "output_len"),
    "disagg": ("input_len", "output_len"),
}  # fmt: skip
_LOAD_FACTS = {"batch_size", "concurrency", "input_len", "output_len"}
_DEPLOYMENT = ("hardware", "num_devices", "model", "framework", "weight_dtype")


def checked(facts: Mapping[str, Any], origin: str = "") -> Row:
    """Check given facts and spell names as the catalogue does; blanks are left out.

    Parameters
    ----------
    facts : mapping
        By the names of `guide predict`'s options, with underscores.
    origin : str
        The side file they come from, for messages.

    Raises
    ------
    UnknownName
        If a fact, or the name that it gives, is unknown. Hardware and models must be in the
        catalogue: a measurement is of no use to training without their figures.
    InvalidInput
        If a number is none, or out of range.
    """
    out: Row = {}
    for name, value in facts.items():
        if name not in _FACTS:
            raise UnknownName(f"fact of {origin}" if origin else "fact", name, _FACTS)
        if value is None or value == "":
            continue
        if name in _RANGES:
            low, high = _RANGES[name]
            found = number(value)
            if found is None or not low <= found <= min(high, MAX_TOKENS):
                raise InvalidInput(
                    f"{name} must be a number from {low:g} to {high:g}; got {value!r}"
                )
            out[name] = found
        else:
            out[name] = _name(name, str(value))
    return out


def _name(kind: str, value: str) -> str:
    """Spell a name as the catalogue does."""
    if kind == "mode" and value not in _LOAD:
        raise InvalidInput(f"mode must be one of {', '.join(_LOAD)}; got {value!r}")
    try:
        return SLUGS.get(kind, str)(value)
    except UnknownName:
        if kind not in ("hardware", "model"):
            raise
        known = [*catalogue.slugs(kind), *catalogue.aliases(kind)]
        plural = {"hardware": "hardware", "model": "models"}[kind]
        hint = f"A measurement needs one of `guide list {plural}`."
        raise UnknownName(kind, value, known, hint) from None


def beside(path: Path) -> Path | None:
    """Find the side file that lies next to a file."""
    names = [stem + end for stem in (path.name, path.stem) for end in SIDE_FILES]
    return next((f for n in names if (f := path.with_name(n)).is_file()), None)


def read_side_file(path: Path) -> Row:
    """Read facts from TOML or JSON.

    Raises
    ------
    BadData
        If the file is neither.
    """
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if text.lstrip()[:1] == "{" else tomllib.loads(text)
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise BadData(f"{path} must hold facts as TOML or JSON: {error}") from None
    return checked(found, path.name)


def apply(row: Row, facts: Mapping[str, Any]) -> Row:
    """Complete a row with facts.

    What is given completes the row; where it contradicts the file, whatever it is, the row has a
    fault. A name that the catalogue lacks contradicts nothing, since a server may call its model
    anything, unless its size does. Lengths and load are taken where the row's mode has them.

    Parameters
    ----------
    row : dict
        As an importer read it.
    facts : mapping
        As :func:`checked` gave them.
    """
    out = {k: v for k, v in row.items() if v is not None}
    stated = _settle_names(dict(out))
    if "mode" not in out:
        out |= _mode(facts)
    wanted = _LOAD.get(str(out.get("mode")), ())
    for name, value in facts.items():
        if name == "flags":
            out[name] = ";".join(dict.fromkeys([*str(out.get(name) or value).split(";"), value]))
        elif name in stated:
            if not _same(name, stated[name], value):
                out.setdefault(
                    FAULT, f"{name} is {stated[name]} in the file, but {value} was given"
                )
        elif name == "model" and sizes_differ(said := _said(out, name), str(value)):
            out.setdefault(FAULT, f"the model is {said!r} in the file, but {value} was given")
        elif name == "hardware" and devices_differ(said := _said(out, name), str(value)):
            out.setdefault(FAULT, f"hardware is {said!r} in the file, but {value} was given")
        elif name != "mode" and (name not in _LOAD_FACTS or name in wanted):
            out[name] = value
    return _settle(out)


def _said(row: Row, column: str) -> str:
    return str(row.get(SAID, {}).get(column, ""))


def _same(name: str, stated: object, told: object) -> bool:
    """Whether a fact says what the file does."""
    if name == "model":
        return same_model(str(stated), str(told))
    if name == "framework_version":  # an image's tag has more than the version
        return str(told).lower() in str(stated).lower() or str(stated) in str(told)
    if name == "spec_method":
        return str(stated).split("(")[0] == str(told).split("(")[0]
    a, b = number(stated), number(told)
    return str(stated).lower() == str(told).lower() if a is None or b is None else (
        abs(a - b) <= 0.01 * abs(b))  # fmt: skip


def _mode(facts: Mapping[str, Any]) -> Row:
    if "mode" in facts:
        return {"mode": facts["mode"]}
    if "request_rate_rps" in facts:
        return {"mode": "open"}
    return {"mode": "closed"} if "concurrency" in facts else {}


def _settle_names(row: Row) -> Row:
    """Spell names as the catalogue does."""
    for name, spell in SLUGS.items():
        try:
            row |= {name: spell(str(row[name]))} if name in row else {}
        except GuideError as error:
            row.setdefault(FAULT, str(error))
    return row


def _settle(row: Row) -> Row:
    """Work out what follows from the facts by definition, and what cannot be."""
    row = _settle_names(row)
    layout = [row[k] for k in ("tp", "pp", "dp") if k in row]
    if layout and "num_devices" not in row:
        row["num_devices"] = 1.0
        for size in layout:
            row["num_devices"] *= float(size)
    _tokens(row, row.pop(TOKENS, None))
    if row.get("output_len", 2.0) <= 1:  # clients write 0, or the TTFT again
        row = {k: v for k, v in row.items() if not k.startswith("tpot_")}
    layers = row.pop(LAYERS, None)
    known = layers is not None and row.get("model") in catalogue.all_models()
    if layers == 0 or (known and layers < catalogue.all_models()[row["model"]].num_layers):
        row["flags"] = ";".join(filter(None, [row.get("flags"), "partial-offload"]))
    if fault := misfit(row):
        row.setdefault(FAULT, fault)
    return row


def _tokens(row: Row, each: float | None) -> None:
    """Split tokens a request into prompt and answer once one of them is known."""
    if each is None:
        return
    for one, other in (("output_len", "input_len"), ("input_len", "output_len")):
        if one in row and other not in row and each > row[one]:
            row[other] = each - row[one]
    lengths = row.get("input_len", 0.0) + row.get("output_len", 0.0)
    if "output_len" in row and abs(lengths - each) > 0.01 * each:
        row.setdefault(FAULT, f"lengths sum to {lengths:g}, the file has {each:g} a request")
    elif "output_len" in row and "total_tok_s" in row:
        row["output_tok_s"] = row["total_tok_s"] * row["output_len"] / each


def missing(row: Row) -> list[str]:
    """List the facts that a row still lacks.

    Parameters
    ----------
    row : dict
        After :func:`apply`.
    """
    lacks = [n for n in _DEPLOYMENT if n not in row]
    lacks += [n for n in row.get(ASKS, {}) if n not in row and n not in lacks]
    if "mode" not in row:
        lacks += ["concurrency", "mode"]
    wanted = _LOAD.get(str(row.get("mode")), _LOAD["open"])
    return lacks + [n for n in wanted if n not in row]


def reasons(row: Row, lacks: list[str]) -> list[str]:
    """Say of missing facts why the file does not settle them.

    Parameters
    ----------
    row : dict
        After :func:`apply`.
    lacks : list of str
        :func:`missing`.
    """
    told = [str(why) for name, why in row.get(ASKS, {}).items() if name in lacks]
    return told + [
        unknown(n, said)
        for n in ("model", "hardware")
        if n in lacks and n not in row.get(ASKS, {}) and (said := _said(row, n))
    ]


def option(name: str) -> str:
    """Name the option of the command line that gives a fact.

    Examples
    --------
    >>> option("weight_dtype"), option("mode")
    ('--weight-dtype', '--mode offline')
    """
    extra = {"mode": " offline", "num_devices": " (or --tp, --pp, --dp)"}
    return "--" + name.replace("_", "-") + extra.get(name, "")
