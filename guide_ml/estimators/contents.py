"""What a folder of artefacts holds, read once and checked against its card.

Files are read as bytes, compared with the card's hashes, and everything after that is made of
these bytes: a folder that is replaced meanwhile, or later, changes nothing. What is not listed
is not read. Of the shipped set, which nobody replaces while it predicts, large files wait until
they are asked for; they are compared then.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guide_ml.describe.targets import NAMES
from guide_ml.errors import BadArtefact
from guide_ml.physics.inputs import INPUTS
from guide_ml.trees.boosters import BLIND, KINDS

__all__ = ["CARD", "FORMAT", "Contents", "together"]

FORMAT = 9
CARD = "card.json"
#: Bytes that a card, and any other file, may have: many times what the largest ever had.
MOST_CARD, MOST = 1 << 24, 1 << 30

_TARGETS = {*NAMES, *(f"{name}{BLIND}" for name in NAMES)}
#: Facts that are used by name, and must be text where the card has them.
_TEXTS = ("guide_ml", "data_sha256", "artefact_sha256")


@dataclass(frozen=True)
class Contents:
    """A card and the files that it lists.

    Parameters
    ----------
    where : Path
        The folder, to speak of.
    card : dict
        What ``card.json`` says, checked.
    files : dict of str to bytes
        What the listed files hold that were read already.
    """

    where: Path
    card: dict[str, Any]
    files: Mapping[str, bytes]

    @classmethod
    def read(cls, where: Path, later: Collection[str] = ()) -> Contents:
        """Read a folder.

        Parameters
        ----------
        where : Path
            The folder.
        later : collection of str
            Endings of the files that are read and compared with the card when they are asked for.

        Raises
        ------
        BadArtefact
            If there is no card, it is of another format, or a file is missing or changed.
        """
        path = where / CARD
        try:
            has = path.is_file()
        except (OSError, ValueError) as error:
            raise BadArtefact(f"{str(where)!r:.200} must be a folder: {error}") from error
        if not has:
            raise BadArtefact(
                f"{where} must be a folder of trained estimators with {CARD}; it has none"
            )
        card = _card(path, _object(path, _bytes(path, MOST_CARD)))
        return cls(where, card, {name: _file(where, name, digest)
                                 for name, digest in card["files"].items()
                                 if Path(name).suffix not in later})  # fmt: skip

    def bytes(self, name: str) -> bytes:
        """Return what a listed file holds."""
        if name in self.files:
            return self.files[name]
        if name not in self.card["files"]:
            raise BadArtefact(
                f"{self.where / CARD} must list {name} with its hash; it does not. Train again,"
                " or restore the folder"
            )
        return _file(self.where, name, self.card["files"][name])

    def json(self, name: str) -> dict[str, Any]:
        """Return the JSON object that a listed file holds."""
        return _object(self.where / name, self.bytes(name))

    def check_whole(self) -> None:
        """Check the hash of all files together, where the card has one.

        Raises
        ------
        BadArtefact
            If it is of other files.
        """
        told = self.card.get("artefact_sha256")
        if told is not None and told != together(self.card["files"]):
            raise BadArtefact(
                f"{self.where / CARD}: artefact_sha256 must be the hash of its files; it is of"
                " others. Train again, or restore the folder"
            )


def together(files: Mapping[str, str]) -> str:
    """Hash the hashes of all files."""
    lines = "".join(f"{name}:{digest}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()


def _bytes(path: Path, most: int) -> bytes:
    """Read a file, but no larger one than such a file can be."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise BadArtefact(f"{path} must be a readable file: {error}") from error
    if len(data) > most:
        raise BadArtefact(f"{path} must have {most:,} bytes at most; it has more")
    return data


def _object(path: Path, data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # bad letters, bad JSON, a number without end
        raise BadArtefact(f"{path} must be a readable JSON file: {error!s:.200}") from error
    if not isinstance(found, dict):
        raise BadArtefact(f"{path} must hold a JSON object; got {type(found).__name__}")
    return found


def _file(where: Path, name: str, digest: str) -> bytes:
    """Read a listed file of the folder itself and compare its hash."""
    path = where / name
    try:
        plain = Path(name).name == name and path.is_file()
    except (OSError, ValueError):  # too long, or no name at all
        plain = False
    data = _bytes(path, MOST) if plain else b""
    if not plain or hashlib.sha256(data).hexdigest() != digest:
        raise BadArtefact(
            f"{str(path)[:300]} must be the file that {CARD} was written with; it is missing or"
            " changed. Train again, or restore the folder"
        )
    return data


def _card(path: Path, card: dict[str, Any]) -> dict[str, Any]:
    """Check what the card says of targets, inputs, members and files."""
    format_ = card.get("format")
    if format_ != FORMAT or type(format_) is not int:
        raise BadArtefact(
            f"{path} must be of format {FORMAT}; got {format_!r:.80}:"
            " it was written by another version of guide-ml; fit it anew (`guide retrain`,"
            " `guide train`)"
        )
    targets, listed = card.get("targets"), card.get("files")
    if not isinstance(targets, dict) or not isinstance(listed, dict) or targets.keys() < {*NAMES}:
        raise BadArtefact(f"{path} must name the targets {', '.join(NAMES)} and files")
    if missing := [*({*NAMES} - targets.keys()), *(targets.keys() - _TARGETS)]:
        raise BadArtefact(f"{path} must name the targets {', '.join(NAMES)}, each perhaps with"
                          f" {BLIND}; see {sorted(missing)[0]!r:.80}")  # fmt: skip
    for name, digest in listed.items():
        if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
            raise BadArtefact(f"{path} must give the SHA-256 of each file; of {name!r:.80} it"
                              f" says {digest!r:.80}")  # fmt: skip
    for name in _TEXTS:
        if not isinstance(card.get(name, ""), str):
            raise BadArtefact(f"{path}: {name} must be text; got {card[name]!r:.80}")
    for target, entry in targets.items():
        _target(f"{path}: {target}", entry)
    return card


def _target(where: str, entry: Any) -> None:
    """Check what the card says of one target."""
    if not isinstance(entry, dict):
        raise BadArtefact(f"{where} must have inputs and members; got {type(entry).__name__}")
    inputs, members = entry.get("inputs", ["?"]), entry.get("members")
    for name, texts in (("inputs", inputs), ("members", members),
                        ("devices", entry.get("devices", []))):  # fmt: skip
        if not isinstance(texts, list) or not all(isinstance(x, str) for x in texts):
            raise BadArtefact(f"{where} must have {name}, a list of names")
        if len(set(texts)) != len(texts):
            raise BadArtefact(f"{where} must name each of its {name} once")
    if unknown := sorted(set(inputs) - set(INPUTS)):
        raise BadArtefact(f"{where} asks for inputs that this version does not compute:"
                          f" {', '.join(unknown)[:300]}")  # fmt: skip
    if "inputs" in entry and not inputs and not members and not entry.get("devices"):
        return  # nothing was measured of it
    if not inputs or not members or (odd := sorted(set(members) - set(KINDS))):
        told = f"; got {', '.join(odd)[:200]}" if inputs and members else ""
        raise BadArtefact(f"{where} must have inputs and members of kind {', '.join(KINDS)}{told}")
