"""A server that stands in for Telegram's Bot API: it accepts messages and keeps their texts."""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WRONG = "sent with a wrong token or to a wrong chat"


class Telegram(ThreadingHTTPServer):
    """The running server. texts: of all messages, in order; WRONG for a message with another token or chat."""

    def __init__(self, token: str, chat: str, host: str) -> None:
        super().__init__((host, 0), _Call)
        self.path, self.chat = f"/bot{token}/sendMessage", chat
        self.texts: list[str] = []

    @property
    def url(self) -> str:
        """The address for TELEGRAM_API_URL."""
        return f"http://{self.server_address[0]!s}:{self.server_port}"


class _Call(BaseHTTPRequestHandler):
    server: Telegram

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        is_json = self.headers["Content-Type"] == "application/json"
        fields = json.loads(body) if is_json else dict(urllib.parse.parse_qsl(body))
        right = self.path == self.server.path and fields["chat_id"] == self.server.chat
        self.server.texts.append(fields["text"] if right else WRONG)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"ok":true}')

    def log_message(self, *args: object) -> None:
        """Logs nothing."""


@contextmanager
def telegram(token: str, chat: str, host: str = "127.0.0.1") -> Iterator[Telegram]:
    """Run the server until the end of the block. token, chat: those of the bot and the chat that it accepts."""
    with Telegram(token, chat, host) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
