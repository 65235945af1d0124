"""Token mixers that keep a cache: attention in its variants."""

from __future__ import annotations

from dataclasses import dataclass

from guide_ml.hf_config.parts import Part

__all__ = ["Attention", "Indexer", "LatentAttention"]


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
    gate_width : int
        Outputs of a projection of its own that gates what attention puts out.
    v_dim : int
        Width of a value, where it is not that of a key; 0: as `head_dim`.
    q_rank : int
        Rank of a compressed query (Step 3), 0 for none.
    square_out : bool
        The output projection is as wide as the stream, whatever the heads (Helium).
    projects_kv, projects_v : bool
        Whether it has a key and a value projection, and a value projection of its own.
    projects_q : bool
        Whether query and output are its own; else they are experts (JetMoe).
    reads : int
        Width that it reads where that is not that of the stream (Zamba), else 0.
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
    gate_width: int = 0
    v_dim: int = 0
    q_rank: int = 0
    square_out: bool = False
    projects_kv: bool = True
    projects_v: bool = True
    projects_q: bool = True
    reads: int = 0

    @property
    def token_values(self) -> int:
        """A key and a value for each KV head."""
        return self.kv_heads * (self.head_dim + (self.v_dim or self.head_dim))

    @property
    def weights(self) -> int:
        """Projections, their biases, norms and sinks."""
        v_dim = self.v_dim or self.head_dim
        query = self.heads * self.head_dim * (1 + self.output_gate) * self.projects_q
        key_value = self.kv_heads * (self.head_dim + v_dim * self.projects_v) * self.projects_kv
        into = (self.reads or self.hidden) * (query + key_value)
        if self.q_rank:  # down, norm and up
            into += (self.q_rank - self.hidden) * query + (self.hidden + 1) * self.q_rank
        out = (self.hidden if self.square_out else self.heads * v_dim) * self.hidden
        out *= self.projects_q
        bias = (query + key_value) * self.qkv_bias + self.hidden * self.out_bias
        rest = bias + self.qk_norm + self.heads * self.sinks + self.hidden * self.gate_width
        return into + out + rest


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
    gate_width : int
        Outputs of a projection that gates what attention puts out.
    """

    heads: int
    q_rank: int
    kv_rank: int
    nope_dim: int
    rope_dim: int
    v_dim: int
    indexer: Indexer | None = None
    gate_width: int = 0
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
        kv = (self.hidden * (self.kv_rank + self.rope_dim) + self.kv_rank) * self.cached + up
        out = self.heads * self.v_dim * self.hidden
        rank = self.q_rank or self.hidden
        extra = self.indexer.weights(self.hidden, rank) if self.indexer else 0
        return q + kv + out + extra + self.hidden * self.gate_width
