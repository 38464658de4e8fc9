"""The pages of people and phones: accounts and roles, connecting a phone, naming it, its queue, logging it out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from api.actions import orders, reports, second_factor
from api.actor import Actor
from api.models import Device, User
from api.tests.calls import PASSWORD, Caller
from api.tests.conftest import LogIn, MakeProduct, MakeUser
from api.tests.desk.conftest import enter
from api.tests.reconcile.conftest import MORNING
from api.tests.reconcile.people import Warehouse

pytestmark = pytest.mark.django_db
NEW: dict[str, Any] = {"username": "Newcomer", "email": "New@Example.com", "role": "picker"}
ONE_TIME_PASSWORD = re.compile(r"[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}")


def text(answer: Any) -> str:
    """The text of a page."""
    return answer.content.decode()


def errors(answer: Any) -> str:
    """The errors of the form on a page."""
    assert answer.status_code == 200
    return str(answer.context["form"].errors)


def account_form(user: User, **changes: Any) -> dict[str, Any]:
    """The fields that the form of an account sends, with these changes."""
    active = {"is_active": "on"} if user.is_active else {}
    return {"username": user.username, "email": user.email, "role": user.role, **active, **changes}


def page_of(user: User) -> str:
    """The address of a person's page."""
    return reverse("desk:person", args=[user.pk])


@pytest.fixture
def boss(make_user: MakeUser) -> Client:
    """A client in which an administrator is logged in at the desk."""
    return enter(make_user("Boss", role="administrator"))


# --- Accounts -----------------------------------------------------------------------------------------------------
def test_a_new_person_has_a_role_and_no_password(desk: Client) -> None:
    answer = desk.post("/people/new/", {**NEW, "role": "storekeeper"})
    made = User.objects.get(email="new@example.com")
    assert answer.headers["Location"] == page_of(made)
    assert (made.username, made.role, made.is_active) == ("Newcomer", "storekeeper", True)
    assert not made.has_usable_password()
    assert "can be connected now" in text(desk.get(page_of(made)))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"email": "vera@example.com"}, "An account with this e-mail already exists."),
        ({"email": "\u200bVera@example.com\ufeff "}, "An account with this e-mail already exists."),
        ({"username": "\u200b"}, "This field is required."),
        ({"username": "x" * 151}, "at most 150"),
        ({"email": "nonsense"}, "Enter a valid email address."),
        ({"email": ""}, "This field is required."),
        ({"role": "manager"}, "Select a valid choice."),
        ({"role": "nonsense"}, "Select a valid choice."),
    ],
)
def test_invalid_values_are_errors_in_the_form(desk: Client, values: dict[str, Any], words: str) -> None:
    assert words in errors(desk.post("/people/new/", {**NEW, **values}))
    assert User.objects.count() == 1


def test_a_form_sent_twice_makes_one_person(desk: Client) -> None:
    sent = {**NEW, "form_token": "abc"}
    first, second = desk.post("/people/new/", sent), desk.post("/people/new/", sent)
    assert first.headers["Location"] == second.headers["Location"]
    assert User.objects.filter(username="Newcomer").count() == 1


def test_a_manager_gives_the_lower_roles_only(desk: Client, picker: Caller) -> None:
    assert desk.post(page_of(picker.user), account_form(picker.user, role="storekeeper")).status_code == 302
    picker.user.refresh_from_db()
    assert picker.user.role == "storekeeper"
    for role in ("manager", "administrator"):
        assert "Select a valid choice." in errors(desk.post(page_of(picker.user), account_form(picker.user, role=role)))


def test_an_administrator_gives_every_role(boss: Client, picker: Caller) -> None:
    for role in ("manager", "administrator", "storekeeper", "picker"):
        user = User.objects.get(pk=picker.user.pk)
        assert boss.post(page_of(user), account_form(user, role=role)).status_code == 302
        assert User.objects.get(pk=user.pk).role == role


