"""README, the pages of ``ticketshop/docs`` and the decision notes are true where a machine can tell."""

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "ticketshop" / "docs"
# Names of other programs, and of what a note decided not to use.
ELSEWHERE = {
    "POSIX", "Referer", "UnicodeCIDFont", "compilemessages", "createsuperuser", "icontains", "makemessages", "pg_trgm", "rlbidi",
    "shared_buffers", "sudo", "unaccent",
}  # fmt: skip
PAGES = [
    ROOT / "README.md",
    *sorted(DOCS.glob("*.md")),
    *sorted((ROOT / "ticketshop" / "decisions").glob("*.md")),
]
README, CONFIGURATION, PRODUCTION, CONTRIBUTING = (
    path.read_text(encoding="utf-8")
    for path in (PAGES[0], DOCS / "configuration.md", DOCS / "production.md", DOCS / "contributing.md")
)
READ_BY = ["ticketshop/settings.py", "ticketshop/gunicorn.py", "ticketshop/demo/run.py"]
READ = re.compile(r"""(?:env\.\w+|required|environ\.get)\(\s*"([A-Z_]+)"|environ\["([A-Z_]+)"\]""")
# Set by make and by Django, not by people.
FOREIGN = {"MAKELEVEL"}
LARGEST_PICTURE = 120_000
SOURCES = {".py", ".html", ".js", ".css", ".toml", ".txt", ".in", ".md", ".po", ""}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)


def test_decision_notes_have_different_numbers():
    numbers = [page.stem.split("-")[0] for page in PAGES if page.parent.name == "decisions"]
    assert len(numbers) > 20
    assert sorted(set(numbers)) == sorted(numbers)


# --- configuration and production -----------------------------------------------------------------------------------
def test_every_variable_that_is_read_is_explained():
    read = {
        name for file in READ_BY for pair in READ.findall((ROOT / file).read_text()) for name in pair if name
    }
    assert len(read) > 20
    assert sorted(name for name in read - FOREIGN if f"`{name}" not in CONFIGURATION) == []


def test_every_variable_that_is_explained_is_read():
    explained = {
        name
        for row in re.findall(r"^\| (`[^|]+) \|", CONFIGURATION, re.MULTILINE)
        for name in re.findall(r"`([A-Z_]+)`", row)
    }
    sources = "".join((ROOT / file).read_text() for file in READ_BY)
    assert len(explained) > 20
    assert sorted(name for name in explained if f'"{name}"' not in sources) == []


