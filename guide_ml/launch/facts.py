"""What a start depends on, gathered from a deployment and its workload, and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guide_ml.errors import InvalidInput
from guide_ml.launch.engines import Engine, engine
from guide_ml.launch.refusals import Device
from guide_ml.precision.dtypes import dtype

__all__ = ["Facts", "gather"]

#: Lengths of a workload are means; what a server admits is rounded up to a multiple of this.
LENGTH_STEP = 256
#: A request may be so many times as long as the mean one where nothing is said.
ROOM = 4
#: Tokens that a speculative step drafts where nothing is said.
DRAFTED = 3

#: Backend that must be stated of a vendor's devices.
ONLY = {"cuda": "nvidia", "rocm": "amd", "metal": "apple"}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A deployment in the words of a command line.

    Parameters
    ----------
    engine : Engine
        What is started.
    backend : str
        What it runs on.
    version, asked : str
        Version that the start is written for, and that was asked for (blank for none).
    model, native_dtype, weight_dtype, kv_dtype, spec_method : str
        Model and precisions.
    tp, pp, ep : int
        Layout of one replica.
    attention_dp : int
        Copies of the attention within one replica whose experts they share.
    replicas : int
        Independent copies of the whole.
    length, input_len, stated : int or None
        Tokens of the longest request and of its prompt, and of the longest that was asked for.
    sequences : int or None
        Requests that a replica runs at once.
    tokens, share : int or None, float or None
        Tokens of one pass and share of the memory that the engine is to take.
    eager : bool
        Whether no CUDA graphs are recorded.
    block : int or None
        Tokens of a block of the KV cache.
    drafted : int
        Tokens that a speculative step drafts.
    device : Device
        What it runs on.
    family : str
        Family of the model.
    idle : int
        Devices that the layout leaves unused.
    """

    engine: Engine
    backend: str
    version: str
    asked: str
    model: str
    native_dtype: str
    weight_dtype: str
    kv_dtype: str
    spec_method: str
    tp: int
    pp: int
    ep: int
    attention_dp: int
    replicas: int
    length: int | None
    input_len: int | None
    stated: int | None
    sequences: int | None
    tokens: int | None
    share: float | None
    eager: bool
    block: int | None
    drafted: int
    device: Device
    family: str
    idle: int

    @property
    def devices(self) -> int:
        """Devices of one replica."""
        return self.tp * self.pp * self.attention_dp


def gather(
    deployment: Mapping[str, Any], workload: Mapping[str, Any] | None, max_model_len: int | None
) -> Facts:
    """Gather facts from the fields of a deployment and of a workload.

    Raises
    ------
    InvalidInput
        If the engine is unknown, or cannot run there or so long.
    """
    d, model, framework = deployment, deployment["model"], deployment["framework"]
    found = engine(framework["framework"])
    backend = framework["backend"]
    _check_backend(found, backend, d["hardware"])
    moe, dp, ep = model["num_experts"] > 0, d["dp"], d["ep"]
    if ep > 1 and not moe:
        raise InvalidInput(f"ep must be 1 for {model['model']}, which has no experts; got {ep}")
    shared = dp if ep > 1 else 1  # expert-parallel engines share the experts of their copies
    replicas = 1 if ep > 1 else dp
    users = _users(workload)
    slots = None if users is None else math.ceil(users / replicas)
    most = int(model["max_position"])
    # A server of several requests has room for one that is longer; llama.cpp sets it aside.
    room = 1 if found.slug == "llama.cpp" else ROOM if slots is None else min(slots, ROOM)
    asked = max_model_len if max_model_len is not None else d["settings"]["max_model_len"]
    length, prompt = _lengths(workload, asked, most, model["model"], room)
    told = {k: v if v is not None else d["planned"][k] for k, v in d["settings"].items()}
    return Facts(
        engine=found, backend=backend, version=found.named(framework["version"]),
        asked=framework["version"], model=model["model"], family=model["family"],
        device=Device(d["hardware"]["vendor"], d["hardware"]["architecture"]),
        native_dtype=dtype(model["native_dtype"]).name, weight_dtype=dtype(d["weight_dtype"]).name,
        kv_dtype=d["kv_dtype"], spec_method=_method(d["spec_method"]),
        tp=d["tp"], pp=d["pp"], ep=ep, attention_dp=shared, replicas=replicas,
        length=length, input_len=prompt, stated=asked,
        sequences=d["settings"]["max_num_seqs"] or slots, tokens=told["max_num_batched_tokens"],
        share=told["memory_share"], eager=bool(told["enforce_eager"]), block=told["block_size"],
        drafted=math.ceil(told["draft_tokens"] or DRAFTED),
        idle=d["num_devices"] - d["tp"] * d["pp"] * dp,
    )  # fmt: skip


def _check_backend(found: Engine, backend: str, hardware: Mapping[str, Any]) -> None:
    if backend not in found.backends:
        raise InvalidInput(
            f"{found.name} runs on {', '.join(found.backends)}; got backend {backend!r}:"
            " choose another framework"
        )
    vendor = hardware["vendor"]
    if vendor in ONLY.values() and ONLY.get(backend, vendor) != vendor:
        raise InvalidInput(
            f"backend {backend} needs a device of {ONLY[backend]}; got {hardware['hardware']}"
        )


def _lengths(
    workload: Mapping[str, Any] | None, asked: int | None, most: int, model: str, room: int
) -> tuple[int | None, int | None]:
    """Settle the tokens of the longest request and of its prompt."""
    need = prompt = None
    if workload is not None:
        prompt = math.ceil(workload["context_depth"] + workload["input_len"])
        need = prompt + math.ceil(workload["output_len"])
    if asked is not None and need is not None and asked < need:
        raise InvalidInput(f"max_request_tokens must hold the mean request of {need}; got {asked}")
    length = asked if asked is not None else need
    if length is None:
        return None, None
    if length > most:
        raise InvalidInput(f"{model} takes at most {most} tokens a request; got {length}")
    if asked is None:
        length = min((room * length // LENGTH_STEP + 1) * LENGTH_STEP, most)  # and a chat template
    return length, prompt


def _users(workload: Mapping[str, Any] | None) -> float | None:
    if workload is None:
        return None
    load: float | None = workload["concurrency"] or workload["batch_size"]
    return load


def _method(text: str) -> str:
    """Read ``mtp(inferred)`` as mtp, ``eagle`` as its newest version."""
    name = text.lower().split("(")[0].strip()
    return {"eagle": "eagle3", "nextn": "mtp", "n-gram": "ngram", "draft_model": "draft"}.get(
        name, name
    )
