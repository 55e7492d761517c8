"""Requests over loopback with little work for the client, and their cost on the servers."""

import socket
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import psutil

from tests.rig import HOST

# As a browser behind the proxy of production asks.
HEADERS = f"Host: {HOST}\r\nX-Forwarded-Proto: https\r\nAccept: text/html\r\nAccept-Language: en\r\nAccept-Encoding: gzip\r\n"


@dataclass
class Answer:
    """A response, without following redirects."""

    status: int
    location: str
    cookies: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()


class Line:
    """A connection that stays open."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self.socket.close()

    def exchange(self, request: bytes) -> tuple[bytes, bytes]:
        """Return head and body of the response, unparsed."""
        self.socket.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _empty, body = received.partition(b"\r\n\r\n")
        _before, named, length = head.lower().partition(b"content-length: ")
        assert named, "an answer without a length"
        wanted = int(length.partition(b"\r")[0])
        while len(body) < wanted:
            body += self._more()
        return head, body

    def _more(self) -> bytes:
        more = self.socket.recv(65536)
        if not more:
            raise ConnectionError("the server hung up")
        return more


def get(path: str, cookies: str = "") -> bytes:
    """Return a request: of a first-time visitor, or with cookies."""
    head = f"{HEADERS}X-Forwarded-For: 10.0.0.1\r\n" + (f"Cookie: {cookies}\r\n" if cookies else "")
    return f"GET {path} HTTP/1.1\r\n{head}\r\n".encode()


class Browser:
    """A client with cookies and its own IP address, so that limits per network do not add up."""

    def __init__(self, port: int, number: int):
        self.port, self.cookies = port, {}
        self.address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        self.line: Line | None = None

    def send(self, path: str, form: dict[str, str] | None = None) -> Answer:
        head = f"{HEADERS}X-Forwarded-For: {self.address}\r\n"
        if self.cookies:
            head += f"Cookie: {'; '.join(f'{name}={value}' for name, value in self.cookies.items())}\r\n"
        if form is None:
            request = f"GET {path} HTTP/1.1\r\n{head}\r\n"
        else:
            body = urlencode(form)
            head += f"Origin: https://{HOST}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            request = f"POST {path} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n{body}"
        answer = read(*self._exchange(request.encode()))
        self.cookies |= answer.cookies
        return answer

    def _exchange(self, request: bytes) -> tuple[bytes, bytes]:
        """Send again if the server has closed an idle connection, as browsers do."""
        if self.line is None:
            self.line = Line(self.port)
            return self.line.exchange(request)
        try:
            return self.line.exchange(request)
        except ConnectionError:
            self.line = Line(self.port)
            return self.line.exchange(request)

    def close(self) -> None:
        if self.line:
            self.line.close()


def read(head: bytes, body: bytes) -> Answer:
    lines = head.decode("latin-1").split("\r\n")
    location, cookies = "", {}
    for line in lines[1:]:
        name, _colon, value = line.partition(": ")
        match name.lower():
            case "location":
                location = value
            case "set-cookie":
                cookies |= {key: morsel.value for key, morsel in SimpleCookie(value).items()}
            case "content-encoding":
                body = zlib.decompress(body, wbits=31)
    return Answer(int(lines[0].split()[1]), location, cookies, body)


# --- what it costs -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """An amount of work, and the CPU seconds that web server and database spent on it."""

    count: int
    seconds: float
    web: float
    database: float

    @property
    def cpu(self) -> float:
        """Return the CPU seconds of one unit of work."""
        return (self.web + self.database) / self.count

    @property
    def rate(self) -> float:
        return self.count / self.seconds


def spent(parent: psutil.Process) -> float:
    """Return the CPU seconds of a process, its children, and children that have ended."""
    own = parent.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in parent.children():
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


class Meter:
    """Measure CPU seconds: ``with Meter(web, database) as meter: …``; then ``meter.cost(count)``."""

    def __init__(self, web: psutil.Process, database: psutil.Process):
        self.processes = (web, database)

    def __enter__(self):
        self.before, self.begin = [spent(process) for process in self.processes], time.monotonic()
        return self

    def __exit__(self, *_exc):
        self.seconds = time.monotonic() - self.begin
        self.spent = [
            spent(process) - before for process, before in zip(self.processes, self.before, strict=True)
        ]

    def cost(self, count: int) -> Cost:
        return Cost(count, self.seconds, *self.spent)


def crowd(number: int, work: Callable[[int], None], seconds: float) -> int:
    """Do ``work`` repeatedly in this many threads until the time is up. Return how often it was done."""
    end = time.monotonic() + seconds

    def loop(which: int) -> int:
        count = 0
        while time.monotonic() < end:
            work(which)
            count += 1
        return count

    with ThreadPoolExecutor(number) as pool:
        return sum(pool.map(loop, range(number)))


def page(port: int, path: str, meter: Meter, *, seconds: float, clients: int = 8, cookies: str = "") -> Cost:
    """Request a page from this many threads."""
    lines, request = [Line(port) for _ in range(clients)], get(path, cookies)

    def work(which: int) -> None:
        head, _body = lines[which].exchange(request)
        assert head.startswith(b"HTTP/1.1 200"), head[:200]

    crowd(clients, work, 0.3)
    with meter:
        count = crowd(clients, work, seconds)
    for line in lines:
        line.close()
    return meter.cost(count)
