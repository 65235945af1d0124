"""Which engine runs which precision on which device: what does not run is never proposed.

What engines refuse stands in :mod:`guide_ml.launch.refusals`, what starts can be written of in
``launch/engines.toml``; here is only what a search does not propose though it would run.
"""

from __future__ import annotations

from collections.abc import Sequence

from guide_ml import catalogue
from guide_ml.describe.descriptors import Deployment, Hardware, Model
from guide_ml.errors import GuideError, InvalidInput
from guide_ml.launch.checkpoints import cut_blocks, published
from guide_ml.launch.engines import ENGINES, engine
from guide_ml.launch.refusals import GENERATIONS, Device
from guide_ml.launch.refusals import refusal as rule
from guide_ml.precision.dtypes import KV_DTYPES, dtype

__all__ = [
    "backend", "kv_dtypes", "lays_out", "loads", "refusal", "runs", "starts", "weight_dtypes",
]  # fmt: skip

Layout = tuple[int, int, int, int]

_GGUF = ("llama.cpp", "ollama")
_FLOAT = ("fp16", "bf16", "fp32")
#: Precisions of engines that `guide launch` writes no starts for.
_WEIGHTS = {"atom": ("fp8", "mxfp4"), "lmdeploy": ("int8", "int4", "awq-int4")}


def runs(device: Hardware, framework: str) -> bool:
    """Whether the newest version of an engine runs on a device.

    Examples
    --------
    >>> runs(catalogue.hardware("h100"), "vllm"), runs(catalogue.hardware("mi300x"), "sglang")
    (True, True)
    >>> runs(catalogue.hardware("mi300x"), "tensorrt-llm")
    False
    """
    if backend(device) not in catalogue.framework_blocks()[framework]["backends"]:
        return False
    return not _refused(device, framework, "device", "")


def _refused(device: Hardware, framework: str, kind: str, value: str) -> str:
    """Say why the newest version of an engine refuses a device, precision or model family."""
    return rule(framework, "", kind, value, Device(device.vendor, device.architecture))


def starts(device: Hardware, framework: str) -> bool:
    """Whether ``guide launch`` writes starts of an engine on a device.

    Examples
    --------
    >>> starts(catalogue.hardware("gaudi2"), "vllm"), starts(catalogue.hardware("h100"), "vllm")
    (False, True)
    """
    return framework in ENGINES and backend(device) in engine(framework).backends


def loads(device: Hardware, framework: str, model: Model) -> bool:
    """Whether the newest version of an engine loads a model.

    Examples
    --------
    >>> loads(catalogue.hardware("h100"), "vllm", catalogue.model("BAAI/Aquila-7B"))
    False
    """
    return not _refused(device, framework, "family", model.family)


def lays_out(
    device: Hardware, framework: str, model: Model, weights: str, layout: Layout
) -> bool:
    """Whether an engine takes a layout (tp, pp, dp, ep) that divides the heads.

    Examples
    --------
    >>> large = catalogue.model("Qwen/Qwen3-235B-A22B")
    >>> h200 = catalogue.hardware("h200")
    >>> [lays_out(h200, "sglang", large, "fp8", (8, 1, 1, ep)) for ep in (1, 8)]
    [False, True]
    """
    tp, _, dp, ep = layout
    if framework == "tensorrt-llm" and dp > 1:
        return tp == 1  # it copies the attention to every device or to none
    if framework != "sglang" or device.vendor != "nvidia" or weights != "fp8":
        return True
    wide = model.moe_intermediate_size if model.num_experts else model.intermediate_size
    parts = tp * dp / ep if model.num_experts else tp
    return not cut_blocks(published(model.model, "fp8") or model.model, wide, parts)


def backend(device: Hardware) -> str:
    """Name what engines run on on a device; blank where no engine does.

    Examples
    --------
    >>> backend(catalogue.hardware("gaudi2")), backend(catalogue.hardware("mi300x"))
    ('hpu', 'rocm')
    """
    return "hpu" if "gaudi" in device.hardware else catalogue.VENDOR_BACKEND.get(device.vendor, "")


