"""What goes wrong on the way: size, time, tokens, killed workers, slow and rude clients."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.web
ONE = {"hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm",
       "concurrency": 16, "input_len": 1024, "output_len": 256}  # fmt: skip
TOKEN = "a-token-of-a-test"
WIDE = {"model": "llama-3.1-8b-instruct", "workload": {"input_len": 512, "output_len": 128},
        "load": {"users": 500}, "sampler": "random", "n_trials": 200_000,
        "slo": {"tpot_ms": 60}}  # fmt: skip


@pytest.fixture(scope="module")
def strict(started: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A service with small limits and a token."""
    folder = tmp_path_factory.mktemp("strict")
    with started(folder, token=TOKEN, max_body_mb=2.0, max_rows=50, body_s=2.0, searches=1,
                 search_s=20.0) as found:  # fmt: skip
        yield found


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_token_is_asked_for_everywhere_but_the_page_and_health(strict: Any) -> None:
    assert strict.post("/v1/predict", ONE)[0] == 401
    assert strict.post("/v1/predict", ONE, **bearer("wrong-token"))[0] == 401
    assert strict.call("GET", "/metrics")[0] == 401
    assert strict.call("GET", "/openapi.json")[0] == 401
    assert strict.call("GET", "/v1/catalogue/hardware")[1]["www-authenticate"] == "Bearer"
    assert strict.call("GET", "/")[0] == strict.call("GET", "/healthz")[0] == 200
    assert strict.post("/v1/predict", ONE, **bearer())[0] == 200


def test_too_much_at_once_is_told_so(strict: Any) -> None:
    row = ",".join(["h100", "qwen3-8b", "1", "9", "9"]) + "\n"
    head = "hardware,model,concurrency,input_len,output_len\n"
    many = (head + 51 * row).encode()
    status, _, found = strict.call("POST", "/v1/score", many, "text/csv", **bearer())
    assert (status, json.loads(found)["detail"][:23]) == (413, "a table may have 50 row")
    large = b"x" * 2_100_000
    assert strict.call("POST", "/v1/score", large, "text/csv", **bearer())[0] == 413
    assert strict.call("POST", "/v1/predict", large, "application/json", **bearer())[0] == 413
    enough = (head + 50 * row).encode()
    assert strict.call("POST", "/v1/score", enough, "text/csv", **bearer())[0] == 200