@pytest.mark.parametrize("role", ["manager", "administrator"])
def test_a_manager_touches_no_other_manager(desk: Client, make_user: MakeUser, log_in: LogIn, role: str) -> None:
    peer = log_in(make_user("Peer", role=role))
    before = User.objects.filter(pk=peer.user.pk).values().get()
    shown = text(desk.get(page_of(peer.user)))
    assert "Only an administrator" in shown
    assert "<form" not in shown.partition("<main")[2]
    desk.post(page_of(peer.user), account_form(peer.user, username="Fool", email="x@example.com"))
    desk.post(page_of(peer.user) + "password/", {"new_password": "another battery staple"})
    assert not ONE_TIME_PASSWORD.search(text(desk.post(page_of(peer.user) + "connect/", follow=True)))
    desk.post(page_of(peer.user) + "code/")
    desk.post(f"/phones/{peer.device.pk}/", {"name": "Mine"})
    assert "Only an administrator" in text(desk.post(f"/phones/{peer.device.pk}/out/", follow=True))
    assert User.objects.filter(pk=peer.user.pk).values().get() == before
    assert peer.get("/api/users/me/").status_code == 200
    assert Device.objects.get(pk=peer.device.pk).name == "tests"


def test_ones_own_role_and_right_stay_whatever_is_sent(desk: Client, boss: Client, vera: User) -> None:
    for client, user in ((desk, vera), (boss, User.objects.get(username="Boss"))):
        role = user.role
        assert (
            client.post(
                page_of(user), {**account_form(user, username="Chief", role="picker"), "is_active": ""}
            ).status_code
            == 302
        )
        user.refresh_from_db()
        assert (user.username, user.role, user.is_active) == ("Chief", role, True)


@pytest.mark.parametrize("wrong", ["", "guess"])
def test_ones_own_email_needs_ones_password(desk: Client, vera: User, wrong: str) -> None:
    sent = account_form(vera, email="thief@example.com", current_password=wrong)
    assert "current password" in errors(desk.post(page_of(vera), sent))
    vera.refresh_from_db()
    assert vera.email == "vera@example.com"
    assert desk.post(page_of(vera), {**sent, "current_password": PASSWORD}).status_code == 302
    vera.refresh_from_db()
    assert vera.email == "thief@example.com"


def test_guessing_ones_own_password_in_the_form_has_a_limit(desk: Client, vera: User) -> None:
    for _ in range(10):
        desk.post(page_of(vera), account_form(vera, email="thief@example.com", current_password="guess"))
    sent = account_form(vera, email="thief@example.com", current_password=PASSWORD)
    assert "Too many failed logins" in errors(desk.post(page_of(vera), sent))


def test_taking_the_right_to_log_in_away_logs_out_at_once(desk: Client, picker: Caller) -> None:
    sent = account_form(picker.user)
    del sent["is_active"]
    assert desk.post(page_of(picker.user), sent).status_code == 302
    assert picker.get("/api/users/me/").status_code == 401
    assert "may not log in" in text(desk.get("/people/"))


def test_saving_without_a_change_logs_nobody_out(desk: Client, picker: Caller) -> None:
    assert desk.post(page_of(picker.user), account_form(picker.user)).status_code == 302
    assert picker.get("/api/users/me/").status_code == 200


def test_a_new_password_is_set_and_logs_out_everywhere(desk: Client, picker: Caller) -> None:
    weak = desk.post(page_of(picker.user) + "password/", {"new_password": "123"})
    assert "This password is too short." in text(weak)
    assert picker.get("/api/users/me/").status_code == 200
    desk.post(page_of(picker.user) + "password/", {"new_password": "another battery staple"})
    assert picker.get("/api/users/me/").status_code == 401
    picker.user.refresh_from_db()
    assert picker.user.check_password("another battery staple")


def test_ones_own_password_is_not_set_without_the_old_one(desk: Client, vera: User) -> None:
    answer = desk.post(page_of(vera) + "password/", {"new_password": "another battery staple"})
    assert answer.headers["Location"] == "/password/"
    vera.refresh_from_db()
    assert vera.check_password(PASSWORD)


# --- Roles at the desk --------------------------------------------------------------------------------------------
def test_a_storekeeper_uses_the_desk_and_manages_nobody(make_user: MakeUser, picker: Caller) -> None:
    keeper = enter(make_user("Keeper", role="storekeeper"))
    first = keeper.get("/")
    assert first.status_code == 200
    assert 'href="/people/"' not in text(first)
    assert keeper.get("/password/").status_code == 200
    for path in ("/people/", "/people/new/", page_of(picker.user), "/phones/", f"/phones/{picker.device.pk}/",
                 "/errors/", "/settings/", "/questions/", "/sheets/"):  # fmt: skip
        assert keeper.get(path).status_code == keeper.post(path).status_code == 403, path
    for path in ("password/", "connect/", "code/"):
        assert keeper.post(page_of(picker.user) + path).status_code == 403
    assert keeper.post(f"/phones/{picker.device.pk}/out/").status_code == 403
    assert picker.get("/api/users/me/").status_code == 200


