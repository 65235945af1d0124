"""Which layers attend fully, within a window or not at all, and which route to experts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from guide_ml.errors import InvalidInput
from guide_ml.hf_config.keys import MAX_LAYERS, Keys

__all__ = [
    "BOTH", "CROSS", "FULL", "MLP_ONLY", "MOE_ONLY", "RECURRENT", "WINDOW", "kinds", "sparse",
    "window",
]  # fmt: skip

FULL, WINDOW, RECURRENT, MLP_ONLY, MOE_ONLY = "full", "window", "recurrent", "mlp", "moe"
BOTH = "both"  # attention and a recurrent mixer side by side
CROSS = "cross"  # attention to an image, none to the text

_NAMES = {
    "full_attention": FULL, "attention": FULL, "indexed_attention": FULL,
    "global_attention": FULL, "full": FULL, "deepseek_sparse_attention": FULL,
    "sliding_attention": WINDOW, "sliding_window": WINDOW, "chunked_attention": WINDOW,
    "local_attention": WINDOW, "linear_attention": RECURRENT, "mamba": RECURRENT,
    "hybrid": FULL, "hybrid_sliding": WINDOW,  # Inkling, ZAYA, Zamba: see their families
    "reference_sliding_attention": FULL,  # the prompt stays whole
    "compressed_sparse_attention": FULL, "heavily_compressed_attention": FULL,  # DeepSeek V4
    "mamba2": RECURRENT, "mlp": MLP_ONLY, "moe": MOE_ONLY, "conv": RECURRENT,
    "recurrent": RECURRENT, "parallel": BOTH, "cross_attention": CROSS,
    "minicpm4": FULL, "lightning-attn": RECURRENT, "lightning": RECURRENT,  # MiniCPM-SALA
    "*": FULL, "M": RECURRENT, "-": MLP_ONLY, "E": MOE_ONLY,  # Nemotron-H
    "G": FULL, "L": WINDOW,  # EXAONE 4
    "1": FULL, "0": RECURRENT,  # MiniMax
}  # fmt: skip


#: Keys that place the windows by a rule of their own.
_WINDOW_KEYS = ("sliding_window_pattern", "no_rope_layers", "no_rope_layer_interval")


def kinds(keys: Keys) -> list[str]:
    """Return the kind of each layer, first to last."""
    written = _written(keys)
    if written is None or keys.raw("num_hidden_layers") is not None:
        keys.require("num_hidden_layers")
    count = keys.whole("num_hidden_layers", len(written or ()), low=1, high=MAX_LAYERS)
    if written is not None and len(written) != count and not keys.stated("layer_types"):
        written = None  # the class's own list is that of its own depth
    if written is None:
        rule = _by_rule(keys)
        return [rule(i) for i in range(count)]
    if len(written) != count:
        raise InvalidInput(
            f"{keys.owner}: the list of layer types must name each of the"
            f" num_hidden_layers={count} layers; got {len(written)} entries"
        )
    return written


def _written(keys: Keys) -> list[str] | None:
    """Read the kinds where the config spells them out, a letter, number or word a layer."""
    if (pattern := keys.items("hybrid_layer_pattern")) is not None:  # MiMo: 1 is a window
        return [WINDOW if x else FULL for x in pattern]
    for name in ("hybrid_override_pattern", "layer_types", "attn_type_list", "mixer_types"):
        if (found := keys.raw(name)) is not None:
            return _named(keys, found)
    return None


def _named(keys: Keys, pattern: Any) -> list[str]:
    """Translate a list or string of layer types."""
    if not isinstance(pattern, str | list) or not pattern:
        raise InvalidInput(
            f"{keys.owner}: the layer types must be a list or a string; got {pattern!r}"
        )
    if unknown := sorted({str(x) for x in pattern if str(x) not in _NAMES}):
        raise InvalidInput(
            f"{keys.owner}: a layer type must be one of {', '.join(_NAMES)};"
            f" got {', '.join(unknown)}"
        )
    return [_NAMES[str(x)] for x in pattern]


def _by_rule(keys: Keys) -> Callable[[int], str]:
    """Return the rule by which layer numbers give kinds where no list is written."""
    if linear := keys.nested("linear_attn_config"):  # Kimi: layers counted from 1
        linear.require("full_attn_layers")
        attending = linear.items("full_attn_layers") or []
        return lambda i: FULL if i + 1 in attending else RECURRENT
    if (places := keys.items("attn_layer_indices")) is not None:  # Bamba
        return lambda i: FULL if i in places else RECURRENT
    if (rule := _placed(keys)) is not None:
        return rule
    if every := keys.whole("full_attention_interval"):
        return lambda i: RECURRENT if (i + 1) % every else FULL
    if cycle := class_cycle(keys, "layer_types"):
        first, turn = keys.own.get("layer_types:first", []), _named(keys, cycle)
        start = _named(keys, first) if first else []
        return lambda i: start[i] if i < len(start) else turn[(i - len(start)) % len(turn)]
    if not window(keys):
        keys.skip("max_window_layers", "sliding_window_pattern")
        return lambda _: FULL
    return _window_rule(keys)


def _placed(keys: Keys) -> Callable[[int], str] | None:
    """Return the rule of configs that name the layers of one kind, or their period."""
    if (seeing := keys.items("full_attn_idxs")) is not None:  # LFM2
        return partial(_in, seeing, FULL, RECURRENT)
    for name in ("sliding_window_layers", "local_layer_ids"):  # Baichuan-M1, Inkling
        if (windowed := keys.items(name)) is not None:
            return partial(_in, windowed, WINDOW, FULL)
    if (shared := keys.items("hybrid_layer_ids")) is not None:  # Zamba 2
        return lambda i: FULL if i in shared else RECURRENT
    if (crossing := keys.items("cross_attention_layers")) is not None:  # Llama 3.2 Vision
        return lambda i: CROSS if i in crossing else FULL
    if cycle := keys.items("block_types"):  # RecurrentGemma: its attention has a window
        named = [WINDOW if x == FULL else x for x in _named(keys, cycle)]
        return lambda i: named[i % len(named)]
    if every := keys.whole("attn_layer_period"):  # Jamba; Zamba counts behind a first one
        offset, first = keys.whole("attn_layer_offset"), keys.whole("attn_layer_first")
        places = {i for i in range(first, MAX_LAYERS) if (i - first) % every == offset}
        return lambda i: FULL if i in places or i + 1 == first else RECURRENT
    if every := keys.whole("global_attn_every_n_layers"):
        return lambda i: WINDOW if (i + 1) % every and window(keys) else FULL
    if group := keys.whole("layer_group_size"):  # Ling: the rest at the end attends fully
        end = keys.whole("num_hidden_layers") // group * group
        end = end if keys.raw("layer_types:cycle") is None else keys.whole("num_hidden_layers")
        return lambda i: RECURRENT if (i + 1) % group and i < end else FULL
    if keys.flag("runs_mixers_side_by_side"):  # Falcon-H1
        return lambda _: BOTH
    return None


def _in(places: list[Any], here: str, elsewhere: str, number: int) -> str:
    return here if number in places else elsewhere


def class_cycle(keys: Keys, name: str) -> list[str] | None:
    """Return the kinds that the class repeats where the config states nothing else of them."""
    by: list[str] = [*keys.own.get(f"{name}:by", ()), "use_sliding_window", *_WINDOW_KEYS]
    if any(keys.stated(key) and keys.raw(key) != keys.own.get(key) for key in by):
        return None
    found: list[str] | None = keys.own.get(f"{name}:cycle")
    return found


def _window_rule(keys: Keys) -> Callable[[int], str]:
    """Return the rule for models that mix full and windowed attention."""
    if rope := keys.items("no_rope_layers"):  # Llama 4: layers with positions are chunked
        return lambda i: WINDOW if i < len(rope) and rope[i] else FULL
    if isinstance(pattern := keys.raw("sliding_window_pattern"), str):  # EXAONE 4: "LLLG"
        cycle = _named(keys, pattern)
        return lambda i: cycle[i % len(cycle)]
    if every := keys.whole("no_rope_layer_interval") or keys.whole("sliding_window_pattern"):
        return lambda i: WINDOW if (i + 1) % every else FULL
    first = keys.whole("max_window_layers")
    first = first if keys.flag("use_sliding_window") else 0
    return lambda i: WINDOW if i >= first else FULL


def window(keys: Keys) -> int:
    """Return the attention window in tokens; 0 where it is off or beyond the context."""
    if keys.flag("use_sliding_window") is False:
        keys.skip("sliding_window", "max_window_layers")
        return 0
    size = keys.whole("sliding_window")
    return size if size <= keys.whole("max_position_embeddings", size) else 0


def sparse(keys: Keys, count: int) -> list[bool]:
    """Return whether each layer of a mixture of experts routes tokens."""
    words = keys.items("mlp_layer_types")
    if words is not None and (len(words) == count or keys.stated("mlp_layer_types")):
        return [i < len(words) and words[i] != "dense" for i in range(count)]
    if places := _numbers(keys, "moe_layers"):
        return [i in places for i in range(count)]
    frequency = keys.raw("moe_layer_freq")
    if isinstance(frequency, list) and len(frequency) == count:
        return [bool(x) for x in frequency]
    if period := keys.whole("expert_layer_period"):  # Jamba
        return [i % period == keys.whole("expert_layer_offset") for i in range(count)]
    if not keys.stated("first_k_dense_replace") and (words := keys.own.get(_CYCLE)):
        first = keys.own.get(_CYCLE.replace("cycle", "first"), [])
        words = [*first, *(words[i % len(words)] for i in range(count))]
        return [word != "dense" for word in words[:count]]
    return _sparse_by_rule(keys, count)


_CYCLE = "mlp_layer_types:cycle"


def _sparse_by_rule(keys: Keys, count: int) -> list[bool]:
    """Tell which layers route from a first one, a step and exceptions."""
    dense = keys.items("mlp_only_layers") or []
    first = keys.whole("first_k_dense_replace", keys.whole("moe_layer_start_index"))
    step, every = keys.whole("moe_step", 1, low=1), keys.whole("moe_layer_freq", 1, low=1)
    last = keys.raw("moe_layer_end_index")
    end = last if isinstance(last, int) and last >= 0 else count
    return [
        first <= i <= end and i not in dense and (i + 1) % step == 0 and i % every == 0
        for i in range(count)
    ]


def _numbers(keys: Keys, name: str) -> list[int]:
    """Return layer numbers from a list, or from a text such as "4,5,6" (Step 3)."""
    if isinstance(text := keys.raw(name), str):
        parts = [x.strip() for x in text.split(",") if x.strip()]
        if all(x.isdigit() for x in parts):
            return [int(x) for x in parts]
    return keys.items(name) or []
