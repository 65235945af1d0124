"""Which keys of a config say something about the structure, and which ones do not.

A model type that is not known may only be counted like Llama where every key that it states is
one that this package reads, or one that has nothing to do with sizes. All others might change
the structure, so they are named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["foreign_keys", "is_harmless"]

#: Endings of keys about numerics, training, sampling, tokens and towers that are left out.
_ENDINGS = (
    "_alpha", "_beta", "_bias_update_rate", "_clip", "_coef", "_cutoff", "_dropout", "_dtype",
    "_eps", "_epsilon", "_factor", "_id", "_ids", "_in_fp32", "_index", "_limit", "_multiplier",
    "_multipliers", "_pdrop", "_placeholder", "_prob", "_scale", "_scaling", "_softcap",
    "_softcapping", "_std", "_temperature", "_theta", "_threshold", "_token", "_token_ids",
    "_weight_decay",
)  # fmt: skip

#: Beginnings of such keys.
_BEGINNINGS = (
    "_", "audio", "aux_loss", "beam", "classifier", "encoder_no_repeat", "forced_", "generation",
    "image", "init", "kda_", "log_scaling", "moe_router_enable",
    "mtp_", "no_repeat", "norm_eps", "output_attentions",
    "output_hidden", "output_router", "output_scores", "pad_", "partial_rotary", "projector",
    "quantization", "rope", "router_", "rotary", "sampl", "scale_", "seq_aux", "suppress_",
    "swiglu", "time_step", "topk_", "vision", "video",
)  # fmt: skip

#: Such keys that have no ending or beginning in common.
_WORDS = frozenset(
    ("activation_function", "add_cross_attention", "architectures", "attention_softmax_in_fp32",
     "attn_implementation", "auto_map", "bad_words_ids", "begin_suppress_tokens",
     "chunk_size_feed_forward", "clip_qkv", "cross_attention_hidden_size", "dim_model_base",
     "diversity_penalty", "do_sample", "dropout", "dtype", "early_stopping", "ep_size",
     "exponential_decay_length_penalty", "finetuning_task", "hidden_act", "hidden_activation",
     "norm_head", "norm_softmax", "score_function",
     "id2label", "is_decoder", "is_encoder_decoder", "label2id", "langs", "length_penalty",
     "logit_scale", "logits_scaling", "max_length", "min_length", "mlp_hidden_act", "model_type",
     "moe_apply_router_weight_on_input", "mup_denominator", "n_group", "norm_topk_prob",
     "norm_type", "num_beam_groups", "num_beams", "num_expert_group", "num_hash_layers",
     "num_labels", "num_logits_to_keep", "num_nextn_predict_layers", "num_return_sequences",
     "original_max_position_embeddings", "parallel_residual", "pretraining_tp", "prefix",
     "problem_type", "pruned_heads", "query_pre_attn_scalar", "remove_invalid_values",
     "repetition_penalty", "rescale_prenorm_residual", "return_dict", "return_dict_in_generate",
     "scoring_func", "seed", "task_specific_params", "temperature", "tf_legacy_loss",
     "tie_encoder_decoder", "tokenizer_class", "top_k", "top_p", "torchscript",
     "transformers_version", "typical_p", "unpadded_vocab_size", "use_bfloat16",
     "use_bidirectional_attention", "use_cache", "use_flash_attn", "use_mamba_kernels",
     "use_parallel_residual", "use_scaled_rope", "attention_value_scale", "qk_head_dim",
     "group_norm_size", "moe_norm_min", "use_gradient_checkpointing")
)  # fmt: skip

_HARMLESS = re.compile(
    rf"(?:{'|'.join(_BEGINNINGS)}).*|.*(?:{'|'.join(_ENDINGS)})$", re.IGNORECASE
)


def is_harmless(key: str) -> bool:
    """Whether a key has nothing to do with sizes."""
    return key in _WORDS or _HARMLESS.fullmatch(key) is not None


def foreign_keys(given: Mapping[str, Any], understood: Iterable[str]) -> list[str]:
    """List the keys that might change the structure and that nobody reads.

    Parameters
    ----------
    given : mapping
        A config; what is null, false, empty or nought is switched off.
    understood : iterable of str
        The keys that are read.
    """
    known = set(understood)
    return sorted(
        key for key, value in given.items() if value and key not in known and not is_harmless(key)
    )
