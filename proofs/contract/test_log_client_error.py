"""POST /log-client-error: no token, no trailing slash, beside the API"""

from __future__ import annotations

import pytest

from proofs.contract.client import BODY_KINDS, App, Server, body_of
from proofs.phone.app import log_client_error


def test_the_app_reports_an_error_without_a_token(guest: App) -> None:
    log_client_error(guest.dio, "Ошибка: type 'Null' is not a subtype of type 'String' <script>\n#0 main")


@pytest.mark.parametrize("kind", BODY_KINDS)
def test_any_kind_of_body_is_understood(guest: App, server: Server, kind: str) -> None:
    body, content_type = body_of(kind, {"message": f"Сбой по {kind}"})
    headers = {"content-type": content_type} if content_type else {}
    answer = guest.dio.request("POST", f"{server.url}/log-client-error", body, headers)
    assert 200 <= answer.status < 300
    assert answer.redirects == []


def test_a_long_message_is_accepted(guest: App) -> None:
    log_client_error(guest.dio, "stack " * 2000)


def test_a_stale_token_does_not_stop_the_report(guest: App, server: Server) -> None:
    guest.session.token = "0" * 64
    assert 200 <= guest.send("POST", f"{server.url}/log-client-error", {"message": "m"}).status < 300
