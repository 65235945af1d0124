"""What a deployment is made of: frozen value objects that reject bad input at birth.

Units sit in the names. Hardware figures are per device; peaks are dense, never sparse.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from guide_ml.describe import checks
from guide_ml.describe.brief import Brief
from guide_ml.describe.checks import require_choice, require_numbers
from guide_ml.errors import InvalidInput
from guide_ml.launch import Launch, launch
from guide_ml.precision.dtypes import dtype

__all__ = ["MODES", "Deployment", "Framework", "Hardware", "Model", "Workload"]

MODES = ("static", "prefill", "decode", "closed", "offline")
ATTENTIONS = ("mha", "gqa", "mqa", "mla", "hybrid")
BACKENDS = ("cuda", "rocm", "vulkan", "metal", "hpu", "xpu", "rdu", "cpu")
STATS = ("mean", "median", "p99")


@dataclass(frozen=True, kw_only=True, repr=False)
class Hardware(Brief):
    """One accelerator, or one slice of it that is rented by itself.

    Parameters
    ----------
    hardware : str
        Slug, ``vendor-name-memorygb``.
    vendor, architecture : str
        Maker and generation.
    release_year : float
        Year of first sale.
    memory_gb : float
        Device memory, decimal GB.
    mem_bw_gbs : float
        Memory bandwidth, GB/s.
    fp32_tflops, fp16_tflops, bf16_tflops, fp8_tflops, int8_tops, fp4_tflops : float, optional
        Dense peak rates, TFLOP/s; ``None`` where the device has no such unit.
    l2_mb : float, optional
        Last-level cache (accelerators: on-chip SRAM), MB.
    sm_count : float, optional
        Streaming multiprocessors, compute units or cores.
    tdp_w : float, optional
        Board power, W.
    link_gbs : float, optional
        Device-to-device bandwidth in one direction, all links, GB/s; PCIe where there is no other.
    interconnect : str
        Kind of link: ``nvlink4``, ``pcie4``, ...; ``xgmi``, ``roce``, ``...-bridge``: no switch.
    scale_up_domain : int
        Devices that reach each other over that link.
    slice_share : float
        Share of the physical device, 1 for a whole one.
    source : str
        Where the figures come from.
    """

    hardware: str
    vendor: str = "unknown"
    architecture: str = "unknown"
    release_year: float = 2024
    memory_gb: float
    mem_bw_gbs: float
    fp32_tflops: float | None = None
    fp16_tflops: float | None = None
    bf16_tflops: float | None = None
    fp8_tflops: float | None = None
    int8_tops: float | None = None
    fp4_tflops: float | None = None
    l2_mb: float | None = None
    sm_count: float | None = None
    tdp_w: float | None = None
    link_gbs: float | None = None
    interconnect: str = "pcie4"
    scale_up_domain: int = 1
    slice_share: float = 1.0
    source: str = "given by the caller"

    def __post_init__(self) -> None:
        owner = f"hardware {self.hardware!r}"
        require_numbers(owner, self, checks.HARDWARE)
        if not (self.fp32_tflops or self.fp16_tflops or self.bf16_tflops):
            raise InvalidInput(f"{owner}: one of fp16_tflops, bf16_tflops, fp32_tflops must be"
                               " given (dense TFLOP/s)")  # fmt: skip


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
class Framework(Brief):
    """The serving engine, its version and the programming backend under it.

    Parameters
    ----------
    framework : str
        Slug: ``vllm``, ``sglang``, ``tensorrt-llm``, ``llama.cpp``, ...
    version : str
        Version as the engine writes it; blank for the newest measured one.
    backend : str
        ``cuda``, ``rocm``, ``vulkan``, ``metal``, ``hpu``, ``xpu``, ``rdu`` or ``cpu``.
    release_year : float
        Release date of the version as a decimal year.
    """

    framework: str
    version: str = ""
    backend: str = "cuda"
    release_year: float

    def __post_init__(self) -> None:
        owner = f"framework {self.framework!r}"
        require_choice(owner, "backend", self.backend, BACKENDS)
        require_numbers(owner, self, checks.FRAMEWORK)


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
            require_choice("workload", "mode", self.mode, MODES)
        require_choice("workload", "ttft_stat", self.ttft_stat, STATS)
        require_choice("workload", "tpot_stat", self.tpot_stat, STATS)
        require_numbers("workload", self, checks.workload(self.mode))
        if self.batch_size is not None and self.concurrency is not None:
            raise InvalidInput(
                "workload: give batch_size (a fixed batch) or concurrency (a server), not both;"
                f" got batch_size={self.batch_size} and concurrency={self.concurrency}"
            )
        if self.mode == "closed" and self.concurrency is None:
            raise InvalidInput("workload: mode closed needs concurrency; got none")


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
