"""The previous release can run on this release's tables (dev/expanding.py, a part of `make check-migrations`)."""

import pytest
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.utils.translation import gettext_lazy as _

from dev import expanding

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="judged by PostgreSQL's SQL, which production runs"),
]


def problems_of(*operations: Operation, contracts: str = "") -> list[str]:
    """The problems that would be reported about a next migration with these operations."""
    planted = type("Migration", (migrations.Migration,), {"operations": list(operations), "contracts": contracts})
    state = MigrationLoader(connection).project_state()
    return expanding.refused([(planted("9999_planted", "api"), state)])


CONTRACTING = {
    "a column is dropped": migrations.RemoveField("product", "location"),
    "a table is dropped": migrations.DeleteModel("ClientError"),
    "a column is renamed": migrations.RenameField("product", "location", "shelf"),
    "a table is renamed": migrations.RenameModel("ClientError", "PhoneError"),
    "a new column must be written": migrations.AddField("product", "color", models.TextField(default="")),
    "a column may not be null any more": migrations.AlterField("product", "archived_at", models.DateTimeField()),
    "a text may be less long": migrations.AlterField("product", "name", models.CharField(max_length=254)),
    "a longer text is unique now": migrations.AlterField(
        "product", "name", models.CharField(max_length=300, unique=True)
    ),
    "a column has another type": migrations.AlterField("product", "name", models.IntegerField()),
    "a column is unique now": migrations.AlterField("product", "name", models.CharField(max_length=255, unique=True)),
    "SQL by hand drops a column": migrations.RunSQL("ALTER TABLE api_product DROP COLUMN location"),
}
EXPANDING = {
    "a column that may be null": migrations.AddField("product", "color", models.TextField(null=True)),
    "a column that the database fills": migrations.AddField("product", "color", models.TextField(db_default="")),
    "a text may be longer": migrations.AlterField(
        "product", "name", models.CharField(max_length=300, verbose_name=_("name"))
    ),
    "a table": migrations.CreateModel(
        "Shelf", [("id", models.BigAutoField(primary_key=True)), ("name", models.TextField())]
    ),
    "data": migrations.RunPython(migrations.RunPython.noop),
}


@pytest.mark.parametrize("operation", CONTRACTING.values(), ids=CONTRACTING.keys())
def test_an_operation_that_breaks_the_previous_release_is_refused(operation: Operation) -> None:
    assert problems_of(operation)


@pytest.mark.parametrize("operation", EXPANDING.values(), ids=EXPANDING.keys())
def test_an_operation_that_only_expands_is_accepted(operation: Operation) -> None:
    assert problems_of(operation) == []


def test_a_default_of_one_column_does_not_hide_that_another_has_none() -> None:
    filled = migrations.AddField("product", "color", models.TextField(db_default=""))
    assert problems_of(filled, migrations.AddField("product", "size", models.TextField(default="")))


def test_a_table_that_the_same_migration_creates_may_be_changed() -> None:
    shelf = migrations.CreateModel(
        "Shelf", [("id", models.BigAutoField(primary_key=True)), ("name", models.TextField())]
    )
    unique = migrations.AddConstraint("shelf", models.UniqueConstraint(fields=["name"], name="one_shelf_a_name"))
    assert problems_of(shelf, unique) == []


def test_an_unused_column_may_be_removed_if_contracts_declares_it() -> None:
    assert problems_of(migrations.RemoveField("product", "location"), contracts="not used since 1.4") == []


def test_our_own_migrations_only_expand() -> None:
    assert expanding.refused(expanding.ours()) == []
