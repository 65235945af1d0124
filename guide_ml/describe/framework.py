"""The serving engine of a deployment."""

from __future__ import annotations

from dataclasses import dataclass

from guide_ml.describe import checks
from guide_ml.describe.backends import BACKENDS
from guide_ml.describe.brief import Brief
from guide_ml.describe.checks import require_choice, require_numbers

__all__ = ["Framework"]


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
