"""Work done side by side, answers in the order of the questions.

Belongs here: the one place threads are used to spread work over cores. Arrow's kernels and
compression leave the interpreter while they run, so threads are enough.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")

WORKERS: Final = 2
"""The smallest machine has two cores; the main thread writes what the workers read."""

_AHEAD: Final = WORKERS + 1
"""Answers kept waiting at most: they, and not the number of items, bound the memory."""


def map_in_order(
    function: Callable[[_Item], _Answer], items: Iterable[_Item]
) -> Iterator[_Answer]:
    """Yield `function(item)` of every item, in order; items are asked for in this thread."""
    waiting: deque[Future[_Answer]] = deque()
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="read") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
