"""The processes that `make run` keeps alive: started, restarted when they die, stopped, and found again after a crash."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

SHORTEST_DELAY = 0.2  # seconds before a process that died is started again
LONGEST_DELAY = 5.0
SETTLED = 10.0  # seconds after which a process counts as healthy, and the delay is short again
GRACE = 10.0  # seconds a process has to end before it is killed


class Process:
    """A program with a process group of its own: Ctrl-C does not reach it, and its children end with it."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str], keep: Sequence[int] = ()):
        self.name = name
        self._command = command
        self._env = env
        self._keep = keep
        self._popen: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._delay = SHORTEST_DELAY
        self._due: float | None = None

    def start(self) -> None:
        self._popen = subprocess.Popen(
            self._command, env=self._env, pass_fds=self._keep, process_group=0, stdin=subprocess.DEVNULL
        )
        self._started = time.monotonic()
        self._due = None

    @property
    def ended(self) -> int | None:
        """The exit status, None while it runs; negative is the signal that ended it."""
        return self._popen.poll() if self._popen else None

    @property
    def identity(self) -> list[float]:
        """Recognises the process later: its number may be another's by then."""
        assert self._popen
        return [self._popen.pid, psutil.Process(self._popen.pid).create_time()]

    def watch(self) -> bool:
        """Starts the program again if it ended; True when it has just done so. To be called often."""
        status = self.ended
        if status is None:
            return False
        now = time.monotonic()
        if self._due is None:
            self.kill()  # what it left behind: workers of a dead web server still answer, with nobody to guide them
            self._delay = (
                SHORTEST_DELAY if now - self._started > SETTLED else min(2 * self._delay, LONGEST_DELAY)
            )
            self._due = now + self._delay
            how = f"signal {-status}" if status < 0 else f"status {status}"
            print(f"The {self.name} ended ({how}); starting it again.", file=sys.stderr, flush=True)
        if now < self._due:
            return False
        self.start()
        return True

    def ask_to_end(self) -> None:
        if self._popen and self.ended is None:
            self._popen.terminate()

    def wait(self, seconds: float) -> None:
        """Gives it that long, then kills it."""
        if self._popen:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(max(seconds, 0))
            self.kill()
            self._popen.wait()

    def kill(self) -> None:
        if self._popen:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGKILL)


def stop_all(processes: Sequence[Process]) -> None:
    for process in processes:
        process.ask_to_end()
    end = time.monotonic() + GRACE
    for process in processes:
        process.wait(end - time.monotonic())


def note(processes: Sequence[Process], file: Path) -> None:
    """Writes down what runs, for `end_leftovers`."""
    running = [process.identity for process in processes if process.ended is None]
    new = file.with_suffix(".new")
    new.write_text(json.dumps(running))
    new.replace(file)


def end_leftovers(file: Path) -> None:
    """Ends what an earlier `make run` left behind when it was killed."""
    try:
        noted = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return
    left = [process for pid, created in noted if (process := _same_process(pid, created))]
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    end = time.monotonic() + GRACE / 2
    while (left := [process for process in left if _lives(process)]) and time.monotonic() < end:
        time.sleep(0.05)
    for process in left:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    file.unlink(missing_ok=True)


def _same_process(pid: int, created: float) -> psutil.Process | None:
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        if abs(process.create_time() - created) < 2:  # the clock may have been set since
            return process
    return None


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