def test_a_storekeeper_counts_and_prints_labels(make_user: MakeUser) -> None:
    keeper = enter(make_user("Keeper", role="storekeeper"))
    for path in ("/counts/", "/labels/"):
        assert keeper.get(path).status_code == 200
        assert f'href="{path}"' in text(keeper.get("/"))


def test_a_storekeeper_reads_orders_and_prints_pick_lists_but_makes_none(
    make_user: MakeUser, make_product: MakeProduct
) -> None:
    by, shirt = Actor(None, at=timezone.now()), make_product("SHIRT", 9)
    order = orders.create(customer_name="Anna", lines=[orders.Line(shirt.pk, 4)], by=by)
    keeper = enter(make_user("Keeper", role="storekeeper"))
    for path in ("/orders/", f"/orders/{order.pk}/"):
        shown = text(keeper.get(path))
        assert "Anna" in shown
        assert not re.search("New order|>Change<|Cancel (orders|the order)", shown)
    assert "SHIRT" in text(keeper.get(f"/orders/pick-list/?id={order.pk}"))
    for path in ("/orders/new/", f"/orders/{order.pk}/edit/", f"/orders/cancel/?id={order.pk}"):
        assert keeper.get(path).status_code == keeper.post(path).status_code == 403, path
    keeper.post(f"/orders/{order.pk}/", {"do": "finish"})
    keeper.post(f"/orders/{order.pk}/", {"do": "reopen"})
    order.refresh_from_db()
    assert order.status == "picked", "as with a phone: picking is theirs, opening again is not"


def test_a_storekeeper_logs_in_with_a_password_and_a_picker_does_not(make_user: MakeUser) -> None:
    make_user("Keeper", role="storekeeper")
    make_user("Paul")
    for email, status in (("keeper@example.com", 302), ("paul@example.com", 200)):
        assert Client().post("/login/", {"email": email, "password": PASSWORD}).status_code == status


def test_a_role_that_was_taken_away_ends_the_access_at_once(make_user: MakeUser) -> None:
    keeper = make_user("Keeper", role="storekeeper")
    client = enter(keeper)
    keeper.take_role("picker")
    assert client.get("/").status_code == 403


