"""Dagster's event log on connections that stay open.

Belongs here: how the log's files are opened. Stays out: what is written to them (Dagster), where
they lie (`orchestration.instance`).

Dagster opens a file anew for each of the thousand events of a night: connect, write, flush,
fold the write-ahead log back in, close. That is some 28 flushes per asset (counted: 4,225 for
150), a third of a minute on a disk that takes 3 ms for one, and a quarter of the CPU time
Dagster takes. With the connection kept and flushes left to the folding (`synchronous =
normal`), a power cut can cost the newest events and never the file, and the log is history:
no night depends on it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

# The name Dagster documents for `dagster.yaml`; there is no shorter one.
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import Connection, Engine, create_engine, event

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dagster._serdes import ConfigurableClassData

_BUSY_SECONDS = 30
"""As long as Dagster itself waits for another process that writes."""


class OpenEventLog(SqliteEventLogStorage):
    """The event log in SQLite files, one connection to each kept open."""

    def __init__(
        self, base_dir: str, inst_data: ConfigurableClassData | None = None
    ) -> None:
        """Open nothing yet: a file is opened at its first event."""
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> OpenEventLog:
        """Return the log `dagster.yaml` describes."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engines.get(shard)
            if engine is None:
                engine = self._engines[shard] = self._open(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _open(self, shard: str) -> Engine:
        engine = create_engine(
            self.conn_string_for_shard(shard),
            pool_size=1,
            connect_args={"timeout": _BUSY_SECONDS},
        )

        @event.listens_for(engine, "connect")
        def _flush_less(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's
            connection.execute("pragma synchronous = normal")

        self._initdb(engine)
        return engine

    def dispose(self) -> None:
        """Close every file."""
        super().dispose()
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
