"""Migrations must only expand: while a release is replaced, and after a rollback, the release before runs on the tables
of the new one. What it still reads or writes may not be gone, renamed or newly demanded.

A part of `make check-migrations`, on PostgreSQL. A column goes in two releases: first the code stops using it (and a
NOT NULL column gets a `db_default`, so that it need not be written), and a later release drops it and says so:

    class Migration(migrations.Migration):
        contracts = "Product.color: not used since 1.4"
"""

import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "easy_box_backend"))

import django
from django.db import connection
from django.db.migrations import AlterField, Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import CharField

APP = "api"
FIRST_RELEASE = "0003_alert_outbox_and_jobs"
"""Up to here no release had run before."""


def contractions(migration: Migration, state: ProjectState) -> list[str]:
    """What the release before could not live with, by the SQL of each operation. `state`: before the migration."""
    from django_migration_linter.sql_analyser import analyse_sql_statements, get_sql_analyser_class

    analyser = get_sql_analyser_class(connection.vendor)
    found: list[str] = []
    created: list[str] = []
    state = state.clone()
    for operation in migration.operations:
        if widens(operation, state):
            operation.state_forwards(APP, state)
            continue
        statements = sql_of(operation, state)
        # One operation at a time, since a default in one would excuse the lack of it in another; and with the tables
        # that are new, which nobody uses yet.
        errors, _ignored, _warnings = analyse_sql_statements(analyser, [*created, *statements])
        found += [f"{operation.describe()}: {error.message}" for error in errors]
        created += [statement for statement in statements if statement.startswith("CREATE TABLE")]
    return found


def widens(operation: Operation, state: ProjectState) -> bool:
    """Whether `operation` only lets a text be longer, which PostgreSQL notes down without touching a row. `state`:
    before it."""
    if not isinstance(operation, AlterField) or not isinstance(operation.field, CharField):
        return False
    before = state.models[APP, operation.model_name_lower].fields[operation.name]
    _name, path, _args, now = operation.field.deconstruct()
    _name, path_before, _args, then = before.deconstruct()
    longer = now.pop("max_length", 0) >= then.pop("max_length", 0)
    return longer and path == path_before and now == then


def sql_of(operation: Operation, state: ProjectState) -> list[str]:
    """The SQL that `operation` would run, without running it; `state` is moved on to after it."""
    with connection.schema_editor(collect_sql=True) as editor:
        before = state.clone()
        operation.state_forwards(APP, state)
        if operation.reduces_to_sql:
            operation.database_forwards(APP, editor, before, state)
    return list(editor.collected_sql)


def refused(migrations: Iterable[tuple[Migration, ProjectState]]) -> list[str]:
    """A line for everything in `migrations` that contracts without saying so."""
    return [
        f"{migration.name}: {text}"
        for migration, state in migrations
        if not getattr(migration, "contracts", "")
        for text in contractions(migration, state)
    ]


def ours() -> list[tuple[Migration, ProjectState]]:
    """Our migrations since the first release, each with the state before it."""
    loader = MigrationLoader(connection)
    names = sorted(name for app, name in loader.disk_migrations if app == APP and name > FIRST_RELEASE)
    return [(loader.disk_migrations[APP, name], loader.project_state((APP, name), at_end=False)) for name in names]


def main() -> int:
    """Returns 1 if something is refused, and says what."""
    django.setup()
    lines = refused(ours())
    for line in lines:
        print(line)
    if lines:
        print("The release before could not run on these tables: dev/expanding.py says how to do it in two releases.")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
