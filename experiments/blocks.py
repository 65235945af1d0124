"""The blocks of README.md and docs/ that 90_readme.py writes, by name."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from tables import CARD, caption, markdown, sets_in, shipped

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "results"
WIDTH = "90"  # columns of what commands print

LOAD = ("--concurrency", "32", "--input-len", "1024", "--output-len", "256")
PREDICT = ("predict", "--hardware", "h100", "--model", "llama-3.1-8b-instruct", "--framework",
           "vllm", *LOAD)  # fmt: skip
WRONG = ("predict", "--hardware", "h1000", "--model", "llama-3.1-8b-instruct", "--framework",
         "vllm", "--batch-size", "8", "--input-len", "512", "--output-len", "128")  # fmt: skip
LAUNCH = ("launch", "--hardware", "h100", "--num-devices", "4", "--tp", "4", "--model",
          "llama-3.1-70b-instruct", "--framework", "vllm", "--weight-dtype", "fp8", "--kv-dtype",
          "fp8", "--concurrency", "64", "--input-len", "1024", "--output-len", "256")  # fmt: skip
SEARCH = ("search", "--model", "llama-3.1-70b-instruct", "--input-len", "1024", "--output-len",
          "256", "--users", "200", "--ttft-ms", "1000", "--tpot-ms", "50")  # fmt: skip
SERVED = ("--hardware", "h100", "--model", "llama-3.1-8b-instruct", "--framework", "vllm",
          "--input-len", "900", "--output-len", "200", "--length-cv", "0.8")  # fmt: skip
SWEEP = ("sweep", "--over", "users", "--values", "10,50,200", "--model", "llama-3.1-8b-instruct",
         "--input-len", "512", "--output-len", "128", "--tpot-ms", "40")  # fmt: skip
CANDIDATES = """\
hardware,num_devices,model,framework,concurrency,input_len,output_len
h100,1,llama-3.1-8b-instruct,vllm,32,1024,256
mi300x,1,llama-3.1-8b-instruct,vllm,32,1024,256
l40s,1,llama-3.1-70b-instruct,vllm,32,1024,256
h1000,1,llama-3.1-8b-instruct,vllm,32,1024,256
"""
NAMES = {"batch_latency_s": "batch latency", "ttft_ms": "TTFT", "tpot_ms": "TPOT",
         "output_tok_s": "throughput"}  # fmt: skip
SPLITS = {"random": "single rows", "deployment": "a deployment", "model": "a model",
          "hardware": "a device", "source": "a source, which is a laboratory",
          "framework": "an engine", "dense-served": "all dense models that were served",
          "small": "all models below 4 billion parameters", "cpu type": "a type of processor",
          "partial offload": "a deployment, partly in the host's memory",
          "speculation, accepted length given":
          "a deployment with speculation, accepted length given"}  # fmt: skip
UNTOLD = {
    "models partly in the host's memory, nobody says how much": ("partial-offload", "cpu-offload"),
    "prefills without hipBLASLt (ROCm)": ("hipblaslt-off",),
    "chats with images or video": ("encoder",),
    "beam search": ("beams",),
    "checkpoint formats that the engine had no kernel for": ("fp8-fallback", "fbgemm-on-rocm"),
    "runs that state neither length": ("lengths",),
}
DRAWN = {"any": "the device", "own: other deployments": "other deployments of it",
         "own: same deployments": "the same deployments of it"}  # fmt: skip


@dataclass(frozen=True)
class Block:
    """What stands between two marks, and the trained sets that it is of; `as_is` is kept."""

    body: str = ""
    sets: tuple[str, ...] = ()
    as_is: str | None = None

    def text(self) -> str:
        """Return the block as it stands in a page."""
        if self.as_is is not None:
            return self.as_is
        return f"{self.body}\n\n{caption(self.sets)}" if self.sets else self.body


def ours(body: str) -> Block:
    """Make a block of the shipped set."""
    return Block(body, (shipped(),))


def fenced(text: str) -> str:
    """Put a text into a fence."""
    return "```text\n" + re.sub(r"\n{2,}", "\n\n", text.strip("\n")) + "\n```"


def guide(arguments: tuple[str, ...], since: str = "", until: str = "") -> str:
    """Run the command line and return what it prints from one text up to another."""
    env = os.environ | {"COLUMNS": WIDTH, "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", "guide_ml", *arguments], capture_output=True,
                          text=True, env=env)  # fmt: skip
    printed = done.stdout or done.stderr  # progress goes to stderr
    printed = "\n".join(line.rstrip() for line in printed.splitlines())
    start = printed.index(since)
    return fenced(printed[start : printed.index(until, start) if until else None])


def report(name: str) -> Block:
    """Take all of a script's report but its title and its set."""
    text = (RESULTS / name).read_text("utf-8")
    sets = sets_in(text)
    lines = [line for line in text.splitlines() if not line.startswith(("# ", "Trained set: "))]
    return Block("\n".join(lines).strip(), sets)


