"""The language model's part of a config, which multimodal ones keep inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guide_ml.hf_config.classes import class_values, text_type

__all__ = ["TextPart", "text_part"]

_PARTS = ("text_config", "llm_config", "language_config", "thinker_config", "llm_cfg")
_OUTER = ("tie_word_embeddings", "dtype", "torch_dtype", "model_type")
# Sizes that a config of its own states; only a part inside another one may leave them out.
_SIZES = frozenset(
    ("hidden_size", "n_embd", "d_model", "num_hidden_layers", "n_layer", "n_layers", "num_layers",
     "num_attention_heads", "n_head", "n_heads", "num_heads", "vocab_size", "intermediate_size",
     "d_ff")
)  # fmt: skip


@dataclass(frozen=True)
class TextPart:
    """A language model's own config.

    Parameters
    ----------
    values : dict
        Its keys, with what the config around it says of precision and embeddings.
    around : tuple of str
        Model types of the configs around it, outermost first.
    """

    values: dict[str, Any]
    around: tuple[str, ...] = ()

    @property
    def model_type(self) -> str:
        """Its model type, an empty text where it states none."""
        return str(self.values.get("model_type") or "")

    @property
    def fills_in(self) -> dict[str, Any]:
        """What its class fills in; of a config that stands by itself its sizes are not."""
        own = class_values(self.model_type)
        return {k: v for k, v in own.items() if self.around or k not in _SIZES}


def text_part(values: Mapping[str, Any], around: tuple[str, ...] = ()) -> TextPart:
    """Find the language model in a config.

    Parameters
    ----------
    values : mapping
        The config.
    around : tuple of str
        Model types of the configs around it.

    Examples
    --------
    >>> text_part({"model_type": "llava", "text_config": {"vocab_size": 32064}}).model_type
    'llama'
    """
    kind = str(values.get("model_type") or "")
    if kind == "git" and values.get("num_local_experts"):  # what Grok-2's file calls itself
        return text_part({**values, "model_type": "grok_2"}, around)
    inner_type = text_type(kind)
    found = next(
        (values[p] for p in _PARTS if isinstance(values.get(p), Mapping) and values[p]), None
    )
    if found is None and inner_type and "hidden_size" not in values:
        found = {}
    if found is None:
        return TextPart(_flat(values), around)
    outer = {k: values[k] for k in _OUTER if values.get(k) is not None}
    if inner_type:
        outer["model_type"] = inner_type
    return text_part({**outer, **found}, (*around, kind))


def _flat(text: Mapping[str, Any]) -> dict[str, Any]:
    """Lift the keys of DBRX's and MPT's inner objects; those outside go first."""
    inner = [text[k] for k in ("attn_config", "ffn_config") if isinstance(text.get(k), Mapping)]
    flat: dict[str, Any] = {}
    for part in inner:
        flat |= {k: v for k, v in part.items() if v is not None and k != "model_type"}
    rest = {k: v for k, v in text.items() if k not in ("attn_config", "ffn_config")}
    return flat | {k: v for k, v in rest.items() if v is not None or k not in flat}
