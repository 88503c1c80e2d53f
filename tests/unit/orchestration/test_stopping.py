"""Being asked to end is neither lost nor taken for another error."""

from __future__ import annotations

import signal
import subprocess
import sys
from itertools import pairwise

import duckdb
import pytest

from orchestration.stopping import was_stopped

# Says a word where a signal would be lost: while an object is being disposed of.
DISPOSING = """
import sys, time
from orchestration.stopping import end_when_asked

class Slow:
    def __del__(self):
        print("disposing", flush=True)
        time.sleep(30)

end_when_asked()
try:
    Slow()
    print("nobody asked", flush=True)
    time.sleep(30)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_a_stop_while_an_object_is_disposed_of_is_not_lost() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DISPOSING], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stdout.readline() == "disposing\n"
        child.send_signal(signal.SIGTERM)
        said, _ = child.communicate(timeout=20)
    assert child.returncode == 130, said
    assert "Traceback" not in said


# Disposed of when the interpreter has given up its handlers already.
LEAVING = """
import os, sys, time
from orchestration.stopping import end_when_asked, leave_in_peace

class Last:
    def __del__(self, say=os.write, wait=time.sleep):
        say(1, b"leaving\\n")
        wait(1)

kept = Last()
end_when_asked()
try:
    sys.exit(65)
finally:
    leave_in_peace()
"""


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_what_has_ended_leaves_with_its_code(asked: signal.Signals) -> None:
    """Python takes a second or two to end a night's process; its code must not change in them."""
    for said, code in (
        (LEAVING, 65),
        (LEAVING.replace("leave_in_peace()", "pass"), -asked),
    ):
        with subprocess.Popen(
            [sys.executable, "-c", said], text=True, stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "leaving\n"
            child.send_signal(asked)
        assert child.returncode == code


def test_other_errors_nobody_can_raise_are_still_said() -> None:
    loses = DISPOSING.replace("time.sleep(30)", "raise ValueError('lost')", 1)
    loses = loses.replace("time.sleep(30)", "pass")
    done = subprocess.run(
        [sys.executable, "-c", loses], text=True, capture_output=True, check=True
    )
    assert "ValueError: lost" in done.stderr


def test_an_interrupted_query_is_a_stop() -> None:
    """DuckDB wraps what a signal raised; only the cause tells it from a broken query."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        con = duckdb.connect(config={"threads": 2})
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(RuntimeError, match="Query interrupted") as caught:
            con.execute("create table t as select hash(range) from range(100_000_000)")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert was_stopped(caught.value)


def test_what_came_of_a_stop_is_one_and_nothing_else_is() -> None:
    assert was_stopped(KeyboardInterrupt())
    first, second, third = (
        KeyboardInterrupt(),
        RuntimeError("wrapped"),
        OSError("again"),
    )
    for cause, effect in pairwise((first, second, third)):
        effect.__cause__ = cause
    assert was_stopped(third)
    assert not was_stopped(RuntimeError("Query interrupted"))
    assert not was_stopped(None)
