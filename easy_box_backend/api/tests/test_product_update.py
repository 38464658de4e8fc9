"""PUT and PATCH /api/products/{id}/, for programs other than the app (reconciliation has its own tests)"""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from api.models import Product, ProductVersion, StockMovement
from api.tests.calls import BODY_KINDS, Caller, check_error, send
from api.tests.cases import each
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.django_db


@pytest.fixture
def jacket(make_product: MakeProduct) -> Product:
    return make_product("J-1", name="Jacket", location="A1-01-01", quantity=7)


def address(product: Product) -> str:
    return f"/api/products/{product.pk}/"


def state(product: Product) -> Any:
    return Product.objects.filter(pk=product.pk).values().get()


@pytest.mark.parametrize("kind", BODY_KINDS)
def test_put_gives_a_product_these_values(manager: Caller, jacket: Product, kind: str) -> None:
    body = {"id": str(jacket.pk), "name": "Куртка", "sku": "K/1", "quantity": 9, "location": "B2",
            "image_url": "/x.jpg", "thumbnail_url": None}  # fmt: skip
    answer = send(manager, "PUT", address(jacket), body, kind)
    assert answer.status_code == 200, answer.content
    changed = answer.json()
    assert (changed["name"], changed["sku"], changed["quantity"], changed["location"]) == ("Куртка", "K/1", 9, "B2")
    assert changed["image_url"] is None
    movement = StockMovement.objects.latest("id")
    assert (movement.quantity_delta, movement.quantity_after, movement.kind) == (2, 9, "adjustment")


@pytest.mark.parametrize("location", ["", None])
def test_an_emptied_location_is_null(manager: Caller, jacket: Product, location: str | None) -> None:
    body = {"name": "Jacket", "sku": "J-1", "quantity": 7, "location": location}
    assert manager.put(address(jacket), body).json()["location"] is None


@pytest.mark.parametrize("kind", BODY_KINDS)
@pytest.mark.parametrize("change", [{"name": "Coat"}, {"sku": "C-1"}, {"location": "Z9"}, {"quantity": 0},
                                    {"min_quantity": 3}])  # fmt: skip
def test_patch_changes_only_the_fields_that_are_sent(
    manager: Caller, jacket: Product, change: dict[str, Any], kind: str
) -> None:
    before = manager.get(address(jacket)).json()
    after = send(manager, "PATCH", address(jacket), change, kind).json()
    meta = ("revision", "updated_at")
    assert {k: v for k, v in after.items() if k not in meta} == {
        k: v for k, v in {**before, **change}.items() if k not in meta
    }
    assert after["revision"] > before["revision"]


def test_a_request_that_changes_nothing_takes_no_revision_and_writes_no_history(
    manager: Caller, jacket: Product
) -> None:
    before = state(jacket)
    versions, movements = ProductVersion.objects.count(), StockMovement.objects.count()
    body = {"name": "Jacket", "sku": "J-1", "quantity": 7, "location": "A1-01-01"}
    assert manager.put(address(jacket), body).status_code == 200
    assert manager.patch(address(jacket), {}).status_code == 200
    assert state(jacket) == before
    assert (ProductVersion.objects.count(), StockMovement.objects.count()) == (versions, movements)


def test_history_has_the_former_values_and_who_changed_them(manager: Caller, jacket: Product) -> None:
    manager.patch(address(jacket), {"name": "Coat"})
    names = list(ProductVersion.objects.filter(product=jacket).values_list("name", "user"))
    assert names == [("Jacket", None), ("Coat", manager.user.pk)]


def test_put_needs_name_and_sku(manager: Caller, jacket: Product) -> None:
    before = state(jacket)
    body = check_error(manager.put(address(jacket), {"quantity": 1}), 400, "invalid")
    assert {"name", "sku"} <= set(body)
    assert state(jacket) == before


@each(
    ("field", "value"),
    [("name", ""), ("name", None), ("name", "x" * 256), ("sku", None), ("sku", "x" * 256), ("sku", "\x00"),
     ("quantity", 1.5), ("quantity", "x"), ("quantity", True), ("quantity", 2**63), ("quantity", -(2**63)),
     ("quantity", 10**400), ("quantity", [1]), ("location", {"a": 1}), ("location", "x" * 101),
     ("min_quantity", -1), ("min_quantity", 2**31), ("image", "http://example.com/x.jpg")],
)  # fmt: skip
@each("method", ["PUT", "PATCH"])
def test_a_bad_field_is_named_and_nothing_changes(
    manager: Caller, jacket: Product, method: str, field: str, value: Any
) -> None:
    before = state(jacket)
    body = {"name": "Coat", "sku": "C-1", field: value}
    assert field in check_error(send(manager, method, address(jacket), body), 400)
    assert state(jacket) == before


@pytest.mark.both_databases
def test_a_sku_of_another_product_is_refused_and_nothing_changes(
    manager: Caller, jacket: Product, make_product: MakeProduct
) -> None:
    make_product("TAKEN")
    before = state(jacket)
    body = {"name": "Coat", "sku": "TAKEN", "quantity": 99}
    for method in ("PUT", "PATCH"):
        assert "sku" in check_error(send(manager, method, address(jacket), body), 400, "sku_taken")
        assert state(jacket) == before


def test_an_archived_product_is_404(manager: Caller, jacket: Product) -> None:
    manager.delete(address(jacket))
    before = state(jacket)
    check_error(manager.put(address(jacket), {"name": "A", "sku": "A"}), 404, "no_such_product")
    assert state(jacket) == before


# --- If-Match -----------------------------------------------------------------------------------------------------
def test_a_held_version_is_412_once_somebody_else_changed_it(
    manager: Caller, colleague: Caller, jacket: Product
) -> None:
    tag = manager.get(address(jacket))["ETag"]
    assert colleague.patch(address(jacket), {"name": "Theirs"}).status_code == 200
    answer = manager.patch(address(jacket), {"name": "Mine"}, headers={"If-Match": tag})
    body = check_error(answer, 412, "stale")
    assert body["facts"]["revision"] > jacket.revision
    assert manager.get(address(jacket)).json()["name"] == "Theirs"


def test_the_etag_of_each_response_is_valid_for_the_next_if_match(manager: Caller, jacket: Product) -> None:
    tag = manager.get(address(jacket))["ETag"]
    for name in ("One", "Two"):
        answer = manager.patch(address(jacket), {"name": name, "quantity": len(name)}, headers={"If-Match": tag})
        assert answer.status_code == 200
        tag = answer["ETag"]


def test_if_match_with_a_star_and_no_condition_are_accepted(manager: Caller, jacket: Product) -> None:
    for held in ("*", ""):
        assert manager.patch(address(jacket), {"name": "X"}, headers={"If-Match": held}).status_code == 200


@pytest.mark.parametrize("held", ["nonsense", '"x"', '"-1"', "9" * 30, "\x00", '"1000001", "1000002"'])
def test_an_invalid_or_foreign_tag_changes_nothing(manager: Caller, jacket: Product, held: str) -> None:
    before = state(jacket)
    answer = manager.patch(address(jacket), {"name": "X"}, headers={"If-Match": held})
    assert check_error(answer, answer.status_code)["code"] in ("bad_if_match", "stale")
    assert answer.status_code in (400, 412)
    assert state(jacket) == before


def test_a_guest_changes_nothing(guest: APIClient, jacket: Product) -> None:
    before = state(jacket)
    for method in ("PUT", "PATCH"):
        check_error(send(guest, method, address(jacket), {"name": "X", "sku": "X"}), 401)
    assert state(jacket) == before
