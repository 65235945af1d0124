"""The only reader and writer of artefacts: a folder of native booster files, JSON and a card.

What was measured lies beside them as Parquet tables. ``card.json`` says what the folder holds:
targets, inputs in order, files with their SHA-256, hash of the data, versions, seed, held-out
errors. Nothing is pickled; loading runs no code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from guide_ml.describe.targets import NAMES
from guide_ml.errors import BadArtefact
from guide_ml.physics.design import Coefficients
from guide_ml.physics.inputs import INPUTS
from guide_ml.system import folders
from guide_ml.trees.boosters import BLIND, SUFFIX, Lazy, Member, load_member
from guide_ml.trust.domain import Reference
from guide_ml.trust.domain.measured import Measured
from guide_ml.trust.intervals import Bands
from guide_ml.trust.knowledge import Knowledge

__all__ = ["FORMAT", "Fitted", "default_folder", "load", "save"]

FORMAT = 9
CARD, PHYSICS = "card.json", "physics.json"
SPREAD, BANDS = "spread.lightgbm.txt", "intervals.json"
CASES, MEASURED = "cases.parquet", "measured.parquet"


@dataclass(frozen=True)
class Fitted:
    """A trained set: physics, and for each target its inputs and boosters.

    Parameters
    ----------
    physics : Coefficients
        Calibrated physics.
    inputs : dict of str to list of str
        Inputs of each target's boosters, in order.
    members : dict of str to dict of str to Member
        Boosters by target and kind; their mean is the estimate. Beside each target those for
        devices without measurements of it, its name ending in ``/blind``.
    devices : dict of str to list of str
        Devices that each target was measured on.
    card : dict
        What a reader should know.
    knowledge : Knowledge, optional
        Errors on what was held out and the data they come from; a set without it predicts, but
        cannot say how sure it is.
    """

    physics: Coefficients
    inputs: dict[str, list[str]]
    members: dict[str, dict[str, Member]]
    devices: dict[str, list[str]]
    card: dict[str, Any] = field(default_factory=dict)
    knowledge: Knowledge | None = None


def default_folder() -> Path:
    """Folder of the shipped artefacts: in the wheel, or in the checkout."""
    package = Path(__file__).resolve().parents[1]
    shipped = package / "_models" / "default"
    return shipped if shipped.is_dir() else package.parent / "models" / "default"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _file(target: str, kind: str) -> str:
    return f"{target.replace('/', '.')}.{kind}{SUFFIX[kind]}"


def _write(fitted: Fitted, folder: Path) -> dict[str, Any]:
    """Write every file but the card; return the card with the files in it."""
    text = json.dumps(asdict(fitted.physics), indent=0, sort_keys=True)
    (folder / PHYSICS).write_text(text + "\n", encoding="utf-8")
    hashes = {PHYSICS: _sha256(folder / PHYSICS)}
    targets: dict[str, Any] = {}
    for target, members in fitted.members.items():
        for kind, member in members.items():
            name = _file(target, kind)
            member.save(folder / name)
            hashes[name] = _sha256(folder / name)
        targets[target] = {"inputs": fitted.inputs[target], "members": list(members)}
        if target in fitted.devices:
            targets[target]["devices"] = fitted.devices[target]
    if fitted.knowledge is not None:
        _write_knowledge(fitted.knowledge, folder)
        hashes |= {n: _sha256(folder / n) for n in (SPREAD, BANDS, CASES, MEASURED)}
    return fitted.card | {"format": FORMAT, "targets": targets, "files": hashes}


def _write_knowledge(knowledge: Knowledge, folder: Path) -> None:
    knowledge.bands.spread.save(folder / SPREAD)
    text = json.dumps({"quantiles": dict(knowledge.bands.tables)}, sort_keys=True)
    (folder / BANDS).write_text(text + "\n", encoding="utf-8")
    cases = pd.DataFrame(knowledge.reference.cases)
    cases.to_parquet(folder / CASES, compression="zstd", index=False)
    knowledge.measured.rows.to_parquet(folder / MEASURED, compression="zstd", index=False)


def save(fitted: Fitted, folder: Path, overwrite: bool = False) -> dict[str, Any]:
    """Write a trained set beside its place and move it there, so that no half set is seen.

    Parameters
    ----------
    fitted : Fitted
        The set.
    folder : Path
        Its place; a set that is there is replaced.
    overwrite : bool
        Whether a folder that holds anything else is replaced, too.

    Returns
    -------
    dict
        The card as written; ``artefact_sha256`` covers all files.

    Raises
    ------
    InvalidInput
        If the folder holds what this program did not write, another process writes it, or the
        disk does not take it.
    """
    with folders.fresh(Path(folder), CARD, overwrite) as fresh:
        card = _write(fitted, fresh)
        together = "".join(f"{k}:{v}\n" for k, v in sorted(card["files"].items()))
        card["artefact_sha256"] = hashlib.sha256(together.encode()).hexdigest()
        (fresh / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return card


def load(folder: Path | None = None) -> Fitted:
    """Read a trained set and check it against its card.

    Raises
    ------
    BadArtefact
        If there is no card, it is of another format, or a file is missing or changed.
    """
    where = Path(folder) if folder is not None else default_folder()
    card = _card(where)
    for name, digest in card["files"].items():
        path = where / name
        if Path(name).name != name or not path.is_file() or _sha256(path) != digest:
            raise BadArtefact(
                f"{path} must be the file that {CARD} was written with; it is missing or changed."
                " Train again, or restore the folder"
            )
    members = {
        target: {kind: _member(target, kind, where) for kind in entry["members"]}
        for target, entry in card["targets"].items()
    }
    devices = {t: list(entry.get("devices", [])) for t, entry in card["targets"].items()}
    inputs = {target: list(entry["inputs"]) for target, entry in card["targets"].items()}
    known = _knowledge(where, card["files"])
    return Fitted(_physics(where), inputs, members, devices, card, known)


def _member(target: str, kind: str, where: Path) -> Member:
    """Read a booster; those for unmeasured devices wait until one is asked for."""
    path = where / _file(target, kind)
    return Lazy(kind, path) if target.endswith(BLIND) else load_member(kind, path)


def _knowledge(where: Path, listed: Mapping[str, str]) -> Knowledge | None:
    """Read what intervals and domains need; the measured rows wait until they are asked for."""
    if SPREAD not in listed:
        return None
    tables = _json(where / BANDS).get("quantiles")
    if not isinstance(tables, dict) or "" not in tables:
        raise BadArtefact(f"{where / BANDS} must hold quantiles; train again")
    try:
        table = pd.read_parquet(where / CASES)
    except (OSError, ValueError) as error:
        raise BadArtefact(f"{where / CASES} must be a readable Parquet file: {error}") from error
    cases = {str(k): v.to_numpy(float if v.dtype.kind == "f" else object) for k, v in table.items()}
    bands = Bands(load_member("lightgbm", where / SPREAD), tables)
    return Knowledge(Reference(cases), Measured(where / MEASURED), bands)


def _json(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadArtefact(f"{path} must be a readable JSON file: {error}") from error
    if not isinstance(found, dict):
        raise BadArtefact(f"{path} must hold a JSON object; got {type(found).__name__}")
    return found


def _card(where: Path) -> dict[str, Any]:
    """Read and check the card."""
    if not (where / CARD).is_file():
        raise BadArtefact(
            f"{where} must be a folder of trained estimators with {CARD}; it has none"
        )
    card = dict(_json(where / CARD))
    if card.get("format") != FORMAT:
        raise BadArtefact(
            f"{where / CARD} must be of format {FORMAT}; got {card.get('format')!r}:"
            " it was written by another version of guide-ml; fit it anew (`guide retrain`,"
            " `guide train`)"
        )
    targets, listed = card.get("targets"), card.get("files")
    if not isinstance(targets, dict) or not isinstance(listed, dict) or set(targets) < set(NAMES):
        raise BadArtefact(f"{where / CARD} must name the targets {', '.join(NAMES)} and files")
    for target, entry in targets.items():
        unknown = sorted(set(entry.get("inputs", ["?"])) - set(INPUTS))
        if unknown or not entry.get("members"):
            raise BadArtefact(
                f"{where / CARD}: {target} asks for inputs that this version does not compute:"
                f" {', '.join(unknown) or 'none named'}"
            )
    return card


def _physics(where: Path) -> Coefficients:
    found = _json(where / PHYSICS)
    try:
        return Coefficients(found["constants"], found["slopes"], found["corrections"])
    except KeyError as error:
        raise BadArtefact(f"{where / PHYSICS} lacks {error}") from error
