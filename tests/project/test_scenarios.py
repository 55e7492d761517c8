"""Scenario ids in tests and their explanations on the page ``ticketshop/docs/scenarios.md`` agree."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "ticketshop" / "docs" / "scenarios.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([A-Z]+-?\d+) \| (.+) \|$", re.MULTILINE)
NOT_YET = re.compile(r"\bnot yet\b", re.IGNORECASE)


@cache
def ids_in_tests() -> frozenset[str]:
    """Return the arguments of every ``pytest.mark.scenario`` below ``tests``."""
    sources = [file.read_text("utf-8") for file in (ROOT / "tests").rglob("*.py")]
    return frozenset(name for source in sources if "scenario" in source for name in _ids_in(source))


def _ids_in(source: str) -> Iterator[str]:
    for part in _marks_in(ast.parse(source)):
        for node in ast.walk(part):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "scenario"
            ):
                yield from (ast.literal_eval(argument) for argument in node.args)


def _marks_in(module: ast.Module) -> Iterator[ast.AST]:
    """Return the decorators of the tests of a module, and its assignments, without what its functions do."""
    for statement in module.body:
        if isinstance(statement, ast.FunctionDef):
            yield from statement.decorator_list
        elif not isinstance(statement, ast.ClassDef):
            yield statement


def explained() -> dict[str, str]:
    """Return the sentence of each id on the page."""
    return dict(ROW.findall(PAGE))


def test_scenario_marks_are_found_in_decorators_and_in_module_marks():
    source = 'pytestmark = [mark.db, pytest.mark.scenario("A-1", "A-2")]\n@pytest.mark.scenario("B-1")\ndef test(): ...'
    assert set(_ids_in(source)) == {"A-1", "A-2", "B-1"}


def test_every_scenario_id_of_the_tests_is_explained():
    used = ids_in_tests()
    assert len(used) > 100
    assert sorted(used - set(explained())) == []


def test_every_explained_scenario_id_is_tested_or_marked_not_yet():
    used = ids_in_tests()
    assert (
        sorted(id_ for id_, text in explained().items() if id_ not in used and not NOT_YET.search(text)) == []
    )


def test_scenario_id_is_explained_once():
    ids = [id_ for id_, _text in ROW.findall(PAGE)]
    assert sorted({id_ for id_ in ids if ids.count(id_) > 1}) == []


def test_scenario_that_is_tested_is_not_wholly_marked_not_yet():
    """A sentence that only says *not yet* must go once a test proves the scenario."""
    used = ids_in_tests()
    wholly = {id_ for id_, text in explained().items() if re.search(r"\. \*Not yet[^*]*\*$", text)}
    assert wholly
    assert sorted(wholly & used) == []