def test_processes_of_the_systemd_units_are_those_that_make_run_starts():
    started = (ROOT / "ticketshop" / "demo" / "run.py").read_text()
    commands = re.findall(r"^ExecStart=\S+python (.+)$", PRODUCTION, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        assert ", ".join(f'"{word}"' for word in command.split()) in started, command


# --- commands ---------------------------------------------------------------------------------------------------------
def test_every_target_of_make_is_explained_and_named_in_the_readme():
    targets = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets
    assert [name for name in targets[1].split() if f"| `make {name}` |" not in CONTRIBUTING] == []
    assert [name for name in targets[1].split() if f"make {name}" not in README] == []


@every_page
def test_every_management_command_on_a_page_exists(page):
    named = set(re.findall(r"manage\.py (\w+)", page.read_text(encoding="utf-8")))
    assert named - set(get_commands()) == set()


def test_production_names_the_commands_of_an_installation():
    assert {"worker", "migrate", "check_books"} <= set(re.findall(r"manage\.py (\w+)", PRODUCTION))


# --- links and names ---------------------------------------------------------------------------------------------------
@every_page
def test_every_link_of_a_page_leads_to_a_file_and_its_heading(page):
    for path, heading in re.findall(r"\]\((?!http)([^)#]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not heading or heading in _anchors(target), f"{path}#{heading}"


def _anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_of_the_documentation_is_linked_in_the_readme():
    assert [path.name for path in DOCS.glob("*.md") if f"ticketshop/docs/{path.name})" not in README] == []


@every_page
def test_every_file_named_on_a_page_exists(page):
    named = set(
        re.findall(r"`(\w[\w./-]*\.(?:py|html|js|css|toml|md|txt|po))`", page.read_text(encoding="utf-8"))
    )
    assert sorted(named - ends_of_paths()) == []


@cache
def ends_of_paths() -> frozenset[str]:
    """Return the path of each file of the project, and what is left of it without its first folders."""
    paths = [path.relative_to(ROOT).parts for path in project_files()]
    return frozenset("/".join(parts[first:]) for parts in paths for first in range(len(parts)))


@every_page
def test_every_name_of_code_on_a_page_occurs_in_the_sources(page):
    """A function, column or setting that was renamed must be renamed in the documentation too."""
    names = {name for span in names_of_code(page) for name in span.split(".")}
    missing = names - words_of_the_sources() - ELSEWHERE
    assert sorted(name for name in missing if name and not name.isdigit()) == []


@every_page
def test_every_function_named_with_its_module_occurs_in_that_module(page):
    """For instance ``places.reserve`` in a module ``places.py`` or a folder ``places``."""
    missing = []
    for span in names_of_code(page):
        *_parents, module, name = ["", *span.split(".")]
        files = modules().get(module, [])
        if files and not any(name in words_of(path) for path in files):
            missing.append(span)
    assert missing == []


@cache
def modules() -> dict[str, list[Path]]:
    """Return the name of each module, file and folder, with the Python files of that name or in folders of that name."""
    found: dict[str, list[Path]] = {}
    for path in project_files():
        if path.suffix == ".py":
            for name in {path.stem, *path.relative_to(ROOT).parts}:
                found.setdefault(name, []).append(path)
    return found


@cache
def words_of(path: Path) -> frozenset[str]:
    """Return the words of a file."""
    return frozenset(re.findall(r"\w+", path.read_text(encoding="utf-8", errors="replace")))


@cache
def names_of_code(page: Path) -> tuple[str, ...]:
    """Return the names in backticks, such as ``orders.place``, without brackets and without names of files."""
    spans = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", page.read_text(encoding="utf-8"))
    names = [span.removesuffix("()") for span in spans if re.fullmatch(r"[\w.]+(?:\(\))?", span)]
    return tuple(name for name in names if Path(name).suffix not in SOURCES - {""})


@cache
def project_files() -> tuple[Path, ...]:
    """Return the files of the project without what was installed or made."""
    left_out = {".git", ".venv", "var", "__pycache__", "node_modules"}
    return tuple(
        path
        for folder in ROOT.iterdir()
        if folder.name not in left_out
        for path in ([folder] if folder.is_file() else folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    )


@cache
def words_of_the_sources() -> frozenset[str]:
    """Return every word in the project's files and in their paths, the documentation left out."""
    words: set[str] = set()
    for path in project_files():
        words.update(re.findall(r"\w+", str(path.relative_to(ROOT))))
        if path.suffix in SOURCES and path not in PAGES:
            words |= words_of(path)
    return frozenset(words)


# --- the map of the README -----------------------------------------------------------------------------------------------
@cache
def layers_of(identifier: str) -> list[list[str]]:
    """Return the layers of a contract of import-linter, from the highest, each as the names of its packages."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {contract["id"]: contract for contract in project["tool"]["importlinter"]["contracts"]}
    return [re.findall(r"[\w.]+", layer) for layer in contracts[identifier]["layers"]]


def test_arrows_of_the_readme_are_the_layers_of_the_contract():
    _, _, text = README.partition('Arrows say "may import"')
    lines = text.split("```")[1].strip().splitlines()
    shown = [re.findall(r"[\w.]+", line.split("  ")[0]) for line in lines]
    assert shown[1:] == layers_of("arrows")[1:]
    first = [name if name.startswith("ticketshop") else f"ticketshop{name}" for name in shown[0]]
    assert set(first) <= set(layers_of("arrows")[0])


@pytest.mark.parametrize(
    ("package", "identifier"),
    [
        ("ticketshop/sales", "sales"),
        ("privacy", "privacy-layers"),
        ("accounts", "accounts-layers"),
        ("registration_forms", "registration-forms-layers"),
    ],
)
def test_steps_inside_a_package_are_the_layers_of_its_contract(package, identifier):
    line = re.search(rf"^- `{Path(package).name}`: (.+)$", README, re.MULTILINE)
    assert line
    layers = layers_of(identifier)
    position = {name: number for number, layer in enumerate(layers) for name in layer}
    shown = [[position[name] for name in re.findall(r"\w+", step)] for step in line[1].split(" → ")]
    assert all(len(set(step)) == 1 for step in shown), "the names of one step are one layer"
    assert [step[0] for step in shown] == sorted({step[0] for step in shown})
    folders = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")} - {"migrations", "admin"}
    assert folders - set(re.findall(r"\w+", line[1])) == set()


@pytest.mark.parametrize(
    "block", ["ticketshop/", "contacts/", "registration_forms/", "privacy/", "accounts/"]
)
def test_packages_of_the_map_exist(block):
    assert re.search(rf"^{block}  ", README, re.MULTILINE)
    assert (ROOT / block).is_dir()


def test_every_package_of_ticketshop_is_on_the_map():
    packages = {path.parent.name for path in (ROOT / "ticketshop").glob("*/__init__.py")}
    # What Django finds by name.
    packages -= {"formats", "management"}
    assert sorted(name for name in packages if not re.search(rf"^  {name}/ ", README, re.MULTILINE)) == []


def test_every_other_contract_of_layers_is_in_the_readme():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    containers = [
        contract["containers"][0].rpartition(".")[2] for contract in contracts if "containers" in contract
    ]
    assert len(containers) > 2
    assert [name for name in containers if f"\n- `{name}`: " not in README] == []


# --- pictures ------------------------------------------------------------------------------------------------------------
def test_pictures_are_small_and_shown_with_a_text():
    pictures = [path for path in (DOCS / "pictures").iterdir() if path.is_file()]
    assert pictures
    for path in pictures:
        assert path.stat().st_size < LARGEST_PICTURE, path.name
        assert re.search(rf"!\[[^\]]{{10,}}\]\(ticketshop/docs/pictures/{path.name}\)", README), path.name