def nth_table(name: str, head: str = "|", number: int = 0) -> Block:
    """Take a table of a script's report: the one of those that begin like this."""
    text = (RESULTS / name).read_text("utf-8")
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines)
              if line.startswith(head) and not lines[i - 1].startswith("|")]  # fmt: skip
    start = starts[number]
    end = next((i for i in range(start, len(lines)) if not lines[i].startswith("|")), len(lines))
    return Block("\n".join(lines[start:end]), sets_in(text))


def accuracy(splits: tuple[str, ...] = tuple(SPLITS), own_only: bool = False) -> Block:
    """Medians by split and method."""
    table = pd.read_csv(RESULTS / "01_accuracy.csv")
    table = table[table["split"].isin(splits)]
    if own_only:
        table = table[table["method"] == "guide-ml"]
    sets = tuple(dict.fromkeys(table["set"].astype(str)))
    wide = table.pivot_table(index=["split", "method"], columns="target", values="median_ape",
                             sort=False)  # fmt: skip
    wide = wide[list(NAMES)].rename(columns=NAMES).round(1).reset_index()
    wide["split"] = wide["split"].map(SPLITS)
    wide = wide.rename(columns={"split": "held out"})
    return Block(markdown(wide.drop(columns="method") if own_only else wide), sets)


def peers() -> Block:
    """Beside AIConfigurator."""
    table = pd.read_csv(RESULTS / "01_accuracy_peers.csv").drop(columns="within_20").round(1)
    table["target"] = table["target"].map(NAMES)
    titles = {"median_ape": "median error %", "mean_ape": "mean %", "p90_ape": "90th percentile %"}
    return Block(markdown(table.rename(columns=titles)),
                 sets_in((RESULTS / "01_accuracy.md").read_text("utf-8")))  # fmt: skip


def between() -> Block:
    """How much of the error is a laboratory's own."""
    table = pd.read_csv(RESULTS / "01_accuracy_between.csv")
    table["target"] = table["target"].map(NAMES)
    return Block(markdown(table), sets_in((RESULTS / "01_accuracy.md").read_text("utf-8")))


def worst_laboratories() -> Block:
    """The twelve sources that are predicted worst while they are held out."""
    table = pd.read_csv(RESULTS / "01_accuracy_by_laboratory.csv")
    wide = table.pivot_table(index="source", columns="target", values="median_ape")
    lean = table.pivot_table(index="source", columns="target", values="lean")
    order = wide.mean(axis=1).sort_values(ascending=False).index[:12]
    shown = wide.loc[order].apply(lambda column: [
        "-" if pd.isna(v) else f"{v:.0f} ({lean.loc[source, column.name]:+.0f})"
        for source, v in column.items()
    ])  # fmt: skip
    shown = shown[[name for name in NAMES if name in shown]].rename(columns=NAMES).reset_index()
    return Block(markdown(shown), sets_in((RESULTS / "01_accuracy.md").read_text("utf-8")))


def history() -> Block:
    """Medians of every trained set; each line names its own."""
    table = pd.read_csv(RESULTS / "14_history.csv", keep_default_na=False)
    table["set"] = [f"`{s}`" for s in table["set"]]
    return Block(markdown(table.iloc[::-1]))


def data() -> Block:
    """What the shipped set was trained on."""
    card = json.loads(CARD.read_text("utf-8"))
    left = sum(card["rows_left_out"].values())
    return ours(
        f"The shipped estimators learned from {card['rows']:,} measured rows of"
        f" {len(card['rows_by_source'])} sources: {sum(card['values'].values()):,} values"
        f" ({left:,} rows were left out, by reason on the card of the set)."
    )


def intervals() -> Block:
    """How often 90 % intervals hold."""
    found = nth_table("04_intervals.md")
    head = "| held out | values | inside, % | upper / lower end, median | median error % |"
    lines = [head, *found.body.splitlines()[1:]]
    for name, text in SPLITS.items():
        lines = [re.sub(rf"^\| {name} \|", f"| {text} |", line) for line in lines]
    return Block("\n".join(lines), found.sets)


