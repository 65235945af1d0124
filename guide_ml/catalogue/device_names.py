"""From what people and machines call a device to a slug of the catalogue.

A name fits a device if the words that tell the chip are the same, and nothing else that it says
(maker, series, memory, cores, form of the board) speaks against it. Nothing is guessed by likeness.
Several that fit: the one that ``preferred.csv`` calls the most common stands in, and the answer
says so; else the caller is asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from guide_ml.catalogue.device_words import ARCHITECTURES, MAKERS, SERIES, DeviceName, device_name
from guide_ml.describe.hardware import Hardware

__all__ = ["Devices", "Fit"]

#: Memory as labels round it: 141 GB are sold as 141, 94 as 94; 80 is never 81.
NEAR_GB = 0.005
_NO_NAME = re.compile(r"[\[\]{}<>=]")


@dataclass(frozen=True)
class Fit:
    """What a name came to.

    Parameters
    ----------
    slugs : tuple of str
        The device; several where the name leaves open which is meant; none where it fits no one.
    others : tuple of str
        Devices that the name fits too, where the most common one stands in.
    """

    slugs: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass
class Devices:
    """Every device under every name that it has.

    Parameters
    ----------
    table : mapping of str to Hardware
        By slug.
    aliases : mapping of str to str
        Other names of the slugs.
    preferred : sequence of str
        Slugs that stand in for a name that others share; the first that fits counts.
    """

    table: Mapping[str, Hardware]
    aliases: Mapping[str, str]
    preferred: Sequence[str] = ()
    _by_key: dict[str, dict[str, list[DeviceName]]] = field(init=False, repr=False)
    _own: dict[str, frozenset[str]] = field(init=False, repr=False)
    _sizes: dict[str, set[float]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._by_key, self._sizes = {}, {s: {h.memory_gb} for s, h in self.table.items()}
        own: dict[str, set[str]] = {slug: set() for slug in self.table}
        for text, slug in (*((s, s) for s in self.table), *self.aliases.items()):
            name = device_name(text)
            own[slug] |= name.said
            if name.memory_gb:
                self._sizes[slug].add(name.memory_gb)
            for key in dict.fromkeys(name.keys):
                self._by_key.setdefault(key, {}).setdefault(slug, []).append(name)
        self._own = {slug: frozenset(words) for slug, words in own.items()}

    def find(self, text: str) -> Fit:
        """Find the device that a name means."""
        # A name has words; a list or a record of one, as text, is none.
        name = device_name("" if _NO_NAME.search(text) else text)
        for key in name.keys if name.chip else ():
            named = {slug: names for slug, names in self._by_key.get(key, {}).items()
                     if self._may_be_called(slug, name)}  # fmt: skip
            named = {slug: named[slug] for slug in self._kind(list(named), name)}
            settled = [s for s, names in named.items() if any(_same(name, n) for n in names)]
            if len(best := self._closest(settled, name)) == 1:
                return Fit(best)
            fits = self._closest([s for s in named if self._suits(s, name)], name)
            if fits:
                return self._one_of(self._counting(fits, name))
        return Fit()

    def _one_of(self, fits: tuple[str, ...]) -> Fit:
        """Let the most common stand in for all that fit."""
        first = [slug for slug in self.preferred if slug in fits]
        if len(fits) == 1 or not first:
            return Fit(fits)
        return Fit((first[0],), tuple(slug for slug in fits if slug != first[0]))

    def _may_be_called(self, slug: str, name: DeviceName) -> bool:
        """Whether maker, series and generation that the name says are the device's."""
        device = self.table[slug]
        may = self._own[slug] | {device.vendor, *device.architecture.split("-")}
        may |= MAKERS.get(device.vendor, frozenset())
        if "threadripper" in slug:
            may = may | {"ryzen"}
        return name.said <= may

    def _kind(self, slugs: list[str], name: DeviceName) -> list[str]:
        """Keep the CPUs where the name says that it is one, else what is not listed as a part."""
        if name.cpu:
            kept = [s for s in slugs if self.table[s].interconnect == "socket"]
        else:
            kept = [s for s in slugs if "cpu" not in s.split("-")]
        return kept or slugs

    def _suits(self, slug: str, name: DeviceName) -> bool:
        """Whether memory and form that the name tells are the device's."""
        device, size, words = self.table[slug], name.memory_gb, slug.split("-")
        if size is not None:
            equal = any(abs(gb / size - 1) <= NEAR_GB for gb in self._sizes[slug])
            if not equal and not (device.memory_kind == "shared" and size < device.memory_gb):
                return False
        if not name.form:
            return True
        if {"sxm", "pcie"} & set(words):
            return name.form in words
        return device.interconnect.startswith("pcie" if name.form == "pcie" else "nvlink")

    def _counting(self, fits: tuple[str, ...], name: DeviceName) -> tuple[str, ...]:
        """Keep the devices with so many cores, where the name tells them of a GPU."""
        if name.cores is None:
            return fits
        counted = tuple(s for s in fits if f"{name.cores}c" in s.split("-"))
        told = any(s.split("-")[-1][:-1].isdigit() and s.endswith("c") for s in fits)
        return counted if counted or (told and name.sure) else fits

    def _closest(self, slugs: list[str], name: DeviceName) -> tuple[str, ...]:
        """Keep those with the most of the words that may be left out: a Quadro for a Quadro."""
        shared = {slug: len(self._own[slug] & name.said) for slug in slugs}
        most = max(shared.values(), default=0)
        return tuple(slug for slug in slugs if shared[slug] == most)


def _same(asked: DeviceName, listed: DeviceName) -> bool:
    """Whether a listed name differs in nothing but the maker: what it means is settled."""
    telling = listed.said & (SERIES | ARCHITECTURES)
    return telling <= asked.said and (
        (asked.memory_gb, asked.form) == (listed.memory_gb, listed.form)
        and asked.cores == listed.cores
    )
