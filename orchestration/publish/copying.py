"""Copying tables from the build file (and the previous build) into files for readers.

Belongs here: the SQL of composing, typing, commenting and exporting one table. Stays out:
which tables and themes (`tables`), what is written about them (`manifest`), the swap
(`pointer`).
"""

# ruff: noqa: S608 - names go through quote(), literals through text()
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from ingest.errors import IngestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import duckdb

    from orchestration.publish.tables import PublishedTable

SERVED_STORAGE: Final = "v1.0.0"
"""Storage version of served files: every client since DuckDB 1.0 opens it."""

BUILD_ID: Final = "build_id"

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


@dataclass(frozen=True)
class SourceTable:
    """One table or view of an attached database."""

    database: str
    schema: str
    name: str
    columns: tuple[SourceColumn, ...]
    comment: str
    query: str = ""

    @property
    def relation(self) -> str:
        """The table as an SQL relation."""
        if self.query:
            return f"({self.query})"
        return f"{quote(self.database)}.{quote(self.schema)}.{quote(self.name)}"

    @property
    def served_columns(self) -> str:
        """The select list that serves it."""
        return ", ".join(f"{c.expression} as {c.quoted}" for c in self.columns)


def with_build_id(table: SourceTable, build_id: str) -> SourceTable:
    """Return a table that says in every row which build it is of, as all served ones do."""
    if any(column.name == BUILD_ID for column in table.columns):
        return table
    column = SourceColumn(BUILD_ID, "VARCHAR", "Build that published this row.")
    query = f"select *, {text(build_id)} as {BUILD_ID} from {table.relation}"
    return replace(table, columns=(*table.columns, column), query=query)


Catalog: TypeAlias = "Mapping[tuple[str, str, str], SourceTable]"


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


def find_raw(con: duckdb.DuckDBPyConnection, warehouse: Path) -> None:
    """Let the views of a build file find raw, which they name as it lies in the root."""
    con.execute(f"set file_search_path = {text(str(warehouse.parent))}")


def read_catalog(con: duckdb.DuckDBPyConnection, databases: Sequence[str]) -> Catalog:
    """Return every table and view of attached databases, by (database, schema, name)."""
    marks = ", ".join("?" for _ in databases)
    comments: dict[tuple[str, str, str], str] = {}
    for kind in ("table", "view"):
        rows = con.execute(
            f"select database_name, schema_name, {kind}_name, coalesce(comment, '')"
            f" from duckdb_{kind}s() where database_name in ({marks})",
            list(databases),
        ).fetchall()
        comments |= {(row[0], row[1], row[2]): row[3] for row in rows}
    columns: dict[tuple[str, str, str], list[SourceColumn]] = {}
    for *key, name, data_type, comment in con.execute(
        "select database_name, schema_name, table_name, column_name, data_type,"
        " coalesce(comment, '') from duckdb_columns()"
        f" where database_name in ({marks}) order by column_index",
        list(databases),
    ).fetchall():
        columns.setdefault((key[0], key[1], key[2]), []).append(
            SourceColumn(name, data_type, comment)
        )
    return {
        key: SourceTable(*key, columns=tuple(listed), comment=comments.get(key, ""))
        for key, listed in columns.items()
    }


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
    new: SourceTable, old: SourceTable | None, *, held: frozenset[str]
) -> str:
    """Return the query that takes each held theme's rows from the previous build.

    Grain: rows of the new table whose `theme` is not held, plus old rows whose theme is. A
    column the old table lacks is NULL in its rows.
    """
    themes = ", ".join(text(theme) for theme in sorted(held))
    fresh = (
        f"select {new.served_columns} from {new.relation}"
        f" where coalesce(theme, '') not in ({themes})"
    )
    if old is None:
        return fresh
    known = {column.name: column for column in old.columns}
    kept = ", ".join(
        f"{known[c.name].expression if c.name in known else 'null'} as {c.quoted}"
        for c in new.columns
    )
    return (
        f"{fresh} union all select {kept} from {old.relation} where theme in ({themes})"
    )


def comment_on(
    con: duckdb.DuckDBPyConnection,
    target: str,
    table: PublishedTable,
    source: SourceTable,
) -> None:
    """Write table and column comments into the served file, in one go.

    One transaction, because each comment alone ends in a commit with a flush of its own.
    """
    statements: list[str] = []
    described = source.comment or table.description
    if described:
        statements.append(f"comment on table {target} is {text(described)}")
    for column in source.columns:
        own = column.served_comment
        if own in {"", "(UTC)"}:
            own = f"{table.column_docs.get(column.name, '')} {own}".strip()
        if own:
            statements.append(
                f"comment on column {target}.{column.quoted} is {text(own)}"
            )
    con.execute("; ".join(["begin", *statements, "commit"]))


def export_parquet(
    con: duckdb.DuckDBPyConnection, source: SourceTable, path: Path
) -> None:
    """Write a served table as one Parquet file with its description in the footer."""
    con.execute(
        f"copy (select * from {source.relation}) to {text(str(path))} (format parquet,"
        f" compression zstd, kv_metadata {{description: {text(source.comment)}}})"
    )