def few_shot() -> Block:
    """Errors on unseen devices before and after ten measurements."""
    table = pd.read_csv(RESULTS / "05_few_shot_summary.csv")
    chosen = table[(table["devices"] == "all") & (table["split"] == "hardware")]
    chosen = chosen[chosen["n"] == 10].round(1)
    shown = chosen[["rows", "target", "before", "after"]].sort_values("rows", kind="stable")
    shown["target"], shown["rows"] = shown["target"].map(NAMES), shown["rows"].map(DRAWN)
    shown.columns = pd.Index(["ten rows of", "target", "error before, %", "after, %"])
    return Block(markdown(shown), sets_in((RESULTS / "05_few_shot.md").read_text("utf-8")))


def predicted_first() -> Block:
    """Predictions of Transformers on a GPU beside what was measured after."""
    table = pd.read_csv(RESULTS / "11_predicted_first.csv")
    table = table[table["error"].isna()]
    lines = []
    for target in ("batch_latency_s", "ttft_ms", "tpot_ms"):
        said, true = table[target], table[f"{target}_measured"]
        held = true.between(table[f"{target}_low"], table[f"{target}_high"])
        lines.append({
            "target": NAMES[target], "rows": len(table),
            "median error %": round(100 * (said / true - 1).abs().median(), 1),
            "predicted / measured": round((said / true).median(), 2),
            "inside the 90 % interval": f"{100 * held.mean():.0f} %",
        })  # fmt: skip
    return Block(markdown(pd.DataFrame(lines)),
                 sets_in((RESULTS / "11_predicted_first.md").read_text("utf-8")))  # fmt: skip


def scored() -> Block:
    """A small table through ``guide score``: the candidates and what came out."""
    with tempfile.TemporaryDirectory() as folder:
        there, out = Path(folder) / "candidates.csv", Path(folder) / "scored.csv"
        there.write_text(CANDIDATES, "utf-8")
        columns = "ttft_ms,tpot_ms,memory_fits,error"
        guide(("score", str(there), str(out), "--columns", columns))
        table = pd.read_csv(out)
    shown = table[["hardware", "model", "ttft_ms", "tpot_ms", "memory_fits", "error"]].round(1)
    shown["error"] = shown["error"].fillna("").str.split("[:;]", regex=True).str[0]
    return ours(markdown(shown))


def first_line(init: Path) -> str:
    """Return what a package says it is, in Markdown."""
    told = (ast.get_docstring(ast.parse(init.read_text("utf-8"))) or "").split("\n\n")[0]
    return re.sub(r":\w+:`~?([^`]+)`", r"`\1`", told).replace("``", "`").replace("\n", " ")


def rooms() -> Block:
    """The packages of guide_ml along the data's way, as guide_ml/__init__.py tells it."""
    package = ROOT / "guide_ml"
    told = ast.get_docstring(ast.parse((package / "__init__.py").read_text("utf-8"))) or ""
    way = [n for line in re.findall(r"^    ([a-z_]+(?:, [a-z_]+)*)  ", told, re.MULTILINE)
           for n in line.split(", ")]  # fmt: skip
    inits = {init.parent.name: init for init in sorted(package.glob("*/__init__.py"))}
    named = [n for n in way if n in inits] + [n for n in inits if n not in way]
    lines = [{"room": f"`guide_ml/{n}/`", "what it is for": first_line(inits[n])} for n in named]
    return Block(markdown(pd.DataFrame(lines)))


def flags() -> Block:
    """Rows of the data whose set-up no descriptor tells, by what it is."""
    names = pd.concat([
        pd.read_parquet(path, columns=["flags"])["flags"].dropna().str.split(";").explode()
        for path in sorted((ROOT / "data" / "measurements").glob("*.parquet"))
    ]).str.strip()  # fmt: skip
    lines = [{"set-up": text, "rows": int(names.isin(marks).sum())}
             for text, marks in UNTOLD.items()]  # fmt: skip
    return Block(markdown(pd.DataFrame(lines)))


def consistency() -> Block:
    """How many of 20,000 drawn deployments break what arithmetic or physics demands."""
    found = nth_table("13_consistency.md")
    table = pd.read_csv(RESULTS / "13_consistency.csv")
    heads = {"rule": "rule", "mode": "mode", "figure": "figure", "deployments": "deployments",
             "share_broken_percent": "broken by more than 1 %, %",
             "largest_percent": "largest break, %"}  # fmt: skip
    return Block(markdown(table.rename(columns=heads)), found.sets)


