"""Token mixers that keep a state of one size, however long the context."""

from __future__ import annotations

from dataclasses import dataclass

from guide_ml.hf_config.parts import Part

__all__ = [
    "DeltaAttention",
    "GatedDelta",
    "Lightning",
    "LinearRecurrence",
    "Mamba",
    "Mamba1",
    "ShortConvolution",
]  # fmt: skip


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
    """Kimi delta attention (KDA).

    Parameters
    ----------
    heads, head_dim, kernel : int
        Shape.
    low_rank : bool
        Its two gates are of rank `head_dim` (Kimi), else whole (Ling 3).
    whole_gate : bool
        That of the output is whole all the same (Kimi K3).
    """

    heads: int
    head_dim: int
    kernel: int
    low_rank: bool = True
    whole_gate: bool = False

    @property
    def weights(self) -> int:
        """Four projections, two gates, step, convolution, decay and norm."""
        width = self.heads * self.head_dim
        low = (self.hidden + width) * self.head_dim
        whole = self.hidden * width
        decay = low if self.low_rank else whole
        gate = low if self.low_rank and not self.whole_gate else whole
        gates = decay + gate + self.hidden * self.heads
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


@dataclass(frozen=True, kw_only=True)
class Mamba1(Part):
    """Mamba-1 mixer with Jamba's norms on the step and the two projections.

    Parameters
    ----------
    inner, state, kernel, rank : int
        Inner width, state a channel, width of the convolution, rank of the time step.
    """

    inner: int
    state: int
    kernel: int
    rank: int

    @property
    def weights(self) -> int:
        """Projections, convolution with bias, time step with bias, decay, skip, norms."""
        projections = 3 * self.hidden * self.inner + self.inner * (self.rank + 2 * self.state)
        step = self.inner * (self.rank + 1)
        rest = self.inner * (self.kernel + 1 + self.state + 1)
        return projections + step + rest + self.rank + 2 * self.state

    @property
    def state_values(self) -> int:
        """A vector for each channel."""
        return self.inner * self.state


@dataclass(frozen=True, kw_only=True)
class ShortConvolution(Part):
    """Gated short convolution (LFM2)."""

    kernel: int
    bias: bool = False

    @property
    def weights(self) -> int:
        """Input projection three times as wide, convolution and output projection."""
        return 4 * self.hidden**2 + self.hidden * (self.kernel + 5 * self.bias)


@dataclass(frozen=True, kw_only=True)
class LinearRecurrence(Part):
    """Gated linear recurrence of Griffin (RecurrentGemma): block-diagonal gates, convolution.

    Parameters
    ----------
    width : int
        Channels.
    blocks : int
        Blocks of each gate's matrix.
    kernel : int
        Width of the convolution.
    """

    width: int
    blocks: int
    kernel: int

    @property
    def weights(self) -> int:
        """Two projections in, one out, convolution, two gates and the decay, all with biases."""
        projections = 3 * self.hidden * self.width + 2 * self.width + self.hidden
        gates = 2 * (self.width**2 // self.blocks + self.width) + self.width
        return projections + self.width * (self.kernel + 1) + gates

    @property
    def state_values(self) -> int:
        """One number a channel."""
        return self.width
