"""Web servers in addition to that of the rig: with other settings, or to measure one worker from its start."""

import socket
import sys
import time

import psutil

from tests.rig import ROOT, Rig
from ticketshop.demo.processes import Process, stop_all

from .load import Line, get


class Web:
    """``with Web(rig, PAGE_CACHE_SECONDS="0") as web``: gunicorn as in production, on ``web.port``."""

    def __init__(self, rig: Rig, **environment: str):
        self.rig, self.extra = rig, environment

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port, number = self.listener.getsockname()[1], self.listener.fileno()
        command = [
            "gunicorn",
            "--config",
            str(ROOT / "ticketshop" / "gunicorn.py"),
            "--bind",
            f"fd://{number}",
        ]
        self.process = Process(
            "web server",
            [sys.executable, "-m", *command, self.rig.wsgi],
            self.rig.environment | self.extra,
            keep=[number],
        )
        self.begin = time.monotonic()
        self.process.start()
        return self

    def __exit__(self, *_exc):
        stop_all([self.process])
        self.listener.close()

    @property
    def parent(self) -> psutil.Process:
        return psutil.Process(int(self.process.identity[0]))


def fetch(port: int, path: str, cookies: str = "") -> bytes:
    """Return one page, as a first-time visitor gets it, or with cookies."""
    line = Line(port)
    head, body = line.exchange(get(path, cookies))
    line.close()
    assert head.startswith(b"HTTP/1.1 200"), head[:300]
    return body
