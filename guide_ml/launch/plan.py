"""From a deployment to its start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guide_ml.errors import InvalidInput
from guide_ml.launch.arguments import layout
from guide_ml.launch.facts import LENGTH_STEP, Facts, gather
from guide_ml.launch.files import MODELS, Launch
from guide_ml.precision.dtypes import dtype

__all__ = ["launch"]

_WAYS = {  # how to name the model, and the address to listen on
    "vllm": ("", "--host"), "sglang": ("--model-path", "--host"), "tensorrt-llm": ("", "--host"),
    "llama.cpp": ("--model", "--host"), "tgi": ("--model-id", "--hostname"),
}  # fmt: skip
_SIXTEEN = ("fp16", "bf16")


def launch(
    deployment: Mapping[str, Any],
    workload: Mapping[str, Any] | None = None,
    *,
    port: int | None = None,
    checkpoint: str | None = None,
    draft: str | None = None,
    max_model_len: int | None = None,
    image: str | None = None,
    host_devices: int = 8,
) -> Launch:
    """Write how a deployment is started.

    Parameters
    ----------
    deployment, workload : mapping
        Fields of a Deployment and of a Workload (:func:`dataclasses.asdict`). The workload gives
        the longest request (mean prompt and output, rounded up) and the concurrent requests.
    port : int, optional
        Where it listens; the engine's default if none is given.
    checkpoint : str, optional
        Hugging Face id or path of the weights, where it is not the model itself.
    draft : str, optional
        Draft model of speculative decoding (methods draft and eagle3).
    max_model_len : int, optional
        Tokens of the longest request, prompt and output.
    image : str, optional
        Container image other than the engine's own.
    host_devices : int
        Devices of one host; a replica must fit on one.

    Returns
    -------
    Launch

    Raises
    ------
    InvalidInput
        If the engine cannot do what the deployment asks for.
    """
    f = gather(deployment, workload, max_model_len)
    if f.devices > host_devices:
        raise InvalidInput(
            f"one replica takes {f.devices} devices and a host has {host_devices}: starts over"
            " several hosts are not written; give host_devices if a host has more"
        )
    weights = _weights(f)
    path, local = _checkpoint(f, weights["from"], checkpoint)
    dash_model, dash_host = _WAYS[f.engine.slug]
    listen = f.engine.port if port is None else port
    flags = [
        *layout(f), *_precision(f, weights, checkpoint), *_kv(f), *_speculative(f, draft),
        dash_host, "0.0.0.0", "--port", str(listen),
    ]  # fmt: skip
    return Launch(
        engine=f.engine, backend=f.backend, model=f.model, port=listen,
        arguments=(*([dash_model] if dash_model else []), path, *flags),
        devices=f.devices, replicas=f.replicas, host_devices=host_devices,
        local=path if local else "",
        image=image or f.engine.images.get(f.backend, ""),
        notes=tuple(_notes(f, weights["from"], path, local, max_model_len, host_devices)),
    )  # fmt: skip


def _weights(f: Facts) -> Mapping[str, Any]:
    """Look up what the weight dtype needs; GGUF's many dtypes are one entry."""
    gguf = dtype(f.weight_dtype).family == "gguf" and "gguf" in f.engine.weights
    if gguf:
        return f.engine.entry("weights", "gguf", f.backend)
    return f.engine.entry("weight_dtype", f.weight_dtype, f.backend, "weights")


def _as_published(f: Facts) -> bool:
    """Whether the weights run as they were published; 16-bit types are cast to each other."""
    same = f.weight_dtype == f.native_dtype
    return same or (f.weight_dtype in _SIXTEEN and f.native_dtype in (*_SIXTEEN, "fp32"))


def _checkpoint(f: Facts, need: str, given: str | None) -> tuple[str, bool]:
    """Settle the weights to load, and whether they are files of the host."""
    if given is not None:
        return given, given.startswith((".", "/")) or given.endswith(".gguf")
    name = f"{MODELS}/{f.model.rsplit('/', 1)[-1]}-{f.weight_dtype}"
    if need == "gguf":
        return f"{name}.gguf", True
    if _as_published(f) or (need == "model" and f.native_dtype in (*_SIXTEEN, "fp32")):
        return f.model, False
    return name, True


def _precision(f: Facts, weights: Mapping[str, Any], checkpoint: str | None) -> list[str]:
    """Write the flags of the weight dtype; converted checkpoints say themselves what they are."""
    flags = list(weights.get("flags", ()))
    floating = "--dtype" in flags
    online = weights["from"] == "model" and not floating
    if online and (checkpoint is not None or f.weight_dtype == f.native_dtype):
        return []
    if online and f.native_dtype not in (*_SIXTEEN, "fp32"):
        return []  # not made from the published weights: they are in another narrow dtype
    return flags


def _kv(f: Facts) -> list[str]:
    """Write the flags of the KV dtype; 16 bits are every engine's default."""
    if f.kv_dtype in _SIXTEEN and f.kv_dtype not in f.engine.kv:
        return []
    return list(f.engine.entry("kv_dtype", f.kv_dtype, f.backend, "kv").get("flags", ()))


def _speculative(f: Facts, draft: str | None) -> list[str]:
    """Write the flags of speculative decoding."""
    if f.spec_method == "none":
        return []
    entry = f.engine.entry("spec_method", f.spec_method, f.backend, "speculative")
    flags = list(entry["flags"])
    if any("DRAFT" in text for text in flags):
        if draft is None:
            raise InvalidInput(f"spec_method {f.spec_method} needs draft, the model that drafts")
        flags = [text.replace("DRAFT", draft) for text in flags]
    return flags


def _notes(
    f: Facts, need: str, path: str, local: bool, asked: int | None, host_devices: int
) -> list[str]:
    """Say what a reader must know beside the command."""
    out = [f"flags are those of {f.engine.name}"]
    if f.version and not f.engine.version.startswith(f.version):
        out.append(f"the deployment was described for version {f.version}")
    if local:
        kind = "a GGUF file" if need == "gguf" else "a checkpoint"
        out.append(f"{path} must be {kind} of {f.model} in {f.weight_dtype}")
    if f.length is not None and asked is None:
        out.append(
            f"requests of more than {f.length} tokens are refused: the mean request, rounded up to"
            f" a multiple of {LENGTH_STEP}; longer ones need max_model_len"
        )
    if f.engine.slug == "tgi" and f.sequences is not None:
        out.append(f"a replica turns requests away beyond {f.sequences} at once")
    if f.idle:
        out.append(f"{f.idle} devices stay idle")
    return [*out, *_replica_notes(f, host_devices)]


def _replica_notes(f: Facts, host_devices: int) -> list[str]:
    """Say how several replicas are spread and reached."""
    if f.replicas == 1:
        return []
    each = f"{f.devices} device{'s' if f.devices > 1 else ''}"
    out = [f"{f.replicas} replicas, each on {each}; requests must be shared out among them"]
    here = host_devices // f.devices
    if f.replicas > here:
        out.append(
            f"the command starts the {here} of one host of {host_devices} devices: run it on as"
            f" many hosts as hold {f.replicas}"
        )
    return out
