"""Which engine runs which precision on which device: what does not run is never proposed.

Rules as the engines' documentation of supported hardware states them; ``docs/`` pages of vLLM
(Quantization, Supported Hardware), SGLang (Quantization) and TensorRT-LLM (Support Matrix).
"""

from __future__ import annotations

from collections.abc import Sequence

from guide_ml import catalogue
from guide_ml.describe.descriptors import Deployment, Hardware, Model
from guide_ml.errors import GuideError, InvalidInput
from guide_ml.precision.dtypes import KV_DTYPES, dtype

__all__ = ["backend", "kv_dtypes", "refusal", "runs", "weight_dtypes"]

#: Generations from old to new; an engine runs from one of them on.
_GENERATIONS = {
    "nvidia": ("kepler", "maxwell", "pascal", "volta", "turing", "ampere", "ada", "hopper",
               "blackwell", "blackwell-ultra"),
    "amd": ("vega20", "rdna2", "cdna1", "rdna3", "rdna3.5", "rdna4", "cdna2", "cdna3", "cdna4"),
}  # fmt: skip
_OLDEST = {
    "vllm": {"nvidia": "volta", "amd": "cdna2"}, "sglang": {"nvidia": "turing", "amd": "cdna3"},
    "tensorrt-llm": {"nvidia": "ampere"}, "tgi": {"nvidia": "turing", "amd": "cdna2"},
    "atom": {"amd": "cdna3"}, "lmdeploy": {"nvidia": "volta"},
}  # fmt: skip
_GGUF = ("llama.cpp", "ollama")
_FLOAT = ("fp16", "bf16", "fp32")
_WEIGHTS = {
    "vllm": ("fp8", "int8", "w8a16", "int4", "gptq-int4", "awq-int4", "nf4", "nvfp4", "mxfp4",
             "mxfp8"),
    "sglang": ("fp8", "int8", "int4", "gptq-int4", "awq-int4", "nvfp4", "mxfp4"),
    "tensorrt-llm": ("fp8", "awq-int4", "int4-fp8", "nvfp4", "mxfp4"),
    "tgi": ("fp8", "int4", "gptq-int4", "awq-int4", "nf4"),
    "atom": ("fp8", "mxfp4"),
    "lmdeploy": ("int8", "int4", "awq-int4"),
}  # fmt: skip


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
    oldest = _OLDEST.get(framework, {}).get(device.vendor)
    line = _GENERATIONS.get(device.vendor, ())
    if oldest is None or device.architecture not in line:
        return oldest is None or device.architecture == "unknown"
    return line.index(device.architecture) >= line.index(oldest)


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
    if name in _FLOAT:
        return name != "bf16" or bool(device.bf16_tflops)
    return name in _WEIGHTS.get(framework, ()) and _has_units(device, framework, name)


def _has_units(device: Hardware, framework: str, name: str) -> bool:
    """Whether a device multiplies in a format, or the engine has kernels that widen it first."""
    nvidia, line = device.vendor == "nvidia", _GENERATIONS["nvidia"]
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
    allowed = {"fp16": True, "fp8": bool(device.fp8_tflops),
               "int8": framework == "tensorrt-llm",
               "nvfp4": framework == "tensorrt-llm" and bool(device.fp4_tflops)}  # fmt: skip
    return tuple(n for n in dict.fromkeys(names) if allowed.get(n, False))


def refusal(deployment: Deployment) -> str:
    """Say why ``guide launch`` refuses a deployment; blank where it does not."""
    try:
        deployment.launch()
    except GuideError as error:
        return str(error)
    return ""