# --- Connect a phone ----------------------------------------------------------------------------------------------
def test_the_sheet_has_all_that_a_phone_needs_and_is_shown_once(desk: Client, picker: Caller, settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "http://box.example.com"
    answer = desk.post(page_of(picker.user) + "connect/")
    shown = text(answer)
    assert "no-store" in answer.headers["Cache-Control"]
    assert "http://box.example.com" in shown
    assert "picker@example.com" in shown
    assert 'aria-label="http://box.example.com/phone/"' in shown
    (word,) = set(ONE_TIME_PASSWORD.findall(shown))
    assert not ONE_TIME_PASSWORD.search(text(desk.get(page_of(picker.user))))
    login = {"email": "picker@example.com", "password": word}
    assert Client().post("/api/auth/token/", login, headers={"User-Agent": "Dart/3.5"}).status_code == 200


@pytest.mark.parametrize(
    ("host", "is_local"), [("localhost:8000", True), ("127.0.0.1", True), ("192.168.1.20:8000", False)]
)
def test_a_sheet_made_at_an_address_that_phones_cannot_reach_says_so(
    desk: Client, picker: Caller, settings: Any, host: str, is_local: bool
) -> None:
    settings.ALLOWED_HOSTS, settings.PUBLIC_BASE_URL = ["*"], ""
    answer = desk.post(page_of(picker.user) + "connect/", headers={"host": host})
    assert answer.context["address"] == f"http://{host}"
    assert ("only this computer knows" in text(answer)) == is_local


def test_nobody_makes_a_sheet_for_themselves(desk: Client, vera: User) -> None:
    shown = text(desk.post(page_of(vera) + "connect/", follow=True))
    assert not ONE_TIME_PASSWORD.search(shown)
    assert "with your own password" in shown
    assert desk.get(page_of(vera) + "connect/").status_code == 405


def test_the_page_of_the_qr_code_needs_no_login_and_shows_no_account(vera: User, settings: Any) -> None:
    settings.ALLOWED_HOSTS, settings.PUBLIC_BASE_URL = ["*"], ""
    answer = Client(headers={"host": "192.168.1.20:8000"}).get("/phone/")
    assert answer.status_code == 200
    assert "http://192.168.1.20:8000" in text(answer)
    assert "example.com" not in text(answer)


# --- Phones -------------------------------------------------------------------------------------------------------
def test_a_phone_gets_a_name_that_people_see(desk: Client, log_in: LogIn, picker: Caller) -> None:
    path = f"/phones/{picker.device.pk}/"
    assert desk.post(path, {"name": " Fork\0lift\u200b "}).status_code == 302
    for page in (path, "/phones/", page_of(picker.user)):
        assert f"Fork\ufffdlift #{picker.device.pk}" in text(desk.get(page))


def test_a_phone_is_logged_out_and_stays_in_the_list_of_former_ones(desk: Client, picker: Caller) -> None:
    answer = desk.post(f"/phones/{picker.device.pk}/out/", follow=True)
    assert "The device is logged out." in text(answer)
    assert picker.get("/api/users/me/").status_code == 401
    assert "tests #" not in text(desk.get("/phones/"))
    assert "tests #" in text(desk.get("/phones/?state=out"))
    assert "Log this device out" not in text(desk.get(f"/phones/{picker.device.pk}/"))


def test_lists_are_searched_by_name_and_email(desk: Client, picker: Caller, colleague: Caller) -> None:
    for path in ("/people/", "/phones/"):
        found = text(desk.get(path, {"q": " PICKER@ "}))
        assert "Picker" in found
        assert "Colleague" not in found
        for nonsense in ("\0", "%", "😀" * 500):
            assert desk.get(path, {"q": nonsense, "page": "x"}).status_code == 200


@pytest.fixture
def warehouse(db: None) -> Iterator[Warehouse]:
    with time_machine.travel(MORNING, tick=False) as clock:
        place = Warehouse(clock)
        for sku in ("SOCK", "CAP"):
            place.product(sku, 10)
        yield place


def test_the_page_of_a_phone_says_what_its_queue_probably_holds(warehouse: Warehouse, make_user: MakeUser) -> None:
    anna = warehouse.phone("Anna")
    desk = enter(make_user("Vera", is_staff=True))
    path = f"/phones/{anna.device.pk}/"
    assert "No queue is known." in text(desk.get(path))
    anna.pull()
    warehouse.later()
    for sku, pieces in (("SOCK", 5), ("CAP", 1200)):
        anna.add(sku, pieces)
    anna.loses_connection()
    shown = text(desk.get(path))
    assert "probably still holds" in shown
    assert re.search(r"SOCK.*×\s*5", shown)
    assert re.search(r"CAP.*×\s*1.200", shown)
    anna.pull()
    assert "more likely it is empty" in text(desk.get(path))


def test_the_page_of_a_phone_names_its_errors(desk: Client, log_in: LogIn, make_user: MakeUser) -> None:
    anna = log_in(make_user("Anna"), kind="app")
    reports.record_client_error("Anna, 1, anna@example.com: boom", user_agent="Dart/3.5", at=timezone.now())
    assert "boom" in text(desk.get(f"/phones/{anna.device.pk}/"))


def test_an_account_or_phone_that_is_not_there_is_404(desk: Client) -> None:
    for path in ("/people/999/", "/phones/999/", "/errors/999/", f"/people/{10**30}/", f"/phones/{10**30}/"):
        assert desk.get(path).status_code == 404
    for path in ("/people/999/", "/people/999/connect/", "/people/999/password/", "/phones/999/out/"):
        assert desk.post(path).status_code == 404


def test_lists_take_a_fixed_number_of_queries(
    desk: Client, make_user: MakeUser, log_in: LogIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        log_in(make_user(f"P{number}", role="storekeeper" if number % 2 else "picker"))
    log_in(User.objects.get(username="P1"))
    for path, queries in (("/people/", 5), ("/phones/", 4), (page_of(User.objects.get(username="P1")), 7)):
        with django_assert_num_queries(queries):  # session, person, mark, the rest
            desk.get(path)


# --- The second factor --------------------------------------------------------------------------------------------
def test_without_the_setting_there_is_no_second_factor_anywhere(desk: Client, vera: User) -> None:
    assert desk.get("/second-factor/").status_code == 404
    assert "factor" not in text(desk.get("/password/"))
    assert 'name="code"' not in text(Client().get("/login/"))


class TestSecondFactor:
    """With the setting SECOND_FACTOR, and a clock that stands still."""

    @pytest.fixture(autouse=True)
    def on(self, settings: Any) -> Iterator[time_machine.Traveller]:
        settings.SECOND_FACTOR = True
        with time_machine.travel(timezone.now(), tick=False) as clock:
            self.clock = clock
            yield clock

    def code(self, secret: str, steps: int = 0) -> str:
        """The code that an authenticator app shows. steps: of 30 seconds from now."""
        import pyotp

        return pyotp.TOTP(secret).at(timezone.now(), counter_offset=steps)

    def set_up(self, client: Client, **changes: str) -> tuple[str, Any]:
        """Send the form that sets it up, with these changes. Returns the secret and the response."""
        secret = str(client.get("/second-factor/").context["secret"])
        sent = {"secret": secret, "code": self.code(secret), "current_password": PASSWORD, **changes}
        return secret, client.post("/second-factor/", sent)

    def log_in(self, code: str, email: str = "vera@example.com", path: str = "/login/") -> bool:
        """Whether a login with this code begins a session."""
        client = Client()
        client.post(path, {"email": email, "username": email, "password": PASSWORD, "code": code})
        return "_auth_user_id" in client.session

    def test_a_person_who_has_set_it_up_needs_a_code_and_others_do_not(self, desk: Client, make_user: MakeUser) -> None:
        make_user("Peer", is_staff=True)
        secret, answer = self.set_up(desk)
        assert answer.status_code == 302
        self.clock.shift(90)
        assert not self.log_in("")
        assert not self.log_in("000000")
        assert self.log_in(self.code(secret))
        assert not self.log_in(self.code(secret)), "a code is used once"
        assert self.log_in("", "peer@example.com")

    def test_the_login_of_the_admin_is_no_way_around_the_code(self, desk: Client, make_user: MakeUser) -> None:
        make_user("Peer", is_staff=True, is_superuser=True)
        self.set_up(desk)
        assert not self.log_in("", path="/admin/login/")
        assert not self.log_in("", "peer@example.com", path="/admin/login/")  # nobody logs in there

    def test_wrong_codes_have_the_limit_of_wrong_passwords(self, desk: Client) -> None:
        secret, _ = self.set_up(desk)
        self.clock.shift(90)
        for _try in range(10):
            self.log_in("000000")
        assert not self.log_in(self.code(secret))
        self.clock.shift(90)
        assert self.log_in(self.code(secret))

    def test_setting_it_up_and_removing_it_need_the_password(self, desk: Client, vera: User) -> None:
        assert "current password" in text(self.set_up(desk, current_password="")[1])
        assert "The code is wrong" in text(self.set_up(desk, code="000000")[1])
        assert not User.objects.get(pk=vera.pk).totp_secret
        self.set_up(desk)
        assert "current password" in text(desk.post("/second-factor/", {"current_password": "guess"}))
        assert User.objects.get(pk=vera.pk).totp_secret
        desk.post("/second-factor/", {"current_password": PASSWORD})
        assert not User.objects.get(pk=vera.pk).totp_secret

    def test_a_wrong_code_keeps_the_secret_that_was_scanned(self, desk: Client) -> None:
        secret, answer = self.set_up(desk, code="000000")
        assert answer.context["secret"] == secret

    def test_an_administrator_removes_it_for_a_person_who_lost_the_app(
        self, desk: Client, boss: Client, vera: User
    ) -> None:
        self.set_up(desk)
        assert "Ask for no code any more" in text(boss.get(page_of(vera)))
        desk.post(page_of(vera) + "code/")
        assert User.objects.get(pk=vera.pk).totp_secret, "not without the password"
        boss.post(page_of(vera) + "code/")
        assert self.log_in("")

    def test_phones_log_in_without_a_code(self, desk: Client) -> None:
        self.set_up(desk)
        sent = {"email": "vera@example.com", "password": PASSWORD}
        assert Client().post("/api/auth/token/", sent, headers={"User-Agent": "Dart/3.5"}).status_code == 200

    def test_the_secret_is_not_stored_before_its_first_code(self, desk: Client, vera: User) -> None:
        desk.get("/second-factor/")
        assert not User.objects.get(pk=vera.pk).totp_secret
        assert second_factor.new_secret() != second_factor.new_secret()
