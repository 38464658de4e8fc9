"""Roles: each has a group, which agrees with the flags and is set by one function; and who may give which role."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from api.actions import accounts
from api.errors import Forbidden
from api.models import User
from api.tests.calls import PASSWORD, Caller
from api.tests.conftest import MakeUser

pytestmark = pytest.mark.django_db
FLAGS = {
    "picker": (False, False),
    "storekeeper": (False, False),
    "manager": (True, False),
    "administrator": (True, True),
}


def state(user: User) -> tuple[str, list[str], tuple[bool, bool]]:
    """A user's role, groups and flags, read from the database."""
    user = User.objects.get(pk=user.pk)
    groups = sorted(user.groups.values_list("name", flat=True))
    return user.role, groups, (user.is_staff, user.is_superuser)


def give(user: User, by: Caller, **fields: Any) -> tuple[str, list[str], tuple[bool, bool]]:
    return state(accounts.change(user, by=by.user, at=timezone.now(), **fields))


@pytest.mark.parametrize("before", FLAGS)
@pytest.mark.parametrize("after", FLAGS)
def test_flags_and_group_agree_after_every_change(owner: Caller, make_user: MakeUser, before: str, after: str) -> None:
    user = make_user("Somebody", role=before)
    assert state(user) == (before, [before], FLAGS[before])
    assert give(user, owner, role=after) == (after, [after], FLAGS[after])


@pytest.mark.parametrize(
    ("before", "flags", "after"),
    [
        ("picker", {"is_staff": True}, "manager"),
        ("storekeeper", {"is_staff": True}, "manager"),
        ("storekeeper", {"is_staff": False}, "storekeeper"),
        ("manager", {"is_staff": False}, "picker"),
        ("manager", {"is_superuser": True}, "administrator"),
        ("administrator", {"is_superuser": False}, "manager"),
        ("administrator", {"is_staff": False}, "picker"),
        ("administrator", {"is_staff": True}, "administrator"),
        ("storekeeper", {"username": "Other"}, "storekeeper"),
    ],
)
def test_setting_a_flag_sets_the_role_of_that_flag(
    owner: Caller, make_user: MakeUser, before: str, flags: dict[str, bool], after: str
) -> None:
    assert give(make_user("Somebody", role=before), owner, **flags) == (after, [after], FLAGS[after])


def test_a_new_account_has_its_group_however_it_is_created(owner: Caller) -> None:
    made = accounts.create(by=owner.user, email="a@example.com", username="A", password=PASSWORD, role="storekeeper")
    assert state(made) == ("storekeeper", ["storekeeper"], (False, False))
    made = accounts.create(by=owner.user, email="b@example.com", username="B", password=PASSWORD, is_staff=True)
    assert state(made) == ("manager", ["manager"], (True, False))
    assert state(User.objects.create_user("c@example.com", PASSWORD, username="C"))[1] == ["picker"]
    call_command("createsuperuser", "--noinput", email="d@example.com", username="D")
    assert state(User.objects.get(email="d@example.com")) == ("administrator", ["administrator"], (True, True))


def test_a_manager_can_make_somebody_a_storekeeper_but_not_a_manager(
    manager: Caller, picker: Caller, make_user: MakeUser
) -> None:
    assert give(picker.user, manager, role="storekeeper")[0] == "storekeeper"
    assert give(picker.user, manager, role="picker")[0] == "picker"
    for role in ("manager", "administrator"):
        with pytest.raises(Forbidden):
            give(picker.user, manager, role=role)
        with pytest.raises(Forbidden):
            accounts.create(by=manager.user, email="x@example.com", username="X", password=PASSWORD, role=role)
        with pytest.raises(Forbidden):
            give(make_user(f"Top {role[:3]}", email=f"{role}2@example.com", role=role), manager, role="picker")
    assert state(picker.user)[0] == "picker"


def test_a_storekeeper_gives_no_role_not_even_to_themselves(picker: Caller, make_user: MakeUser, log_in: Any) -> None:
    keeper = log_in(make_user("Keeper", role="storekeeper"))
    for user, role in ((picker.user, "storekeeper"), (keeper.user, "manager"), (keeper.user, "picker")):
        with pytest.raises(Forbidden):
            give(user, keeper, role=role)
    with pytest.raises(Forbidden):
        give(picker.user, picker, role="storekeeper")
    with pytest.raises(Forbidden):
        accounts.create(by=keeper.user, email="x@example.com", username="X", password=None, role="storekeeper")


@pytest.mark.parametrize("role", ["picker", "storekeeper", "manager"])
def test_nobody_lowers_their_own_role(owner: Caller, role: str) -> None:
    with pytest.raises(accounts.OwnRights):
        give(owner.user, owner, role=role)
    assert state(owner.user)[0] == "administrator"


def test_a_lower_role_is_effective_at_once(owner: Caller, make_user: MakeUser, log_in: Any, make_product: Any) -> None:
    keeper, product = log_in(make_user("Keeper", role="storekeeper")), make_product(quantity=5)
    assert keeper.post(f"/api/products/{product.pk}/count/", {"counted": 4}).status_code == 200
    give(keeper.user, owner, role="picker")
    assert keeper.post(f"/api/products/{product.pk}/count/", {"counted": 3}).status_code == 403


@pytest.mark.django_db(transaction=True)
@pytest.mark.both_databases
def test_accounts_of_earlier_releases_get_the_group_of_their_flags() -> None:
    executor = MigrationExecutor(connection)
    (ours,) = [key for key in executor.loader.graph.nodes if key[0] == "api" and key[1].endswith("roles_as_groups")]
    (before,) = [node.key for node in executor.loader.graph.node_map[ours].parents if node.key[0] == "api"]
    try:
        executor.migrate([before])
        old = MigrationExecutor(connection).loader.project_state([before]).apps.get_model("api", "User")
        for name, staff, top in (("p", 0, 0), ("m", 1, 0), ("a", 1, 1), ("odd", 0, 1)):
            old.objects.create(email=f"{name}@example.com", username=name, is_staff=staff, is_superuser=top)
        migrating = MigrationExecutor(connection)
        migrating.migrate([ours])
        found = {user.username: state(user)[:2] for user in User.objects.only("username")}
    finally:
        latest = MigrationExecutor(connection)
        latest.migrate(latest.loader.graph.leaf_nodes())
    assert found == {
        "p": ("picker", ["picker"]), "m": ("manager", ["manager"]), "a": ("administrator", ["administrator"]),
        "odd": ("administrator", ["administrator"]),
    }  # fmt: skip
    assert Group.objects.count() == 4
