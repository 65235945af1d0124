"""How do odd inputs end? Puts thousands before every public entry, writes what came of them."""

from __future__ import annotations

import argparse
import json
import sys
import types
import warnings
from pathlib import Path

from tables import shipped

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "experiments" / "results" / "17_fuzz.json"
COUNT, SEED = 20_000, 1


def main() -> None:
    # The folder is no package, and some libraries install one of its name.
    ours = types.ModuleType("tests")
    ours.__path__ = [str(ROOT / "tests")]
    sys.modules["tests"] = ours
    from tests.fuzzing import ENTRIES, tried

    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--count", type=int, default=COUNT, help="inputs in all")
    told.add_argument("--seed", type=int, default=SEED)
    asked = told.parse_args()
    warnings.simplefilter("ignore")
    out = {}
    for entry, (_, _, share) in ENTRIES.items():
        found = tried(entry, max(int(asked.count * share), 1), asked.seed)
        ended = found.ended
        good = {k: ended.pop(k, 0) for k in ("answered", "refused")}
        out[entry] = {"tried": sum(good.values()) + sum(ended.values()), **good,
                      "faults": sum(ended.values())}  # fmt: skip
        print(f"{entry:24}", out[entry], *found.faults[:1], flush=True)
    total = {k: sum(e[k] for e in out.values()) for k in ("tried", "answered", "refused", "faults")}
    print(f"{'all':24}", total)
    RESULT.write_text(json.dumps({"set": shipped(), "seed": asked.seed, "entries": out,
                                  "all": total}, indent=2) + "\n", encoding="utf-8")  # fmt: skip


if __name__ == "__main__":
    main()
