"""Database files of other releases: older ones are brought up to date, newer ones refused.

`PRAGMA user_version` of a file counts up when a release changes something that an older hub would
misread. What only adds tables or columns needs no count: they are added when they are missing.
"""

from __future__ import annotations

from sqlalchemy import Column, Connection, MetaData, Table, inspect, literal, text
from sqlalchemy.schema import CreateColumn

from hub.errors import ConfigProblemError

#: The newest files that this hub can use. Files from before they were counted have 0.
FORMAT = 1


def accept(connection: Connection, file: str) -> None:
    """Number a file; ConfigProblemError if it is of a newer hub."""
    found = int(connection.exec_driver_sql("PRAGMA user_version").scalar() or 0)
    if found > FORMAT:
        raise ConfigProblemError(
            f"{file} was written by a newer hub (format {found}, this one knows {FORMAT}): update "
            f"the hub, or name another folder with `hub: {{data_dir: ...}}`"
        )
    if found < FORMAT:
        connection.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")


def create(connection: Connection, tables: MetaData, file: str) -> None:
    """Create the tables and columns that are not there yet.

    Rows that are there get a new column's default. Raises ConfigProblemError for a column that
    can be empty neither way.
    """
    there = inspect(connection)
    for table in tables.sorted_tables:
        if there.has_table(table.name):
            known = {column["name"] for column in there.get_columns(table.name)}
            for column in table.columns:
                if column.name not in known:
                    _add(connection, table, column, file)
    tables.create_all(connection)


def _add(connection: Connection, table: Table, column: Column[object], file: str) -> None:
    default = getattr(column.default, "arg", None)
    if column.primary_key or (default is None and not column.nullable):
        raise ConfigProblemError(
            f"{file} is of an older hub: its table {table.name} lacks {column.name}, which cannot "
            f"be made up for; stop the hub, move the file away and start anew"
        )
    dialect = connection.dialect
    value = None
    if default is not None:
        words = literal(default, column.type).compile(
            dialect=dialect, compile_kwargs={"literal_binds": True}
        )
        value = text(str(words))
    new: Column[object] = Column(
        column.name, column.type, nullable=column.nullable, server_default=value
    )
    name = dialect.identifier_preparer.format_table(table)
    added = CreateColumn(new).compile(dialect=dialect)
    connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN {added}")
