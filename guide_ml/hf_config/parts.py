"""Parameters of a language model, part by part.

An architecture is what lies outside the layers (embeddings, output head, last norm) and a
tuple of layers; a layer is a tuple of parts (attention, a recurrent mixer, an MLP, experts)
and its norms. Each part counts its own weights, so layers of different kinds need no
formula of their own. All counts are numbers of parameters, all sizes numbers of elements.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Architecture", "Experts", "Layer", "Mlp", "Part"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One block of a layer.

    Parameters
    ----------
    hidden : int
        Width of the residual stream that the block reads and writes.
    cached : bool
        Whether it keeps a KV cache that grows with the context.
    window : int
        Tokens that its cache is limited to, 0 for no limit.
    """

    hidden: int
    cached: bool = False
    window: int = 0

    @property
    def weights(self) -> int:
        """All its parameters."""
        raise NotImplementedError

    @property
    def active(self) -> int:
        """Those of them that one token touches."""
        return self.weights

    @property
    def token_values(self) -> float:
        """Numbers that its KV cache takes for a token."""
        return 0

    def cache_values(self, tokens: int) -> float:
        """Numbers that its KV cache holds after so many tokens."""
        if not self.cached:
            return 0
        return self.token_values * (min(tokens, self.window) if self.window else tokens)

    @property
    def state_values(self) -> int:
        """Numbers that it keeps of a sequence, however long; a short convolution's left out."""
        return 0


@dataclass(frozen=True, kw_only=True)
class Mlp(Part):
    """Dense feed-forward block.

    Parameters
    ----------
    width : int
        Inner width.
    gated : bool
        Three matrices instead of two.
    bias : bool
        Biases on all of them.
    """

    width: int
    gated: bool = True
    bias: bool = False

    @property
    def weights(self) -> int:
        """Matrices and biases."""
        into = self.width * (1 + self.gated)
        return self.hidden * (into + self.width) + (into + self.hidden) * self.bias


@dataclass(frozen=True, kw_only=True)
class Experts(Part):
    """Mixture of experts.

    Parameters
    ----------
    count, top_k : int
        Routed experts, and how many of them a token visits.
    expert : Mlp
        One routed expert.
    shared : Mlp, optional
        All shared experts as one block.
    shared_gate : bool
        A learned scalar gate on the shared block (Qwen).
    router_bias : bool
        Bias of the router.
    idle : int
        Experts without weights that the router may choose, too (LongCat).
    beside : Mlp, optional
        A dense MLP that runs beside the experts (Grok, Gemma 4, Arctic).
    further : tuple of Mlp
        Experts for other tokens than those of text (ERNIE 4.5 VL), with a router of their own.
    router : int
        Parameters of a router that is more than one matrix (ZAYA), 0 for the usual one.
    """

    count: int
    top_k: int
    expert: Mlp
    shared: Mlp | None = None
    shared_gate: bool = False
    router_bias: bool = False
    idle: int = 0
    beside: Mlp | None = None
    further: tuple[Mlp, ...] = ()
    router: int = 0

    @property
    def _always(self) -> int:
        """Router, shared block, and the projections to experts that are narrower (latent MoE)."""
        router = (self.hidden + self.router_bias) * (self.count + self.idle)
        router = self.router or router + self.hidden * len(self.further)
        shared = (self.shared.weights if self.shared else 0) + self.hidden * self.shared_gate
        shared += self.beside.weights if self.beside else 0
        latent = self.expert.hidden
        return router + shared + (2 * self.hidden * latent if latent != self.hidden else 0)

    @property
    def weights(self) -> int:
        """Router, shared block and all experts."""
        return self._always + self.routed

    @property
    def routed(self) -> int:
        """All experts, those for other tokens than text included."""
        return self.count * self.expert.weights + sum(x.weights for x in self.further)

    @property
    def active(self) -> int:
        """Router, shared block and the experts that a token visits."""
        return self._always + self.top_k * self.expert.weights


