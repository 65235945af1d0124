"""The only reader and writer of artefacts: a folder of native booster files, JSON and a card.

What was measured lies beside them as Parquet tables. ``card.json`` says what the folder holds:
targets, inputs in order, files with their SHA-256, hash of the data, versions, seed, held-out
errors. Nothing is pickled; loading runs no code.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from guide_ml.describe.targets import NAMES
from guide_ml.estimators.contents import CARD, FORMAT, Contents, together
from guide_ml.physics.design import Coefficients
from guide_ml.physics.stored import coefficients
from guide_ml.system import folders
from guide_ml.system.lazily import pandas as pd
from guide_ml.trees.arrays import arrays_of
from guide_ml.trees.boosters import BLIND, KINDS, SUFFIX, Lazy, Member, read_member
from guide_ml.trust import stored
from guide_ml.trust.intervals import INPUTS as SPREAD_INPUTS
from guide_ml.trust.intervals import Bands
from guide_ml.trust.knowledge import Knowledge

__all__ = ["FORMAT", "Fitted", "default_folder", "load", "save"]

PHYSICS = "physics.json"
SPREAD, BANDS = "spread.lightgbm.txt", "intervals.json"
CASES, MEASURED = "cases.parquet", "measured.parquet"
ARRAYS = ".npz"
"""Ends the name of a booster's trees as arrays, beside the booster they were made from."""


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
            # One prediction of a device that was measured is what most ask first.
            plain = not target.endswith(BLIND)
            if plain and (arrays := arrays_of(member)) is not None:
                (folder / f"{name}{ARRAYS}").write_bytes(arrays)
                hashes[f"{name}{ARRAYS}"] = _sha256(folder / f"{name}{ARRAYS}")
        targets[target] = {"inputs": fitted.inputs[target], "members": list(members)}
        if target in fitted.devices:
            targets[target]["devices"] = fitted.devices[target]
    # What was never measured says so: calibrated physics alone answers for it.
    targets |= {t: {"inputs": [], "members": []} for t in NAMES if t not in targets}
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
    # Read rarely, shipped always: the size counts.
    knowledge.measured.rows.to_parquet(folder / MEASURED, compression="zstd", index=False,
                                       compression_level=19)  # fmt: skip


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
        card["artefact_sha256"] = together(card["files"])
        (fresh / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return card


def load(folder: Path | None = None) -> Fitted:
    """Read a trained set and check it: its files against its card, then what they hold.

    Everything is read at once, so that what happens to the folder later changes nothing, and
    boosters are checked right away. Those of the shipped set are read, compared with the card and
    checked when one is first asked, and predict by their arrays.

    Raises
    ------
    BadArtefact
        If there is no card, it is of another format, a file is missing or changed, or one does
        not hold what it should.
    """
    where = Path(folder) if folder is not None else default_folder()
    held = Contents.read(where, {SUFFIX[k] for k in KINDS} | {ARRAYS} if folder is None else ())
    targets = held.card["targets"]
    members = {
        target: {kind: _member(held, target, kind, len(entry["inputs"]), shipped=folder is None)
                 for kind in entry["members"]}
        for target, entry in targets.items() if entry["members"]
    }  # fmt: skip
    known = _knowledge(held)
    physics = coefficients(held.json(PHYSICS), str(where / PHYSICS))
    if folder is not None:
        for member in (m for by_kind in members.values() for m in by_kind.values()):
            member.check()
    held.check_whole()
    devices = {target: list(entry.get("devices", [])) for target, entry in targets.items()}
    inputs = {target: list(targets[target]["inputs"]) for target in members}
    named: dict[str, dict[str, Member]] = {t: {**own} for t, own in members.items()}
    return Fitted(physics, inputs, named, devices, held.card, known)


def _member(held: Contents, target: str, kind: str, inputs: int, shipped: bool) -> Lazy:
    """Make a booster that is read when it is asked; a set of one's own predicts by its text."""
    name = _file(target, kind)
    if not shipped:
        return Lazy(kind, name, held.bytes(name), inputs)
    arrays = f"{name}{ARRAYS}"
    listed = arrays in held.card["files"]
    return Lazy(kind, name, partial(held.bytes, name), inputs,
                partial(held.bytes, arrays) if listed else None)  # fmt: skip


def _knowledge(held: Contents) -> Knowledge | None:
    """Read what intervals and domains need; the measured rows wait until they are asked for."""
    if SPREAD not in held.card["files"]:
        return None
    spread = read_member("lightgbm", SPREAD, held.bytes(SPREAD), len(SPREAD_INPUTS))
    cases = stored.reference(held.bytes(CASES), str(held.where / CASES))
    rows = stored.measured(held.bytes(MEASURED), str(held.where / MEASURED),
                           len(cases.cases["rows"]))  # fmt: skip
    tables = stored.quantiles(held.json(BANDS), str(held.where / BANDS))
    return Knowledge(cases, rows, Bands(spread, tables))
