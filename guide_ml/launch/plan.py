"""From a deployment to its start."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from guide_ml.errors import InvalidInput
from guide_ml.launch.arguments import layout
from guide_ml.launch.checkpoints import published
from guide_ml.launch.facts import LENGTH_STEP, Facts, gather
from guide_ml.launch.files import MODELS, Launch
from guide_ml.launch.refusals import number, refusal
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
    max_request_tokens: int | None = None,
    max_model_len: int | None = None,
    image: str | None = None,
    host_devices: int = 8,
) -> Launch:
    """Write how a deployment is started.

    Parameters
    ----------
    deployment, workload : mapping
        Fields of a Deployment and of a Workload (:func:`dataclasses.asdict`). The workload gives
        the concurrent requests and, where it is not given, the longest request: up to four times
        the mean one, as far as the replica's requests together have that room.
    port : int, optional
        Where it listens; the engine's default if none is given.
    checkpoint : str, optional
        Hugging Face id or path of the weights, where it is not the model itself.
    draft : str, optional
        Draft model of speculative decoding (methods draft and eagle3).
    max_request_tokens : int, optional
        Tokens of the longest request that must be served, prompt and output.
    max_model_len : int, optional
        The same under the name that engines give it.
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
    if max_request_tokens is not None and max_model_len not in (None, max_request_tokens):
        raise InvalidInput(
            "max_request_tokens and max_model_len are one limit; got"
            f" {max_request_tokens} and {max_model_len}: give one of them"
        )
    longest = max_model_len if max_request_tokens is None else max_request_tokens
    for name, text in (("checkpoint", checkpoint), ("draft", draft), ("image", image)):
        _plain(name, text)
    f = gather(deployment, workload, longest)
    _plain("model", f.model)
    _refuse(f)
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
        *layout(f), *_precision(f, weights, path), *_kv(f), *_speculative(f, draft),
        dash_host, "0.0.0.0", "--port", str(listen),
    ]  # fmt: skip
    _check_flags(f, flags)
    return Launch(
        engine=f.engine, version=f.version, backend=f.backend, model=f.model, port=listen,
        arguments=(*([dash_model] if dash_model else []), path, *flags),
        devices=f.devices, replicas=f.replicas, host_devices=host_devices,
        local=path if local else "",
        image=image or f.engine.images.get(f.backend, "").replace(f.engine.version, f.version),
        notes=tuple(_notes(f, weights["from"], path, local, f.stated, host_devices)),
    )  # fmt: skip


def _plain(name: str, text: str | None) -> None:
    """Refuse names that no command line can hold: empty ones, flags, several lines."""
    if text is not None and (not text.strip() or text.startswith("-") or not text.isprintable()):
        raise InvalidInput(
            f"{name} must be a name or path of one line that does not begin with a dash; got"
            f" {text!r}"
        )


def _refuse(f: Facts) -> None:
    """Refuse what the engine's version would refuse at its start."""
    small = "Phi-3-small" in f.model
    asked = (("device", ""), ("weights", f.weight_dtype), ("kv", f.kv_dtype),
             ("family", "phi-3-small" if small else f.family))  # fmt: skip
    for kind, value in asked if f.backend != "cpu" else asked[3:]:
        if says := refusal(f.engine.slug, f.version, kind, value, f.device):
            raise InvalidInput(f"{f.engine.title} {f.version} does not start so: {says}")


def _check_flags(f: Facts, flags: list[str]) -> None:
    """Refuse flags and values that the version does not have."""
    for flag, value in zip(flags, [*flags[1:], ""], strict=True):
        if flag.startswith("--") and flag in f.engine.flags:
            lacks = f.engine.lacking(flag, value, f.version)
            if lacks:
                raise InvalidInput(
                    f"{f.engine.title} {f.version} has no {lacks}: leave framework_version out for"
                    f" {f.engine.version}"
                )


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
    name = f"{MODELS}/{_file_name(f.model)}-{f.weight_dtype}"
    if need == "gguf":
        return f"{name}.gguf", True
    if ready := _ready(f):
        return ready, False
    if _as_published(f) or (need == "model" and f.native_dtype in (*_SIXTEEN, "fp32")):
        return f.model, False
    return name, True


def _ready(f: Facts) -> str:
    """Name the published checkpoint to load; that of a maker of devices only on its own."""
    found = published(f.model, f.weight_dtype)
    maker = found.split("/", 1)[0]
    return "" if maker in ("nvidia", "amd") and maker != f.device.vendor else found


def _file_name(model: str) -> str:
    """Make a model's name one of a file: letters, digits, dots, dashes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", model.rsplit("/", 1)[-1]).strip("-.") or "model"


def _precision(f: Facts, weights: Mapping[str, Any], path: str) -> list[str]:
    """Write the flags of the weight dtype; converted checkpoints say themselves what they are."""
    old = "before" in weights and number(f.version) < number(weights["before"])
    flags = list(weights["older"] if old else weights.get("flags", ()))
    floating = "--dtype" in flags
    online = weights["from"] == "model" and not floating
    ready = path != f.model
    if ready and path == _ready(f):
        return []  # the checkpoint says itself what it is
    if online and (ready or f.weight_dtype == f.native_dtype):
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
    numbers = {"TOKENS": str(f.drafted), "MORE": str(f.drafted + 1)}
    flags = [_filled(text, numbers) for text in entry["flags"]]
    if any("DRAFT" in text for text in flags):
        if draft is None:
            raise InvalidInput(f"spec_method {f.spec_method} needs draft, the model that drafts")
        flags = [_named(text, draft) for text in flags]
    return flags


def _filled(text: str, numbers: Mapping[str, str]) -> str:
    for word, value in numbers.items():
        text = re.sub(rf"\b{word}\b", value, text)
    return text


def _named(text: str, draft: str) -> str:
    """Put the name of the draft model in, as JSON has it where it stands in JSON."""
    inside = json.dumps(draft)[1:-1] if text.startswith("{") else draft
    return text.replace("DRAFT", inside)


def _notes(
    f: Facts, need: str, path: str, local: bool, asked: int | None, host_devices: int
) -> list[str]:
    """Say what a reader must know beside the command."""
    out = [f"flags are those of {f.engine.title} {f.version}"]
    if f.asked and f.asked != f.version:
        out.append(f"the deployment was described for version {f.asked}")
    if local:
        kind = "a GGUF file" if need == "gguf" else "a checkpoint"
        out.append(f"{path} must be {kind} of {f.model} in {f.weight_dtype}")
    if f.length is not None and asked is None:
        out.append(
            f"requests of more than {f.length} tokens are refused:"
            f" {'up to ' if f.engine.slug == 'llama.cpp' else 'up to four times '}the mean request,"
            f" rounded up to a multiple of {LENGTH_STEP}; longer ones need max_request_tokens"
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
