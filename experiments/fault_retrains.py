"""Retrainings that are killed: their helper processes, scratch folders and store."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
from fault_kinds import Bench
from fault_runs import ROOT, Tally, arguments

WARNINGS = ("-W", "ignore")


def retrains(bench: Bench, count: int, tally: Tally) -> None:
    """Kill retrainings; the store opens, no helper lives on, and the last one ends well."""
    if not count:
        return
    from guide_ml.system.private import cache

    folder = bench.fresh()
    few(folder / "few.parquet")
    began = time.monotonic()
    command = [sys.executable, *WARNINGS, "-m", "guide_ml"]
    env = os.environ | {"PYTHONPATH": str(ROOT), "GUIDE_ML_CACHE": str(bench.root / "cache")}
    os.environ["GUIDE_ML_CACHE"] = env["GUIDE_ML_CACHE"]

    def guide(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *words], cwd=folder, env=env, text=True,
                              capture_output=True)  # fmt: skip

    done = guide(*arguments("retrain"))
    if done.returncode:
        raise SystemExit(f"retrain fails undisturbed: {done.stderr}")
    took = time.monotonic() - began
    store = ("--tracking-uri", "sqlite:///m.db", "--json")
    before = json.loads(guide("models", "list", *store).stdout)
    while tally.tried < count:
        victim = subprocess.Popen([*command, *arguments("retrain")], cwd=folder, env=env,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  start_new_session=True)  # fmt: skip
        start = time.monotonic()
        try:
            victim.wait(bench.random.uniform(0.05, 1.0) * took)
            took = min(took, time.monotonic() - start)
            continue  # it had ended before: no kill
        except subprocess.TimeoutExpired:
            victim.send_signal(signal.SIGKILL)
            victim.wait()
        wrong, end = "", time.monotonic() + 30
        while (alive := group(victim.pid)) and time.monotonic() < end:
            time.sleep(0.2)
        if alive:
            wrong = f"helpers live on: {alive}"
        if kept := list(Path("/dev/shm").glob(f"joblib_memmapping_folder_{victim.pid}_*")):
            wrong = f"left in memory: {[p.name for p in kept]}"
        listed = guide("models", "list", *store)
        if listed.returncode:
            wrong = f"the store does not open: {listed.stderr[-200:]}"
        else:
            now = json.loads(listed.stdout)
            if {v["version"] for v in before} - {v["version"] for v in now}:
                wrong = "a version is lost"
            before = now
        tally.count("retrain", wrong)
        print("retrain", tally.tried, flush=True)
    done = guide(*arguments("retrain"))
    scratch = [p.name for p in cache("scratch").iterdir()]
    if done.returncode or scratch:
        tally.lost.append(f"retrain after the kills: {done.stderr[-200:]} {scratch}")
    shutil.rmtree(folder)


def group(number: int) -> list[int]:
    """List living processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, _, session = path.read_text().rsplit(")", 1)[1].split()[:4]
            if int(session) == number and state != "Z":
                found.append(int(path.parent.name))
    return found


def few(path: Path) -> None:
    """Write measurements of small sources that together have every target."""
    data = ROOT / "data" / "measurements"
    names = ("llamacpp-dgx-spark", "sglang-cookbook", "gpt-fast-readme", "ninehills-yi6b",
             "dstack-benchmarks")  # fmt: skip
    parts = [pd.read_parquet(data / f"{n}.parquet") for n in names]
    parts.append(pd.read_parquet(data / "rocm-vllm-dev-docker.parquet").head(60))
    pd.concat(parts, ignore_index=True).to_parquet(path, index=False)
