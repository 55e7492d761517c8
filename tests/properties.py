"""Properties that Hypothesis tests in two sizes: with a few random examples in ``make test``, with many in ``make soak``."""

from collections.abc import Callable
from functools import update_wrapper

import pytest
from hypothesis import given, settings

MANY = 500


def holds_for(*examples, few: int) -> Callable[[Callable], Callable]:
    """Decorate a test whose arguments are drawn from these strategies, like ``hypothesis.given``."""

    def decorate(test: Callable) -> Callable:
        def run(number: int) -> None:
            settings(max_examples=number)(given(*examples)(test))()

        update_wrapper(run, test, assigned=("__module__", "__name__", "__qualname__", "__doc__"), updated=())
        del run.__wrapped__  # pytest would look for fixtures of the names of its arguments
        return pytest.mark.parametrize("number", [few, pytest.param(MANY, marks=pytest.mark.soak)])(run)

    return decorate
