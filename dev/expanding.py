"""Checks that migrations only expand. While a release is replaced, and after a rollback, the previous release runs on
the tables of the new one, so what it reads or writes must not be removed, renamed or made required.

Part of `make check-migrations`, on PostgreSQL. Removing a column takes two releases: the first stops using it (a NOT
NULL column also gets a `db_default`, so that it need not be written), and a later one drops it and declares that:

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
"""Migrations up to this one are not checked: no release ran before it."""


def contractions(migration: Migration, state: ProjectState) -> list[str]:
    """What would break the previous release, one text for each problem, from the SQL of each operation.

    state: the models before the migration.
    """
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
        # One operation at a time: a default in one would hide that another one lacks it. The CREATE TABLE statements
        # are included, so that the analyser knows the new tables. Changes to them are harmless: no release uses them.
        errors, _ignored, _warnings = analyse_sql_statements(analyser, [*created, *statements])
        found += [f"{operation.describe()}: {error.message}" for error in errors]
        created += [statement for statement in statements if statement.startswith("CREATE TABLE")]
    return found


def widens(operation: Operation, state: ProjectState) -> bool:
    """Whether `operation` only makes a text column longer, which PostgreSQL does without rewriting rows.

    state: the models before the operation.
    """
    if not isinstance(operation, AlterField) or not isinstance(operation.field, CharField):
        return False
    before = state.models[APP, operation.model_name_lower].fields[operation.name]
    _name, path, _args, now = operation.field.deconstruct()
    _name, path_before, _args, then = before.deconstruct()
    longer = now.pop("max_length", 0) >= then.pop("max_length", 0)
    return longer and path == path_before and now == then


def sql_of(operation: Operation, state: ProjectState) -> list[str]:
    """The SQL that `operation` would run, without running it. Applies the operation to `state`."""
    with connection.schema_editor(collect_sql=True) as editor:
        before = state.clone()
        operation.state_forwards(APP, state)
        if operation.reduces_to_sql:
            operation.database_forwards(APP, editor, before, state)
    return list(editor.collected_sql)


def refused(migrations: Iterable[tuple[Migration, ProjectState]]) -> list[str]:
    """A line for each operation in `migrations` that would break the previous release, unless it is declared in
    `contracts`."""
    return [
        f"{migration.name}: {text}"
        for migration, state in migrations
        if not getattr(migration, "contracts", "")
        for text in contractions(migration, state)
    ]


def ours() -> list[tuple[Migration, ProjectState]]:
    """Our migrations since the first release, each with the state of the models before it."""
    loader = MigrationLoader(connection)
    names = sorted(name for app, name in loader.disk_migrations if app == APP and name > FIRST_RELEASE)
    return [(loader.disk_migrations[APP, name], loader.project_state((APP, name), at_end=False)) for name in names]


def main() -> int:
    """Print what is refused; returns the exit code: 1 if something is, else 0."""
    django.setup()
    lines = refused(ours())
    for line in lines:
        print(line)
    if lines:
        print("The previous release could not run on these tables. dev/expanding.py explains the two-release way.")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
