"""`make run`: the whole shop on this machine, without configuration. Ctrl-C ends everything that it started.

    python -m ticketshop.demo.run
    python -m ticketshop.demo.run reset     deletes var/ and the database

HOST, PORT, BASE_URL, DATABASE_URL and VAR_DIR are read from the environment. Django is loaded only in the child processes, so
that this process stays small and continues when the shop's code is broken.
"""

import contextlib
import fcntl
import http.client
import ipaddress
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ticketshop.demo import payment_service
from ticketshop.demo.log_ins import LOG_INS, PASSWORD
from ticketshop.demo.processes import Process, end_leftovers, save_identities, stop_all
from ticketshop.lib import postgres

ROOT = Path(__file__).resolve().parents[2]
VAR = Path(os.environ.get("VAR_DIR") or ROOT / "var")
DEV_ENV = VAR / "dev.env"
CHILDREN = VAR / "children.json"
LOCK = VAR / "run.lock"
PATIENCE = 300  # seconds until the shop must answer


class CannotRun(Exception):
    """The shop cannot run. The message tells why, and what to do."""


@dataclass(frozen=True)
class Address:
    """Host and port of the web server."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Return whether only this machine can reach the server."""
        return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback

    @property
    def reachable_host(self) -> str:
        """Return the host for clients on this machine: 127.0.0.1 for 0.0.0.0."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104

    @property
    def url(self) -> str:
        """Return the URL of the shop on this machine."""
        host = self.reachable_host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def main() -> int:
    """Run or reset the shop. Return the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup asks for that
            signal.signal(number, signal.default_int_handler)
    try:
        if sys.argv[1:] == ["reset"]:
            reset()
        else:
            run(read_address())
    except KeyboardInterrupt:
        return 0
    except (CannotRun, postgres.PostgresError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def read_address() -> Address:
    """Return host and port from the environment. Raise CannotRun if they are invalid, or public without DEMO_PUBLIC=1."""
    host = os.environ.get("HOST") or "127.0.0.1"
    port = os.environ.get("PORT") or "8000"
    try:
        address = Address(host, int(port))
        public = not address.loopback
    except ValueError as error:
        raise CannotRun(f"HOST must be an IP address or localhost, and PORT a number: {error}.") from error
    if public and os.environ.get("DEMO_PUBLIC") != "1":
        raise CannotRun(
            f"With HOST={host} everybody in the network could enter the demo, whose passwords are known and whose "
            "mails are shown to all. Set DEMO_PUBLIC=1 if that is what you want."
        )
    return address


def run(address: Address) -> None:
    """Run the shop until an exception: KeyboardInterrupt when the process should end."""
    VAR.mkdir(parents=True, exist_ok=True)
    with only_one_in_this_clone(f"make run at {address.url}/"):
        end_leftovers(CHILDREN)
        with listening_socket(address) as listener, fake_stripe(address) as payments, database() as server:
            env = os.environ | settings(address, server) | (payments.variables() if payments else {})
            write_dev_env(env)
            prepare(env)
            serve(address, listener, server, env, payments)


def reset() -> None:
    """Delete var/ with the database. Raise CannotRun if `make run` did not create it."""
    if not LOCK.exists():
        raise CannotRun(f"{VAR} was not made by `make run`: nothing is deleted.")
    with only_one_in_this_clone("make reset"):
        end_leftovers(CHILDREN)
        postgres.Server(VAR / "postgres").reset()
        shutil.rmtree(VAR)


@contextlib.contextmanager
def only_one_in_this_clone(what: str) -> Iterator[None]:
    """Lock this clone. Raise CannotRun if another process has the lock."""
    with LOCK.open("a+") as lock:
        end = time.monotonic() + 5  # seconds for a process that is just ending
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    lock.seek(0)
                    who = lock.read().strip()
                    raise CannotRun(f"This clone is in use: {who}. End that with Ctrl-C first.") from None
                time.sleep(0.1)
        lock.truncate(0)
        lock.write(f"{what} (process {os.getpid()})")
        lock.flush()
        yield


@contextlib.contextmanager
def listening_socket(address: Address) -> Iterator[socket.socket]:
    """Open the socket of the web server. This process keeps it, so that visitors wait while the server restarts."""
    family, kind, _, _, where = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(where)
        except PermissionError as error:
            raise CannotRun(
                f"This user may not use port {address.port}: choose one above 1023, `PORT=8001 make run`."
            ) from error
        except OSError as error:
            raise CannotRun(
                f"Port {address.port} of {address.host} cannot be used ({error.strerror}). End the program that has it, "
                f"or choose another: `PORT={address.port + 1} make run`."
            ) from error
        yield listener


@contextlib.contextmanager
def database() -> Iterator[postgres.Server | None]:
    """Start the PostgreSQL of this clone, unless DATABASE_URL names another server."""
    if os.environ.get("DATABASE_URL"):
        yield None
        return
    server = postgres.Server(VAR / "postgres")
    try:
        yield server.start()
    finally:
        server.stop()


@contextlib.contextmanager
def fake_stripe(address: Address) -> Iterator[payment_service.PaymentService | None]:
    """Open the socket of the demo's payment service, unless the environment has keys of a test account at Stripe."""
    if not payment_service.is_wanted(os.environ):
        yield None
        return
    base_url = os.environ.get("BASE_URL") or address.url
    with payment_service.listening(address.host, address.reachable_host, address.port, base_url) as service:
        yield service


def settings(address: Address, server: postgres.Server | None) -> dict[str, str]:
    """Return the environment variables of the shop. SECRET_KEY stays the same, so that a restart logs no user out."""
    base_url = os.environ.get("BASE_URL") or address.url
    hosts = ["127.0.0.1", "localhost", "[::1]", urlsplit(base_url).hostname or "localhost"]
    if not address.loopback:
        hosts = ["*"]  # the names by which other machines reach this one are unknown
    return {
        "DEMO": "1",
        "SECRET_KEY": os.environ.get("SECRET_KEY") or stored_secret_key(),
        "BASE_URL": base_url,
        "ALLOWED_HOSTS": os.environ.get("ALLOWED_HOSTS") or ",".join(dict.fromkeys(hosts)),
        "DATABASE_URL": server.url if server else os.environ["DATABASE_URL"],
    }


def stored_secret_key() -> str:
    """Return the SECRET_KEY of the last run, or a new one."""
    with contextlib.suppress(FileNotFoundError):
        for line in DEV_ENV.read_text().splitlines():
            if line.startswith("SECRET_KEY="):
                return line.removeprefix("SECRET_KEY=")
    return secrets.token_urlsafe(48)


def write_dev_env(env: dict[str, str]) -> None:
    """Write the variables to a file, so that `manage.py` works on the same shop."""
    names = ["DEMO", "SECRET_KEY", "BASE_URL", "ALLOWED_HOSTS", "DATABASE_URL"]
    names += [name for name in env if name.startswith("STRIPE_")]
    new = DEV_ENV.with_suffix(".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(f"{name}={env[name]}\n" for name in names)
    new.replace(DEV_ENV)


def prepare(env: dict[str, str]) -> None:
    """Migrate, fill the shop and collect static files in a child process. Raise CannotRun if it fails."""
    # Filling the shop takes longer than DB_STATEMENT_TIMEOUT_MS allows.
    print("Preparing the shop ...", flush=True)
    env_without_limit = env | {"DB_STATEMENT_TIMEOUT_MS": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "ticketshop.demo.prepare"], cwd=ROOT, env=env_without_limit, check=False
    )
    if done.returncode:
        raise CannotRun(
            "The shop could not be prepared; what is above says why. `make reset` forgets the demo's data."
        )


def serve(
    address: Address,
    listener: socket.socket,
    server: postgres.Server | None,
    env: dict[str, str],
    payments: payment_service.PaymentService | None,
) -> None:
    """Start web server, worker and payment service, and keep them running."""
    os.chdir(ROOT)
    listener.listen(2048)
    number = listener.fileno()
    web_command = ["-m", "gunicorn", "--config", "ticketshop/gunicorn.py", "--bind", f"fd://{number}"]
    web = Process("web server", [sys.executable, *web_command], env, keep=[number])
    jobs = Process("worker", [sys.executable, "manage.py", "worker"], env)
    processes = [web, jobs, *([payments.process(env, address.url, VAR)] if payments else [])]
    try:
        for process in processes:
            process.start()
        save_identities(processes, CHILDREN)
        wait_until_ready(address, env["BASE_URL"], processes)
        welcome(address)
        keep_alive(processes, server)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave processes behind
        stop_all(processes)
        CHILDREN.unlink(missing_ok=True)


def wait_until_ready(address: Address, base_url: str, processes: list[Process]) -> None:
    """Wait until the shop answers. Raise CannotRun if a process ends or the wait is longer than PATIENCE."""
    end = time.monotonic() + PATIENCE
    while not answers(address, base_url):
        for process in processes:
            if process.ended is not None:
                raise CannotRun(f"The {process.name} did not start; what is above says why.")
        if time.monotonic() > end:
            raise CannotRun(
                f"The shop does not answer at {address.url}/health/ready after {PATIENCE} seconds."
            )
        time.sleep(0.1)


def answers(address: Address, base_url: str) -> bool:
    """Return whether the shop is ready."""
    connection = http.client.HTTPConnection(address.reachable_host, address.port, timeout=5)
    try:
        connection.request("GET", "/health/ready", headers={"Host": urlsplit(base_url).netloc})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def welcome(address: Address) -> None:
    """Print the URL and the log-ins."""
    width = max(len(name) for name, _ in LOG_INS)
    print(f"Ready: {address.url}/\n\nLog-ins, all with the password {PASSWORD}:")
    print("\n".join(f"  {name:{width}}  {who}" for name, who in LOG_INS))
    print(
        f"\nBack office: {address.url}/admin/   Mails sent: {address.url}/mailbox/   Ctrl-C ends it.",
        flush=True,
    )


def keep_alive(processes: list[Process], server: postgres.Server | None) -> None:
    """Restart processes that end. Return when `make`, the parent process, has ended."""
    parent = os.getppid()
    while os.getppid() == parent or "MAKELEVEL" not in os.environ:
        restarted = [process.watch() for process in processes]
        if any(restarted):
            save_identities(processes, CHILDREN)
        if server and not server.pid:
            print("PostgreSQL ended; starting it again.", file=sys.stderr, flush=True)
            server.start()
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
