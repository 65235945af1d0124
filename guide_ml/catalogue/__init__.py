"""What is known of hardware, models and frameworks: one row or block a slug.

Everything is read on first use and kept; an unknown name raises with the nearest spellings.

In: a slug or an alias. Out: value objects of :mod:`guide_ml.describe`.
A new device, model or engine is a row of ``hardware.csv``, ``models.csv``, ``frameworks.toml``;
a new spelling one of ``aliases.csv``. Prices are in :mod:`guide_ml.offers`.
"""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from importlib.resources import files
from typing import Any

from guide_ml.catalogue.drivers import fitting, telling
from guide_ml.catalogue.names import machine_names
from guide_ml.catalogue.spelling import by_key, key, plain, quantised, untuned
from guide_ml.catalogue.versions import newest, release_year
from guide_ml.describe.backends import BACKENDS, VENDOR_BACKEND
from guide_ml.describe.backends import backend as canonical_backend
from guide_ml.describe.descriptors import Framework, Hardware, Model
from guide_ml.errors import InvalidInput, UnknownName, nearest

__all__ = [
    "BACKENDS", "VENDOR_BACKEND", "InvalidInput", "aliases", "all_hardware", "all_models",
    "framework", "framework_blocks", "hardware", "model", "reserve", "slugs",
]  # fmt: skip

HARDWARE_HINT = "`guide list hardware` shows all; unlisted devices may be given as a TOML file."
MODEL_HINT = "`guide list models` shows all; unlisted models may be given as a config.json."


