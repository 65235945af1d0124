"""Where trained sets and their runs are tracked: an MLflow store, opened and locked.

A local store (``sqlite:///file.db``) is made whole or not at all: its tables are laid out in a
file beside it that is moved into place. What must not happen twice at once (judging a challenger
and moving the champion) holds a lock that the system frees when its process dies.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from guide_ml.errors import BadStore, InvalidInput
from guide_ml.system.private import cache, scratch

__all__ = ["DEFAULT_URI", "artifact_root", "client", "database", "fluent", "lock", "mlflow",
           "quiet", "resolve_uri"]  # fmt: skip

DEFAULT_URI = "sqlite:///mlflow.db"
SQLITE = "sqlite:///"
TIMEOUT_S = 1800.0  # for a lock: another retraining may judge and register meanwhile
REACH_S = 15.0  # for a server to say that it is there


def mlflow() -> ModuleType:
    """Import MLflow, without its telemetry and without what it warns of itself."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # --json is there
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow
        import mlflow.data
        import mlflow.pyfunc

    return mlflow


def resolve_uri(uri: str | None = None) -> str:
    """Return the tracking URI in force: as given, as ``MLFLOW_TRACKING_URI`` says, or local.

    Examples
    --------
    >>> resolve_uri("http://127.0.0.1:5000")
    'http://127.0.0.1:5000'
    """
    found = uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    path = database(found)
    return f"{SQLITE}{path.as_posix()}" if path else found


def database(uri: str) -> Path | None:
    """Return the file of a local SQLite store; none if the store is another."""
    if not uri.startswith(SQLITE) or uri == SQLITE:
        return None
    return Path(uri.removeprefix(SQLITE)).expanduser().resolve()


def artifact_root(uri: str) -> str | None:
    """Return the folder of a local store's artefacts, beside its file; a server knows its own."""
    path = database(uri)
    return (path.parent / "mlruns").as_uri() if path else None


@contextmanager
def lock(uri: str, timeout_s: float = TIMEOUT_S) -> Iterator[None]:
    """Hold the only lock of a store on this machine; freed also if the process is killed.

    Parameters
    ----------
    uri : str
        Tracking URI. A local store is locked beside its file, so also for other machines that
        share the folder; a server by its address, for processes of this machine.
    timeout_s : float
        How long to wait for another holder.

    Raises
    ------
    BadStore
        If it stays taken.
    """
    path = database(uri)
    digest = hashlib.sha256(uri.encode()).hexdigest()[:16]
    try:
        file = (path.with_name(f".{path.name}.lock") if path
                else cache("locks") / f"{digest}.lock")  # fmt: skip
        file.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError, InvalidInput) as error:  # no home, or somebody else's folder
        raise BadStore(f"the store {uri} cannot be locked: {error}") from error
    # SQLite's own file lock is in the standard library, works on every system, and dies with us.
    held = sqlite3.connect(file, timeout=timeout_s, isolation_level=None)
    try:
        try:
            held.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise BadStore(
                f"the store {uri} must be free for a moment; another process has held {file}"
                f" for {timeout_s:.0f} s ({error}). Wait for it to end, or end it"
            ) from error
        yield
    finally:
        held.close()


def client(uri: str, make: bool = True) -> Any:
    """Open a store; return its MLflow client.

    Parameters
    ----------
    uri : str
        Tracking URI.
    make : bool
        Whether a local store that is not there is laid out first.

    Raises
    ------
    BadStore
        If it is not there, cannot be reached, or is of another MLflow version.
    """
    path = database(uri)
    if path and not make and not path.exists():
        raise BadStore(
            f"there is no tracking store at {path} yet: `guide retrain` makes one;"
            " --tracking-uri or MLFLOW_TRACKING_URI name another"
        )
    module = mlflow()
    _reach(uri)
    if path and not path.exists():
        with lock(uri):
            if not path.exists():
                _create(path)
    registry = os.environ.get("MLFLOW_REGISTRY_URI") or uri
    with quiet():
        try:
            found = module.MlflowClient(uri, registry_uri=registry)
            found.search_experiments(max_results=1)
        except Exception as error:  # every backend raises its own kinds; all mean the same here
            raise _unusable(uri, error) from error
    return found


def _create(path: Path) -> None:
    """Lay a store out beside its place and move it there: a kill leaves none, not half of one."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    with suppress(FileNotFoundError):
        fresh.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    # A process of its own: nothing holds the file when it is moved. It is isolated, in a folder
    # that nobody else can put a module into.
    with scratch("store") as place:
        done = subprocess.run([sys.executable, "-I", "-c", _LAY_OUT, _home_of("mlflow"),
                               f"{SQLITE}{fresh}"], text=True, capture_output=True, cwd=place,
                              check=False)  # fmt: skip
    if done.returncode:
        fresh.unlink(missing_ok=True)
        raise BadStore(f"a tracking store cannot be made at {path}: {done.stderr.strip()[-300:]}")
    os.replace(fresh, path)


#: An isolated Python knows no folders of PYTHONPATH, so it is told where MLflow lies.
_LAY_OUT = ("import sys; sys.path.append(sys.argv[1]); import mlflow;"
            " mlflow.MlflowClient(sys.argv[2]).search_experiments()")


def _home_of(package: str) -> str:
    found = find_spec(package)
    return str(Path(found.origin).parents[1]) if found and found.origin else ""


def _reach(uri: str) -> None:
    """Say at once that a server is not there; MLflow would try for minutes."""
    if uri.startswith(("http://", "https://")):
        try:
            urllib.request.urlopen(_health(uri), timeout=REACH_S).close()
        except urllib.error.HTTPError:
            return  # it answers, be it with a refusal
        except (OSError, ValueError) as error:
            raise _unusable(uri, error) from error


def _health(uri: str) -> urllib.request.Request:
    """Ask a server whether it is there; name and password of the address go into a header."""
    parts = urllib.parse.urlsplit(uri.rstrip("/"))
    user, at, host = parts.netloc.rpartition("@")
    plain = parts._replace(netloc=host, path=f"{parts.path}/health").geturl()
    asked = urllib.request.Request(plain)
    if at:
        word = base64.b64encode(urllib.parse.unquote(user).encode()).decode()
        asked.add_header("Authorization", f"Basic {word}")
    return asked


@contextmanager
def fluent(uri: str) -> Iterator[ModuleType]:
    """Point MLflow's module-level calls at a store, and back afterwards."""
    module = mlflow()
    before = module.get_tracking_uri() if module.tracking.is_tracking_uri_set() else None
    with quiet():
        module.set_tracking_uri(uri)
        try:
            yield module
        finally:
            module.set_tracking_uri(before)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep MLflow's own warnings from users: they concern its code, not theirs."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(mlflow|sqlalchemy|alembic|pydantic)")
        yield


def _unusable(uri: str, error: Exception) -> BadStore:
    first = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
    return BadStore(
        f"the tracking store {uri} must be an MLflow tracking URI that can be reached"
        f" (sqlite:///FILE, http://HOST:PORT, ...): {first}"
    )
