"""How tools write engines, models and backends, and what the catalogue calls them.

A name that the file states is kept as it stands there (:data:`guide_ml.ingest.rows.SAID`), so that
one that the catalogue lacks can be told to the user, with the nearest ones.
"""

from __future__ import annotations

import re

from guide_ml import catalogue
from guide_ml.describe.backends import BACKEND_ALIASES, BACKENDS
from guide_ml.errors import GuideError, nearest
from guide_ml.ingest.rows import SAID, Row

__all__ = ["backend_of", "bare_name", "engine_of", "model_of", "same_model", "sizes_differ",
           "unknown"]  # fmt: skip

#: What ends of checkpoints' names say of their precision or packing, not of the model.
ENDS = {
    "fp8",
    "nvfp4",
    "nvfp4a16",
    "mxfp4",
    "mxfp8",
    "fp4",
    "awq",
    "gptq",
    "int4",
    "int8",
    "4bit",
    "8bit",
    "6bit",
    "5bit",
    "3bit",
    "w8a8",
    "w4a16",
    "w4a8",
    "w8a16",
    "bf16",
    "fp16",
    "f16",
    "dynamic",
    "block",
    "kv",
    "quark",
    "autoround",
    "autofp8",
    "gguf",
    "mlx",
    "ud",
    "mtp",
    "quantized",
    "bnb",
    "marlin",
    "hqq",
    "exl2",
    "exl3",
    "ptpc",
    "g128",
    "wint4",
    "dwq",
    "qat",
    "q4",
    "q8",
}
#: Type of a GGUF file at the end of its name.
_WEIGHTS = re.compile(r"[._-](?:UD[._-])?i?q\d(?:_[0-9a-z]+)*$", re.I)
#: A later making of a checkpoint, after its precision: ``-NVFP4-v2``, ``-MXFP4-Preview``.
_MAKING = re.compile(r"v\d|preview", re.I)
_HUB = re.compile(r"models--([^/\\]+?)--([^/\\]+)")
_SIZE = re.compile(r"(?<![a-z0-9.])(a?\d+(?:\.\d+)?)(b|m)(?![a-z0-9])", re.I)


#: What clients call an engine that the catalogue has under another name.
_SHORT = {"trt": "tensorrt-llm"}


def engine_of(name: object) -> Row:
    """Return the engine that a client's name for its protocol tells, if any."""
    text = str(name or "").lower()
    for cut in (text, *text.split("-")):
        try:
            return {"framework": catalogue.framework(_SHORT.get(cut, cut))[0].framework}
        except GuideError:
            continue
    return {}


def backend_of(name: object) -> Row:
    """Return the first backend that a list of them names."""
    for part in str(name or "").lower().split(","):
        found = BACKEND_ALIASES.get(part.strip(), part.strip())
        if found in BACKENDS:
            return {"backend": found}
    return {}


def model_of(name: object) -> Row:
    """Return the model that a path or served name tells; what was said stays beside it.

    A path of the Hugging Face cache names its model; ends that only tell a precision are left
    off where the name as a whole is unknown.

    Examples
    --------
    >>> model_of("RedHatAI/Llama-3.1-8B-Instruct-FP8-dynamic")["model"]
    'meta-llama/Llama-3.1-8B-Instruct'
    """
    text = str(name or "").strip().rstrip("/")
    if not text:
        return {}
    if hub := _HUB.search(text):
        text = f"{hub[1]}/{hub[2]}"
    last = re.split(r"[/\\]", text)[-1]
    for cut in (text, last, bare_name(last)):
        try:
            return {"model": catalogue.model(cut).model, SAID: {"model": text}}
        except GuideError:
            continue
    return {SAID: {"model": text}}


def bare_name(name: str) -> str:
    """Leave off what a checkpoint's name says of its precision or packing.

    Examples
    --------
    >>> bare_name("Qwen3.6-27B-int4-AutoRound"), bare_name("Qwen3-8B")
    ('Qwen3.6-27B', 'Qwen3-8B')
    """
    name = _WEIGHTS.sub("", re.sub(r"\.gguf$", "", name, flags=re.I))
    parts = re.split(r"([-_]|(?<=quantized)\.|\.(?=w\d))", name)
    if len(parts) > 4 and _MAKING.fullmatch(parts[-1]) and parts[-3].lower() in ENDS:
        parts = parts[:-2]
    while len(parts) > 2 and parts[-1].lower() in ENDS:
        parts = parts[:-2]
    return "".join(parts)


def same_model(one: str, other: str) -> bool:
    """Whether two names of the catalogue are of one architecture: checkpoints may differ."""
    known = catalogue.all_models()
    if one not in known or other not in known:
        return one == other
    a, b = known[one], known[other]
    shape = ("params_total_b", "num_layers", "hidden_size", "vocab_size", "num_experts")
    return all(getattr(a, k) == getattr(b, k) for k in shape)


def sizes_differ(said: str, slug: str) -> bool:
    """Whether the sizes in two names contradict: 125M is no 8B, whatever a server calls it."""
    a, b = _sizes(said), _sizes(slug)
    return bool(a and b) and not a & b


def _sizes(name: str) -> set[float]:
    found = _SIZE.findall(re.split(r"[/\\]", name)[-1].replace("_", "-"))
    return {float(n) * (1.0 if unit in "bB" else 1e-3) for n, unit in found if n[0] not in "aA"}


def unknown(kind: str, said: str) -> str:
    """Say that the catalogue lacks a name of the file, with the nearest of its own."""
    known = [*catalogue.slugs(kind), *catalogue.aliases(kind)]
    near = nearest(said, known, 3)
    text = f"the catalogue has no {kind} {said!r}, as the file names it"
    return text + (f" (nearest: {', '.join(near)})" if near else "")
