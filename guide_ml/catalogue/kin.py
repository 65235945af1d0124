"""Checkpoints that are not listed but have the shape of one that is, by their name.

Makers publish a model as a base, tuned to chat, to reason, and others tune it further. All of them
are computed alike. Two names are kin where the same words are left without those that tell a role;
a name that holds another one as a whole ("Hermes-3-Llama-3.1-8B") is tuned from it, unless one of
its further words tells of another shape (a tower, experts, layers left out, another family).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from guide_ml.describe.descriptors import Model

__all__ = ["kin", "short_names", "words"]


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Words that tell how a checkpoint was tuned or packed, not how it is built.
_ROLES = _set(
    "instruct it chat base hf pt ct preview thinking think reasoning sft dpo rl rlhf orpo kto exp"
    " terminus speciale tuned meta gguf bf16 fp16 1m long abliterated uncensored instruct2 inst"
    " non-reasoning nonthinking instruction aligned"
)
#: Words of another shape than the name beside them: towers, parts, drafts, what was cut.
_OTHERS = _set(
    "v vl vision visual omni audio video speech voice tts asr ocr embedding embed embeddings"
    " reranker rerank reward moe mini nano small medium large tiny draft drafter eagle eagle2"
    " eagle3 mtp dflash medusa speculator hydra llava bakllava clip pruned prune sparse minitron"
    " lora adapter mamba rwkv hyena bitnet ternary merge upscaled passthrough half depth width"
    " experts reap classifier aqlm quip vptq hqq exl exl2 exl3 spinquant eetq int2 int3 2bit 3bit"
    " 1bit 4bit 8bit 5bit 6bit awq gptq bnb nf4 fp4 int4 int8 fp8 mxfp4 nvfp4 mxfp8 mlx"
    " w4a16 w8a8 w8a16"
)
#: Who tunes what others built: such a word beside a name says nothing of the shape.
_TUNERS = _set(
    "hermes nous dolphin wizardlm wizardcoder orca openchat starling tulu zephyr vicuna guanaco"
    " alpaca neural openreasoning acereason acemath elyza sauerkrautlm saiga"
)
_ANSWERS = _set("instruct it chat")
_WORD = re.compile(
    r"\d+bit|w\d+a\d+|(?:nv|mx)?fp\d+|int\d+|exl\d|nf4"
    r"|\d+x\d+(?:\.\d+)?b|[ae]?\d+(?:\.\d+)?[bmt](?![a-z0-9])|v\d+(?:\.\d+)*|\d+k(?![a-z0-9])"
    r"|\d+(?:\.\d+)*|[a-z]+"
)
_SIZE = re.compile(r"(?:\d+x)?\d+(?:\.\d+)?[bmt]$")
_DATE = re.compile(r"v\d+(?:\.\d+)*$|\d{4}$|v?0\d(?:\.\d+)?$")
_SHAPE = (
    "num_layers", "hidden_size", "intermediate_size", "num_attention_heads", "num_kv_heads",
    "num_experts", "num_experts_per_tok", "moe_intermediate_size", "kv_lora_rank", "kv_layers",
)  # fmt: skip


@cache
def words(name: str) -> tuple[str, ...]:
    """Split a name into words, sizes and versions.

    Examples
    --------
    >>> words("NousResearch/Hermes-3-Llama-3.1-8B"), words("Qwen2.5-7B-Instruct-1M")[-2:]
    (('hermes', '3', 'llama', '3.1', '8b'), ('instruct', '1m'))
    """
    last = name.strip().rstrip("/").rsplit("/", 1)[-1].lower().replace("_", "-")
    return tuple(_WORD.findall(last))


def kin(name: str, table: Mapping[str, Model]) -> str | None:
    """Find the listed model whose shape an unlisted one has by its name.

    Parameters
    ----------
    name : str
        Name of a checkpoint, with or without its organisation.
    table : mapping of str to Model
        The models that are listed.

    Returns
    -------
    str or None
        ``None`` where no name is kin, or those that are have not one shape.
    """
    asked = tuple(w for w in words(name) if w not in _ROLES)
    if len(asked) < 2:
        return None
    for found in (_alike(asked, table), _tuned_from(asked, table)):
        if found and _one_shape(found, table):
            every = frozenset(words(name))
            # Who asks by half a name means what answers.
            return max(found, key=lambda slug: (len(every.intersection(words(slug))),
                                                not _ANSWERS.isdisjoint(words(slug))))  # fmt: skip
    return None


@cache
def _core(slug: str) -> tuple[str, ...]:
    return tuple(w for w in words(slug) if w not in _ROLES)


def _undated(core: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(w for w in core if not _DATE.match(w))


def _alike(asked: tuple[str, ...], table: Mapping[str, Model]) -> list[str]:
    """List names with the same words; a date or release that was not asked for does not count."""
    exact = [s for s in table if _core(s) == asked]
    if exact or len(asked) != len(_undated(asked)):
        return exact
    return [s for s in table if _undated(_core(s)) == asked]


def _tuned_from(asked: tuple[str, ...], table: Mapping[str, Model]) -> list[str]:
    """List names that the asked one holds as a whole; only the longest count."""
    families = frozenset(_core(s)[0] for s in table if _core(s)) - _TUNERS
    held: dict[str, int] = {}
    for slug in table:
        for core in {_core(slug), _undated(_core(slug))}:
            rest = _without(asked, core)
            if rest is None or len(core) < 2 or not any(_SIZE.match(w) for w in core):
                continue
            if rest and not _named(rest):
                continue  # only another date or release: of the same maker, who may have changed it
            if not any(w in _OTHERS or w in families or _SIZE.match(w) for w in rest):
                held[slug] = max(held.get(slug, 0), len(core))
    most = max(held.values(), default=0)
    return [slug for slug, count in held.items() if count == most]


def _without(asked: tuple[str, ...], core: tuple[str, ...]) -> tuple[str, ...] | None:
    """Words that are left of `asked` without `core` in one piece; ``None`` where it is not in."""
    for start in range(len(asked) - len(core) + 1):
        if asked[start : start + len(core)] == core:
            return asked[:start] + asked[start + len(core) :]
    return None


def _named(rest: tuple[str, ...]) -> bool:
    return any(w.isalpha() for w in rest)


def _one_shape(names: list[str], table: Mapping[str, Model]) -> bool:
    return len({tuple(getattr(table[n], field) for field in _SHAPE) for n in names}) == 1


def short_names(table: Mapping[str, Model]) -> dict[str, str]:
    """List names without the organisation, where only one architecture has them."""
    by_name: dict[str, list[str]] = {}
    for slug in table:
        by_name.setdefault(slug.rsplit("/", 1)[-1].lower(), []).append(slug)
        by_name.setdefault(slug.lower(), []).append(slug)
    return {
        name: ids[0]
        for name, ids in by_name.items()
        if len({table[i].params_total_b for i in ids}) == 1
    }
