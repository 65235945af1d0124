"""Bars on terminals and in notebooks, nothing elsewhere; callables are told."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import guide_ml
from guide_ml.answers import progress
from guide_ml.answers.progress import reporting, reporting_rows
from guide_ml.errors import InvalidInput
from guide_ml.scoring import score

ASK: dict[str, Any] = {
    "model": "llama-3.1-8b-instruct", "workload": {"input_len": 512, "output_len": 128},
    "load": {"users": 4}, "slo": {"tpot_ms": 50},
    "constraints": {"hardware": ("l4",), "frameworks": ("vllm",)},
}  # fmt: skip


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("bars", [reporting, reporting_rows])
def test_nothing_is_written_of_short_work_where_there_is_no_terminal(
    bars: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    for asked in (True, False, None):
        with bars(asked) as tell:
            tell(1, 2, 0.5)
    assert capfd.readouterr() == ("", "")


def test_a_log_gets_a_line_a_minute(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert progress.LINE_S == 60
    monkeypatch.setattr(progress, "LINE_S", 0.02)
    with reporting(True) as tell:
        tell(3, 40, "split model: fold")
        time.sleep(0.3)
    err = capfd.readouterr().err.splitlines()
    assert len(err) > 2
    assert err[-1] == "guide: 0:00 split model: fold 3/40"


@pytest.mark.parametrize("bars", [reporting, reporting_rows])
def test_a_terminal_shows_a_bar(bars: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with bars(True) as tell:
        tell(1, 2, "half way" if bars is reporting else 0.5)
    assert "1/2" in stream.getvalue()


def test_a_notebook_shows_a_bar_and_takes_it_away(monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[str] = []
    handle = SimpleNamespace(update=pages.append)

    def display(page: str, display_id: bool) -> Any:
        pages.append(page)
        return handle

    shown = SimpleNamespace(display=display, HTML=str)
    core = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1), display=shown)
    monkeypatch.setitem(sys.modules, "IPython", core)
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    with reporting(True) as tell:
        tell(1, 2, "<b>half</b>")
    assert pages == ["<progress></progress>", '<progress value="1" max="2"></progress> 1/2'
                     " &lt;b&gt;half&lt;/b&gt;", ""]  # fmt: skip


@pytest.mark.parametrize("bars", [reporting, reporting_rows])
def test_what_is_neither_a_bool_nor_callable_is_refused(bars: Any) -> None:
    refused = pytest.raises(InvalidInput, match="must be True, False or a callable; got 'no'")
    with refused, bars("no"):
        pass


def test_search_and_sweep_tell_a_callable_and_take_true() -> None:
    told: list[tuple[Any, ...]] = []
    guide_ml.search(**ASK, progress=lambda *step: told.append(step))
    assert told
    assert all(isinstance(done, int) and isinstance(text, str) for done, _, text in told)
    told.clear()
    guide_ml.sweep(over="users", values=(4, 8), **ASK, progress=lambda *step: told.append(step))
    assert told == [(0, 2, "users 4"), (1, 2, "users 8"), (2, 2, "done")]
    assert guide_ml.search(**ASK, progress=True).best == guide_ml.search(**ASK).best


def test_scoring_tells_a_callable_and_takes_true(tmp_path: Path) -> None:
    table = tmp_path / "in.csv"
    row = {"hardware": "h100", "model": "llama-3.1-8b-instruct", "batch_size": 1, "input_len": 9,
           "output_len": 9}  # fmt: skip
    pd.DataFrame([row] * 3).to_csv(table, index=False)
    told: list[tuple[Any, ...]] = []
    score(table, tmp_path / "out.csv", progress=lambda *step: told.append(step))
    assert told[-1][0] == 3
    assert score(table, tmp_path / "again.csv", progress=True).counts.rows == 3
