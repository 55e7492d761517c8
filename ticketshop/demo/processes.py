"""The child processes of `make run`: start them, restart them when they end, stop them, and stop those of a crashed run."""

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
SETTLED = 10.0  # seconds after which a process counts as healthy, so that the next delay is short
GRACE = 10.0  # seconds a process has to end before it is killed


class Process:
    """A program in its own process group: Ctrl-C does not reach it, and its children end with it."""

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
        """Start the program."""
        self._popen = subprocess.Popen(
            self._command, env=self._env, pass_fds=self._keep, process_group=0, stdin=subprocess.DEVNULL
        )
        self._started = time.monotonic()
        self._due = None

    @property
    def ended(self) -> int | None:
        """Return the exit status, negative for a signal; None while the process runs."""
        return self._popen.poll() if self._popen else None

    @property
    def identity(self) -> list[float]:
        """Return process id and start time, because the id alone may be reused later."""
        assert self._popen
        return [self._popen.pid, psutil.Process(self._popen.pid).create_time()]

    def watch(self) -> bool:
        """Restart the program if it has ended. Return whether it was restarted. Call this often."""
        status = self.ended
        if status is None:
            return False
        now = time.monotonic()
        if self._due is None:
            self.kill()  # its children: workers of a dead web server would still answer
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
        """Send SIGTERM if the process runs."""
        if self._popen and self.ended is None:
            self._popen.terminate()

    def wait(self, seconds: float) -> None:
        """Wait for the end of the process; kill it after ``seconds``."""
        if self._popen:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(max(seconds, 0))
            self.kill()
            self._popen.wait()

    def kill(self) -> None:
        """Kill the process group."""
        if self._popen:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGKILL)


def stop_all(processes: Sequence[Process]) -> None:
    """Stop all processes; kill those that run after GRACE."""
    for process in processes:
        process.ask_to_end()
    end = time.monotonic() + GRACE
    for process in processes:
        process.wait(end - time.monotonic())


def save_identities(processes: Sequence[Process], file: Path) -> None:
    """Write the running processes to a file, for `end_leftovers`."""
    running = [process.identity for process in processes if process.ended is None]
    new = file.with_suffix(".new")
    new.write_text(json.dumps(running))
    new.replace(file)


def end_leftovers(file: Path) -> None:
    """Stop the processes of an earlier `make run` that was killed."""
    try:
        identities = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return
    left = [process for pid, created in identities if (process := _same_process(pid, created))]
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
