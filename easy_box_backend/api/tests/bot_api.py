"""A fake server of Telegram's Bot API, as far as the tests need it, on a port of this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from api.tests.servers import serving

TOKEN = "123456:" + "AbC-dEf_" * 4
Answer = tuple[int, Any]


def ok(number: int = 1) -> Answer:
    return 200, {"ok": True, "result": {"message_id": number}}


def error(code: int, description: str, **parameters: Any) -> Answer:
    body = {"ok": False, "error_code": code, "description": description}
    return code, {**body, **({"parameters": parameters} if parameters else {})}


class BotApi:
    """Answers with the responses in `script`, one after the other, then with 200.

    requests: the path and body of each request. messages: the bodies that were answered by 200.
    """

    def __init__(self) -> None:
        self.script: list[Answer | Callable[[], Answer]] = []
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.messages: list[dict[str, Any]] = []
        self.url = ""

    def answer(self, path: str, message: dict[str, Any]) -> Answer:
        self.requests.append((path, message))
        step = self.script.pop(0) if self.script else ok(len(self.requests))
        status, body = step() if callable(step) else step
        if status == 200:
            self.messages.append(message)
        return status, body

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.messages]


@contextmanager
def serve() -> Iterator[BotApi]:
    """Run a fake Bot API until the end of the block."""
    api = BotApi()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = api.answer(self.path, message)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            try:
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", f"{api.url}/elsewhere")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                pass  # the client has closed the connection

    with serving(Handler) as api.url:
        yield api
