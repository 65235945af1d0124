"""Are configs read as transformers builds them? Every generating class, one key changed at a time.

Run it with an interpreter that has torch and transformers (``make models``). Writes
``results/15_models.csv`` and ``.md``, and ``guide_ml/hf_config/class_limits.json``: the types
and keys that are not counted right, which the reader then refuses.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import model_oracle as oracle
import transformers

from guide_ml.errors import GuideError
from guide_ml.hf_config import limits, read_config
from guide_ml.hf_config.vocabulary import is_harmless

RESULTS = Path(__file__).parent / "results"
LIMITS = Path(__file__).parents[1] / "guide_ml" / "hf_config" / "class_limits.json"
TOKENS = 4096  # context at which caches are compared
FEW_TOKENS = 64  # where the class walks through the context step by step
STEPPED = re.compile(r"^(mamba|ssm_|lru_|state_size|conv1d|linear_)")
RIGHT = 0.01
SHALLOW = 6  # layers of the variants: fewer are built faster
DEPTHS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
SKIPPED = re.compile(r"pad_token|chunk_size|max_.*position|n_positions|n_ctx|seq")
# What earlier runs found must not keep a class from being compared again.
limits._table = lambda: {"uncounted": {}, "unread": {}, "unchecked": []}

# Classes that hold something else than what is published, and why.
_TIED = "its defaults tie the head inside and not outside; published files say one thing"
NOT_AN_ORACLE = {
    "longcat_flash": "gives its experts without weights some, too",
    "qwen2_5_omni": "holds a second language model that speaks",
    "qwen2_5_omni_thinker": _TIED,
    "qwen3_vl_moe": _TIED,
}
WRONG = {
    "params": "has parameters that are not counted right",
    "experts": "has experts that are not counted right",
    "always": "has parameters beside its experts that are not counted right",
    "cache": "has a cache that is not counted right",
}


def counted(config: dict[str, Any], tokens: int) -> tuple[int, int, int] | str:
    """Return what guide-ml reads: parameters, cache, routed parameters; or a refusal."""
    try:
        made = read_config(config, "a class", True).made
    except GuideError as error:
        return str(error)
    return made.total, made.cache_values(tokens), made.routed


def compare(config: Any) -> tuple[str, dict[str, Any]]:
    """Compare one config: right, refused, params, cache or experts; and the numbers."""
    text = oracle.plain(oracle.text_of(config))
    tokens = FEW_TOKENS if any(STEPPED.match(key) and text[key] for key in text) else TOKENS
    read = counted(oracle.plain(config), tokens)
    try:
        found = oracle.build(config)
    except Exception as error:  # the class cannot be built from this: nothing to compare
        return "unbuilt", {"note": str(error)[:150]}
    values: dict[str, Any] = {"params": found.params}
    if isinstance(read, str):
        return "refused", values | {"note": read}
    total, cache, routed = read
    values |= {"read_params": total, "read_cache": cache}
    if config.model_type in NOT_AN_ORACLE:
        return "not compared", values | {"note": NOT_AN_ORACLE[config.model_type]}
    if abs(total / found.params - 1) > RIGHT:
        return "params", values
    if found.experts and abs(routed / found.experts - 1) > RIGHT:
        return "experts", values | {"note": f"{routed} routed for {found.experts}"}
    always = found.params - found.experts
    if found.experts and abs((total - routed) / always - 1) > RIGHT:
        return "always", values | {"note": f"{total - routed} beside experts for {always}"}
    kept = oracle.cache(found.model, tokens)
    values["cache"] = kept
    # Latent caches are kept expanded there, compressed ones beside the keys and values.
    latent = bool(text.get("kv_lora_rank") or text.get("o_lora_rank"))
    if kept and not latent and abs(cache / kept - 1) > RIGHT:
        return "cache", values
    return "right" if kept else "right, cache not run", values


def variants(kind: Any, base: dict[str, Any], depth: dict[str, Any]) -> Any:
    """Yield each key of a class with a config in which it is changed."""
    for key, value in base.items():
        if is_harmless(key) or key in DEPTHS or SKIPPED.search(key):
            continue
        others: list[Any] = []
        if isinstance(value, bool):
            others = [not value]
        elif isinstance(value, int) and value >= 0:
            others = [2 * value] if value else [1]
        elif value is None and key.startswith(("use_", "is_")):
            others = [True]
        for other in others:
            try:
                yield key, kind(**(depth | {key: other}))
            except Exception:  # the class refuses this value
                continue


def unread(kind: Any, config: Any) -> tuple[list[str], list[str], int]:
    """Return the keys whose change is not followed, those whose change is refused, and tries."""
    base = oracle.plain(config)
    depth = next(({k: SHALLOW} for k in DEPTHS if base.get(k)), {})
    try:
        start, _ = compare(kind(**depth))
    except Exception:
        return [], [], 0
    if not start.startswith("right"):
        return ["num_hidden_layers"] if start in WRONG else [], [], 1
    wrong, refused, tries = set(), set(), 1
    for key, other in variants(kind, base, depth):
        state, _ = compare(other)
        tries += 1
        if state in WRONG:
            wrong.add(key)
        elif state == "refused":
            refused.add(key)
    return sorted(wrong), sorted(refused), tries


def rows(only: set[str]) -> list[dict[str, Any]]:
    out = []
    for name, kind, text in oracle.classes():
        if only and name not in only:
            continue
        config = kind()
        state, values = compare(config)
        wrong: list[str] = []
        refused: list[str] = []
        tries = 0
        if state.startswith("right") and (type(text) is kind):
            wrong, refused, tries = unread(kind, config)
        row = {"type": name, "text_type": text.model_type, "state": state, "variants": tries,
               "unread": " ".join(wrong), "refused_keys": " ".join(refused), **values}
        out.append(row)
        print(json.dumps(row), flush=True)
    return out


def write(found: list[dict[str, Any]]) -> None:
    names = ["type", "text_type", "state", "variants", "unread", "refused_keys", "params",
             "read_params", "cache", "read_cache", "note"]  # fmt: skip
    with (RESULTS / "15_models.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    states = Counter(row["state"] for row in found)
    lines = [f"Classes of transformers {transformers.__version__} read with their defaults, and",
             "with one key changed at a time.", "", "| state | classes |", "|---|---|",
             *(f"| {k} | {v} |" for k, v in states.most_common()), "",
             f"Variants built: {sum(row['variants'] for row in found)}; classes with keys that are"
             f" not followed, which are refused: {sum(bool(row['unread']) for row in found)}."]
    (RESULTS / "15_models.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    uncounted = {r["type"]: WRONG[r["state"]] for r in found if r["state"] in WRONG}
    keys = {r["type"]: r["unread"].split() for r in found if r["unread"]}
    unchecked = [r["type"] for r in found if r["state"] == "unbuilt"]
    told = {"transformers": transformers.__version__, "uncounted": uncounted, "unread": keys,
            "unchecked": unchecked}  # fmt: skip
    LIMITS.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def kept(new: set[str]) -> list[dict[str, Any]]:
    """Return the rows of the table as it stands, but for the types that were compared again."""
    with (RESULTS / "15_models.csv").open(encoding="utf-8", newline="") as handle:
        found = [row for row in csv.DictReader(handle) if row["type"] not in new]
    return [{k: v for k, v in row.items() if v} | {"variants": int(row["variants"] or 0),
             "unread": row["unread"]} for row in found]  # fmt: skip


def main() -> None:
    """Compare all classes, or renew the rows of the types that are named."""
    only = set(sys.argv[1:])
    found = rows(only)
    old = kept({row["type"] for row in found}) if only else []
    write(sorted([*found, *old], key=lambda row: str(row["type"])))


if __name__ == "__main__":
    main()
