"""What is lost when commands are killed, disks are full, or two write at once?

Commands run in processes of their own over made-up tables, on this machine alone:

- kill -9 at random moments, then the same command again: the old output or the new one is there at
  any time, the second run ends well with the right bytes, and leaves nothing beside
- a full disk, a read-only one, a limit on the size of files, a folder in the place of a file: one
  sentence, exit status 2, the old output untouched and nothing beside it
- two of each at once on one target: each ends well or says who holds the target, and the output is
  that of one of them, whole
- one Predictor in 16 threads and 4 processes: equal bits; memory after many predictions

Writes results/20_faults.json, each part as soon as it is done; exit status 1 if anything is lost.
`--kills`, `--retrains` and `--predictions` bound it. `--only` runs some parts and leaves what is
stored of the others; `--add`, with another `--seed`, adds to what is stored of these.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from fault_kinds import KILLED, WRITERS, Bench, disks, kill, together
from fault_retrains import retrains
from fault_runs import Tally, wait
from tables import shipped

RESULTS = Path(__file__).parent / "results"
PARTS = {"kills": "kill", "disks": "disk", "pairs": "two at once",
         "retrains": "kill of a retraining", "same": "same"}  # fmt: skip
MOST_MB = 5.0
WARM = 2000  # predictions after which memory is taken for the first time


def warm() -> None:
    """Load what commands load, and start no thread: the processes are forked from this one."""
    import guide_ml.calibration
    import guide_ml.cli.main
    import guide_ml.cli.plots
    import guide_ml.ingest
    import guide_ml.scoring.job as job
    import guide_ml.searching  # noqa: F401
    from guide_ml.estimators.predictor import default_predictor

    job.BATCH, job.PART = 250, 1
    default_predictor()


def same(bench: Bench, predictions: int) -> dict[str, object]:
    """Predict one table in 4 processes and 16 threads, then one row many times."""
    import guide_ml

    table = pd.read_csv(bench.given / "in0.csv").head(200)

    def answer() -> bytes:
        return guide_ml.predict_table(table, errors="report").to_csv().encode()

    pids = []
    for k in range(4):
        pid = os.fork()
        if not pid:
            (bench.root / f"same{k}").write_bytes(answer())
            os._exit(0)
        pids.append(pid)
    ends = [wait(pid) for pid in pids]
    found = {(bench.root / f"same{k}").read_bytes() for k in range(4)}
    threads: list[bytes] = []
    work = [threading.Thread(target=lambda: threads.append(answer())) for _ in range(16)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    equal = not any(ends) and len(found | set(threads)) == 1 and len(threads) == 16
    row = {k: v for k, v in table.iloc[0].to_dict().items() if k not in ("note",)}
    row |= {k: float(row[k]) for k in ("concurrency", "input_len", "output_len")}
    grown = 0.0
    for k in range(predictions):
        guide_ml.predict(**row | {"input_len": 100.0 + k % 1000})
        if k == min(WARM, predictions // 2):
            grown = resident_mb()
    return {"threads": 16, "processes": 4, "equal": equal, "predictions": predictions,
            "grown_mb": round(resident_mb() - grown, 2)}  # fmt: skip


def resident_mb() -> float:
    """Memory of this process."""
    text = Path("/proc/self/status").read_text("utf-8")
    return int(next(li for li in text.splitlines() if li.startswith("VmRSS")).split()[1]) / 1024


def keep(part: str, told: dict[str, object], add: bool) -> None:
    """Keep what a part found; what is stored of other parts stays, each with its own set."""
    path = RESULTS / "20_faults.json"
    stored = json.loads(path.read_text("utf-8")) if path.exists() else {}
    name = PARTS[part]
    stored[name] = _added(stored[name], told) if add and name in stored else told
    path.write_text(json.dumps(dict(sorted(stored.items())), indent=1) + "\n", "utf-8")


def _added(old: dict[str, object], new: dict[str, object]) -> dict[str, object]:
    """Add counts of two runs of a part.

    Raises
    ------
    SystemExit
        If they are of two sets, or the same random moments again.
    """
    if old["set"] != new["set"] or set(old["seeds"]) & set(new["seeds"]):  # type: ignore[call-overload]
        raise SystemExit(f"what is stored is of set {old['set']}, seeds {old['seeds']}: --add needs"
                         " the same set and another --seed")  # fmt: skip
    both: dict[str, object] = {k: old[k] + new[k] for k in ("tried", "survived", "lost", "seeds")}  # type: ignore[operator]
    of = Counter(old["of"]) + Counter(new["of"])  # type: ignore[call-overload]
    return {"set": new["set"], **both, "of": dict(of)}


def told_of(tally: Tally, seed: int) -> dict[str, object]:
    """Lay out what is stored of a part."""
    return {"set": shipped(), **vars(tally), "seeds": [seed]}


def kills(bench: Bench, count: int, minutes: float, tally: Tally) -> None:
    """Kill each command in turn until there are enough, or the time is over."""
    began, k = time.monotonic(), 0
    while tally.tried < count and time.monotonic() - began < 60 * minutes:
        kill(bench, KILLED[k % len(KILLED)], tally)
        print(KILLED[k % len(KILLED)], tally.tried, flush=True)
        k += 1


def run_part(part: str, bench: Bench, asked: argparse.Namespace) -> tuple[dict[str, object], bool]:
    """Run a part; return what it found and whether that is well."""
    tally = Tally()
    if part == "same":
        bits = same(bench, asked.predictions)
        well = bool(bits["equal"]) and float(str(bits["grown_mb"])) < MOST_MB
        return {"set": shipped(), **bits}, well
    if part == "kills":
        kills(bench, asked.kills - asked.retrains, asked.minutes, tally)
    elif part == "disks":
        skipped = sum(disks(bench, name, tally) for name in WRITERS)
        return told_of(tally, asked.seed) | {"could not be made": skipped}, not tally.lost
    elif part == "pairs":
        for name in [n for n in KILLED for _ in range(asked.pairs)]:
            together(bench, name, tally)
    else:
        retrains(bench, min(asked.retrains, asked.kills), tally)
    return told_of(tally, asked.seed), not tally.lost


def main() -> None:
    """Try every fault; write what was tried, survived and lost."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--kills", type=int, default=100, help="kills in all, retrainings included")
    ask.add_argument("--retrains", type=int, default=4, help="of these, kills of retrainings")
    ask.add_argument("--pairs", type=int, default=2, help="times that each runs twice at once")
    ask.add_argument("--minutes", type=float, default=60.0, help="after which no kill begins")
    ask.add_argument("--predictions", type=int, default=50_000)
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS),
                     help="parts to run; results of the others stay")  # fmt: skip
    ask.add_argument("--add", action="store_true", help="add to what is stored of the parts run")
    asked = ask.parse_args()
    np.seterr(all="ignore")
    began, well = time.monotonic(), True
    warm()
    with tempfile.TemporaryDirectory(prefix="guide-faults-") as place:
        bench = Bench(Path(place), asked.seed)
        for part in asked.only:
            told, good = run_part(part, bench, asked)
            well &= good
            if told.get("tried", 1):
                keep(part, told, asked.add and part not in ("same", "disks"))
            print(part, "done", round(time.monotonic() - began), "s", json.dumps(told), flush=True)
    sys.exit(not well)


if __name__ == "__main__":
    main()
