"""The five questions, answered and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guide_ml.errors import InvalidInput, UnknownName
from guide_ml.planning.presets import lookup, presets, suggested

__all__ = ["DEFAULTS", "WHERE", "Questions"]

WHERE = ("rent", "own")
#: What is taken where nothing was said.
DEFAULTS: dict[str, Any] = {"people": 50.0, "documents": 10_000.0, "hours": 8.0,
                            "input_len": 1000.0, "output_len": 300.0}  # fmt: skip
MOST_PEOPLE, MOST_AT_ONCE = 10_000_000.0, 100_000.0
_NUMBERS = ("people", "at_once", "documents", "hours", "budget", "input_len", "output_len",
            "power_usd_kwh")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Questions:
    """Answers to the five questions; what is left out gets what is usual.

    Parameters
    ----------
    use : {"chat", "documents", "coding", "summarise", "other"}
        What it is for. It settles how long questions and answers are.
    input_len, output_len : float, optional
        Tokens of a question and of its answer, where the usual ones are not right.
    people : float, optional
        How many people use it.
    busy : {"quiet", "usual", "busy", "constant"}
        How heavily.
    at_once : float, optional
        How many of them wait for an answer at the same moment, where the usual share is not right.
    documents, hours : float, optional
        Size of a pile, and the hours in which it must be done.
    feel : {"patient", "relaxed", "brisk", "instant"}
        How fast it must feel.
    model : str or dict, optional
        Name of a model, or the content of its ``config.json``.
    where : {"rent", "own"}
        Whether machines are rented or one's own is asked about.
    budget : float, optional
        Most USD a month; of a pile, most USD an hour times 730.
    countries : tuple of str
        Where rented machines must stand.
    hardware : str, optional
        Device of one's own machine.
    num_devices : int
        How many of them it has.
    power_usd_kwh : float, optional
        What energy costs one's own machine.

    Examples
    --------
    >>> Questions(people=200).in_flight
    8.0
    """

    use: str = "chat"
    input_len: float | None = None
    output_len: float | None = None
    people: float | None = None
    busy: str = "usual"
    at_once: float | None = None
    documents: float | None = None
    hours: float | None = None
    feel: str = "brisk"
    model: Any = None
    where: str = "rent"
    budget: float | None = None
    countries: tuple[str, ...] = ()
    hardware: str | None = None
    num_devices: int = 1
    power_usd_kwh: float | None = None

    def __post_init__(self) -> None:
        for kind, name in (("uses", self.use), ("busy", self.busy), ("feel", self.feel)):
            lookup(kind, name)
        if self.where not in WHERE:
            raise UnknownName("place to run it", str(self.where), WHERE)
        for name in _NUMBERS:
            _require_number(name, getattr(self, name))
        if self.output_len is not None and self.output_len < 2:
            raise InvalidInput("output_len must be 2 tokens or more: a single one is no answer to"
                               f" read; got {self.output_len:g}")  # fmt: skip
        _require_most("people", self.people, MOST_PEOPLE)
        _require_most("at_once", self.at_once, MOST_AT_ONCE)
        if isinstance(self.countries, str):
            raise InvalidInput(f"countries must be a list of names; got {self.countries!r}")
        object.__setattr__(self, "countries", tuple(self.countries))
        for place in self.countries:
            if place not in presets()["places"]:
                raise UnknownName("country", str(place), presets()["places"])
        self._require_machine()
        if self.at_once and self.people and self.at_once > self.people:
            raise InvalidInput(f"at_once must be {self.people:g} or less, as many people as there"
                               f" are; got {self.at_once:g}")  # fmt: skip

    def _require_machine(self) -> None:
        whole = isinstance(self.num_devices, int) and not isinstance(self.num_devices, bool)
        if not whole or not 1 <= self.num_devices <= 1024:
            raise InvalidInput("num_devices must be a whole number from 1 to 1024;"
                               f" got {self.num_devices!r}")  # fmt: skip
        if self.where == "own" and not self.hardware:
            raise InvalidInput("say what machine you have: hardware must name its GPU, such as"
                               " rtx-4090; `guide list hardware` shows all")  # fmt: skip
        if self.where == "rent" and self.hardware:
            raise InvalidInput("hardware is the device of a machine of your own: choose where"
                               " 'own', or leave hardware out")  # fmt: skip

    @property
    def pile(self) -> bool:
        """Whether a pile is worked off rather than people served."""
        return bool(lookup("uses", self.use).get("pile"))

    @property
    def lengths(self) -> tuple[float, float]:
        """Tokens of a question and of its answer."""
        use = lookup("uses", self.use)
        usual = tuple(use.get(k, DEFAULTS[k]) for k in ("input_len", "output_len"))
        return float(self.input_len or usual[0]), float(self.output_len or usual[1])

    @property
    def crowd(self) -> float:
        """How many people."""
        return self.people or max(DEFAULTS["people"], self.at_once or 0.0)

    @property
    def busy_share(self) -> float:
        """Share of the people whose requests are in flight at the busiest time."""
        return self.at_once / self.crowd if self.at_once else float(
            lookup("busy", self.busy)["share"])  # fmt: skip

    @property
    def in_flight(self) -> float:
        """How many requests are in flight at the busiest time: at least one."""
        return self.at_once or float(max(1, math.ceil(self.crowd * self.busy_share - 1e-9)))

    @property
    def pile_documents(self) -> float:
        """How many documents a pile has."""
        return self.documents or float(DEFAULTS["documents"])

    @property
    def pile_hours(self) -> float:
        """In how many hours a pile must be done."""
        return self.hours or float(DEFAULTS["hours"])

    @property
    def llm(self) -> Any:
        """The model that is asked about."""
        return suggested(self.use) if self.model in (None, "") else self.model

    @property
    def llm_name(self) -> str:
        """What the model is called."""
        if isinstance(self.llm, Mapping):
            return str(self.llm.get("_name_or_path") or "your own model")
        return str(getattr(self.llm, "model", self.llm))


def _require_number(name: str, value: Any) -> None:
    if value is None:
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        raise InvalidInput(f"{name} must be a number above 0; got {value!r}")


def _require_most(name: str, value: float | None, most: float) -> None:
    if value is not None and value > most:
        raise InvalidInput(f"{name} must be {most:,.0f} at most; got {value:,.0f}")