def weight_dtypes(
    device: Hardware, framework: str, model: Model, asked: Sequence[str] = ()
) -> tuple[str, ...]:
    """Precisions of the weights that an engine serves on a device.

    Parameters
    ----------
    device, framework, model : Hardware, str, Model
    asked : sequence of str
        Those wanted; by default that of the checkpoint, 16 bits and fp8, or 8 bits of GGUF. A
        checkpoint of 4 bits is served as it is.
    """
    native = dtype("fp16" if model.native_dtype == "fp32" else model.native_dtype)
    if asked:
        names = [dtype(name).name for name in asked]
    elif framework in _GGUF:
        names = ["q8_0"]
    elif native.bits < 8:  # gone to 4 bits, nothing is won by widening it
        names = [native.name]
    else:
        names = [native.name, "bf16", "fp8"]
    half = ("fp16" if n == "bf16" and not device.bf16_tflops else n for n in names)
    if native.name == "fp16":
        half = ("fp16" if n == "bf16" and not asked else n for n in half)
    return tuple(n for n in dict.fromkeys(half) if _served(device, framework, n))


def _served(device: Hardware, framework: str, name: str) -> bool:
    if framework in _GGUF:
        return dtype(name).family == "gguf"
    if dtype(name).family == "gguf":
        return False
    if _refused(device, framework, "weights", name):
        return False
    if name in _FLOAT:
        return name != "bf16" or bool(device.bf16_tflops)
    if framework in ENGINES:
        able = engine(framework).weights.get(name)
        if able is None or backend(device) not in able.get("backends", (backend(device),)):
            return False
    return (framework in ENGINES or name in _WEIGHTS.get(framework, ())) and _has_units(
        device, framework, name)


def _has_units(device: Hardware, framework: str, name: str) -> bool:
    """Whether a device multiplies in a format, or the engine has kernels that widen it first."""
    nvidia, line = device.vendor == "nvidia", GENERATIONS["nvidia"]
    age = line.index(device.architecture) if device.architecture in line else 0
    if name == "mxfp4":  # kernels widen it on Ampere (vLLM), Hopper (others) and CDNA 3
        return age >= line.index("ampere" if framework == "vllm" else "hopper") if nvidia else bool(
            device.fp8_tflops)  # fmt: skip
    if name in ("nvfp4", "mxfp8"):
        return nvidia and bool(device.fp4_tflops)
    if name in ("fp8", "int4-fp8"):
        return bool(device.fp8_tflops)
    if name == "int8":
        return bool(device.int8_tops)
    return not nvidia or age >= line.index("turing")  # widened to 16 bits by kernels


def kv_dtypes(device: Hardware, framework: str, asked: Sequence[str] = ()) -> tuple[str, ...]:
    """Precisions of the KV cache; 16 bits and, where the device has it, fp8 by default."""
    names = [dtype(name).name for name in asked] or ["fp16", "fp8"]
    for name in names:
        if name not in KV_DTYPES:
            raise InvalidInput(f"kv_dtypes must be of {', '.join(KV_DTYPES)}; got {name!r}")
    if framework in _GGUF:
        return tuple(n for n in names if n in ("fp16", "q8_0", "q4_0"))
    names = ["fp16" if n == "bf16" else n for n in names]
    return tuple(n for n in dict.fromkeys(names) if _keeps(device, framework, n, bool(asked)))


def _keeps(device: Hardware, framework: str, name: str, asked: bool) -> bool:
    """Whether an engine keeps its cache in a precision; unasked, only where the device has it."""
    if name == "fp16":
        return True
    if _refused(device, framework, "kv", name) or not (asked or device.fp8_tflops):
        return False
    if framework not in ENGINES:
        return name == "fp8" and bool(device.fp8_tflops)
    able = engine(framework).kv.get(name)
    return able is not None and backend(device) in able.get("backends", (backend(device),))


def refusal(deployment: Deployment) -> str:
    """Say why ``guide launch`` refuses a deployment; blank where it does not."""
    try:
        deployment.launch()
    except GuideError as error:
        return str(error)
    return ""
