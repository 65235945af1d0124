"""What the operator of the service settled."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from guide_ml.errors import InvalidInput

__all__ = ["VARIABLE", "Settings"]

#: Environment variable by which worker processes get their settings.
VARIABLE = "GUIDE_WEB_SETTINGS"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Limits and lists of a service.

    Parameters
    ----------
    token : str, optional
        Bearer token that every request but the page's files and ``/healthz`` must bring.
    predictors, profiles : mapping of str to str
        Folders of estimators and files of profiles, by the names that requests may use.
    hosts : tuple of str
        Names by which the service may be called; ``*`` for any.
    max_body_mb : float
        Largest body of a table, MB; JSON objects may have a tenth of it, at most 1 MB.
    max_rows : int
        Most rows of a table.
    body_s, answer_s, search_s : float
        Seconds in which a body must have arrived, an answer must be there, a search must end.
    searches, waiting : int
        Searches at the same time in one process, and requests that may wait their turn.
    threads : int
        Predictions at the same time in one process.
    warm : bool
        Whether estimators are loaded, and a search is tried, before the first request.
    """

    token: str | None = None
    predictors: dict[str, str] = field(default_factory=dict)
    profiles: dict[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ("*",)
    max_body_mb: float = 32.0
    max_rows: int = 100_000
    body_s: float = 30.0
    answer_s: float = 60.0
    search_s: float = 120.0
    searches: int = 2
    waiting: int = 1000
    threads: int = 2
    warm: bool = True

    def __post_init__(self) -> None:
        for name in ("max_body_mb", "max_rows", "body_s", "answer_s", "search_s", "searches",
                     "waiting", "threads"):  # fmt: skip
            value = getattr(self, name)
            if not value > 0:
                raise InvalidInput(f"{name} must be above 0; got {value!r}")
        if self.token is not None and len(self.token) < 8:
            raise InvalidInput("a token must have 8 characters or more")
        for kind, named in (("predictor", self.predictors), ("profile", self.profiles)):
            for name, path in named.items():
                if not Path(path).exists():
                    raise InvalidInput(f"{kind} {name}: there is no {path}")

    def to_json(self) -> str:
        """Write them for worker processes."""
        return json.dumps(asdict(self))

    @classmethod
    def from_environment(cls) -> Settings:
        """Read what the parent process settled; the usual settings where there is none."""
        given: dict[str, Any] = json.loads(os.environ.get(VARIABLE, "{}"))
        if "hosts" in given:
            given["hosts"] = tuple(given["hosts"])
        return cls(**given)
