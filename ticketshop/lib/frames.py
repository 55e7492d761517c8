"""Room for the frames of function calls.

Python keeps the frames of a thread in pieces of memory of 16 KB, some 60 calls each. A call that finds no place in the last piece
asks the operating system for another one, which is given back when the call returns. A loop that stands just at the end of a piece
does that for each call, at several microseconds: half of the CPU time of a list of the back office, more or less by the number of
functions between the web server and the loop. See https://github.com/python/cpython/issues/142183; the latest versions of Python 3.13 and 3.14
keep one piece, Python 3.11 and 3.12 do not.
"""

from collections.abc import Callable
from typing import Any

# Values of one frame, of 8 bytes. Python gives a frame that needs more than 256 KB a piece of 512 KB: the rest is room for some
# thousand calls, which is Python's limit of recursion. Only memory that is used is taken from the machine.
_VALUES = 32_768


def _call(function: Callable, arguments: tuple) -> Any:
    return function(*arguments)


_call.__code__ = _call.__code__.replace(co_stacksize=_VALUES)


def with_room(function: Callable, *arguments: Any) -> Any:
    """Return ``function(*arguments)``. The frames of all calls inside of it have room in one piece of memory.

    Not those of a generator that it returns: its calls are made when it is read.
    """
    return _call(function, arguments)
