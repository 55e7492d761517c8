"""The command line of the PostgreSQL server of this clone: ``python -m ticketshop.lib.postgres``."""

import argparse
import os
import subprocess
import sys

from ticketshop.lib import postgres
from ticketshop.lib.postgres import PostgresError, Server


def main() -> int:
    """Run the command line. Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ticketshop.lib.postgres", description=postgres.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("command", choices=["start", "stop", "status", "url", "reset", "run"])
    parser.add_argument("program", nargs=argparse.REMAINDER, help="what to run, and its arguments")
    arguments = parser.parse_args()
    try:
        return _run_command(arguments.command, arguments.program)
    except PostgresError as error:
        print(error, file=sys.stderr)
        return 1


def _run_command(command: str, program: list[str]) -> int:
    if command == "run":
        with Server(throwaway=True) as server:
            environment = os.environ | {"DATABASE_URL": server.url}
            return subprocess.run(program, env=environment, check=False).returncode
    server = Server()
    if command == "url":
        print(server.url)
    elif command == "start":
        print(f"PostgreSQL runs: {server.start().url}")
    elif command == "stop":
        server.stop()
        print("PostgreSQL is stopped.")
    elif command == "reset":
        server.reset()
        print("PostgreSQL and its data are gone.")
    elif pid := server.pid:
        print(f"PostgreSQL runs (process {pid}), its data are in {server.folder}.")
    else:
        print("PostgreSQL does not run.")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
