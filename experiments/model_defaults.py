"""Write what each config class of transformers fills in: guide_ml/hf_config/class_defaults.json.

Run it with an interpreter that has torch and transformers and with guide-ml on its path.
Values that follow from other keys (head_dim from hidden_size, say) are left out: they are
found by changing one key at a time. Lists of layer kinds are kept as the cycle they repeat.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import model_oracle as oracle
import transformers

from guide_ml.hf_config.vocabulary import is_harmless

OUT = Path(__file__).parents[1] / "guide_ml" / "hf_config" / "class_defaults.json"
LISTS = ("layer_types", "layers_block_type", "mlp_layer_types")
DEEP = 48  # layers of which a cycle is looked for
LONGEST = 12
MAX_ITEMS = 24  # longer lists are those of one published model


def changed(kind: Any, **change: Any) -> dict[str, Any] | None:
    """Return the config of a class with a few keys changed, ``None`` where it refuses them."""
    try:
        return oracle.plain(kind(**change))
    except Exception:  # the class says no in many ways
        return None


def derived(kind: Any, values: dict[str, Any]) -> dict[str, set[str]]:
    """Return the keys that move with another key, and by which ones they are moved."""
    moved: dict[str, set[str]] = {}
    for key, value in values.items():
        if is_harmless(key) or not isinstance(value, int) or value < 0:
            continue
        for other_value in [not value] if isinstance(value, bool) else (2 * value, 3 * value):
            other = changed(kind, **{key: other_value})
            for name, before in values.items():
                if other and name != key and other.get(name) != before:
                    moved.setdefault(name, set()).add(key)
    return moved


def cycle(kind: Any, name: str) -> tuple[list[str], list[str]] | None:
    """Return the kinds of the first layers of a class, and those that it repeats after them."""
    depths = [changed(kind, num_hidden_layers=n) for n in (DEEP, DEEP // 2)]
    lists = [d.get(name) for d in depths if d]
    if len(lists) != 2 or not all(isinstance(x, list) and x for x in lists):
        return None
    for first in range(LONGEST):
        for period in range(1, LONGEST + 1):
            one = lists[0][first : first + period]
            if all(x[first:] == [one[i % period] for i in range(len(x) - first)] for x in lists):
                return lists[0][:first], one
    return None


def small(value: Any) -> bool:
    """Whether a value is worth keeping: a number, a word or a short list of such."""
    if isinstance(value, list):
        return 0 < len(value) <= MAX_ITEMS and all(small(v) for v in value)
    return isinstance(value, bool | int | float | str) and value not in ("", None)


def entry(kind: Any) -> dict[str, Any]:
    """Describe one class; a text part is described by itself, not as its owner fills it in."""
    values = oracle.plain(kind())
    moved = derived(kind, values)
    kept: dict[str, Any] = {
        key: value
        for key, value in values.items()
        if key not in moved and small(value) and not is_harmless(key)
    }
    for name in LISTS:
        if name in moved and (found := cycle(kind, name)):
            kept[f"{name}:first"], kept[f"{name}:cycle"] = found
            kept[f"{name}:by"] = sorted(moved[name] - {"num_hidden_layers"})
    return kept


def main() -> None:
    found: dict[str, dict[str, Any]] = {}
    for name, kind, text in oracle.classes():
        if type(text) is not kind:
            found.setdefault(name, {})["text_type"] = text.model_type
        if text.model_type not in found or "text_type" in found[text.model_type]:
            found[text.model_type] = found.get(text.model_type, {}) | entry(type(text))
    ordered = sorted(found.items())
    lines = [f"  {json.dumps(k)}: {json.dumps(v, sort_keys=True)}" for k, v in ordered]
    head = f'"transformers": "{transformers.__version__}", "types": {{\n'
    OUT.write_text("{" + head + ",\n".join(lines) + "\n}}\n", encoding="utf-8")
    print(f"{len(found)} types of transformers {transformers.__version__} in {OUT}")


if __name__ == "__main__":
    main()
