"""``guide show``: all that is known of a device, a model or a framework."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from guide_ml import catalogue
from guide_ml.answers.blocks import Block, details
from guide_ml.cli import options as o
from guide_ml.cli.model_files import is_model_file, model_file, rows
from guide_ml.cli.parts import show_or_json
from guide_ml.errors import InvalidInput, UnknownName

__all__ = ["EXAMPLES", "show"]

EXAMPLES = (
    "guide show h100", "guide show llama-3.1-8b-instruct", "guide show vllm --json",
    "guide show my-model/config.json --hardware l40s --tp 2",
)  # fmt: skip
DeviceOption = Annotated[
    list[str] | None,
    typer.Option("--hardware", help="Device on which a model's memory is shown; may be repeated."),
]


def show(
    slug: Annotated[
        str, typer.Argument(help="Slug or alias of hardware, model or framework; or a config.json,"
                                 " its folder, or a GGUF file.")
    ],
    hardware: DeviceOption = None, framework: o.FrameworkOption = None,
    framework_version: o.VersionOption = None, tp: o.TpOption = None, pp: o.PpOption = None,
    weight_dtype: o.WeightOption = None, kv_dtype: o.KvOption = None,
    memory_share: o.ShareOption = None, max_model_len: o.LongestOption = None,
    max_num_seqs: o.SeqsOption = None, lora_rank: o.RankOption = None,
    loras: o.LorasOption = None, accept_unknown: o.AcceptOption = False,
    as_json: o.JsonOption = False,
) -> None:  # fmt: skip
    """Show all that is known of a device, a model or a framework, or read from a model's file.

    Of a model also what an engine would log of a device's memory at start.
    """
    asked = {
        "framework": framework, "framework_version": framework_version, "tp": tp, "pp": pp,
        "weight_dtype": weight_dtype, "kv_dtype": kv_dtype, "memory_share": memory_share,
        "max_model_len": max_model_len, "max_num_seqs": max_num_seqs, "lora_rank": lora_rank,
        "loras": loras,
    }  # fmt: skip
    if is_model_file(slug):
        told = model_file(slug, accept_unknown)
        _show(told, details(rows(told), slug), slug, hardware, asked, accept_unknown, as_json)
        return
    kind, found = _find(slug)
    others = sorted(a for a, s in catalogue.aliases(kind).items() if s == found[kind] and a != s)
    found = found | {"aliases": others}
    if kind == "model":
        # What a model has none of (experts, windows, states) is a zero in JSON and no line here.
        told = {k: v for k, v in found.items() if v is False or v not in (0, "")}
        _show(found, details(told, kind), found["model"], hardware, asked, False, as_json)
        return
    if stated := [k for k, v in {"hardware": hardware, **asked}.items() if v is not None]:
        raise InvalidInput(
            f"{', '.join(stated)} belongs to a model, whose memory it sets; {slug} is a {kind}:"
            " leave it out"
        )
    show_or_json(found, lambda: [details(found, kind)], as_json)


def _show(told: dict[str, Any], facts: Block, model: str, devices: list[str] | None,
          asked: dict[str, Any], accept_unknown: bool, as_json: bool) -> None:  # fmt: skip
    """Show a model, and below it what an engine would log."""
    from guide_ml.predictions import accounts
    from guide_ml.table import given

    known = given.model(model, accept_unknown)
    logs = accounts.starts(known, devices or accounts.DEVICES, **asked)
    values = told | {"starts": [log.to_dict() for log in logs]}
    show_or_json(values, lambda: [facts, accounts.sheet(logs)], as_json)


def _find(slug: str) -> tuple[str, dict[str, Any]]:
    """Look a name up in all tables of the catalogue."""
    finders: dict[str, Callable[[], dict[str, Any]]] = {
        "hardware": lambda: asdict(catalogue.hardware(slug)),
        "model": lambda: asdict(catalogue.kindred(slug)),
        "framework": lambda: _block(catalogue.framework(slug)[0].framework),
    }
    for kind, find in finders.items():
        try:
            return kind, find()
        except UnknownName:
            continue
    known = [s for kind in finders for s in (*catalogue.slugs(kind), *catalogue.aliases(kind))]
    raise UnknownName("name", slug, known, "`guide list hardware|models|frameworks` shows all.")


def _block(slug: str) -> dict[str, Any]:
    return {"framework": slug} | {
        k: v for k, v in catalogue.framework_blocks()[slug].items() if k != "aliases"
    }
