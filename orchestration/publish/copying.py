"""Copying tables from the build file (and the previous build) into files for readers.

Belongs here: the SQL of composing, typing, commenting and exporting one table. Stays out:
which tables and themes (`tables`), what is written about them (`manifest`), the swap
(`pointer`).
"""

# ruff: noqa: S608 - names go through quote(), literals through text()
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingest.errors import IngestError

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from orchestration.publish.tables import PublishedTable

SERVED_STORAGE: Final = "v1.0.0"
"""Storage version of served files: every client since DuckDB 1.0 opens it."""

_RETYPED: Final = {
    "TIMESTAMP WITH TIME ZONE": "cast(timezone('UTC', {0}) as timestamp)",
    "HUGEINT": "cast({0} as decimal(38, 0))",
    "UHUGEINT": "cast({0} as decimal(38, 0))",
    "UBIGINT": "cast({0} as decimal(20, 0))",
}
"""Types BI clients and Parquet readers get wrong, and what is served instead."""

_INEXACT: Final = frozenset({"DOUBLE", "FLOAT"})


class UnpublishableError(IngestError):
    """A table cannot be served as it stands; the text names table and column."""


@dataclass(frozen=True)
class SourceColumn:
    """One column of a table in an attached database."""

    name: str
    data_type: str
    comment: str

    @property
    def quoted(self) -> str:
        """The name as an SQL identifier."""
        return quote(self.name)

    @property
    def expression(self) -> str:
        """The select expression that serves it."""
        return _RETYPED.get(self.data_type, "{0}").format(self.quoted)

    @property
    def served_comment(self) -> str:
        """The comment, with the zone where an instant loses its own."""
        if self.data_type != "TIMESTAMP WITH TIME ZONE" or "UTC" in self.comment:
            return self.comment
        return f"{self.comment} (UTC)".strip()


def quote(name: str) -> str:
    """Return `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return `value` as an SQL literal, for the statements that take no parameters."""
    return "'" + value.replace("'", "''") + "'"


def attach(
    con: duckdb.DuckDBPyConnection, path: Path, alias: str, *, writable: bool = False
) -> None:
    """Attach a database file read-only, or a new one to be served."""
    options = f"storage_version {text(SERVED_STORAGE)}" if writable else "read_only"
    con.execute(f"attach {text(str(path))} as {quote(alias)} ({options})")


def read_columns(
    con: duckdb.DuckDBPyConnection, database: str, schema: str, table: str
) -> tuple[SourceColumn, ...]:
    """Return the columns of a table or view in order; empty when it is not there."""
    rows = con.execute(
        "select column_name, data_type, coalesce(comment, '') from duckdb_columns()"
        " where database_name = ? and schema_name = ? and table_name = ?"
        " order by column_index",
        [database, schema, table],
    ).fetchall()
    return tuple(SourceColumn(*row) for row in rows)


def read_table_comment(
    con: duckdb.DuckDBPyConnection, database: str, table: str
) -> str:
    """Return the comment of a table, '' when it has none."""
    row = con.execute(
        "select comment from duckdb_tables()"
        " where database_name = ? and table_name = ?",
        [database, table],
    ).fetchone()
    return row[0] or "" if row else ""


def refuse_inexact(table: str, columns: tuple[SourceColumn, ...]) -> None:
    """Refuse binary floating point: sums of it differ from run to run.

    Raises:
        UnpublishableError: a column is DOUBLE or FLOAT.
    """
    bad = [column.name for column in columns if column.data_type in _INEXACT]
    if bad:
        message = (
            f"Published table {table} has floating-point columns {bad}; "
            "cast them to decimal in the model."
        )
        raise UnpublishableError(message)


def compose_rows(
    *,
    new: tuple[SourceColumn, ...],
    new_from: str,
    old: tuple[SourceColumn, ...],
    old_from: str,
    held: frozenset[str],
) -> str:
    """Return the query that takes each held theme's rows from the previous build.

    Grain: rows of the new table whose `theme` is not held, plus old rows whose theme is. A
    column the old table lacks is NULL in its rows.
    """
    themes = ", ".join(text(theme) for theme in sorted(held))
    served = ", ".join(f"{c.expression} as {c.quoted}" for c in new)
    fresh = (
        f"select {served} from {new_from} where coalesce(theme, '') not in ({themes})"
    )
    if not old:
        return fresh
    known = {column.name: column for column in old}
    kept = ", ".join(
        f"{known[c.name].expression if c.name in known else 'null'} as {c.quoted}"
        for c in new
    )
    return f"{fresh} union all select {kept} from {old_from} where theme in ({themes})"


def comment_on(
    con: duckdb.DuckDBPyConnection,
    target: str,
    table: PublishedTable,
    *,
    comment: str,
    columns: tuple[SourceColumn, ...],
) -> None:
    """Write table and column comments into the served file."""
    described = comment or table.description
    if described:
        con.execute(f"comment on table {target} is {text(described)}")
    for column in columns:
        own = column.served_comment
        if own in {"", "(UTC)"}:
            own = f"{table.column_docs.get(column.name, '')} {own}".strip()
        if own:
            con.execute(f"comment on column {target}.{column.quoted} is {text(own)}")


def export_parquet(
    con: duckdb.DuckDBPyConnection, source: str, path: Path, *, description: str
) -> None:
    """Write a served table as one Parquet file with its description in the footer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    con.execute(
        f"copy (select * from {source}) to {text(str(path))} (format parquet,"
        f" compression zstd, kv_metadata {{description: {text(description)}}})"
    )
