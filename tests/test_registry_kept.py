"""Sets of a server are fetched once; stores are made by isolated processes; passwords stay home."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from guide_ml.errors import BadArtefact, BadStore
from guide_ml.registry import kept, store
from guide_ml.system import private


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(private.CACHE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def made(folder: Path, word: str) -> Path:
    """Make a folder that looks like a set."""
    folder.mkdir()
    (folder / "physics.json").write_text(word)
    sha = hashlib.sha256(word.encode()).hexdigest()
    (folder / "card.json").write_text(json.dumps({"files": {"physics.json": sha}}))
    return folder


class Server:
    """Stands for a registry that copies what is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked = folder, list[str]()

    def fetch(self, part: str, into: str | None) -> Path:
        assert into is not None
        self.asked.append(part)
        if part:
            Path(into).mkdir()
            return Path(shutil.copy(f"{self.folder}{part}", into))
        return Path(shutil.copytree(self.folder, into))


def test_a_set_is_fetched_once_and_kept_under_its_hash(tmp_path, cache):
    server = Server(made(tmp_path / "one", "one"))
    first = kept.fetched(server.fetch)
    assert kept.fetched(server.fetch) == first
    assert server.asked == ["/card.json", "", "/card.json"]
    assert (first / "physics.json").read_text() == "one"
    assert not list((cache / "scratch").iterdir())
    assert (cache / "sets").stat().st_mode & 0o777 == 0o700
    (first / "physics.json").write_text("changed by somebody")
    assert (kept.fetched(server.fetch) / "physics.json").read_text() == "one"


def test_the_sets_of_an_alias_that_moves_are_two(tmp_path):
    server = Server(made(tmp_path / "one", "one"))
    first = kept.fetched(server.fetch)
    server.folder = made(tmp_path / "two", "two")
    assert kept.fetched(server.fetch) != first


def test_a_set_that_is_not_what_its_card_says_is_refused(tmp_path, cache):
    folder = made(tmp_path / "one", "one")
    (folder / "physics.json").write_text("other")
    with pytest.raises(BadArtefact, match="not what its card says"):
        kept.fetched(Server(folder).fetch)
    (folder / "card.json").write_text("[]")
    with pytest.raises(BadArtefact, match="must list files with their hashes"):
        kept.fetched(Server(folder).fetch)
    assert not list((cache / "sets").iterdir())


def test_few_sets_are_kept(tmp_path, cache):
    for k in range(kept.MOST + 3):
        last = kept.fetched(Server(made(tmp_path / str(k), str(k))).fetch)
    assert len(list((cache / "sets").iterdir())) == kept.MOST
    assert last.exists()


def test_a_store_is_made_by_an_isolated_process_in_a_folder_of_its_own(tmp_path, monkeypatch):
    seen: dict[str, Any] = {}

    def run(command: list[str], **how: Any) -> Any:
        seen.update(how, command=command, mode=Path(how["cwd"]).stat().st_mode & 0o777,
                    held=os.listdir(how["cwd"]))  # fmt: skip
        Path(command[-1].removeprefix(store.SQLITE)).touch()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    store._create(tmp_path / "m.db")
    assert "-I" in seen["command"]
    assert (seen["mode"], seen["held"]) == (0o700, [])
    assert not Path(seen["cwd"]).exists()
    assert (tmp_path / "m.db").exists()


def test_the_lock_of_a_server_lies_in_a_private_folder(cache):
    with store.lock("http://127.0.0.1:1"):
        names = os.listdir(cache / "locks")
        assert names
        assert not any("127" in name for name in names)
    assert (cache / "locks").stat().st_mode & 0o777 == 0o700


@pytest.fixture
def server() -> Iterator[tuple[int, list[str]]]:
    """A server that notes with which name and password it is asked."""
    seen: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization", ""))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    found = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    yield found.server_port, seen
    found.shutdown()
    thread.join()
    found.server_close()


def test_a_server_is_asked_with_name_and_password_of_its_address(server):
    port, seen = server
    store._reach(f"http://me:p%40ss@127.0.0.1:{port}/")
    store._reach(f"http://127.0.0.1:{port}")
    assert base64.b64decode(seen[0].removeprefix("Basic ")).decode() == "me:p@ss"
    assert seen[1] == ""


@pytest.mark.parametrize("uri", ["http://me:secret@127.0.0.1:1", "https://me:se@cret@127.0.0.1:1/x"])
def test_a_password_is_never_told(uri):
    with pytest.raises(BadStore) as told:
        store._reach(uri)
    assert "cret" not in str(told.value)
    assert "me:***@127.0.0.1" in str(told.value)
