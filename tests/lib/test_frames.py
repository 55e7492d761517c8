"""Calls inside of ``with_room`` take no memory from the operating system, at whatever depth a loop stands."""

import resource

import pytest

from ticketshop import middleware
from ticketshop.lib.frames import with_room

LOOPS, DEPTHS = 300, range(200)


def called(*, again: int = 3) -> None:
    """Call itself some times, as what a loop calls does."""
    if again:
        called(again=again - 1)


def page_faults(depth: int) -> int:
    """Return how often the process gets a page of memory while a loop calls a function, below this number of calls."""
    if depth:
        return page_faults(depth - 1)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _number in range(LOOPS):
        called()
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


def test_loop_at_any_depth_takes_no_memory():
    if max(map(page_faults, DEPTHS)) < LOOPS:
        pytest.skip("this Python keeps the memory of frames by itself")
    assert max(with_room(page_faults, depth) for depth in DEPTHS) < LOOPS / 10


def test_result_and_error_are_those_of_the_function():
    assert with_room(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        with_room(divmod, 7, 0)


@pytest.mark.django_db
def test_request_is_handled_with_room(client, monkeypatch):
    paths = []

    def noted(function, request):
        paths.append(request.path)
        return with_room(function, request)

    monkeypatch.setattr(middleware, "with_room", noted)
    assert client.get("/missing/").status_code == 404
    assert paths == ["/missing/"]