def memory_starts() -> Block:
    """Compare the account of memory with what engines logged; no figure of a trained set."""
    lines = (RESULTS / "16_memory.md").read_text("utf-8").splitlines()
    kept = [x for x in lines if x.startswith("|") and not re.match(r"^\| (all but|Tensor)", x)]
    return Block("\n".join(kept))


def faults() -> Block:
    """What was tried to break the commands, what they survived, what was lost."""
    found = json.loads((RESULTS / "20_faults.json").read_text("utf-8"))
    names = {"kill": "kill -9 at a random moment",
             "kill of a retraining": "the same of a retraining", "disk": "a disk that refuses",
             "two at once": "two writers of one target"}  # fmt: skip
    lines = [{"fault": names[n], **{k: found[n][k] for k in ("tried", "survived")},
              "lost": len(found[n]["lost"])} for n in names if n in found]  # fmt: skip
    odd = json.loads((RESULTS / "17_fuzz.json").read_text("utf-8"))
    lines.append({"fault": f"an odd input to one of {len(odd['entries'])} entries",
                  "tried": odd["all"]["tried"],
                  "survived": odd["all"]["answered"] + odd["all"]["refused"],
                  "lost": odd["all"]["faults"]})  # fmt: skip
    met = found["kill"]["of"] | found.get("kill of a retraining", {"of": {}})["of"]
    killed = ", ".join(f"{n} of `{name}`" for name, n in met.items())
    table = f"{markdown(pd.DataFrame(lines))}\n\nThe kills: {killed}."
    same = found.get("same")
    if not same:
        return Block(table)
    equal = "equal to the last bit" if same["equal"] else "not equal"
    return Block(
        f"{table}\n\n"
        f"Answers of {same['threads']} threads and {same['processes']} processes: {equal}."
        f" Memory after {same['predictions']:,} predictions: {max(same['grown_mb'], 0):.1f} MB more"
        " than after the first 2,000."
    )


#: Blocks that a command prints; the others are made from files.
PRINTED: dict[str, Callable[[], Block]] = {
    "predict": lambda: ours(guide(PREDICT)),
    "predict-short": lambda: ours(guide(PREDICT, "speed\n", "measured nearby")),
    "error": lambda: Block(guide(WRONG)),
    "explain": lambda: ours(guide((*PREDICT, "--explain"), "Where the time goes")),
    "search": lambda: ours(guide(SEARCH)),
    "search-short": lambda: ours(guide(SEARCH, "the deployment to rent", "\nconfidence")),
    "sweep": lambda: ours(guide(SWEEP)),
    "scored": scored,
    "launch": lambda: Block(guide(LAUNCH)),
    "simulate": lambda: ours(guide(("simulate", *SERVED, "--requests-per-s", "10"))),
    "capacity": lambda: ours(guide(("capacity", *SERVED, "--ttft-p99-ms", "1000", "--tpot-p99-ms",
                                    "40"))),
    "traffic": lambda: Block(guide(("traffic", "describe", "mooncake"), "mooncake", "over time")),
}  # fmt: skip
BLOCKS: dict[str, Callable[[], Block]] = PRINTED | {
    "data": data,
    "accuracy": accuracy,
    "accuracy-short": lambda: accuracy(("deployment", "model", "hardware", "source"), True),
    "peers": peers,
    "history": history,
    "between": between,
    "worst-laboratories": worst_laboratories,
    "intervals": intervals,
    "few-shot": few_shot,
    "flags": flags,
    "predicted-first": predicted_first,
    "decisions": lambda: nth_table("07_decisions.md"),
    "decisions-served": lambda: nth_table("07_decisions.md", "| method | decisions", 1),
    "search-evidence": lambda: nth_table("06_search.md"),
    "speed": lambda: report("02_speed.md"),
    "scoring": lambda: report("09_scoring.md"),
    "scale": lambda: report("10_scale.md"),
    "cost": lambda: report("18_cost.md"),
    "service": lambda: report("17_service.md"),
    "retraining": lambda: nth_table("08_retraining.md"),
    "rooms": rooms,
    "faults": faults,
    "consistency": consistency,
    "memory-starts": memory_starts,
    "traffic-errors": lambda: nth_table("14_traffic.md"),
    "traffic-judged": lambda: nth_table("14_traffic.md", "| judged"),
    "traffic-held": lambda: nth_table("14_traffic.md", "| figure"),
    "traffic-split": lambda: nth_table("14_traffic.md", "| source | runs | TPOT | throughput"),
}  # fmt: skip
