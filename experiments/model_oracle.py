"""What transformers itself makes of a configuration: parameters and KV cache, without weights.

Models are built on PyTorch's meta device, where tensors have shapes and no content. Needs torch
and transformers, which guide-ml itself does not need.
"""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import transformers
from transformers import AutoModelForCausalLM
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

transformers.logging.set_verbosity(transformers.logging.CRITICAL)
warnings.filterwarnings("ignore")

_MAPS = (
    "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",
    "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES", "MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES",
)  # fmt: skip
# Parts of a multimodal or multi-token-prediction model that guide-ml leaves out.
_ASIDE = re.compile(
    r"(^|\.)(vision(?!_moe)|visual|audio|vit|image|mtp|nextn|speech|multi_modal_projector|embed_vision"
    r"|embed_audio|connector|resampler|projector|mm_projector|aligner|vqmodel|encoder_vision|sam"
    r"|talker|token2wav|code2wav)",
    re.IGNORECASE,
)
_EXPERT = re.compile(r"\.(experts|mlp\.(input|output)_linear)\.")


class Found(NamedTuple):
    """Parameters of the text model, those of routed experts, and the model itself."""

    params: int
    experts: int
    model: Any


def generative() -> list[str]:
    """Return the model types that transformers can generate text with."""
    return sorted({name for table in _MAPS for name in getattr(modeling_auto, table, {})})


def text_of(config: Any) -> Any:
    """Return the text model's part of a config, itself where there is none."""
    try:
        return config.get_text_config(decoder=True)
    except (AttributeError, ValueError):
        return config


def classes() -> Iterator[tuple[str, Any, Any]]:
    """Yield each generative type, its config class and the config of its text part."""
    for name in generative():
        try:
            config = CONFIG_MAPPING[name]()
        except Exception:  # a class without usable defaults: there is nothing to compare
            continue
        yield name, type(config), text_of(config)


def plain(config: Any) -> dict[str, Any]:
    """Return a config as its file would hold it, nothing left out."""
    found: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
    return found


def _class_names(model_type: str) -> Iterator[str]:
    for table in _MAPS:
        found = getattr(modeling_auto, table, {}).get(model_type)
        if found:
            yield from ([found] if isinstance(found, str) else found)


def _instance(config: Any) -> Any:
    """Build the text model; the whole one where the text part has no class of its own."""
    text = text_of(config)
    if text is not config:
        try:
            return AutoModelForCausalLM.from_config(text)
        except Exception:  # no such class: the whole model it is
            pass
    errors = []
    for name in _class_names(config.model_type):
        try:
            return getattr(transformers, name)(config)
        except Exception as error:
            errors.append(f"{name}: {error!r}")
    raise ValueError("; ".join(errors) or "no class generates text from this config")


def build(config: Any) -> Found:
    """Build a model without weights and count it."""
    torch.set_default_dtype(torch.bfloat16)  # the grouped product of experts takes nothing else
    with torch.device("meta"):
        model = _instance(config)
    total = experts = 0
    for name, tensor in model.named_parameters():
        if _ASIDE.search(name):
            continue
        total += tensor.numel()
        if _EXPERT.search(name) and "shared" not in name:
            experts += tensor.numel()
    return Found(total, experts, model)


def cache(model: Any, tokens: int) -> int | None:
    """Count the numbers that a sequence keeps as keys and values; ``None`` where it fails.

    A windowed layer of transformers keeps one token less than its window.
    """
    try:
        ids = torch.zeros(1, tokens, dtype=torch.long, device="meta")
        with torch.no_grad():
            kept = model(input_ids=ids, use_cache=True).past_key_values
        pairs = [(getattr(x, "keys", None), getattr(x, "values", None)) for x in kept.layers]
        held = [math.prod(t.shape) for pair in pairs for t in pair if hasattr(t, "shape")]
        return sum(held) or None
    except Exception:  # code that looks at the content of tensors cannot run without any
        return None
