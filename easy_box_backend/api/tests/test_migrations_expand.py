"""The release before runs on the tables of this one (dev/expanding.py, a part of `make check-migrations`)."""

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


def judged(*operations: Operation, contracts: str = "") -> list[str]:
    """What is said of a migration of `operations` that would come next."""
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
def test_what_the_release_before_needs_may_not_go(operation: Operation) -> None:
    assert judged(operation)


@pytest.mark.parametrize("operation", EXPANDING.values(), ids=EXPANDING.keys())
def test_what_is_new_may_come(operation: Operation) -> None:
    assert judged(operation) == []


def test_a_default_of_one_column_does_not_excuse_another() -> None:
    filled = migrations.AddField("product", "color", models.TextField(db_default=""))
    assert judged(filled, migrations.AddField("product", "size", models.TextField(default="")))


def test_a_table_that_is_new_may_be_changed_at_once() -> None:
    shelf = migrations.CreateModel(
        "Shelf", [("id", models.BigAutoField(primary_key=True)), ("name", models.TextField())]
    )
    unique = migrations.AddConstraint("shelf", models.UniqueConstraint(fields=["name"], name="one_shelf_a_name"))
    assert judged(shelf, unique) == []


def test_what_no_release_uses_any_more_may_go_if_it_is_said() -> None:
    assert judged(migrations.RemoveField("product", "location"), contracts="not used since 1.4") == []


def test_our_own_migrations_only_expand() -> None:
    assert expanding.refused(expanding.ours()) == []
