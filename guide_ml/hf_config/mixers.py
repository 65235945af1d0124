"""Token mixers: attention in its variants, and what replaces it in hybrid models."""

from __future__ import annotations

from dataclasses import dataclass

from guide_ml.hf_config.parts import Part

__all__ = [
    "Attention", "DeltaAttention", "GatedDelta", "Indexer", "LatentAttention", "Lightning", "Mamba",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Attention(Part):
    """Multi-head, grouped-query or multi-query attention.

    Parameters
    ----------
    heads, kv_heads, head_dim : int
        Shape.
    qkv_bias, out_bias : bool
        Biases of the input projections and of the output projection.
    qk_norm : int
        Parameters of the norms on queries and keys.
    output_gate : bool
        The query projection is doubled, its second half gates the output (Qwen3-Next).
    sinks : bool
        One learned attention sink a head (gpt-oss).
    """

    heads: int
    kv_heads: int
    head_dim: int
    qkv_bias: bool = False
    out_bias: bool = False
    qk_norm: int = 0
    output_gate: bool = False
    sinks: bool = False
    cached: bool = True

    @property
    def token_values(self) -> int:
        """A key and a value for each KV head."""
        return 2 * self.kv_heads * self.head_dim

    @property
    def weights(self) -> int:
        """Projections, their biases, norms and sinks."""
        query = self.heads * self.head_dim
        qkv = query * (1 + self.output_gate) + 2 * self.kv_heads * self.head_dim
        biases = qkv * self.qkv_bias + self.hidden * self.out_bias
        rest = biases + self.qk_norm + self.heads * self.sinks
        return self.hidden * (qkv + query) + rest


@dataclass(frozen=True)
class Indexer:
    """DeepSeek's sparse-attention indexer: which tokens a query looks at.

    Parameters
    ----------
    heads, head_dim : int
        Shape.
    """

    heads: int
    head_dim: int

    def weights(self, hidden: int, q_rank: int) -> int:
        """Query and key projection, the key's norm and the weight of each head."""
        query = q_rank * self.heads * self.head_dim
        return query + hidden * (self.head_dim + self.heads) + 2 * self.head_dim


@dataclass(frozen=True, kw_only=True)
class LatentAttention(Part):
    """Multi-head latent attention (MLA).

    Parameters
    ----------
    heads : int
        Query heads.
    q_rank, kv_rank : int
        Ranks of the compressed query (0: not compressed) and of the compressed KV.
    nope_dim, rope_dim, v_dim : int
        Head widths: without position, with position, of the values.
    indexer : Indexer, optional
        Of sparse attention.
    """

    heads: int
    q_rank: int
    kv_rank: int
    nope_dim: int
    rope_dim: int
    v_dim: int
    indexer: Indexer | None = None
    cached: bool = True

    @property
    def token_values(self) -> int:
        """The compressed key and value, and the key's part with position."""
        return self.kv_rank + self.rope_dim

    @property
    def weights(self) -> int:
        """Down- and up-projections with their norms, output projection, indexer."""
        query = self.heads * (self.nope_dim + self.rope_dim)
        if self.q_rank:
            q = self.hidden * self.q_rank + self.q_rank + self.q_rank * query
        else:
            q = self.hidden * query
        up = self.kv_rank * self.heads * (self.nope_dim + self.v_dim)
        kv = self.hidden * (self.kv_rank + self.rope_dim) + self.kv_rank + up
        out = self.heads * self.v_dim * self.hidden
        extra = self.indexer.weights(self.hidden, self.q_rank) if self.indexer else 0
        return q + kv + out + extra


@dataclass(frozen=True, kw_only=True)
class Lightning(Part):
    """MiniMax's lightning attention: linear, with an output gate and norm."""

    heads: int
    head_dim: int

    @property
    def weights(self) -> int:
        """Query, key, value, gate and output projections, and the norm."""
        width = self.heads * self.head_dim
        return 5 * self.hidden * width + width

    @property
    def state_values(self) -> int:
        """A matrix for each head."""
        return self.heads * self.head_dim**2


@dataclass(frozen=True, kw_only=True)
class GatedDelta(Part):
    """Gated delta net (Qwen3-Next, Qwen3.5)."""

    key_heads: int
    key_dim: int
    value_heads: int
    value_dim: int
    kernel: int

    @property
    def weights(self) -> int:
        """Projections, convolution, decay, time step and norm."""
        key, value = self.key_heads * self.key_dim, self.value_heads * self.value_dim
        projections = self.hidden * (2 * key + 2 * value + 2 * self.value_heads + value)
        rest = (2 * key + value) * self.kernel + 2 * self.value_heads + self.value_dim
        return projections + rest

    @property
    def state_values(self) -> int:
        """A matrix for each head."""
        return self.value_heads * self.key_dim * self.value_dim


@dataclass(frozen=True, kw_only=True)
class DeltaAttention(Part):
    """Kimi delta attention (KDA), its gates of low rank."""

    heads: int
    head_dim: int
    kernel: int

    @property
    def weights(self) -> int:
        """Four projections, two gates of rank `head_dim`, convolution, decay and norm."""
        width = self.heads * self.head_dim
        gates = 2 * (self.hidden + width) * self.head_dim + self.hidden * self.heads
        rest = 3 * width * self.kernel + self.heads + width + self.head_dim
        return 4 * self.hidden * width + gates + rest

    @property
    def state_values(self) -> int:
        """A matrix for each head."""
        return self.heads * self.head_dim**2


@dataclass(frozen=True, kw_only=True)
class Mamba(Part):
    """Mamba-2 mixer.

    Parameters
    ----------
    heads, head_dim, groups, state, kernel : int
        Shape.
    conv_bias, norm : bool
        Bias of the convolution; norm before the output projection.
    """

    heads: int
    head_dim: int
    groups: int
    state: int
    kernel: int
    conv_bias: bool = True
    norm: bool = True

    @property
    def weights(self) -> int:
        """Projections, convolution, decay, skip, time step and norm."""
        inner = self.heads * self.head_dim
        conv = inner + 2 * self.groups * self.state
        projections = self.hidden * (inner + conv + self.heads + inner)
        return (
            projections
            + conv * (self.kernel + self.conv_bias)
            + 3 * self.heads
            + (inner * self.norm)
        )

    @property
    def state_values(self) -> int:
        """A matrix for each head."""
        return self.heads * self.head_dim * self.state
