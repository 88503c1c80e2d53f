"""Child processes never outlive what they were started for.

Belongs here: ending a child at the end of a block. Stays out: what the children are.
"""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE_SECONDS: Final = 5.0
"""A run asked to stop ends within 10 s, its children within half of that."""


@contextmanager
def ended(process: subprocess.Popen[Any]) -> Iterator[None]:
    """End a child when the block ends, however it ends: asked first, then made to."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
