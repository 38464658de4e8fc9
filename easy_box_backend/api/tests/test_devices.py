"""GET /api/auth/devices/, DELETE /api/auth/devices/{id}/"""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from api.actions import devices
from api.errors import Forbidden, NoSuch
from api.models import Device
from api.tests.calls import Caller, check_error
from api.tests.conftest import LogIn, MakeProduct, MakeUser

pytestmark = pytest.mark.django_db
DEVICES = "/api/auth/devices/"


def ids(answer: Any) -> set[int]:
    assert answer.status_code == 200
    return {row["id"] for row in answer.json()}


def test_a_person_sees_their_own_devices_and_which_one_is_calling(
    picker: Caller, colleague: Caller, log_in: LogIn
) -> None:
    second = log_in(picker.user)
    rows = {row["id"]: row for row in picker.get(DEVICES).json()}
    assert set(rows) == {picker.device.pk, second.device.pk}
    assert rows[picker.device.pk]["current"] is True
    assert rows[second.device.pk]["current"] is False
    assert {"name", "kind", "created_at", "last_seen_at", "user"} <= set(rows[second.device.pk])
    assert all(picker.token[:15] not in str(row) for row in rows.values())


def test_a_manager_may_see_all_devices_and_others_may_not(picker: Caller, manager: Caller) -> None:
    assert ids(manager.get(DEVICES)) == {manager.device.pk}
    assert ids(manager.get(DEVICES, {"all": "1"})) == {manager.device.pk, picker.device.pk}
    assert ids(picker.get(DEVICES, {"all": "1"})) == {picker.device.pk}


def test_a_revoked_device_is_logged_out_at_once_and_revoking_it_again_changes_nothing(
    picker: Caller, log_in: LogIn
) -> None:
    lost = log_in(picker.user)
    for _ in range(2):
        assert picker.delete(f"{DEVICES}{lost.device.pk}/").status_code == 204
    check_error(lost.get(DEVICES), 401)
    assert picker.get(DEVICES).status_code == 200


def test_another_persons_device_is_404_and_stays_logged_in(picker: Caller, colleague: Caller) -> None:
    check_error(colleague.delete(f"{DEVICES}{picker.device.pk}/"), 404, "no_such_device")
    unknown = check_error(colleague.delete(f"{DEVICES}99999999/"), 404, "no_such_device")
    assert unknown["facts"] == {"device": 99999999}
    assert picker.get(DEVICES).status_code == 200


def test_a_manager_revokes_a_pickers_device_and_an_administrator_any_device(
    picker: Caller, manager: Caller, owner: Caller, make_user: MakeUser, log_in: LogIn
) -> None:
    peer = log_in(make_user("Peer", is_staff=True))
    assert manager.delete(f"{DEVICES}{picker.device.pk}/").status_code == 204
    check_error(picker.get(DEVICES), 401)
    for other in (peer, owner):
        check_error(manager.delete(f"{DEVICES}{other.device.pk}/"), 403, "forbidden")
        assert other.get(DEVICES).status_code == 200
    assert owner.delete(f"{DEVICES}{peer.device.pk}/").status_code == 204
    check_error(peer.get(DEVICES), 401)


def test_a_program_that_logs_in_for_each_request_does_not_fill_the_tables(
    picker: Caller, log_in: LogIn, make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "MOST_LOGINS", 5)
    product = make_product()
    assert picker.post(f"/api/products/{product.pk}/add_stock/", {"quantity": 1}).status_code == 200
    callers = [log_in(picker.user) for _ in range(20)]
    assert picker.user.devices.filter(token__isnull=False).count() == 5
    assert [caller.get(DEVICES).status_code for caller in callers] == [401] * 15 + [200] * 5
    check_error(picker.get(DEVICES), 401)
    assert picker.user.devices.count() == 6, "the device that history names stays"


def test_without_a_token_there_is_nothing_to_see_or_revoke(guest: APIClient, picker: Caller) -> None:
    check_error(guest.get(DEVICES), 401)
    check_error(guest.delete(f"{DEVICES}{picker.device.pk}/"), 401)


@pytest.mark.parametrize("key", ["0", "-1", "abc", "1.0", "99999999999999999999", "１", "%00", "%F0%9F%93%A6"])
def test_an_impossible_id_is_404(picker: Caller, key: str) -> None:
    check_error(picker.delete(f"{DEVICES}{key}/"), 404)


def test_a_fixed_number_of_queries_however_many_devices(
    picker: Caller, log_in: LogIn, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(2):
        picker.get(DEVICES)
    for _ in range(20):
        log_in(picker.user)
    with django_assert_num_queries(2):
        assert len(picker.get(DEVICES).json()) == 21


def test_a_device_may_be_renamed_by_those_who_may_log_it_out(manager: Caller, picker: Caller, owner: Caller) -> None:
    devices.rename(manager.user, picker.device.pk, " Forklift\u200b ")
    picker.device.refresh_from_db()
    assert str(picker.device) == f"Forklift #{picker.device.pk}"
    devices.rename(picker.user, picker.device.pk, "x" * 300)
    for user, device, error in ((picker.user, manager, NoSuch), (manager.user, owner, Forbidden)):
        with pytest.raises(error):
            devices.rename(user, device.device.pk, "Mine")
    assert set(Device.objects.values_list("name", flat=True)) == {"x" * 200, "tests"}
