"""From keys to the MLP or the experts of a layer."""

from __future__ import annotations

from guide_ml.errors import InvalidInput
from guide_ml.hf_config.attending import biases, hidden_size
from guide_ml.hf_config.families import Family
from guide_ml.hf_config.keys import Keys
from guide_ml.hf_config.parts import Experts, Mlp, Part

__all__ = ["expert_count", "expert_width", "feed_forward", "is_gated", "query_experts"]


MAX_MULTIPLE = 1000  # of the stream that an MLP may be wide


def expert_count(keys: Keys) -> int:
    """Return the number of routed experts, 0 for a dense model."""
    count = keys.whole("num_experts")
    return count if count > 1 and keys.flag("is_moe") is not False else 0


def expert_width(keys: Keys) -> int:
    """Return the inner width of one routed expert."""
    if keys.raw("moe_intermediate_size") is None:
        keys.require("intermediate_size")
        return keys.whole("intermediate_size", low=1)
    return keys.whole("moe_intermediate_size", low=1)


def _dense_width(keys: Keys, family: Family) -> int:
    """Return the inner width of a dense MLP, 0 where the config tells none."""
    # Llama 4's dense layers have a key of their own; Granite 4 without experts keeps its
    # only MLP under the name of the shared expert.
    own = keys.whole("intermediate_size_mlp") or keys.whole("dense_intermediate_size")
    own = own or keys.whole("intermediate_size")
    if keys.raw("num_experts") == 0 and keys.stated("shared_width"):
        own = keys.whole("shared_width")
    if not own and keys.raw("ffn_ratio"):
        own = keys.whole("ffn_ratio") * hidden_size(keys)
    if keys.flag("block_auto_adjust_ff_dim"):  # LFM2: two thirds, scaled, rounded up
        own = _adjusted(keys, own)
    if keys.flag("kv_is_shared") and keys.flag("use_double_wide_mlp"):
        own *= 2
    return own // 2 if family.halved_mlp else own


def _adjusted(keys: Keys, width: int) -> int:
    """Return LFM2's inner width: two thirds of the stated one, scaled, rounded up."""
    multiplier, step = keys.raw("block_ffn_dim_multiplier"), keys.whole("block_multiple_of", 1, 1)
    scaled = int(2 * width / 3)
    if isinstance(multiplier, int | float) and 0 < multiplier < MAX_MULTIPLE:
        scaled = int(multiplier * scaled)
    return step * -(-scaled // step)


def is_gated(keys: Keys, family: Family) -> bool:
    """Return whether the MLP has a third matrix, a gate."""
    if family.encoder_decoder:
        if keys.stated("is_gated_act"):
            return bool(keys.flag("is_gated_act"))
        return str(keys.raw("feed_forward_proj") or "").startswith("gated")
    activation = str(keys.raw("hidden_act") or keys.raw("mlp_hidden_act") or "").lower()
    # This activation is used without a gate only; others may stand on either side.
    return family.gated and activation != "xielu"


def feed_forward(keys: Keys, family: Family, moe: bool) -> Part:
    """Assemble the MLP of a layer, or its experts."""
    if moe:
        return _experts(keys, family)
    if not (width := _dense_width(keys, family)):
        keys.require("intermediate_size")
    return Mlp(
        hidden=hidden_size(keys),
        width=width,
        gated=is_gated(keys, family),
        bias=biases(keys, family)[2],
    )


def _experts(keys: Keys, family: Family) -> Experts:
    keys.require("num_experts_per_tok")
    count, hidden = expert_count(keys), hidden_size(keys)
    top_k = keys.whole("num_experts_per_tok", low=1)
    if top_k > count:
        raise InvalidInput(
            f"{keys.owner}: num_experts_per_tok must not exceed the experts; got {top_k} of {count}"
        )
    bias, gated = biases(keys, family)[2], is_gated(keys, family)
    inside = keys.whole("moe_latent_size", hidden, low=1)  # experts narrower than the stream
    shared_width = keys.whole("shared_width")
    if not shared_width:
        shared_width = keys.whole("n_shared_experts") * expert_width(keys)
    shared = Mlp(hidden=hidden, width=shared_width, gated=gated) if shared_width else None
    beside = _dense_width(keys, family) if family.dense_beside or keys.flag("residual_moe") else 0
    if keys.flag("parallel_attn_mlp_res"):  # Arctic: as wide as the stream
        beside = hidden
    return Experts(
        hidden=hidden, count=count, top_k=top_k, shared=shared, router_bias=bias,
        expert=Mlp(hidden=inside, width=expert_width(keys), gated=gated, bias=bias),
        shared_gate=family.shared_gate and shared is not None,
        idle=keys.whole("zero_expert_num"), further=_image_experts(keys, gated),
        router=_router(keys, count),
        beside=Mlp(hidden=hidden, width=beside, gated=gated) if beside else None,
    )  # fmt: skip


def _image_experts(keys: Keys, gated: bool) -> tuple[Mlp, ...]:
    """Return the experts that only tokens of images visit."""
    width, hidden = keys.whole("image_expert_width"), hidden_size(keys)
    return (Mlp(hidden=hidden, width=width, gated=gated),) * keys.whole("image_experts")


def _router(keys: Keys, count: int) -> int:
    """Count a router that is an MLP of three layers with a norm (ZAYA); 0 where it is one matrix.

    One of its choices is to skip the experts.
    """
    if not (width := keys.whole("router_hidden_size")):
        return 0
    into = width * hidden_size(keys) + width
    return into + 2 * width * (width + 1) + (count + 1) * width + 2 * width


def query_experts(keys: Keys) -> Experts:
    """Assemble the experts that hold a layer's queries and outputs (JetMoe)."""
    hidden, width = hidden_size(keys), keys.whole("num_key_value_heads") * keys.whole("head_dim")
    return Experts(
        hidden=hidden, count=expert_count(keys), top_k=keys.whole("num_experts_per_tok", low=1),
        expert=Mlp(hidden=hidden, width=width, gated=False),
    )  # fmt: skip
