"""dbt in a process of its own: parses while the night lands its data, builds when told to.

Belongs here: what runs in the child. Stays out: who starts it and reads it
(`orchestration.dbt_process`). Started by its path: nothing of this package is imported, so the
child pays for dbt and for nothing else.

The arguments are those of `dbt parse`; one line on standard input holds those of `dbt build`
and of what follows a build that went well, as a JSON list of lists. The parsed project is
handed over in memory: a night changes variables no parse looks at, and parsing anew for them
costs five seconds of every night. Each line on standard output is one JSON object: `parsed`
once, then `result` per node and `said`.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dbt_common.events.base_types import EventMsg

_RESULT_EVENTS: Final = frozenset(
    {"LogSeedResult", "LogModelResult", "LogSnapshotResult", "LogTestResult"}
)
_SAID: Final = frozenset({"info", "warn", "error"})
_PARENT_IS_GONE: Final = 75


def main() -> int:
    """Parse, wait for the order, build; return the exit code dbt itself would give."""
    # What starting and parsing make stays to the end: nothing to collect until then, and
    # afterwards it need not be looked at again (4 % of the whole run).
    gc.disable()
    from dbt.artifacts.schemas.run import RunExecutionResult  # noqa: PLC0415 - after gc
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - as above

    parsed = dbtRunner(callbacks=[_tell_event]).invoke(sys.argv[1:])
    _tell({"parsed": parsed.success})
    if not parsed.success:
        _tell({"said": str(parsed.exception or "")})
        return 2
    order = sys.stdin.readline()
    if not order:
        return 0
    gc.freeze()
    gc.enable()
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    # `parse` gives the manifest: one of several types `invoke` may return.
    manifest: Any = parsed.result
    build, *then = json.loads(order)
    built = dbtRunner(manifest=manifest, callbacks=[_tell_event]).invoke(build)
    if built.exception is not None:
        _tell({"said": str(built.exception)})
        return 2
    if isinstance(built.result, RunExecutionResult):
        built.result.write(str(Path(os.environ["DBT_TARGET_PATH"], "run_results.json")))  # noqa: TID251 - our own child: its environment is its arguments
    if not built.success:
        return 1
    for arguments in then:
        done = dbtRunner(manifest=manifest, callbacks=[_tell_event]).invoke(arguments)
        if not done.success:
            # The build is whole; whoever needs what follows finds it missing.
            _tell({"said": f"{arguments}: {done.exception or 'failed'}"})
    return 0


def _end_with_the_parent() -> None:
    """End at once when the parent is gone: an orphan would hold the build file.

    Read from the descriptor: a thread inside `sys.stdin` aborts an interpreter that ends.
    """
    while os.read(0, 4096):
        pass
    os._exit(_PARENT_IS_GONE)


def _tell_event(event: EventMsg) -> None:
    """Tell of one of dbt's events what the parent wants to know."""
    info = event.info
    if info.level not in _SAID:
        return
    # The text is a protobuf field the stubs do not know.
    told: dict[str, Any] = {"said": getattr(info, "msg", "")}
    if info.name in _RESULT_EVENTS:
        data: Any = event.data
        total = getattr(data, "total", 0) or getattr(data, "num_models", 0)
        told["result"] = {
            "unique_id": data.node_info.unique_id,
            "is_success": data.node_info.node_status == "success",
            "seconds": round(data.execution_time, 3),
            "number": data.index,
            "total": total or data.index,
        }
    _tell(told)


def _tell(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
