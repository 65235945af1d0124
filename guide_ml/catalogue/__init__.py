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
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from guide_ml.catalogue.device_names import Devices, Fit
from guide_ml.catalogue.engines import framework_blocks
from guide_ml.catalogue.kin import Kin, short_names
from guide_ml.catalogue.later import Later, typed
from guide_ml.catalogue.names import machine_names
from guide_ml.catalogue.spelling import by_key, key, plain, quantised
from guide_ml.catalogue.taken import taken
from guide_ml.catalogue.versions import newest, release_year
from guide_ml.describe.backends import BACKENDS, VENDOR_BACKEND
from guide_ml.describe.backends import backend as canonical_backend
from guide_ml.describe.descriptors import Framework, Hardware, Model
from guide_ml.errors import InvalidInput, SeveralNames, UnknownName, nearest

__all__ = [
    "BACKENDS", "VENDOR_BACKEND", "InvalidInput", "aliases", "all_hardware", "all_models",
    "framework", "framework_blocks", "hardware", "kindred", "model", "reserve", "slugs",
]  # fmt: skip

HARDWARE_HINT = "`guide list hardware` shows all; unlisted devices may be given as a TOML file."
MODEL_HINT = "`guide list models` shows all; unlisted models may be given as a config.json."


@cache
def _rows(name: str) -> list[dict[str, str]]:
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def _objects(file: str, slug: str, kind: Any) -> Later[Any]:
    kinds = {f.name: str(f.type) for f in fields(kind)}
    return Later({r[slug]: r for r in _rows(file)}, lambda row: kind(**typed(row, kinds)))


@cache
def all_hardware() -> Mapping[str, Hardware]:
    """Every device of the catalogue by slug."""
    return _objects("hardware.csv", "hardware", Hardware)


@cache
def all_models() -> Mapping[str, Model]:
    """Every model of the catalogue by Hugging Face id."""
    return _objects("models.csv", "model", Model)


@cache
def aliases(kind: str) -> dict[str, str]:
    """Other spellings of the slugs of one kind."""
    found = {r["alias"]: r["slug"] for r in _rows("aliases.csv") if r["kind"] == kind}
    if kind == "framework":
        for slug, block in framework_blocks().items():
            found |= dict.fromkeys(block.get("aliases", []), slug)
    if kind == "model":
        sizes = {r["model"]: float(r["params_total_b"]) for r in _rows("models.csv")}
        found |= short_names(sizes)
    return found


def slugs(kind: str) -> tuple[str, ...]:
    """All slugs of one kind: ``hardware``, ``model`` or ``framework``."""
    tables: dict[str, Mapping[str, Any]] = {
        "hardware": all_hardware(), "model": all_models(), "framework": framework_blocks(),
    }  # fmt: skip
    if kind not in tables:
        raise UnknownName("kind", kind, tables)
    return tuple(tables[kind])


def _lookup(kind: str, name: str, table: Mapping[str, Any], hint: str = "") -> str:
    found = _spelling(kind, name, table, hint)
    if not found:
        others = (a for a, slug in aliases(kind).items() if slug not in a)
        raise UnknownName(kind, name, [*table, *others], hint)
    return found


def _spelling(kind: str, name: str, table: Mapping[str, Any], hint: str) -> str:
    """Find the slug that a name spells; blank if none."""
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
    return _spelt(kind).get(short, "") if kind != "hardware" and short else ""


def _in_one_word(name: str) -> tuple[str, ...]:
    """Find the device whose name is written without any space; a plus would be lost."""
    short = key(name) if re.fullmatch(r"\w[\w .()-]*", name.strip()) else ""
    makers = [m for m in ("", *VENDOR_BACKEND, "intel") if short.startswith(m)]
    found = [_spelt("hardware").get(short[len(maker):], "") for maker in makers if short]
    return tuple(slug for slug in found if slug)[:1]


@cache
def _spelt(kind: str) -> dict[str, str]:
    """Slugs of one kind by letters and digits alone."""
    return by_key(slugs(kind), aliases(kind))


@cache
def _devices() -> Devices:
    return Devices(all_hardware(), aliases("hardware"), [r["slug"] for r in _rows("preferred.csv")])


def hardware(name: str) -> Hardware:
    """Look a device up by slug, alias, or what people, drivers and clouds call it.

    Where variants share the name, the most common one stands in; its ``source`` then says what
    else the name may mean (:func:`guide_ml.catalogue.taken.taken_for`).

    Raises
    ------
    UnknownName
        If no device has that name, or several of different kinds; the message offers them.

    Examples
    --------
    >>> hardware("h100").mem_bw_gbs, hardware("NVIDIA GeForce RTX 4090 24 GB").mem_bw_gbs
    (3350.0, 1008.0)
    """
    if not isinstance(name, str):
        raise InvalidInput(f"hardware must be a name; got {name!r}. {HARDWARE_HINT}")
    return _hardware(name)


@lru_cache(maxsize=4096)  # a search asks for the same few some thousand times
def _hardware(name: str) -> Hardware:
    table = all_hardware()
    if slug := _spelling("hardware", name, table, HARDWARE_HINT):
        return table[slug]
    fit = _devices().find(name)
    fit = fit if fit.slugs else Fit(_in_one_word(name))
    if not fit.slugs:
        raise UnknownName("hardware", name, [*table, *aliases("hardware")], HARDWARE_HINT)
    if len(fit.slugs) > 1:
        raise SeveralNames("hardware", name, fit.slugs)
    return taken(table[fit.slugs[0]], name, fit.others)


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


#: How the source of a model begins that was taken for an unlisted one.
BY_NAME = "by its name, "


@cache
def _kin() -> Kin:
    return Kin(all_models())


def kindred(name: str) -> Model:
    """Look a model up; one that is not listed has the shape of the one that its name tells.

    Raises
    ------
    UnknownName
        If no model has that name, and its words tell of none.

    Examples
    --------
    >>> kindred("NousResearch/Hermes-3-Llama-3.1-8B").model
    'meta-llama/Llama-3.1-8B-Instruct'
    >>> kindred("QuantTrio/Qwen3-VL-32B-AWQ").native_dtype
    'awq-int4'
    """
    try:
        return model(name)
    except UnknownName:
        if re.match(r"[./~\\]", name.strip()):  # a folder is what its config says
            raise
        split = quantised(name)
        for text, precision in (*((split,) if split else ()), (name, "")):
            if slug := _kin().find(text):
                base = all_models()[slug]
                told = f"{BY_NAME}{name.strip()} is built like {slug}"
                return replace(base, source=told, native_dtype=precision or base.native_dtype)
        raise


@lru_cache(maxsize=4096)  # versions come from outside, without end
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
