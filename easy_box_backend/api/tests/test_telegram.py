"""The client of Telegram's Bot API: what it sends, and which error each failure raises."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from api.alerts import telegram
from api.tests.bot_api import TOKEN, Answer, BotApi, error, ok, serve


@pytest.fixture
def bot_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[BotApi]:
    monkeypatch.setenv("no_proxy", "*")
    with serve() as server:
        yield server


@pytest.fixture
def chat(bot_api: BotApi) -> telegram.Chat:
    return telegram.Chat(chat_id="-100", token=TOKEN, api_url=bot_api.url, timeout=60)


def test_a_message_goes_to_the_chat_as_html(bot_api: BotApi, chat: telegram.Chat) -> None:
    telegram.send("<b>Hallo</b> Мир", chat)
    (path, message), = bot_api.requests  # fmt: skip
    assert path == f"/bot{TOKEN}/sendMessage"
    assert (message["chat_id"], message["text"], message["parse_mode"]) == ("-100", "<b>Hallo</b> Мир", "HTML")
    assert message["link_preview_options"] == {"is_disabled": True}


@pytest.mark.parametrize(
    ("answer", "failure", "wait"),
    [
        (error(429, "Too Many Requests: retry after 7", retry_after=7), telegram.Unreachable, 7),
        (error(429, "Too Many Requests"), telegram.Unreachable, None),
        (error(429, "odd", retry_after="soon"), telegram.Unreachable, None),
        (error(500, "Internal Server Error"), telegram.Unreachable, None),
        ((502, b"<html>Bad Gateway</html>"), telegram.Unreachable, None),
        ((503, b"\xff\xfe"), telegram.Unreachable, None),
        ((200, b"<html>a hotel's login page</html>"), telegram.Unreachable, None),
        ((200, {"ok": False}), telegram.Unreachable, None),
        ((200, []), telegram.Unreachable, None),
        (error(401, "Unauthorized"), telegram.Refused, None),
        (error(404, "Not Found"), telegram.Refused, None),
        (error(403, "Forbidden: bot was kicked from the group chat"), telegram.Refused, None),
        (error(400, "Bad Request: chat not found"), telegram.Refused, None),
        (error(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-1), telegram.Refused, None),
        ((302, b""), telegram.Refused, None),
    ],
)
def test_each_failure_has_an_error_class_and_a_time_to_wait(
    bot_api: BotApi, chat: telegram.Chat, answer: Answer, failure: type[telegram.Failed], wait: float | None
) -> None:
    bot_api.script = [answer]
    with pytest.raises(telegram.Failed) as raised:
        telegram.send("x", chat)
    assert type(raised.value) is failure
    assert getattr(raised.value, "retry_after", None) == wait
    assert len(bot_api.requests) == 1, "a redirect is not followed, since the token is in the URL"


def test_a_message_whose_markup_is_refused_is_sent_again_as_plain_text(bot_api: BotApi, chat: telegram.Chat) -> None:
    bot_api.script = [error(400, "Bad Request: can't parse entities: Unsupported start tag")]
    telegram.send('<b>A</b> &lt;b&gt; <a href="http://x">link</a>', chat)
    assert bot_api.messages == [
        {"chat_id": "-100", "link_preview_options": {"is_disabled": True}, "text": "A <b> link"}
    ]  # fmt: skip


def test_a_message_that_is_refused_in_both_forms_is_bad(bot_api: BotApi, chat: telegram.Chat) -> None:
    bot_api.script = [error(400, "Bad Request: message text is empty")] * 2
    with pytest.raises(telegram.BadMessage, match="text is empty"):
        telegram.send("x", chat)


def test_a_timeout_is_transient(bot_api: BotApi, chat: telegram.Chat) -> None:
    release = threading.Event()
    bot_api.script = [lambda: (release.wait(60), ok())[1]]
    with pytest.raises(telegram.Unreachable, match=r"timed out|Timeout"):
        telegram.send("x", replace(chat, timeout=0.2))
    release.set()


def test_a_refused_connection_is_transient(chat: telegram.Chat) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(telegram.Unreachable, match="ConnectionRefused"):
        telegram.send("x", telegram.Chat("1", TOKEN, f"http://127.0.0.1:{port}", 60))


def test_a_closed_connection_and_an_invalid_response_are_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    for says in (b"", b"\x16\x03\x01 nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]

            def answer(server: socket.socket = server, says: bytes = says) -> None:
                connection, _ = server.accept()
                connection.recv(65536)
                connection.sendall(says)
                connection.close()

            thread = threading.Thread(target=answer)
            thread.start()
            with pytest.raises(telegram.Unreachable):
                telegram.send("x", telegram.Chat("1", TOKEN, f"http://127.0.0.1:{port}", 60))
            thread.join()


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 500])
def test_the_token_is_in_no_error_even_if_the_response_has_it(
    bot_api: BotApi, chat: telegram.Chat, status: int
) -> None:
    bot_api.script = [(status, {"ok": False, "description": f"no bot {TOKEN} at /bot{TOKEN}/sendMessage"})] * 2
    with pytest.raises(telegram.Failed) as raised:
        telegram.send("x", chat)
    assert TOKEN not in f"{raised.value!r} {raised.value.__cause__!r} {chat!r}"


# --- Text ---------------------------------------------------------------------------------------------------------
def test_length_is_counted_in_utf_16_units() -> None:
    assert [telegram.units(text) for text in ("abc", "Ж", "😀", "")] == [3, 1, 2, 0]


def test_escaped_text_has_no_markup_and_is_within_the_limit() -> None:
    assert telegram.escaped("<b>&amp;</b>\0\x1b") == "&lt;b&gt;&amp;amp;&lt;/b&gt;"
    for text in ("a" * 500, "&" * 500, "😀" * 500, "<Ж😀&" * 300):
        cut = telegram.escaped(text, 100)
        assert telegram.units(cut) <= 100
        assert cut.endswith("…")
        assert telegram.plain(cut)[:-1] == text[: len(telegram.plain(cut)) - 1], "no entity is cut in two"
