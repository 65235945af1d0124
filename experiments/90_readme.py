"""Write the numbers of the README: results of experiments and output of commands, as they are."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
from tables import markdown

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
RESULTS = HERE / "results"
PREDICT = ("predict", "--hardware", "h100", "--model", "llama-3.1-8b-instruct", "--framework",
           "vllm", "--concurrency", "32", "--input-len", "1024", "--output-len", "256")  # fmt: skip
WRONG = ("predict", "--hardware", "h1000", "--model", "llama-3.1-8b-instruct", "--framework",
         "vllm", "--batch-size", "8", "--input-len", "512", "--output-len", "128")  # fmt: skip


LAUNCH = ("launch", "--hardware", "h100", "--num-devices", "4", "--tp", "4", "--model",
          "llama-3.1-70b-instruct", "--framework", "vllm", "--weight-dtype", "fp8", "--kv-dtype",
          "fp8", "--concurrency", "64", "--input-len", "1024", "--output-len", "256")  # fmt: skip
SEARCH = ("search", "--model", "llama-3.1-70b-instruct", "--input-len", "1024", "--output-len",
          "256", "--users", "200", "--ttft-ms", "1000", "--tpot-ms", "50")  # fmt: skip


def guide(arguments: tuple[str, ...], since: str = "") -> str:
    """Run the command line and return what it prints, as a fenced block from a text onwards."""
    done = subprocess.run([sys.executable, "-m", "guide_ml", *arguments], capture_output=True,
                          text=True, env={"COLUMNS": "90", "PATH": ""})  # fmt: skip
    printed = done.stdout or done.stderr  # progress goes to stderr
    lines = printed[printed.index(since) :].splitlines()
    text = "\n".join(line.rstrip() for line in lines)
    text = re.sub(r"\n{2,}", "\n\n", text).strip("\n")
    return f"```\n{text}\n```"


def accuracy() -> str:
    """Medians by split and method."""
    table = pd.read_csv(RESULTS / "01_accuracy.csv")
    wide = table.pivot_table(index=["split", "method"], columns="target", values="median_ape",
                             sort=False)  # fmt: skip
    names = {"batch_latency_s": "batch latency", "ttft_ms": "TTFT", "tpot_ms": "TPOT",
             "output_tok_s": "throughput"}  # fmt: skip
    wide = wide[list(names)].rename(columns=names).round(1).reset_index()
    return markdown(wide.rename(columns={"split": "held out"}))


def peers() -> str:
    """Beside AIConfigurator."""
    table = pd.read_csv(RESULTS / "01_accuracy_peers.csv")
    table["rows"] = table["rows"].astype(int)
    return markdown(table.drop(columns="within_20").round(1))


def data() -> str:
    """What the shipped set was trained on."""
    card = json.loads((HERE.parent / "models" / "default" / "card.json").read_text("utf-8"))
    left = sum(card["rows_left_out"].values())
    return (
        f"The shipped set: {card['rows']:,} measured rows of {len(card['rows_by_source'])} sources,"
        f" {sum(card['values'].values()):,} values ({left:,} rows left out, by reason on the card)."
    )


def nth_table(name: str, head: str = "|", number: int = 0) -> str:
    """Return a table of a script's report: the one of those that begin like this."""
    lines = (RESULTS / name).read_text("utf-8").splitlines()
    starts = [i for i, line in enumerate(lines)
              if line.startswith(head) and not lines[i - 1].startswith("|")]  # fmt: skip
    start = starts[number]
    end = next((i for i in range(start, len(lines)) if not lines[i].startswith("|")), len(lines))
    return "\n".join(lines[start:end])


def few_shot() -> str:
    """Errors on unseen devices before and after ten measurements."""
    table = pd.read_csv(RESULTS / "05_few_shot_summary.csv")
    chosen = table[(table["devices"] == "all") & (table["split"] == "hardware")]
    chosen = chosen[chosen["n"] == 10]
    return markdown(chosen[["rows", "target", "before", "after"]].round(1))


def predicted_first() -> str:
    """Predictions of Transformers on a GPU beside what was measured after."""
    table = pd.read_csv(RESULTS / "11_predicted_first.csv")
    table = table[table["error"].isna()]
    lines = []
    for target, name in {"batch_latency_s": "batch latency", "ttft_ms": "TTFT",
                         "tpot_ms": "TPOT"}.items():  # fmt: skip
        said, true = table[target], table[f"{target}_measured"]
        held = true.between(table[f"{target}_low"], table[f"{target}_high"])
        lines.append({
            "target": name, "rows": len(table),
            "median error %": round(100 * (said / true - 1).abs().median(), 1),
            "predicted / measured": round((said / true).median(), 2),
            "inside the 90 % interval": f"{100 * held.mean():.0f} %",
        })  # fmt: skip
    return markdown(pd.DataFrame(lines))


def fill(text: str, name: str, body: str) -> str:
    """Put a block between its marks."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    head, rest = text.split(begin)
    return f"{head}{begin}\n{body}\n{end}{rest.split(end)[1]}"


def blocks() -> dict[str, str]:
    """Every block of the README that is written by a script."""
    return {
        "data": data(), "predict": guide(PREDICT), "error": guide(WRONG), "accuracy": accuracy(),
        "peers": peers(), "speed": (RESULTS / "02_speed.md").read_text("utf-8").strip(),
        "explain": guide((*PREDICT, "--explain"), "Where the time goes"),
        "search": guide(SEARCH), "search-evidence": nth_table("06_search.md"),
        "launch": guide(LAUNCH), "decisions": nth_table("07_decisions.md"),
        "decisions-served": nth_table("07_decisions.md", "| method | decisions", 1),
        "predicted-first": predicted_first(),
        "intervals": nth_table("04_intervals.md"), "few_shot": few_shot(),
        "scoring": (RESULTS / "09_scoring.md").read_text("utf-8").strip(),
        "scale": (RESULTS / "10_scale.md").read_text("utf-8").strip(),
        "retraining": nth_table("08_retraining.md"),
    }  # fmt: skip


def main() -> None:
    """Rewrite the README."""
    text = README.read_text("utf-8")
    for name, body in blocks().items():
        text = fill(text, name, body)
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