def _rows(name: str) -> list[dict[str, str]]:
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def _typed(row: Mapping[str, str], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Read the cells of a CSV row as the types of the dataclass; blank means the default."""
    out: dict[str, Any] = {}
    for name, text in row.items():
        if name not in kinds or text == "":
            continue
        kind = kinds[name]
        if kind == "str":
            out[name] = text
        elif kind == "bool":
            out[name] = text == "1"
        elif kind == "int":
            out[name] = int(float(text))
        else:
            out[name] = float(text)
    return out


@cache
def all_hardware() -> dict[str, Hardware]:
    """Every device of the catalogue by slug."""
    kinds = {f.name: str(f.type) for f in fields(Hardware)}
    found = [Hardware(**_typed(r, kinds)) for r in _rows("hardware.csv")]
    return {h.hardware: h for h in found}


@cache
def all_models() -> dict[str, Model]:
    """Every model of the catalogue by Hugging Face id."""
    kinds = {f.name: str(f.type) for f in fields(Model)}
    return {r["model"]: Model(**_typed(r, kinds)) for r in _rows("models.csv")}


#: Keys of a block that a fork or wrapper does not take over.
_OWN = {"aliases", "versions", "builds", "wrappers", "released", "unstated", "reserve", "backends"}


@cache
def framework_blocks() -> dict[str, dict[str, Any]]:
    """Every engine's block of frameworks.toml by slug."""
    text = files(__package__).joinpath("frameworks.toml").read_text(encoding="utf-8")
    listed: dict[str, dict[str, Any]] = tomllib.loads(text)
    return {slug: _inherited(block, listed) for slug, block in listed.items()}


def _inherited(block: dict[str, Any], listed: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Add what a fork or wrapper takes over from the engine that it is ``like``."""
    if "like" not in block:
        return block
    parent = _inherited(listed[block["like"]], listed)
    return {k: v for k, v in parent.items() if k not in _OWN} | block


@cache
def aliases(kind: str) -> dict[str, str]:
    """Other spellings of the slugs of one kind."""
    found = {r["alias"]: r["slug"] for r in _rows("aliases.csv") if r["kind"] == kind}
    if kind == "framework":
        for slug, block in framework_blocks().items():
            found |= dict.fromkeys(block.get("aliases", []), slug)
    if kind == "model":
        found |= _short_model_names()
    return found


def _short_model_names() -> dict[str, str]:
    """Names without the organisation, where only one architecture has them."""
    by_name: dict[str, list[str]] = {}
    for slug in all_models():
        by_name.setdefault(slug.rsplit("/", 1)[-1].lower(), []).append(slug)
        by_name.setdefault(slug.lower(), []).append(slug)
    unique: dict[str, str] = {}
    for name, ids in by_name.items():
        if len({all_models()[i].params_total_b for i in ids}) == 1:
            unique[name] = ids[0]
    return unique


def slugs(kind: str) -> tuple[str, ...]:
    """All slugs of one kind: ``hardware``, ``model`` or ``framework``."""
    tables: dict[str, Mapping[str, Any]] = {
        "hardware": all_hardware(), "model": all_models(), "framework": framework_blocks(),
    }  # fmt: skip
    if kind not in tables:
        raise UnknownName("kind", kind, tables)
    return tuple(tables[kind])


def _lookup(kind: str, name: str, table: Mapping[str, Any], hint: str = "") -> str:
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput(f"{kind} must be a name; got {name!r}. {hint}".strip())
    text = plain(name) if kind == "model" else name.strip()
    if text in table:
        return text
    low = text.lower()
    known = aliases(kind)
    for spelt in (text, low, *(machine_names(text) if kind == "hardware" else ())):
        if spelt in known:
            return known[spelt]
        if spelt in table:
            return spelt
    short = key(text) if re.fullmatch(r"\w[\w .+()-]*", text) else ""  # no path, no other's copy
    makers = ("", *(VENDOR_BACKEND if kind == "hardware" else ()), "intel")
    for maker in makers:  # "NVIDIA L40S" is "l40s"
        if short and short.startswith(maker) and (found := _spelt(kind).get(short[len(maker):])):
            return found
    if short and (found := _loosely(kind, text)):
        return found
    raise UnknownName(kind, name, [*table, *known], hint)


def _loosely(kind: str, text: str) -> str:
    """Find the one device or architecture that a name with more or fewer words may mean."""
    if kind == "hardware":
        words = "-".join(telling(text))  # "GeForce RTX 3060" is "rtx-3060"
        several = fitting(text, slugs(kind))
        return aliases(kind).get(words) or (several[0] if len(several) == 1 else "")
    return _architectures().get(key(text), "") if kind == "model" else ""


#: What checkpoints that only their tuning tells apart have in common.
_SHAPE = ("params_total_b", "num_layers", "hidden_size", "vocab_size", "max_position",
          "native_dtype")  # fmt: skip


@cache
def _architectures() -> dict[str, str]:
    """Models by their names without tuning, where all of a name are of one architecture."""
    found: dict[str, list[str]] = {}
    for slug in all_models():
        found.setdefault(untuned(slug), []).append(slug)
    shapes = {slug: tuple(getattr(m, f) for f in _SHAPE) for slug, m in all_models().items()}
    alike = {k: s for k, s in found.items() if len({shapes[x] for x in s}) == 1}
    # Who asks by half a name means what answers.
    return {k: min(s, key=lambda x: ("instruct" not in x.lower(), not x.endswith("-it")))
            for k, s in alike.items()}  # fmt: skip


@cache
def _spelt(kind: str) -> dict[str, str]:
    """Slugs of one kind by letters and digits alone."""
    return by_key(slugs(kind), aliases(kind))


def hardware(name: str) -> Hardware:
    """Look a device up by slug or alias.

    Raises
    ------
    UnknownName
        If no device has that name; the message offers the nearest.

    Examples
    --------
    >>> hardware("h100").mem_bw_gbs
    3350.0
    """
    table = all_hardware()
    return table[_lookup("hardware", name, table, HARDWARE_HINT)]


def model(name: str) -> Model:
    """Look a model up by Hugging Face id, or by its last part where that is unambiguous.

    The name of a quantised copy gives its base in the precision that the name says.

    Examples
    --------
    >>> model("llama-3.1-8b-instruct").num_layers
    32
    >>> model("RedHatAI/Llama-3.1-8B-Instruct-FP8-dynamic").native_dtype
    'fp8'
    """
    table = all_models()
    try:
        return table[_lookup("model", name, table, MODEL_HINT)]
    except UnknownName:
        split = quantised(name)
        if split is None:
            raise
        try:
            base = table[_lookup("model", split[0], table, MODEL_HINT)]
        except UnknownName:
            base = None
        if base is None:
            raise
        return replace(base, native_dtype=split[1])


@cache
def framework(name: str, version: str = "", backend: str | None = None) -> tuple[Framework, bool]:
    """Look an engine up and date its version.

    Returns
    -------
    Framework, bool
        The engine, and whether the version was stated and could be dated; if not, the newest
        measured version stands in.

    Raises
    ------
    UnknownName
        If no engine has that name.

    Examples
    --------
    >>> framework("vllm", "0.6.1")[0].release_year
    2024.6666666666667
    """
    table = framework_blocks()
    slug = _lookup("framework", name, table, "`guide list frameworks` shows all.")
    block = table[slug]
    backend = None if backend is None else canonical_backend(backend)
    if backend is not None and backend not in block["backends"]:
        near = nearest(backend, block["backends"])
        raise InvalidInput(
            f"{slug} runs on {', '.join(block['backends'])}; got backend {backend!r}"
            + (f"; did you mean {near[0]}?" if near else "")
        )
    year = release_year(block, version) if version else None
    found = Framework(
        framework=slug, version=version, backend=backend or block["backends"][0],
        release_year=year if year is not None else newest(block),
    )  # fmt: skip
    return found, year is not None


def reserve(engine: Framework) -> dict[str, Any]:
    """Look up how much more KV cache an engine's version sets aside than requests fill.

    Returns
    -------
    dict
        Empty for engines that set aside what is filled. Otherwise ``flash`` and ``padded``,
        multiples of what is filled, and ``padded_families``, model families whose batches are
        padded.

    Examples
    --------
    >>> reserve(framework("vllm")[0])
    {}
    >>> reserve(framework("tgi", "IBM-fork")[0])["flash"]
    6.0
    """
    rules = framework_blocks()[engine.framework].get("reserve", {})
    found: dict[str, Any] = rules.get(engine.version.strip().lower(), {})  # as it is dated
    return found
