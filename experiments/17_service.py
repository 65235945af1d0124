"""Load on the service: many clients at once, and whether its memory grows.

``guide serve --workers 2`` on the loopback device; clients and service share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tables import stamp

HERE = Path(__file__).parent
RESULTS = HERE / "results"
CLIENTS, SECONDS, REQUESTS, WORKERS = 200, 60.0, 50_000, 2
ROWS = 20  # of a small table
SHARE = 0.1  # of requests that score a table
ONE = {"hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm",
       "input_len": 1024, "output_len": 256}  # fmt: skip


def message(path: str, body: Any) -> bytes:
    """Write a request."""
    sent = json.dumps(body).encode()
    head = (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(sent)}\r\n\r\n")  # fmt: skip
    return head.encode() + sent


SINGLE = [message("/v1/predict", ONE | {"concurrency": 2**k}) for k in range(8)]
TABLES = [message("/v1/score", [ONE | {"concurrency": 1 + k % 64} for k in range(ROWS)])]
WRONG = [message("/v1/predict", ONE | {"hardware": f"h{k}00"}) for k in range(3, 9)]


def asked(random: np.random.Generator, rare: list[bytes], usual: list[bytes]) -> bytes:
    """Return one request: one in ten of the rare ones."""
    among = rare if random.random() < SHARE else usual
    return among[random.integers(len(among))]


async def answered(reader: asyncio.StreamReader) -> int:
    """Read an answer whole; return its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                  if line.startswith(b"content-length"))  # fmt: skip
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1])


Kinds = tuple[list[bytes], list[bytes]]


async def client(
    port: int, seed: int, goes_on: Any, kinds: Kinds, told: Counter[int], times: list[float]
) -> None:
    """Ask one thing after the other on one connection."""
    random = np.random.default_rng(seed)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while goes_on():
        began = time.perf_counter()
        writer.write(asked(random, *kinds))
        try:
            told[await answered(reader)] += 1
        except (OSError, asyncio.IncompleteReadError):
            told[-1] += 1
            return
        times.append(time.perf_counter() - began)
    writer.close()


def rss_mb(pid: int) -> float:
    """Return the memory of a process and its children, MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6 + sum(rss_mb(int(p)) for p in below)


def await_service(port: int) -> None:
    """Wait until a first search was done."""
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as told:
                if json.load(told)["warm"]:
                    return
        except OSError:
            pass
        time.sleep(0.5)


async def crowd(
    port: int, clients: int, goes_on: Any, kinds: Kinds = (TABLES, SINGLE)
) -> tuple[Counter[int], list[float]]:
    """Let many clients ask at once."""
    told: Counter[int] = Counter()
    times: list[float] = []
    await asyncio.gather(*(client(port, s, goes_on, kinds, told, times) for s in range(clients)))
    return told, times


def measured(port: int, pid: int, seconds: float, count: int) -> list[tuple[str, float, str]]:
    """Return what the tables show."""
    asyncio.run(crowd(port, 20, _until(5.0)))
    load = os.getloadavg()[0]
    told, times = asyncio.run(crowd(port, CLIENTS, _until(seconds)))
    p50, p99 = np.percentile(times, [50, 99]) * 1e3
    rows = [(f"answers in {seconds:g} s to {CLIENTS} clients", sum(told.values()), ""),
            ("a second", sum(told.values()) / seconds, ""), ("median", p50, "ms"),
            ("99th percentile", p99, "ms"),
            ("errors and lost answers", sum(told.values()) - told[200], ""),
            ("other work before it began, processes that ran", load, "")]  # fmt: skip
    if count:
        before, done = rss_mb(pid), [0]

        def more() -> bool:
            done[0] += 1
            return done[0] <= count

        told, _ = asyncio.run(crowd(port, 16, more, (SINGLE, WRONG)))
        rows += [(f"memory before {count:,} further requests, nine in ten of them wrong", before,
                  "MB"), ("memory after", rss_mb(pid), "MB"),
                 ("lost answers among them", sum(told.values()) - told[200] - told[404], ""),
                 ]  # fmt: skip
    return rows


def _until(seconds: float) -> Any:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() < end


def main() -> None:
    """Measure and write."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--seconds", type=float, default=SECONDS)
    ask.add_argument("--requests", type=int, default=REQUESTS)
    given = ask.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = os.environ | {"PYTHONPATH": str(HERE.parent), "OMP_NUM_THREADS": "1"}
    words = ["-m", "guide_ml", "serve", "--port", str(port), "--workers", str(WORKERS)]
    process = subprocess.Popen([sys.executable, *words], env=env)
    try:
        await_service(port)
        rows = measured(port, process.pid, given.seconds, given.requests)
    finally:
        process.terminate()
        process.wait(30)
    RESULTS.mkdir(exist_ok=True)
    pd.DataFrame(rows, columns=["what", "value", "unit"]).to_csv(
        RESULTS / "17_service.csv", index=False)  # fmt: skip
    lines = [stamp(), "", f"{os.cpu_count()} cores, which clients and service share; {WORKERS}"
             f" worker processes; one request in ten scores a table of {ROWS} rows.", "",
             "| what | value |", "|---|---|"]  # fmt: skip
    lines += [f"| {w} | {v:,.4g} {u} |" if v < 1e4 else f"| {w} | {v:,.0f} {u} |"
              for w, v, u in rows]  # fmt: skip
    (RESULTS / "17_service.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
