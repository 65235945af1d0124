"""Small pieces of real traffic that come with the package; ``samples/README.md`` has licences."""

from __future__ import annotations

from pathlib import Path

__all__ = ["SAMPLES", "found"]

_FOLDER = Path(__file__).with_name("samples")
SAMPLES = {name: _FOLDER / file for name, file in {
    "azure-code": "azure-llm-2023-code.csv", "azure-conv": "azure-llm-2023-conv.csv",
    "burstgpt": "burstgpt.csv", "mooncake": "mooncake-conversation.jsonl",
    "vllm": "vllm-requests.csv",
}.items()}  # fmt: skip
"""Files by the name that they are asked for by."""


def found(path: Path) -> Path:
    """Return a file; the name of a sample stands for its file where there is none of that name."""
    return SAMPLES.get(str(path), path) if not path.exists() else path