def raw(service: Any, text: bytes, wait_s: float = 10.0) -> bytes:
    """Send bytes as they are; return what comes back until the end or the time is over."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=wait_s) as link:
        link.sendall(text)
        out = b""
        try:
            while part := link.recv(65536):
                out += part
                if b"\r\n\r\n" in out and out.endswith(b"}"):
                    break
        except TimeoutError:
            pass
        return out


HEAD = (b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer " + TOKEN.encode() + b"\r\n")  # fmt: skip


def test_half_a_body_ends_in_time_and_others_are_served_meanwhile(strict: Any) -> None:
    found: list[bytes] = []
    half = HEAD + b'Content-Length: 400\r\n\r\n{"hardware": '
    slow = threading.Thread(target=lambda: found.append(raw(strict, half)))
    slow.start()
    assert strict.post("/v1/predict", ONE, **bearer())[0] == 200
    slow.join(30)
    assert b" 400 " in found[0].split(b"\r\n")[0]
    assert b"must arrive within 2 s" in found[0]


def test_a_body_without_an_end_is_cut_off(strict: Any) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    try:
        found = raw(strict, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + 40 * chunk)
    except OSError:  # it may close the line before everything is sent
        found = b" 413 "
    assert b" 413 " in found
    assert strict.post("/v1/predict", ONE, **bearer())[0] == 200


def test_rude_clients_change_nothing(strict: Any) -> None:
    for text in (b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST\r\n\r\n", b"\r\n" * 50,
                 b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
                 HEAD + b"Content-Length: -5\r\n\r\n{}"):  # fmt: skip
        raw(strict, text, 1.0)
    assert strict.post("/v1/predict", ONE, **bearer())[0] == 200


def _searches(service: Any) -> float:
    text = service.call("GET", "/metrics", **bearer())[2].decode()
    (line,) = (row for row in text.splitlines() if row.startswith("guide_searches "))
    return float(line.split()[-1])


def _soon(holds: Any, seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.1)
    return False


def _begin(service: Any) -> socket.socket:
    body = json.dumps(WIDE).encode()
    link = socket.create_connection(("127.0.0.1", service.port), timeout=60)
    head = HEAD.replace(b"/v1/predict", b"/v1/search") + b"Accept: text/event-stream\r\n"
    link.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return link


def test_a_search_whose_client_goes_away_is_cancelled(strict: Any) -> None:
    link = _begin(strict)
    assert _soon(lambda: _searches(strict) == 1)
    link.close()
    assert _soon(lambda: _searches(strict) == 0, 15.0)


def test_a_long_search_ends_in_time_and_says_so(strict: Any) -> None:
    link = _begin(strict)
    text = b""
    while b"event: problem" not in text or not text.endswith(b"\n\n"):
        part = link.recv(65536)
        if not part:
            break
        text += part
    link.close()
    assert b"longer than 20 s" in text


def test_more_searches_than_may_wait_are_told_to_come_back(strict: Any) -> None:
    links = [_begin(strict) for _ in range(5)]
    try:
        assert _soon(lambda: _searches(strict) == 1)
        time.sleep(0.5)
        status, head, found = strict.call("POST", "/v1/search", json.dumps(WIDE).encode(),
                                          "application/json", **bearer())  # fmt: skip
        assert status == 503
        assert head["retry-after"]
        assert b"try again" in found
    finally:
        for link in links:
            link.close()
    assert _soon(lambda: _searches(strict) == 0)


def _malformed(random_: random.Random) -> bytes:
    """Break a good body in one of several ways."""
    good = json.dumps(ONE)
    at = random_.randrange(len(good))
    kind = random_.randrange(5)
    if kind == 0:
        return good[:at].encode()
    if kind == 1:
        return (good[:at] + chr(random_.randrange(32, 0x2FFF)) + good[at + 1 :]).encode()
    if kind == 2:
        return os.urandom(at + 1) if at % 2 else b"[" * at
    if kind == 3:
        wrong: Any = random_.choice([None, [], {}, "x", -1, 1e308, True, float("nan"), "a" * 500])
        return json.dumps(ONE | {random_.choice(list(ONE)): wrong}).encode()
    return json.dumps(ONE | {"k" * (at % 50 + 1): at}).encode()


def _hammer(service: Any, seed: int, count: int, told: Counter[int]) -> None:
    random_, link = random.Random(seed), HTTPConnection("127.0.0.1", service.port, timeout=60)
    for _ in range(count):
        body = _malformed(random_)
        try:
            link.request("POST", "/v1/predict", body, {"Content-Type": "application/json"})
            answer = link.getresponse()
            answer.read()
            told[answer.status] += 1
        except (HTTPException, OSError):
            told[-1] += 1
            link.close()
    link.close()


def test_ten_thousand_malformed_bodies_get_an_answer_each(service: Any) -> None:
    told: Counter[int] = Counter()
    crowd = [threading.Thread(target=_hammer, args=(service, s, 1250, told)) for s in range(8)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert sum(told.values()) == 10_000
    assert set(told) <= {200, 400, 404, 422}, told  # a changed letter may still be right
    assert told[400] > 1000
    assert service.get("/healthz")[0] == 200


def rss_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_memory_does_not_grow(service: Any) -> None:
    """Bounded in time; experiments/16_service.py does it with 50,000 requests."""

    kind = {"Content-Type": "application/json"}

    def some(seconds: float) -> None:
        end, link = time.monotonic() + seconds, HTTPConnection("127.0.0.1", service.port)
        while time.monotonic() < end:
            link.request("POST", "/v1/predict", json.dumps(ONE), kind)
            assert link.getresponse().read()
        link.close()

    some(6.0)
    before = rss_mb(service.process.pid)
    some(12.0)
    assert rss_mb(service.process.pid) < before + 40.0


def children(pid: int) -> list[int]:
    """Return the workers: child processes that hold the package."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    found = [int(p) for p in text.split()]
    return [p for p in found if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_a_killed_worker_loses_only_what_it_was_answering(started: Any, tmp_path: Path) -> None:
    with started(tmp_path, "--workers", "2") as service:
        told: Counter[int] = Counter()
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                try:
                    told[service.post("/v1/predict", ONE)[0]] += 1
                except (HTTPException, OSError, ValueError):
                    told[-1] += 1

        crowd = [threading.Thread(target=ask) for _ in range(4)]
        for one in crowd:
            one.start()
        assert _soon(lambda: told[200] > 10)
        first, *_ = workers = children(service.process.pid)
        assert len(workers) == 2
        os.kill(first, signal.SIGKILL)
        assert _soon(lambda: len(set(children(service.process.pid)) - {first}) == 2)
        done = told[200]
        assert _soon(lambda: told[200] > done + 10)
        stop.set()
        for one in crowd:
            one.join()
        assert set(told) <= {200, -1}
        assert told[-1] <= 4  # one for each that was being answered
