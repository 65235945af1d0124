"""A real service on the loopback device, and a small client for it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prometheus_client")
ROOT = Path(__file__).parents[2]
START_S = 600.0

Reply = tuple[int, dict[str, str], bytes]


class Service:
    """A running service.

    Parameters
    ----------
    process : Popen
    port : int
    folder : Path
        Where it was started.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
        self.process, self.port, self.folder = process, port, folder
        self.url = f"http://127.0.0.1:{port}"

    def call(self, method: str, path: str, body: bytes | None = None, media: str = "",
             **headers: str) -> Reply:  # fmt: skip
        """Send one request on a connection of its own."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        told = {k.replace("_", "-"): v for k, v in headers.items()}
        try:
            link.request(method, path, body, ({"Content-Type": media} if media else {}) | told)
            answer = link.getresponse()
            head = {k.lower(): v for k, v in answer.getheaders()}
            return answer.status, head, answer.read()
        finally:
            link.close()

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        """Post JSON; return status and JSON."""
        sent = json.dumps(body).encode()
        status, _, found = self.call("POST", path, sent, "application/json", **headers)
        return status, json.loads(found)

    def get(self, path: str) -> tuple[int, Any]:
        """Get JSON."""
        status, _, found = self.call("GET", path)
        return status, json.loads(found)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path, *options: str, **settings: Any) -> Iterator[Service]:
    """Start a service; with `settings` as its worker would be started, else by the command."""
    port = free_port()
    words = ["-m", "guide_ml", "serve", "--port", str(port), *options]
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    if settings:
        words = ["-m", "uvicorn", "--factory", "guide_ml.web.app:from_environment", "--port",
                 str(port), "--log-level", "warning"]  # fmt: skip
        env |= {"GUIDE_WEB_SETTINGS": json.dumps(settings)}
    process = subprocess.Popen([sys.executable, *words], cwd=folder, env=env,
                               start_new_session=True, stderr=subprocess.PIPE)  # fmt: skip
    service = Service(process, port, folder)
    try:
        _await(service)
        yield service
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)
        assert process.stderr
        process.stderr.close()


def _await(service: Service) -> None:
    """Wait until it answers, and its first search is done."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if service.process.poll() is not None:
            assert service.process.stderr
            raise RuntimeError(service.process.stderr.read().decode()[-2000:])
        try:
            if service.get("/healthz")[1]["warm"]:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"no service within {START_S:g} s")


_MEASURED = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def measured(pytestconfig: pytest.Config) -> list[str]:
    """Lines that are told below the last test."""
    return pytestconfig.stash.setdefault(_MEASURED, [])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash.get(_MEASURED, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def started() -> Callable[..., Any]:
    """Start services of one's own, as a context."""
    return running


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service as ``guide serve`` starts it, in a folder with files that it must not open."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "mine").mkdir()
    (folder / "mine/config.json").write_text(json.dumps({"model_type": "llama"}), "utf-8")
    (folder / "chip.toml").write_text("memory_gb = 1\n", "utf-8")
    (folder / "tiny.gguf").write_bytes(b"GGUF")
    with running(folder) as found:
        yield found
