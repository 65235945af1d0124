"""The entries of a config.json under one spelling, checked as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from guide_ml.errors import InvalidInput

__all__ = ["MAX_LAYERS", "Keys"]

MAX_LAYERS = 2000  # the deepest published models have fewer than 200
_HIGHEST = 1_000_000_000

_ALIASES: dict[str, tuple[str, ...]] = {
    "hidden_size": ("n_embd", "d_model", "n_embed"),
    "num_hidden_layers": ("n_layer", "n_layers", "num_layers"),
    "num_attention_heads": ("n_head", "n_heads", "num_heads", "attention_heads"),
    "num_key_value_heads": ("num_kv_heads", "n_head_kv", "kv_n_heads", "multi_query_group_num",
                            "num_attention_groups"),
    "head_dim": ("attention_head_dim", "kv_channels", "d_kv"),
    "intermediate_size": ("n_inner", "ffn_dim", "d_ff", "ffn_hidden_size", "dff", "dim_ff",
                          "block_ff_dim"),
    "ffn_ratio": ("expansion_ratio",),
    "vocab_size": ("padded_vocab_size",),
    "max_position_embeddings": ("n_positions", "max_seq_len", "seq_length", "n_ctx",
                                "max_sequence_length", "model_max_length",
                                "max_position_embedding"),
    "sliding_window": ("attention_chunk_size", "sliding_window_size", "attention_window_size"),
    "sliding_window_pattern": ("_sliding_window_pattern",),
    "bias": ("use_bias", "enable_bias", "add_bias_linear"),
    "attention_bias": ("qkv_bias", "add_qkv_bias", "use_qkv_bias"),
    "attention_out_bias": (),
    "use_qk_norm": ("qk_layernorm", "qk_norm"),
    "num_experts": ("num_local_experts", "n_routed_experts", "moe_num_experts"),
    "num_experts_per_tok": ("num_experts_per_token", "experts_per_token", "moe_top_k",
                            "moe_topk", "moe_k", "top_k_experts"),
    "moe_intermediate_size": ("moe_ffn_hidden_size", "expert_ffn_hidden_size"),
    "moe_latent_size": ("moe_hidden_size", "routed_expert_hidden_size"),
    "first_k_dense_replace": ("num_dense_layers", "dense_mlp_idx"),
    "moe_layers": ("moe_layers_enum",),
    "n_shared_experts": ("num_shared_experts", "moe_num_shared_experts", "num_shared_expert"),
    "shared_width": ("shared_expert_intermediate_size", "moe_shared_expert_intermediate_size",
                     "shared_intermediate_size", "share_expert_dim",
                     "shared_experts_intermediate_size"),
    "moe_step": ("decoder_sparse_step", "interleave_moe_layer_step", "moe_layer_interval",
                 "moe_layer_frequency"),
    "layer_types": ("layers_block_type",),
    "block_types": ("_block_types",),
    "sconv_kernel": ("sconv_kernel_size", "conv_kernel_size"),
    "mamba_num_heads": ("mamba_n_heads", "n_mamba_heads"),
    "mamba_head_dim": ("mamba_d_head", "mamba_headdim"),
    "mamba_groups": ("n_groups", "mamba_n_groups", "mamba_ngroups"),
    "mamba_state": ("ssm_state_size", "mamba_d_state"),
    "mamba_kernel": ("conv_kernel", "mamba_d_conv", "conv_kernel_size"),
    "mamba_expand": ("expand",),
    "mamba_conv_bias": ("use_conv_bias",),
}  # fmt: skip


@dataclass(frozen=True)
class Keys:
    """A config, its keys under the names that most model types use.

    Parameters
    ----------
    owner : str
        What errors call the config.
    given : mapping
        The config.
    defaults : mapping
        Values of keys that it leaves out, under their first name.
    own : mapping
        What the class of its type fills in, under any name; goes before `defaults`. A key that
        the config sets to null is not filled in.
    read : set of str
        Keys that were asked for so far, under all names.
    filled : dict
        Keys that the class filled in so far, and their values.
    """

    owner: str
    given: Mapping[str, Any]
    defaults: Mapping[str, Any]
    own: Mapping[str, Any] = field(default_factory=dict)
    read: set[str] = field(default_factory=set, compare=False)
    filled: dict[str, Any] = field(default_factory=dict, compare=False)

    def raw(self, name: str) -> Any:
        """Return the value under any spelling of `name`; ``None`` where there is none."""
        spellings = (name, *_ALIASES.get(name, ()))
        self.read.update(spellings)
        for spelling in spellings:
            if self.given.get(spelling) is not None:
                return self.given[spelling]
        if not any(spelling in self.given for spelling in spellings):
            for spelling in spellings:
                if self.own.get(spelling) is not None:
                    self.filled[spelling] = self.own[spelling]
                    return self.own[spelling]
        return self.defaults.get(name)

    def stated(self, name: str) -> bool:
        """Whether the config itself states a key, under any spelling."""
        spellings = (name, *_ALIASES.get(name, ()))
        return any(self.given.get(spelling) is not None for spelling in spellings)

    def skip(self, *names: str) -> None:
        """Note that keys say nothing here: what they are about is switched off."""
        for name in names:
            self.read.update((name, *_ALIASES.get(name, ())))

    def changed(self, **values: Any) -> Keys:
        """Return the keys with other values; what is read of them counts for these, too."""
        return replace(self, given={**self.given, **values})

    def whole(self, name: str, default: int = 0, low: int = 0, high: int = _HIGHEST) -> int:
        """Return a whole number from `low` to `high`; a list of equal numbers counts as one."""
        value = self.raw(name)
        if value is None:
            return default
        if isinstance(value, list) and value and all(v == value[0] for v in value):
            value = value[0]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high or value != int(value):
            raise InvalidInput(
                f"{self.owner}: {name} must be a whole number from {low} to {high}; got {value!r}"
            )
        return int(value)

    def flag(self, name: str) -> bool | None:
        """Return a switch; ``None`` where the config does not say."""
        value = self.raw(name)
        if value is None or isinstance(value, bool):
            return value
        raise InvalidInput(f"{self.owner}: {name} must be true or false; got {value!r}")

    def items(self, name: str) -> list[Any] | None:
        """Return a list; ``None`` where the config does not say."""
        value = self.raw(name)
        if value is None or isinstance(value, list):
            return value
        raise InvalidInput(f"{self.owner}: {name} must be a list; got {value!r}")

    def nested(self, name: str) -> Keys | None:
        """Return an object inside the config; ``None`` where there is none."""
        value = self.raw(name)
        if value is None:
            return None
        if isinstance(value, Mapping):
            return Keys(f"{self.owner}, {name}", value, {})
        raise InvalidInput(f"{self.owner}: {name} must be an object; got {value!r}")

    def require(self, *names: str) -> None:
        """Refuse a config that lacks one of `names`, naming them and what came."""
        missing = [n for n in names if self.raw(n) is None]
        if not missing:
            return
        wanted = ", ".join(
            f"{n} (or {', '.join(_ALIASES[n])})" if _ALIASES.get(n) else n for n in missing
        )
        found = ", ".join(sorted(map(str, self.given))[:40]) or "none"
        raise InvalidInput(f"{self.owner}: needs the keys {wanted}; found only {found}")
