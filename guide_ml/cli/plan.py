"""``guide plan``: five plain questions, and the answer in words."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from guide_ml.answers.blocks import Words
from guide_ml.cli import report
from guide_ml.cli.parts import progress_bar, show_or_json

__all__ = ["EXAMPLES", "plan"]

EXAMPLES = (
    "guide plan",
    "guide plan --people 200 --use chat --feel brisk --budget 2000",
    "guide plan --use coding --people 30 --model qwen3-coder-30b-a3b-instruct --country Germany",
    "guide plan --use chat --people 20 --hardware rtx-4090 --num-devices 2 --model qwen3-8b",
    "guide plan --use summarise --documents 100000 --hours 12 --json",
)
#: Exit status where the questions are right but nothing keeps what was asked.
NOTHING_FITS = 3

_USE, _WHO, _WHERE = "1. What for", "2. How many, how busy", "5. Where"
UseOption = Annotated[
    str | None, typer.Option("--use", help="chat, documents, coding, summarise or other.",
                             rich_help_panel=_USE)
]  # fmt: skip
InputOption = Annotated[
    float | None, typer.Option(help="Tokens of a question, if not the usual ones.",
                               rich_help_panel=_USE)
]  # fmt: skip
OutputOption = Annotated[
    float | None, typer.Option(help="Tokens of an answer, if not the usual ones.",
                               rich_help_panel=_USE)
]  # fmt: skip
PeopleOption = Annotated[
    float | None, typer.Option("--people", help="People who use it.", rich_help_panel=_WHO)
]
BusyOption = Annotated[
    str | None, typer.Option("--busy", help="quiet, usual, busy or constant.", rich_help_panel=_WHO)
]
AtOnceOption = Annotated[
    float | None, typer.Option(help="People who wait at the same moment, if you know it.",
                               rich_help_panel=_WHO)
]  # fmt: skip
DocumentsOption = Annotated[
    float | None, typer.Option(help="Documents of a pile.", rich_help_panel=_WHO)
]
HoursOption = Annotated[
    float | None, typer.Option(help="Hours in which the pile must be done.", rich_help_panel=_WHO)
]
FeelOption = Annotated[
    str | None, typer.Option("--feel", help="patient, relaxed, brisk or instant.",
                             rich_help_panel="3. How fast")
]  # fmt: skip
ModelOption = Annotated[
    str | None, typer.Option("--model", help="Any model; one that suits the use by default.",
                             rich_help_panel="4. Which model")
]  # fmt: skip
BudgetOption = Annotated[
    float | None, typer.Option("--budget", help="Most USD a month.", rich_help_panel=_WHERE)
]
CountryOption = Annotated[
    list[str] | None, typer.Option("--country", help="Where rented machines must stand. May be"
                                   " repeated.", rich_help_panel=_WHERE)
]  # fmt: skip
HardwareOption = Annotated[
    str | None, typer.Option("--hardware", help="GPU of a machine of your own.",
                             rich_help_panel=_WHERE)
]  # fmt: skip
DevicesOption = Annotated[
    int | None, typer.Option(help="GPUs of your own machine.", rich_help_panel=_WHERE)
]
EnergyOption = Annotated[
    float | None, typer.Option(help="Price of energy for your own machine.", rich_help_panel=_WHERE)
]
PredictorOption = Annotated[
    Path | None, typer.Option("--predictor", help="Folder of other estimators.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def plan(
    use: UseOption = None, input_len: InputOption = None, output_len: OutputOption = None,
    people: PeopleOption = None, busy: BusyOption = None, at_once: AtOnceOption = None,
    documents: DocumentsOption = None, hours: HoursOption = None, feel: FeelOption = None,
    model: ModelOption = None, budget: BudgetOption = None, country: CountryOption = None,
    hardware: HardwareOption = None, num_devices: DevicesOption = None,
    power_usd_kwh: EnergyOption = None, predictor: PredictorOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Answer five plain questions: what to rent, what it costs, how it will feel.

    Without options it asks. Exit status: 0 something serves, 2 an answer is wrong, 3 nothing
    keeps what was asked.
    """
    given = dict(locals())
    for name in ("predictor", "as_json", "country"):
        given.pop(name)
    given |= {"countries": tuple(country) if country else None,
              "where": "own" if hardware else None}  # fmt: skip
    asked = {k: v for k, v in given.items() if v is not None}
    if not asked and sys.stdin.isatty():
        asked = _ask()
    with progress_bar() as progress:
        from guide_ml import planning

        found = planning.plan(asked, predictor=predictor, progress=progress)
    show_or_json(found.to_dict(), found.blocks, as_json)
    if not found.serves:
        raise typer.Exit(NOTHING_FITS)


def _ask() -> dict[str, Any]:
    """Ask the five questions; a blank answer takes what stands in brackets."""
    from guide_ml.planning import choices

    told = choices()
    asked: dict[str, Any] = {"use": _choose("1. What is it for?", {
        k: f"{v['title']}: {v['example']}" for k, v in told["uses"].items()}, "chat")}  # fmt: skip
    if asked["use"] == "other":
        asked["input_len"] = typer.prompt("   Tokens of a question", default=1000.0)
        asked["output_len"] = typer.prompt("   Tokens of an answer", default=300.0)
    if told["uses"][asked["use"]].get("pile"):
        asked["documents"] = typer.prompt("2. How many documents?", default=10_000.0)
        asked["hours"] = typer.prompt("   In how many hours?", default=8.0)
    else:
        asked["people"] = typer.prompt("2. How many people use it?", default=50.0)
        asked["busy"] = _choose("   How heavily?", {
            k: f"{v['title']}, {100 * v['share']:g} % of them at once"
            for k, v in told["busy"].items()}, "usual")  # fmt: skip
        feels = {k: f"{v['title']}: {v['words']}" for k, v in told["feel"].items()}
        asked["feel"] = _choose("3. How fast must it feel?", feels, "brisk")
    asked["model"] = _model(told, asked["use"])
    return asked | _where()


def _choose(question: str, among: dict[str, str], default: str) -> str:
    lines = tuple(f"{name}: {words}" for name, words in among.items())
    report.show([Words(title=question, lines=lines)])
    return str(typer.prompt("  ", default=default, prompt_suffix=" "))


def _model(told: dict[str, Any], use: str) -> str:
    lines = tuple(
        f"{m['model']}: {m['size']}, {m['params_total_b']:.0f} billion parameters, {m['licence']};"
        f" {m['good_for']}"
        for m in told["models"] if use in m["uses"]
    )
    report.show([Words(title="4. Which model? One of these, or any other name.", lines=lines)])
    return str(typer.prompt("  ", default=told["suggested"][use], prompt_suffix=" "))


def _where() -> dict[str, Any]:
    where = _choose("5. Where does it run?", {"rent": "a rented machine", "own": "my own machine"},
                    "rent")  # fmt: skip
    if where != "rent":
        device = typer.prompt("   Which GPU has it, such as rtx-4090?")
        return {"where": where, "hardware": device,
                "num_devices": typer.prompt("   How many of them?", default=1)}  # fmt: skip
    found: dict[str, Any] = {"where": where}
    budget = typer.prompt("   Most USD a month (0 for no limit)", default=0.0)
    places = typer.prompt("   Countries, separated by commas (blank for anywhere)", default="",
                          show_default=False)  # fmt: skip
    if budget:
        found["budget"] = budget
    if names := tuple(p.strip() for p in places.split(",") if p.strip()):
        found["countries"] = names
    return found
