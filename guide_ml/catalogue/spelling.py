"""Names as people write them: other case, spaces for dashes, quantised copies of a checkpoint."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from guide_ml.precision.dtypes import DTYPES, dtype

__all__ = ["by_key", "key", "plain", "quantised"]

#: What the end of a checkpoint's name says of its weights; the first that fits counts.
_ENDINGS = (
    (r"-fp8(-(dynamic|block|kv|per-tensor))?", "fp8"), (r"-nvfp4(-fp8)?", "nvfp4"),
    (r"-mxfp4", "mxfp4"), (r"-(awq)(-int4|-4bit)?", "awq-int4"),
    (r"-gptq(-int4|-4bit)?(-g?128g?)?", "gptq-int4"), (r"-gptq-int8", "int8"),
    (r"(-unsloth)?-bnb-4bit", "nf4"), (r"-(mlx-)?4bit", "int4"), (r"-(mlx-)?8bit", "int8"),
    (r"-mlx-(bf16|fp16)", "bf16"), (r"[.-](quantized\.)?w4a16", "int4"),
    (r"[.-](quantized\.)?w8a16", "w8a16"), (r"[.-](quantized\.)?w8a8", "int8"),
    (r"-int8", "int8"), (r"-int4", "int4"), (r"-gguf", "q4_k_m"),
)  # fmt: skip
_GGUF_FILE = re.compile(r"[-.:](q\d[a-z0-9_]*|iq\d[a-z0-9_]*)(\.gguf)?$")


def key(name: str) -> str:
    """Reduce a name to the letters and digits of its last part.

    Examples
    --------
    >>> key("NVIDIA RTX 4090"), key("meta-llama/Llama 3.1 8B")
    ('nvidiartx4090', 'llama318b')
    """
    return "".join(c for c in name.lower().rsplit("/", 1)[-1] if c.isalnum())


def by_key(table: Iterable[str], aliases: Mapping[str, str]) -> dict[str, str]:
    """Return slugs by their reduced names; names that two slugs share are left out.

    Examples
    --------
    >>> by_key(["a/B-1", "c/B-1", "d/E 2"], {"f": "a/B-1"})
    {'e2': 'd/E 2', 'f': 'a/B-1'}
    """
    found: dict[str, set[str]] = {}
    for name, slug in (*((s, s) for s in table), *aliases.items()):
        found.setdefault(key(name), set()).add(slug)
    # A short name that is an alias was settled where aliases are.
    settled = {key(alias): slug for alias, slug in aliases.items()}
    single = {k: next(iter(slugs)) for k, slugs in found.items() if len(slugs) == 1}
    return single | {k: s for k, s in settled.items() if k}


#: Where names come from, which tells nothing of the model.
_ADDRESS = re.compile(r"^(https?://)?(www\.)?(huggingface\.co|hf\.co)/")
_TAG = re.compile(r"^([\w.-]+):([\w.-]+)$")



def plain(name: str) -> str:
    """Leave out the address of a name, and write Ollama's tags as words.

    Examples
    --------
    >>> plain("https://huggingface.co/Qwen/Qwen3-8B/"), plain("llama3.1:8b"), plain("phi4:latest")
    ('Qwen/Qwen3-8B', 'llama3.1 8b', 'phi4')
    """
    text = _ADDRESS.sub("", name.strip()).rstrip("/")
    match = _TAG.match(text)
    if match is None:
        return text
    return match[1] if match[2].lower() == "latest" else f"{match[1]} {match[2]}"


def quantised(name: str) -> tuple[str, str] | None:
    """Split the name of a quantised checkpoint into that of its base and its precision.

    Returns
    -------
    (str, str) or None
        ``None`` where the name says nothing of a precision.

    Examples
    --------
    >>> quantised("RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic")
    ('Llama-3.3-70B-Instruct', 'fp8')
    >>> quantised("unsloth/Qwen3-8B-GGUF"), quantised("Qwen/Qwen3-8B")
    (('Qwen3-8B', 'q4_k_m'), None)
    """
    last = name.strip().rsplit("/", 1)[-1]
    low = last.lower()
    if match := _GGUF_FILE.search(low.removesuffix("-gguf")):
        base = re.sub(r"-gguf$", "", low[: match.start()])
        if match.group(1) in DTYPES:
            return last[: len(base)], dtype(match.group(1)).name
    for ending, precision in _ENDINGS:
        if match := re.search(f"{ending}$", low):
            return last[: match.start()], precision
    return None
