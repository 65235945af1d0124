"""What a deployment is made of: frozen value objects that reject bad input at birth.

Units sit in the names. Hardware figures are per device; peaks are dense, never sparse.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from guide_ml.describe import checks
from guide_ml.describe.brief import Brief
from guide_ml.describe.checks import require_choice, require_numbers
from guide_ml.describe.framework import Framework
from guide_ml.describe.hardware import Hardware
from guide_ml.describe.settings import Settings
from guide_ml.errors import InvalidInput
from guide_ml.launch import Launch, launch
from guide_ml.precision.dtypes import dtype

__all__ = ["MODES", "Deployment", "Framework", "Hardware", "Model", "Workload"]

MODES = ("static", "prefill", "decode", "closed", "offline")
ATTENTIONS = ("mha", "gqa", "mqa", "mla", "hybrid")
STATS = ("mean", "median", "p99")


@dataclass(frozen=True, kw_only=True, repr=False)
class Model(Brief):
    """The LLM that is served, as its architecture.

    Parameters
    ----------
    model : str
        Hugging Face id or a name of one's own.
    family : str
        Architecture family.
    params_total_b, params_active_b : float
        Parameters, and parameters that one token touches, in billions; embeddings included.
    num_layers, hidden_size, intermediate_size, vocab_size : int
        Decoder shape; ``intermediate_size`` is that of the dense MLP (0 if there is none).
    num_attention_heads, num_kv_heads, head_dim : int
        Attention shape; for MLA ``head_dim`` = nope + rope.
    full_kv_heads, full_head_dim, v_head_dim : int
        KV heads and their width in layers without a window, and width of the values, where they
        differ (Gemma 4, MiMo-V2); 0 where they do not.
    attention : {"mha", "gqa", "mqa", "mla", "hybrid"}
        ``hybrid``: only ``kv_layers`` of the layers keep a KV cache.
    kv_lora_rank, qk_rope_head_dim : int
        MLA's latent cache width and its positional part; 0 otherwise.
    num_experts, num_experts_per_tok, moe_intermediate_size, num_shared_experts,
    first_dense_layers : int
        Mixture of experts; 0 for a dense model.
    sliding_window : int
        Window of the windowed layers in tokens, 0 for none.
    kv_layers, window_layers : int
        Layers with a KV cache; those of them whose cache is limited to the window.
    index_topk : int
        Tokens that the indexer of sparse attention picks for a query (DeepSeek-V3.2, GLM-5);
        0 where a query sees all.
    state_values : int
        Numbers in the recurrent state of one sequence, all layers: what linear attention and
        Mamba keep instead of a KV cache; 0 for none.
    cache_values, window_values : float
        Numbers that a token leaves in the caches of all layers without and with a window, where
        these differ (per-layer heads, compressed caches); both 0 where every layer is alike.
    expert_bits, body_bits, vocabulary_bits : float
        Bits a weight as published: routed experts, the rest of the layers, embeddings and head;
        0 where ``native_dtype`` says it.
    tower_params_b : float
        Parameters of vision and audio towers in billions, in 16 bits, beside the counts above: they
        take memory, and no part in the text that is generated.
    max_position : int
        Longest context in tokens.
    tie_embeddings, gated_mlp, encoder_decoder : bool
        Shared input and output embedding; three MLP matrices instead of two; T5-like.
    native_dtype : str
        Precision of the published weights.
    source : str
        Where the figures come from.
    """

    model: str
    family: str = "unknown"
    params_total_b: float
    params_active_b: float
    num_layers: int
    hidden_size: int
    intermediate_size: int = 0
    num_attention_heads: int
    num_kv_heads: int
    head_dim: int
    full_kv_heads: int = 0
    full_head_dim: int = 0
    v_head_dim: int = 0
    vocab_size: int
    attention: str
    kv_lora_rank: int = 0
    qk_rope_head_dim: int = 0
    num_experts: int = 0
    num_experts_per_tok: int = 0
    moe_intermediate_size: int = 0
    num_shared_experts: int = 0
    first_dense_layers: int = 0
    sliding_window: int = 0
    kv_layers: int
    window_layers: int = 0
    index_topk: int = 0
    state_values: int = 0
    cache_values: float = 0.0
    window_values: float = 0.0
    expert_bits: float = 0.0
    body_bits: float = 0.0
    vocabulary_bits: float = 0.0
    tower_params_b: float = 0.0
    max_position: int = 4096
    tie_embeddings: bool = False
    gated_mlp: bool = True
    encoder_decoder: bool = False
    native_dtype: str = "bf16"
    source: str = "given by the caller"

    def __post_init__(self) -> None:
        owner = f"model {self.model!r}"
        require_choice(owner, "attention", self.attention, ATTENTIONS)
        dtype(self.native_dtype)
        require_numbers(owner, self, checks.MODEL)
        if self.params_active_b > self.params_total_b * 1.0001:
            raise InvalidInput(
                f"{owner}: params_active_b must not exceed params_total_b; got"
                f" {self.params_active_b} and {self.params_total_b}"
            )
        if self.attention == "mla" and not self.kv_lora_rank:
            raise InvalidInput(f"{owner}: MLA needs kv_lora_rank; got 0")


@dataclass(frozen=True, kw_only=True, repr=False)
class Workload(Brief):
    """What is asked of the deployment.

    Parameters
    ----------
    mode : {"static", "prefill", "decode", "closed", "offline"}, optional
        static: a fixed batch from start to end. prefill, decode: one phase alone.
        closed: a server under a fixed number of concurrent requests. offline: a big queue.
        Blank where it is yet to be decided how the requests are served, as in a search.
    input_len, output_len : float
        Mean tokens a request.
    batch_size : float, optional
        Requests of the batch (static, prefill, decode).
    concurrency : float, optional
        Requests in flight (closed).
    num_requests : float, optional
        Requests of the whole run (closed), which begins with a burst, or of the queue (offline).
    context_depth : float
        Tokens already in the KV cache before a prefill or decode.
    ttft_stat, tpot_stat : {"mean", "median", "p99"}
        Statistic wanted.
    """

    allowed_modes: ClassVar[tuple[str, ...]] = MODES
    allowed_stats: ClassVar[tuple[str, ...]] = STATS

    mode: str = ""
    input_len: float
    output_len: float = 1
    batch_size: float | None = None
    concurrency: float | None = None
    num_requests: float | None = None
    context_depth: float = 0
    ttft_stat: str = "mean"
    tpot_stat: str = "mean"

    def __post_init__(self) -> None:
        if self.mode:
            require_choice("workload", "mode", self.mode, self.allowed_modes)
        require_choice("workload", "ttft_stat", self.ttft_stat, self.allowed_stats)
        require_choice("workload", "tpot_stat", self.tpot_stat, self.allowed_stats)
        require_numbers("workload", self, checks.workload(self.mode))
        if self.batch_size is not None and self.concurrency is not None:
            raise InvalidInput(
                "workload: give batch_size (a fixed batch) or concurrency (a server), not both;"
                f" got batch_size={self.batch_size} and concurrency={self.concurrency}"
            )
        if self.mode == "closed" and self.concurrency is None:
            raise InvalidInput("workload: mode closed needs concurrency; got none")

    @property
    def arriving(self) -> str:
        """How requests come, in words; blank where so many are in flight."""
        return ""


@dataclass(frozen=True, kw_only=True, repr=False)
class Deployment(Brief):
    """Hardware, framework and model put together, and how the model is spread.

    Parameters
    ----------
    hardware : Hardware
    model : Model
    framework : Framework
    num_devices : int
        Devices of the whole deployment.
    tp, pp, dp, ep : int
        Tensor-, pipeline-, data- (replica or attention) and expert-parallel sizes;
        ``tp * pp * dp`` must not exceed ``num_devices``.
    weight_dtype, kv_dtype : str
        Names of :mod:`guide_ml.precision.dtypes`.
    spec_method : str
        Speculative decoding: ``none``, ``mtp``, ...
    settings : Settings
        What the engine and the machine were told.
    planned : Settings
        What a prediction took the engine to do by itself where it was told nothing.
    """

    hardware: Hardware
    model: Model
    framework: Framework
    num_devices: int = 1
    tp: int = 1
    pp: int = 1
    dp: int = 1
    ep: int = 1
    weight_dtype: str = "bf16"
    kv_dtype: str = "fp16"
    spec_method: str = "none"
    settings: Settings = field(default_factory=Settings)
    planned: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        require_numbers("deployment", self, checks.DEPLOYMENT)
        dtype(self.weight_dtype)
        dtype(self.kv_dtype)
        if self.tp * self.pp * self.dp > self.num_devices:
            raise InvalidInput(
                "deployment: tp * pp * dp must not exceed num_devices;"
                f" got {self.tp} * {self.pp} * {self.dp} on {self.num_devices}"
            )

    def launch(self, workload: Workload | None = None, **options: Any) -> Launch:
        """Write how it is started; `options` are those of :func:`guide_ml.launch.launch`."""
        return launch(asdict(self), asdict(workload) if workload else None, **options)
