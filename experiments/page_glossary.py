"""Write the glossary of the page from docs/glossary.md: one text for both."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "guide_ml/web/static/glossary.json"
#: Other spellings under which a word is met, by the first name of its entry.
ALSO = {"Token": ("tokens",), "GPU": ("GPUs",), "TTFT": ("time to first token",),
        "TPOT": ("time per output token",)}  # fmt: skip
#: Words that people know: the page does not make buttons of them.
PLAIN = {"Model", "Link", "Launch", "Target", "Knob", "Peak", "Floor", "Trees", "Proven", "Host",
         "Interval", "Device", "Dense", "Champion", "Offline", "Estimator", "Calibrate", "Batch",
         "framework", "Held out", "Median error", "Roofline", "parameters", "tp", "pp", "dp",
         "ep"}  # fmt: skip


def words(text: str) -> dict[str, str]:
    """Return what each word of the glossary means; an entry with two names is told under both."""
    found: dict[str, str] = {}
    for names, told in re.findall(r"^(\S.*)\n:   ((?:.+\n?)(?:    .+\n?)*)", text, re.MULTILINE):
        plain = " ".join(re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", told).split())
        for name in (n.strip() for n in names.split(",")):
            for one in (name, *ALSO.get(name, ())):
                found[one] = plain
    return {name: told for name, told in found.items() if name not in PLAIN}


def main() -> None:
    """Write the file."""
    told = words((ROOT / "docs/glossary.md").read_text("utf-8"))
    TARGET.write_text(json.dumps({"words": told}, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
