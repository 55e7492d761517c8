"""The README is true where a machine can tell."""

import re
from pathlib import Path

from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
READ_BY = ["ticketshop/settings.py", "ticketshop/gunicorn.py", "ticketshop/demo/run.py"]
READ = re.compile(r"""(?:env\.\w+|required|environ\.get)\(\s*"([A-Z_]+)"|environ\["([A-Z_]+)"\]""")
# Set by make and by Django, not by people.
FOREIGN = {"MAKELEVEL"}


def test_every_variable_that_is_read_is_explained():
    read = {
        name for file in READ_BY for pair in READ.findall((ROOT / file).read_text()) for name in pair if name
    }
    assert len(read) > 20
    assert sorted(name for name in read - FOREIGN if f"`{name}" not in README) == []


def test_every_variable_that_is_explained_is_read():
    table = README.partition("## Configuration")[2].partition("## Production")[0]
    explained = {
        name
        for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
        for name in re.findall(r"`([A-Z_]+)`", row)
    }
    sources = "".join((ROOT / file).read_text() for file in READ_BY)
    assert len(explained) > 20
    assert sorted(name for name in explained if f'"{name}"' not in sources) == []


def test_what_it_points_to_exists():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_target_of_make_is_named():
    targets = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets
    assert [name for name in targets[1].split() if f"`make {name}`" not in README] == []


def test_every_command_of_the_program_exists():
    named = set(re.findall(r"manage\.py (\w+)", README))
    assert {"worker", "migrate", "check_books"} <= named
    assert named - set(get_commands()) == set()


def test_both_processes_of_the_units_are_those_that_make_run_starts():
    started = (ROOT / "ticketshop" / "demo" / "run.py").read_text()
    for command in re.findall(r"^ExecStart=\S+python (.+)$", README, re.MULTILINE):
        assert ", ".join(f'"{word}"' for word in command.split()) in started, command
