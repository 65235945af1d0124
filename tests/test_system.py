"""Locks, files and folders written whole, private scratch, helpers that end with their parent."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from guide_ml.errors import BadStore, InvalidInput, check_seed, without_passwords
from guide_ml.system import folders, locks, private, processes, writing

ROOT = Path(__file__).parents[1]
HOLD = """
import sys, time
from guide_ml.system.locks import claimed
with claimed(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a process and wait for its first line."""
    found = subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], text=True,
                             stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert found.stdout is not None
    assert found.stdout.readline().strip()
    return found


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_second_writer_is_told_who_holds_the_target_and_a_kill_frees_it(tmp_path):
    target = tmp_path / "out.csv"
    process = start(HOLD, target)
    with pytest.raises(InvalidInput, match=f"being written by process {process.pid} on"), (
        locks.claimed(target)
    ):
        pass
    end(process)
    with locks.claimed(target, 5):
        assert (tmp_path / ".out.csv.lock").exists()
    assert not list(tmp_path.iterdir())


def test_a_writer_waits_and_says_for_whom(tmp_path):
    target, told, done = tmp_path / "out", list[str](), list[float]()

    def second() -> None:
        with locks.claimed(target, 20, told.append):
            done.append(time.monotonic())

    with locks.claimed(target):
        with locks.claimed(target):  # the thread that holds it
            thread = threading.Thread(target=second)
            thread.start()
        while not told:
            time.sleep(0.01)
        assert not done
    thread.join()
    assert done
    assert f"process {os.getpid()}" in told[0]


def test_many_writers_take_turns(tmp_path):
    target, inside, most = tmp_path / "out", list[int](), list[int]()

    def one() -> None:
        for _ in range(5):
            with locks.claimed(target, 60):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 40
    assert max(most) == 1


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / ".out.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic link"), locks.claimed(tmp_path / "out"):
        pass
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_file_is_whole_or_what_it_was(tmp_path):
    path = tmp_path / "out.txt"
    writing.write_text(path, "old")

    def fail() -> None:
        with writing.written(path) as beside:
            beside.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "old"
    (tmp_path / ".out.txt.part").write_text("what a kill left")
    writing.write_text(path, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["out.txt"]
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_link_stays_a_link_and_a_device_stays_a_device(tmp_path):
    (tmp_path / "there.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("there.txt")
    writing.write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "there.txt").read_text() == "new"
    writing.write_text(os.devnull, "anything")
    assert Path(os.devnull).is_char_device()


@pytest.mark.parametrize(("make", "words"), [
    (lambda p: p, "is a folder; a file is needed"),
    (lambda p: p / "none" / "out.txt", "No such file or directory; its folder must exist"),
    (lambda p: p / ("x" * 300), "File name too long; choose a shorter name"),
    (lambda _: Path("/dev/full"), "No space left on device; make room"),
    (lambda _: Path("/proc/out.txt"), r"/proc/out\.txt cannot be written"),
])  # fmt: skip
def test_what_cannot_be_written_ends_in_a_sentence(tmp_path, make, words):
    with pytest.raises(InvalidInput, match=words):
        writing.write_text(make(tmp_path), "text" * 10_000)
    assert not list(tmp_path.iterdir())


def test_a_limit_on_files_leaves_nothing_half_written(tmp_path):
    (tmp_path / "out.txt").write_text("old")
    code = ("import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
            "from guide_ml.system import writing; writing.write_text(sys.argv[1], 'x' * 5000)")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "out.txt")], text=True,
                          capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert "File too large; the limit on the size of files must be higher" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["out.txt"]
    assert (tmp_path / "out.txt").read_text() == "old"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] != 1000


def test_what_is_read_is_not_written_over(tmp_path):
    (tmp_path / "in.csv").write_text("a")
    os.link(tmp_path / "in.csv", tmp_path / "hard.csv")
    (tmp_path / "soft.csv").symlink_to("in.csv")
    for out in ("in.csv", "hard.csv", "soft.csv", "../" + tmp_path.name + "/in.csv"):
        with pytest.raises(InvalidInput, match="is read and must not be written over"):
            writing.distinct([tmp_path / out], [tmp_path / "in.csv"])
    with pytest.raises(InvalidInput, match="is to be written twice"):
        writing.distinct([tmp_path / "a", None, tmp_path / "." / "a"])
    writing.distinct(["-", tmp_path / "out.csv", "/dev/null"], [tmp_path / "in.csv", "-", None])


def filled(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_text(name)
    return folder


def test_only_what_was_written_here_is_replaced(tmp_path):
    mine = filled(tmp_path / "mine", "a", "b")
    folders.mark(mine)
    folders.check(mine)
    (mine / "b").unlink()
    folders.check(mine)
    (mine / "notes.txt").write_text("of a user")
    with pytest.raises(InvalidInput, match=r"notes\.txt.*--overwrite"):
        folders.check(mine)
    precious = filled(tmp_path / "precious", *"abcdef")
    with pytest.raises(InvalidInput, match=r"a, b, c and 3 more.*--overwrite"):
        folders.check(precious)
    folders.check(precious, overwrite=True)
    folders.check(filled(tmp_path / "empty"))
    with pytest.raises(InvalidInput, match="is a file; a folder is needed"):
        folders.check(precious / "a", overwrite=True)
    (precious / folders.MARKER).write_text("[1]")
    with pytest.raises(InvalidInput, match="--overwrite"):
        folders.check(precious)


@pytest.mark.parametrize("exchanged", [True, False])
def test_a_folder_takes_the_place_of_another(tmp_path, monkeypatch, exchanged):
    if not exchanged:
        monkeypatch.setattr(folders, "exchange", lambda *_: False)
    elif not folders.exchange(filled(tmp_path / "x"), filled(tmp_path / "y")):
        pytest.skip("this system has no such step")
    place = tmp_path / "set"
    for content in ("one", "two"):
        with folders.fresh(place, folders.MARKER) as new:
            (new / content).write_text(content)
            folders.mark(new)
    assert sorted(p.name for p in place.iterdir()) == [folders.MARKER, "two"]

    def fail() -> None:
        with folders.fresh(place, folders.MARKER) as new:
            (new / "three").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (place / "two").exists()
    assert {p.name for p in tmp_path.iterdir()} <= {"set", "x", "y"}


def test_a_kill_between_two_steps_loses_no_folder(tmp_path):
    beside = tmp_path / ".set.guide"
    beside.mkdir()
    filled(beside / "old", "kept")
    folders.mark(beside / "old")
    with folders.fresh(tmp_path / "set", folders.MARKER) as new:
        assert (tmp_path / "set" / "kept").exists()
        folders.mark(new)
    assert not (tmp_path / "set" / "kept").exists()
    assert not beside.exists()


def test_a_folder_in_the_way_is_not_taken_away(tmp_path):
    filled(tmp_path / ".set.guide", "of a user")
    with pytest.raises(InvalidInput, match="is in the way"), (
        folders.fresh(tmp_path / "set", folders.MARKER)
    ):
        pass
    assert (tmp_path / ".set.guide" / "of a user").exists()


def test_scratch_is_private_and_a_killed_holders_is_swept(tmp_path, monkeypatch):
    monkeypatch.setenv(private.CACHE, str(tmp_path / "cache"))
    code = """
import time
from guide_ml.system.private import scratch
with scratch("job") as place:
    (place / "file").write_text("left")
    print(place, flush=True)
    time.sleep(60)
"""
    process = start(code)
    base = tmp_path / "cache" / "scratch"
    (left,) = [p for p in base.iterdir() if p.is_dir()]
    for folder in (tmp_path / "cache", base, left):
        assert folder.stat().st_mode & 0o777 == 0o700
    with private.scratch("other"):
        assert left.exists()  # its holder lives
    end(process)
    with private.scratch("other") as place:
        assert not left.exists()
        assert place.is_dir()
    assert not list(base.iterdir())


def test_the_services_counters_lie_in_scratch_that_a_killed_service_loses(tmp_path, monkeypatch):
    uvicorn = pytest.importorskip("uvicorn")
    from guide_ml.web.serve import serve
    from guide_ml.web.settings import Settings

    monkeypatch.setenv(private.CACHE, str(tmp_path / "cache"))
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    monkeypatch.setenv("GUIDE_WEB_SETTINGS", "")
    seen = []

    def run(*_, **__):
        seen.append(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
        assert seen[0].is_dir()

    monkeypatch.setattr(uvicorn, "run", run)
    serve("127.0.0.1", 1, 2, Settings())
    (place,) = seen
    assert place.parent == tmp_path / "cache" / "scratch"
    assert not place.exists()


def test_a_cache_of_somebody_else_is_refused(tmp_path, monkeypatch):
    filled(tmp_path / "theirs")
    (tmp_path / "cache").symlink_to(tmp_path / "theirs")
    monkeypatch.setenv(private.CACHE, str(tmp_path / "cache"))
    with pytest.raises(InvalidInput, match="must be a folder of your own"):
        private.cache("sets")
    with private.scratch("job") as place:  # elsewhere, under a name that nobody can guess
        assert tmp_path not in place.parents
    assert not list((tmp_path / "theirs").iterdir())


SLOW_WORK = """
import os, time
def note(folder):
    open(os.path.join(folder, str(os.getpid())), "w").close()
    time.sleep(600)
"""
HELPERS = """
import os, sys, time
from joblib import delayed
from guide_ml.system.processes import side_by_side
from slow_work import note
calls = (delayed(note)(sys.argv[1]) for _ in range(4))
print("started", flush=True)
list(side_by_side(2, calls, 16384))
"""


@pytest.mark.slow
def test_helpers_end_with_who_started_them_and_import_nothing_from_the_working_folder(tmp_path):
    notes = filled(tmp_path / "notes")
    here, own = filled(tmp_path / "here"), filled(tmp_path / "own")
    (own / "slow_work.py").write_text(SLOW_WORK)
    for name in ("joblib", "numpy", "cloudpickle"):
        (here / f"{name}.py").write_text(f"open({str(tmp_path / 'bad')!r}, 'a').write('{name}')")
    process = subprocess.Popen([sys.executable, "-P", "-c", HELPERS, str(notes)], cwd=here,
                               env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{own}"})
    stop = time.monotonic() + 120
    while len(list(notes.iterdir())) < 2:
        assert process.poll() is None
        assert time.monotonic() < stop
        time.sleep(0.05)
    pids = [int(p.name) for p in notes.iterdir()]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    while any(map(_alive, pids)):
        assert time.monotonic() < stop
        time.sleep(0.1)
    assert not (tmp_path / "bad").exists()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_work_in_this_process_needs_no_watch():
    calls: list[processes.Call] = [(max, (1, 2), {}), (sorted, ([2, 1],), {"reverse": True})]
    assert list(processes.side_by_side(1, calls, 1000)) == [2, [2, 1]]


@pytest.mark.parametrize(("text", "shown"), [
    ("at https://me:secret@host:5000/x", "at https://me:***@host:5000/x"),
    ("postgresql://me:se@cr:et@host/db", "postgresql://me:***@host/db"),
    ("http://:secret@host", "http://:***@host"),
    ("http://host:5000/a@b", "http://host:5000/a@b"),
    ("https://me@host", "https://me@host"),
])  # fmt: skip
def test_passwords_are_left_out(text, shown):
    assert without_passwords(text) == shown
    assert str(BadStore(text)) == shown


@pytest.mark.parametrize("seed", [-1, 2**31, 1.5, True])
def test_a_seed_that_no_library_takes_is_refused(seed):
    with pytest.raises(InvalidInput, match="seed must be a whole number from 0"):
        check_seed(seed)
