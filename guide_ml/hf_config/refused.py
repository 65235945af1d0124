"""Model types that are refused, and why."""

from __future__ import annotations

__all__ = ["refusal"]

_NO_DECODER = frozenset(
    ("albert", "bert", "bert-generation", "big_bird", "camembert", "clip", "deberta",
     "deberta-v2", "distilbert", "electra", "ernie", "eurobert", "fnet", "git", "longformer",
     "modernbert", "mpnet", "new", "nomic_bert", "roberta", "siglip", "vit", "wav2vec2",
     "xlm-roberta", "xlm-roberta-xl")
)  # fmt: skip
_DIFFUSION = frozenset(
    ("diffusion_gemma", "dream", "fast_dllm", "llada", "llada2_moe", "llada_moe", "sdar",
     "sdar_moe")
)  # fmt: skip
_NO_KV_CACHE = frozenset(("falcon_mamba", "mamba", "mamba2", "rwkv", "rwkv6", "rwkv7", "xlstm"))
_UNCOUNTED = frozenset(
    ("bart", "mbart", "moshi", "pegasus", "speech_to_text", "whisper")
)  # fmt: skip


def refusal(model_type: str) -> str:
    """Say why a model type cannot be counted; an empty text where it can."""
    name = model_type.strip().lower().removesuffix("_text")
    if name in _NO_DECODER:
        return "is an encoder, which generates no text"
    if name in _NO_KV_CACHE:
        return "has no attention layer, so the memory and time formulas do not hold for it"
    if name in _DIFFUSION:
        return "generates by diffusion, many tokens at once, and is not served as a decoder"
    if name in _UNCOUNTED:
        return "has a structure that cannot be counted from its config"
    return ""
