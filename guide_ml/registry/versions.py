"""Registered estimators: versions, the champion among them, and their files.

The champion is an alias of the registered model, so moving it is one transaction of the store:
readers see the old one or the new one. Each version remembers whom it followed, for rollback.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from guide_ml.errors import BadStore, GuideError, InvalidInput
from guide_ml.registry.kept import fetched
from guide_ml.registry.store import client, database, fluent, lock, resolve_uri

__all__ = ["CHAMPION", "ESTIMATORS", "MODEL", "Registry", "Version", "download", "pinned"]

MODEL, CHAMPION = "guide", "champion"
ESTIMATORS = "estimators"  # folder of native files inside the registered model
FOLLOWED, FORCED, VERDICT = "guide.followed", "guide.forced", "guide.verdict"
ROLLED_BACK = "guide.rolled_back"
PASSED = ("first", "promoted")  # verdicts with which a version may become champion


@dataclass(frozen=True)
class Version:
    """One registered set of estimators.

    Parameters
    ----------
    version : str
        Number in the registry.
    champion : bool
        Whether the alias points to it.
    run_id : str
        Run that made it.
    verdict : str
        What the gate said: first, promoted, rejected.
    rows, data : str
        Rows that it was trained on, and the start of their hash.
    made : str
        When, UTC.
    followed : str
        Champion before it; blank if it never was one.
    forced : str
        Reason for which the gate was overruled; blank if it was not.
    rolled_back : str
        When it was rolled back, UTC; blank if it never was.
    """

    version: str
    champion: bool
    run_id: str
    verdict: str
    rows: str
    data: str
    made: str
    followed: str
    forced: str
    rolled_back: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


class Registry:
    """The registered model `guide` of one store.

    Parameters
    ----------
    uri : str, optional
        Tracking URI; that of :func:`guide_ml.registry.store.resolve_uri` by default.
    make : bool
        Whether a local store that is not there is made.
    """

    def __init__(self, uri: str | None = None, make: bool = True) -> None:
        self.uri = resolve_uri(uri)
        self.client = client(self.uri, make)

    def locked(self) -> AbstractContextManager[None]:
        """Hold the store's lock while the champion is judged or moved."""
        return lock(self.uri)

    def versions(self) -> list[Version]:
        """List all versions, newest first."""
        found = self.client.search_model_versions(f"name='{MODEL}'")
        champion = self._champion_number()
        listed = [self._version(v, champion) for v in found]
        return sorted(listed, key=lambda v: -int(v.version))

    def champion(self) -> Version | None:
        """Return the champion; none if there is none yet."""
        number = self._champion_number()
        return self.get(number) if number else None

    def get(self, version: str) -> Version:
        """Return one version by its number, or the champion by its alias.

        Raises
        ------
        BadStore
            If there is no such version.
        """
        listed = {v.version: v for v in self.versions()}
        champion = next((v.version for v in listed.values() if v.champion), "")
        number = champion if version == CHAMPION else str(version)
        if number not in listed:
            known = ", ".join(sorted(listed, key=int)) or "none; `guide retrain` makes one"
            raise BadStore(f"no version {version!r} of {MODEL} in {self.uri}; there are: {known}")
        return listed[number]

    def register(self, source: str, run_id: str, model_id: str | None, tags: dict[str, str]) -> str:
        """Add a version, whole with its tags, and return its number."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(
                MODEL, description="Estimators of LLM inference performance (guide-ml)."
            )
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        with fluent(self.uri):  # a local registry looks the source up in the store in force
            made = self.client.create_model_version(
                MODEL, source, run_id, tags=tags, model_id=model_id
            )
        return str(made.version)

    def crown(self, version: str, forced: str = "") -> None:
        """Make a version the champion; the last step, done or not done."""
        before = self._champion_number()
        if before == version:
            return
        for key, value in ((FOLLOWED, before), (FORCED, forced)):
            if value:
                self.client.set_model_version_tag(MODEL, version, key, value)
        self.client.set_registered_model_alias(MODEL, CHAMPION, version)

    def promote(self, version: str, force: str = "") -> Version:
        """Make a version the champion if its gate let it pass, or for a reason given.

        Raises
        ------
        BadStore
            If there is no such version.
        InvalidInput
            If the gate rejected it and no reason is given.
        """
        with self.locked():
            found = self.get(version)
            if found.verdict not in PASSED and not force:
                raise InvalidInput(
                    f"version {found.version} must have passed the gate to become champion; its"
                    f" verdict is {found.verdict or 'missing'!r}. `--force REASON` overrules it"
                    " and logs the reason"
                )
            self.crown(found.version, force)
            return self.get(found.version)

    def rollback(self) -> Version:
        """Make the champion's predecessor champion again.

        Raises
        ------
        BadStore
            If there is no champion, or none before it.
        """
        with self.locked():
            now = self.champion()
            if now is None:
                raise BadStore(f"there is no champion in {self.uri} to roll back from")
            if not now.followed:
                raise BadStore(
                    f"version {now.version} is the first champion: there is none before it."
                    " `guide models promote VERSION` chooses another"
                )
            stamp = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
            self.client.set_model_version_tag(MODEL, now.version, ROLLED_BACK, stamp)
            # The alias alone moves: whom the old champion followed stays what it was.
            self.client.set_registered_model_alias(MODEL, CHAMPION, now.followed)
            return self.get(now.followed)

    def _champion_number(self) -> str:
        from mlflow.exceptions import MlflowException

        try:
            aliases = self.client.get_registered_model(MODEL).aliases
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return ""
        return str(aliases.get(CHAMPION, ""))

    def _version(self, found: Any, champion: str) -> Version:
        tags = found.tags
        made = time.strftime("%Y-%m-%d %H:%M", time.gmtime(found.creation_timestamp / 1000))
        return Version(
            version=str(found.version), champion=str(found.version) == champion,
            run_id=found.run_id or "", verdict=tags.get(VERDICT, ""),
            rows=tags.get("guide.rows", ""), data=tags.get("guide.data", "")[:12], made=made,
            followed=tags.get(FOLLOWED, ""), forced=tags.get(FORCED, ""),
            rolled_back=tags.get(ROLLED_BACK, ""),
        )  # fmt: skip


def download(model_uri: str, tracking_uri: str | None = None) -> Path:
    """Fetch the native files of a model from a store; no code of the model is run.

    Parameters
    ----------
    model_uri : str
        Any MLflow model URI: ``models:/guide@champion``, ``models:/guide/3``,
        ``runs:/RUN/estimators-model``.
    tracking_uri : str, optional
        Store; that of :func:`guide_ml.registry.store.resolve_uri` by default.

    Returns
    -------
    Path
        Folder that :meth:`guide_ml.Predictor.load` reads. For a local store its own folder, for a
        server a copy that is kept under its hash, so that it is fetched once.

    Raises
    ------
    BadStore
        If the store or the model is not there.
    """
    uri = resolve_uri(tracking_uri)
    client(uri, make=False)
    where = f"{model_uri.rstrip('/')}/artifacts/{ESTIMATORS}"
    with fluent(uri) as module:
        def fetch(part: str, folder: str | None = None) -> Path:
            found = module.artifacts.download_artifacts(artifact_uri=f"{where}{part}",
                                                        dst_path=folder)  # fmt: skip
            return Path(found)

        try:
            if database(uri):
                return fetch("")
            return fetched(fetch)
        except GuideError:
            raise
        except Exception as error:  # every backend raises its own kinds; all mean the same here
            raise BadStore(
                f"no estimators at {model_uri} in {uri}: {_first(error)}. `guide models list` shows"
                " what is registered (models:/guide/3 is version 3), `guide retrain` adds to it"
            ) from error


def pinned(model_uri: str, tracking_uri: str | None = None) -> str:
    """Name the version that an alias points to now; anything else stays as it is.

    Raises
    ------
    BadStore
        If there is no such store or alias.
    """
    name, at, alias = model_uri.removeprefix("models:/").partition("@")
    if not at or not model_uri.startswith("models:/"):
        return model_uri
    uri = resolve_uri(tracking_uri)
    found = client(uri, make=False)
    try:
        version = found.get_model_version_by_alias(name, alias).version
    except Exception as error:  # every backend raises its own kinds; all mean the same here
        raise BadStore(f"no model {model_uri} in {uri}: {_first(error)}") from error
    return f"models:/{name}/{version}"


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