@dataclass(frozen=True)
class Layer:
    """Parts in order, and the parameters of the layer's norms."""

    parts: tuple[Part, ...]
    norms: int = 0

    @property
    def sparse(self) -> bool:
        """Whether it routes tokens to experts."""
        return any(isinstance(p, Experts) for p in self.parts)

    @property
    def caches(self) -> int:
        """KV caches it has: none, one, or two (LongCat); one of two windows counts once."""
        windows = self.window_caches
        return max(sum(p.cached for p in self.parts) - windows, windows)

    @property
    def window_caches(self) -> int:
        """Those that are limited to a window."""
        return sum(p.cached and p.window > 0 for p in self.parts)


@dataclass(frozen=True)
class Architecture:
    """A whole model.

    Parameters
    ----------
    outside : int
        Parameters outside the layers.
    layers : tuple of Layer
        The decoder.
    encoder : tuple of Layer
        The encoder of an encoder-decoder model.
    loops : int
        How often a token runs through the layers, which each time keep a cache of their own.
    """

    outside: int
    layers: tuple[Layer, ...]
    encoder: tuple[Layer, ...] = ()
    loops: int = 1

    @property
    def total(self) -> int:
        """All parameters."""
        every = (*self.encoder, *self.layers)
        return self.outside + sum(x.norms + sum(p.weights for p in x.parts) for x in every)

    @property
    def active(self) -> int:
        """Parameters that one token touches, both embeddings included."""
        every = (*self.encoder, *self.layers)
        return self.outside + sum(x.norms + sum(p.active for p in x.parts) for x in every)

    @property
    def kv_layers(self) -> int:
        """Decoder layers with a KV cache."""
        return self.loops * sum(x.caches for x in self.layers)

    @property
    def window_layers(self) -> int:
        """Decoder layers whose KV cache is limited to a window."""
        return self.loops * sum(x.window_caches for x in self.layers)

    @property
    def state_values(self) -> int:
        """Numbers in the recurrent state of one sequence."""
        return sum(p.state_values for x in self.layers for p in x.parts)

    @property
    def routed(self) -> int:
        """Parameters of all routed experts."""
        parts = (p for x in (*self.encoder, *self.layers) for p in x.parts)
        return sum(p.routed for p in parts if isinstance(p, Experts))

    @property
    def attending_layers(self) -> int:
        """Decoder layers with a KV cache, each counted once however often it runs."""
        return sum(x.caches > 0 for x in self.layers)

    @property
    def window(self) -> int:
        """The window that most of the windowed layers have, 0 where none has one."""
        windows = [p.window for x in self.layers for p in x.parts if p.cached and p.window]
        return max(set(windows), key=windows.count) if windows else 0

    def token_values(self, window: int) -> tuple[float, float]:
        """Numbers that a token leaves in the caches of all layers, without and with a window.

        Parameters
        ----------
        window : int
            The window that layers with another one are converted to.
        """
        parts = [p for x in self.layers for p in x.parts if p.cached]
        whole = sum(p.token_values for p in parts if not p.window)
        bounded = sum(p.token_values * p.window for p in parts if p.window)
        return self.loops * whole, self.loops * bounded / window if window else 0

    def cache_values(self, tokens: int) -> int:
        """Numbers that the KV cache holds after so many tokens, all layers."""
        held = sum(p.cache_values(tokens) for x in self.layers for p in x.parts)
        return round(self.loops * held)

    @property
    def mlp_width(self) -> int:
        """Inner width of the first dense MLP, 0 where there is none."""
        parts = (p for x in self.layers for p in x.parts)
        return next((p.width for p in parts if isinstance(p, Mlp)), 0)

    @property
    def leading_dense_layers(self) -> int:
        """Layers before the first with experts; 0 where dense and sparse layers alternate."""
        sparse = [x.sparse for x in self.layers]
        first = sparse.index(True) if True in sparse else 0
        return first if all(sparse[first:]) else 0
