"""Journals of searches: mended after a kill, held by one search, never made of other files."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import optuna
import pytest

from guide_ml.errors import InvalidInput
from guide_ml.searching import journal
from guide_ml.system.locks import claimed

optuna.logging.set_verbosity(optuna.logging.WARNING)


def quiet(*_: object) -> None:
    """Nobody is told."""


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A journal of three trials."""
    path = tmp_path / "study.log"
    with journal.held(path, quiet):
        add(path)
    return path


def add(path: Path) -> int:
    """Add three trials; return how many there are."""
    study = optuna.create_study(study_name="s", storage=journal.storage(path), load_if_exists=True)
    study.add_trials([optuna.trial.create_trial(value=float(k)) for k in range(3)])
    return len(study.get_trials(deepcopy=False))


@pytest.mark.parametrize("keep", [1, 9, 40, -1, -2])
def test_a_torn_line_at_the_end_is_cut_off(kept, keep):
    whole = kept.read_bytes()
    lines = whole.splitlines(keepends=True)
    kept.write_bytes(b"".join(lines[:-1]) + lines[-1][:keep])
    with journal.held(kept, quiet):
        assert kept.read_bytes() == b"".join(lines[:-1])
        assert add(kept) == 5
    journal.mend(kept)
    assert kept.read_bytes().endswith(b"\n")


def test_a_line_that_was_torn_and_closed_is_cut_off_too(kept):
    before = kept.read_bytes()
    kept.write_bytes(before + b'{"op_code":4,"wor\n')
    journal.mend(kept)
    assert kept.read_bytes() == before


def test_a_long_torn_line_is_cut_off(kept):
    before = kept.read_bytes()
    kept.write_bytes(before + b'{"op_code":4,"x":"' + b"y" * 300_000)
    journal.mend(kept)
    assert kept.read_bytes() == before


@pytest.mark.parametrize("content", [b"notes of a user", b"a,b\n1,2\n", b"\x00" * 70_000, b"{}\n"])
def test_another_file_is_refused_and_stays_as_it_is(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="must be a journal of searches"), (
        journal.held(path, quiet)
    ):
        pass
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"{", b'{"op_code":0,"wor'])
def test_a_journal_that_was_only_begun_begins_anew(tmp_path, content):
    path = tmp_path / "study.log"
    path.write_bytes(content)
    with journal.held(path, quiet):
        assert add(path) == 3


def test_a_lock_that_optuna_left_stops_nothing(kept, monkeypatch):
    """It is a link that outlives a kill; of a relative path Optuna would wait for ever."""
    monkeypatch.chdir(kept.parent.parent)
    relative = Path(kept.parent.name) / kept.name
    os.symlink(relative, f"{kept}.lock")
    with journal.held(relative, quiet):
        assert add(relative) == 6


def test_a_full_disk_leaves_whole_lines_only(kept, tmp_path):
    before = kept.read_bytes()
    new = tmp_path / "new.log"

    def fill(path: Path, content: bytes) -> None:
        with journal.held(path, quiet):
            with path.open("ab") as file:
                file.write(content)
            raise OSError(errno.ENOSPC, "full")

    for path, content in ((kept, b'{"op_code":4,"wo'), (new, b'{"op_code":0}\n')):
        with pytest.raises(InvalidInput, match="No space left on device"):
            fill(path, content)
    assert kept.read_bytes() == before
    assert not new.exists()


def test_a_second_search_waits_and_says_for_whom(kept, monkeypatch):
    from threading import Thread

    told: list[str] = []
    monkeypatch.setattr(journal, "WAIT_S", 0.2)

    def other() -> None:
        try:
            with journal.held(kept, lambda done, total, words: told.append(words)):
                told.append("in")
        except InvalidInput as error:
            told.append(str(error))

    with claimed(kept):
        thread = Thread(target=other)
        thread.start()
        thread.join()
    assert told[0].startswith(f"waiting for process {os.getpid()}")
    assert "is being written by process" in told[1]


@pytest.mark.parametrize("where", ["none/study.log", "."])
def test_a_place_that_cannot_be_is_told(tmp_path, where):
    with pytest.raises(InvalidInput, match=r"there is no folder for|is a folder"), (
        journal.held(tmp_path / where, quiet)
    ):
        pass
