"""From keys to what stands in for attention in layers without a KV cache."""

from __future__ import annotations

from guide_ml.hf_config.attending import head_shape, hidden_size
from guide_ml.hf_config.keys import Keys
from guide_ml.hf_config.parts import Part
from guide_ml.hf_config.states import (
    DeltaAttention,
    GatedDelta,
    Lightning,
    LinearRecurrence,
    Mamba,
    Mamba1,
    ShortConvolution,
)

__all__ = ["recurrent"]


def recurrent(keys: Keys) -> Part:
    """Assemble the mixer of a layer without a KV cache; its keys tell which it is."""
    hidden = hidden_size(keys)
    if kernel := keys.whole("conv_L_cache"):
        return ShortConvolution(hidden=hidden, kernel=kernel, bias=bool(keys.flag("conv_bias")))
    if keys.raw("conv1d_width") is not None:
        return LinearRecurrence(
            hidden=hidden, width=keys.whole("lru_width", hidden, low=1),
            blocks=keys.whole("num_attention_heads", low=1), kernel=keys.whole("conv1d_width"),
        )  # fmt: skip
    # Zamba's first release runs Mamba-1 in heads, which has no groups.
    first = keys.raw("n_mamba_heads") is not None and keys.raw("mamba_groups") is None
    if keys.raw("mamba_num_heads") is not None and not first:
        return _mamba(keys)
    if keys.raw("mamba_state") is not None:
        return _mamba1(keys)
    if keys.raw("linear_num_value_heads") is not None:
        keys.require("linear_num_key_heads", "linear_key_head_dim", "linear_value_head_dim")
        return GatedDelta(
            hidden=hidden, kernel=keys.whole("linear_conv_kernel_dim"),
            key_heads=keys.whole("linear_num_key_heads"),
            key_dim=keys.whole("linear_key_head_dim"),
            value_heads=keys.whole("linear_num_value_heads"),
            value_dim=keys.whole("linear_value_head_dim"),
        )  # fmt: skip
    return _linear(keys, hidden)


def _linear(keys: Keys, hidden: int) -> Part:
    """Assemble linear attention: Kimi's delta attention in three spellings, or lightning."""
    if linear := keys.nested("linear_attn_config"):
        linear.require("num_attention_heads", "head_dim")
        return DeltaAttention(
            hidden=hidden, heads=linear.whole("num_attention_heads", low=1),
            head_dim=linear.whole("head_dim", low=1),
            kernel=linear.whole("short_conv_kernel_size", 4),
            whole_gate=bool(linear.flag("use_full_rank_gate")),
        )  # fmt: skip
    whole = bool(keys.flag("no_kda_lora"))
    if whole and not keys.stated("linear_num_heads"):  # Ling 3: heads are those of attention
        keys.skip("linear_num_heads", "linear_head_dim", "head_dim", "short_conv_kernel_size")
        return DeltaAttention(
            hidden=hidden, heads=keys.whole("num_attention_heads", low=1),
            head_dim=keys.whole("head_dim", low=1), low_rank=False,
            kernel=keys.whole("short_conv_kernel_size", 4),
        )  # fmt: skip
    if keys.raw("linear_num_heads") is not None:  # the same in the spelling of transformers 5
        keys.require("linear_head_dim")
        return DeltaAttention(
            hidden=hidden, heads=keys.whole("linear_num_heads", low=1),
            head_dim=keys.whole("linear_head_dim", low=1), low_rank=not whole,
            kernel=keys.whole("linear_conv_kernel_dim", 4),
        )  # fmt: skip
    heads, _, head_dim = head_shape(keys)
    return Lightning(
        hidden=hidden, heads=keys.whole("lightning_nh", heads, low=1),
        head_dim=keys.whole("lightning_head_dim", head_dim, low=1),
    )  # fmt: skip


def _mamba(keys: Keys) -> Mamba:
    keys.require("mamba_state")
    hidden, heads = hidden_size(keys), keys.whole("mamba_num_heads", low=1)
    inner = keys.whole("mamba_d_ssm") or keys.whole("mamba_expand", 2, low=1) * hidden
    auto = keys.raw("mamba_head_dim") in (None, "auto")
    norm = keys.flag("mamba_rms_norm")
    return Mamba(
        hidden=hidden, heads=heads,
        head_dim=inner // heads if auto else keys.whole("mamba_head_dim", low=1),
        groups=keys.whole("mamba_groups", 1, low=1), state=keys.whole("mamba_state", low=1),
        kernel=keys.whole("mamba_kernel", 4, low=1),
        conv_bias=keys.flag("mamba_conv_bias") is not False, norm=norm is not False,
    )  # fmt: skip


def _mamba1(keys: Keys) -> Mamba1:
    hidden = hidden_size(keys)
    inner = keys.whole("mamba_expand", 2, low=1) * hidden
    auto = keys.raw("mamba_dt_rank") in (None, "auto")
    return Mamba1(
        hidden=hidden, inner=inner, state=keys.whole("mamba_state", low=1),
        kernel=keys.whole("mamba_kernel", 4, low=1),
        rank=-(-hidden // 16) if auto else keys.whole("mamba_dt_rank", low=1),
    )  # fmt: skip
