"""Checkpoints that are not listed but have the shape of one that is, by their name.

Makers publish a model as a base, tuned to chat, to reason, and others tune it further. All of them
are computed alike. Two names are kin where the same words are left without those that tell a role;
a name that holds another one as a whole ("Hermes-3-Llama-3.1-8B") is tuned from it, unless one of
its further words tells of another shape (a tower, experts, layers left out, another family).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from guide_ml.describe.descriptors import Model

__all__ = ["Kin", "short_names", "words"]

Words = tuple[str, ...]


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


def words(name: str) -> tuple[str, ...]:
    """Split a name into words, sizes and versions.

    Examples
    --------
    >>> words("NousResearch/Hermes-3-Llama-3.1-8B"), words("Qwen2.5-7B-Instruct-1M")[-2:]
    (('hermes', '3', 'llama', '3.1', '8b'), ('instruct', '1m'))
    """
    last = name.strip().rstrip("/").rsplit("/", 1)[-1].lower().replace("_", "-")
    return tuple(_WORD.findall(last))


class Kin:
    """The models of a catalogue by the words of their names.

    Parameters
    ----------
    table : mapping of str to Model
        The models that are listed.
    """

    def __init__(self, table: Mapping[str, Model]) -> None:
        self._table = table
        self._exact: dict[Words, list[str]] = {}
        self._undated: dict[Words, list[str]] = {}
        for slug in table:
            core = _core(slug)
            self._exact.setdefault(core, []).append(slug)
            self._undated.setdefault(_undated(core), []).append(slug)
        self._families = frozenset(core[0] for core in self._exact if core) - _TUNERS
        self._longest = max(map(len, self._exact), default=0)

    def find(self, name: str) -> str | None:
        """Find the listed model whose shape an unlisted one has by its name.

        Parameters
        ----------
        name : str
            Name of a checkpoint, with or without its organisation.

        Returns
        -------
        str or None
            ``None`` where no name is kin, or those that are have not one shape.
        """
        asked, every = _core(name), frozenset(words(name))
        if len(asked) < 2:
            return None
        for found in (self._alike(asked), self._tuned_from(asked)):
            if found and self._one_shape(found):
                # Who asks by half a name means what answers.
                return max(found, key=lambda slug: (len(every.intersection(words(slug))),
                                                    not _ANSWERS.isdisjoint(words(slug))))
        return None

    def _alike(self, asked: Words) -> list[str]:
        """List names with the same words; a date that was not asked for does not count."""
        exact = self._exact.get(asked, [])
        dated = asked != _undated(asked)
        return exact if exact or dated else self._undated.get(asked, [])

    def _tuned_from(self, asked: Words) -> list[str]:
        """List names that the asked one holds as a whole; only the longest count."""
        for length in range(min(len(asked), self._longest), 1, -1):
            found: dict[str, None] = {}
            for start in range(len(asked) - length + 1):
                core = asked[start : start + length]
                if self._only_tuned(core, asked[:start] + asked[start + length :]):
                    found |= dict.fromkeys((*self._exact.get(core, ()),
                                            *self._undated.get(core, ())))  # fmt: skip
            if found:
                return list(found)
        return []

    def _only_tuned(self, core: Words, rest: Words) -> bool:
        """Whether the words beside a name leave its shape alone."""
        if not any(_SIZE.match(w) for w in core):
            return False
        if rest and not any(w.isalpha() for w in rest):
            return False  # only another date or release: of the same maker, who may have changed it
        return not any(w in _OTHERS or w in self._families or _SIZE.match(w) for w in rest)

    def _one_shape(self, slugs: list[str]) -> bool:
        shapes = {tuple(getattr(self._table[s], field) for field in _SHAPE) for s in slugs}
        return len(shapes) == 1


def _core(name: str) -> Words:
    """Leave out the words of a name that tell a role."""
    return tuple(w for w in words(name) if w not in _ROLES)


def _undated(core: Words) -> Words:
    return tuple(w for w in core if not _DATE.match(w))


def short_names(sizes: Mapping[str, float]) -> dict[str, str]:
    """List names without the organisation, where only one architecture has them.

    Parameters
    ----------
    sizes : dict of str to float
        Parameters of each model by its full name.
    """
    by_name: dict[str, list[str]] = {}
    for slug in sizes:
        by_name.setdefault(slug.rsplit("/", 1)[-1].lower(), []).append(slug)
        by_name.setdefault(slug.lower(), []).append(slug)
    return {
        name: ids[0]
        for name, ids in by_name.items()
        if len({sizes[i] for i in ids}) == 1
    }
