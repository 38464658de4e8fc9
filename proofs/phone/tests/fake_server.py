"""A server in memory behind :class:`proofs.phone.dio.ExchangeTransport`, for the tests of the app's port."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from proofs.phone.app import InventoryRemote, OrderRemote, Session
from proofs.phone.dio import Dio, ExchangeTransport
from proofs.phone.offline import Phone, Store
from proofs.phone.repaired import APPS


@dataclass
class FakeServer:
    """Keeps products by id, and all requests. ``fault`` gets a request line and may return other bytes to answer."""

    products: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[bytes] = field(default_factory=list)
    fault: Callable[[str], bytes | None] = lambda line: None

    @property
    def lines(self) -> list[str]:
        """Method and target of every request."""
        return [request.split(b" HTTP/1.1", 1)[0].decode() for request in self.requests]

    def body(self, index: int = -1) -> bytes:
        """The body of a request."""
        return self.requests[index].split(b"\r\n\r\n", 1)[1]

    def add(self, sku: str, quantity: int = 0) -> str:
        """Put a product into the warehouse. Returns its id."""
        key = str(len(self.products) + 1)
        self.products[key] = {
            "id": int(key), "name": sku, "sku": sku, "quantity": quantity,
            "location": None, "image_url": None, "thumbnail_url": None,
        }  # fmt: skip
        return key

    def phone(self, online: bool = True, app: str = "installed", store: Store | None = None) -> Phone:
        """A phone that is connected to this server, with this variant of the app."""
        dio = Dio("http://warehouse/api", ExchangeTransport(self.exchange))
        session = Session("t")
        return APPS[app](InventoryRemote(dio, session), OrderRemote(dio, session), store=store, online=online)

    def exchange(self, request: bytes) -> bytes:
        """Answer one request."""
        self.requests.append(request)
        line = self.lines[-1]
        fault = self.fault(line)
        if fault is not None:
            return fault
        method, target = line.split(" ", 1)
        path, _, query = target.removeprefix("/api").partition("?")
        return self._answer(method, path, query, request.split(b"\r\n\r\n", 1)[1])

    def _answer(self, method: str, path: str, query: str, body: bytes) -> bytes:
        if (method, path) == ("GET", "/products/"):
            sku = unquote(query.removeprefix("sku="))
            return answer(200, [p for p in self.products.values() if not query or p["sku"] == sku])
        if (method, path) == ("GET", "/orders/") or path.startswith("/orders/"):
            return answer(200, [])
        if (method, path) == ("POST", "/products/"):
            match = re.search(rb'name="sku"\r\n(?:[^\r]+\r\n)*\r\n([^\r]*)', body)
            assert match
            sku = match.group(1).decode()
            if any(p["sku"] == sku for p in self.products.values()):
                return answer(400, {"sku": ["taken"]})
            return answer(201, self.products[self.add(sku)])
        key = path.split("/")[2]
        if key not in self.products:
            return answer(404, {"detail": "Not found."})
        if path.endswith("/add_stock/"):
            self.products[key]["quantity"] += json.loads(body)["quantity"]
        elif path.endswith("/upload_image/"):
            self.products[key]["image_url"] = "http://warehouse/media/1.jpg"
        elif method == "PUT":
            sent = json.loads(body)
            self.products[key].update({name: sent[name] for name in ("name", "sku", "quantity", "location")})
        elif method == "DELETE":
            del self.products[key]
            return answer(204, None)
        return answer(200, self.products[key])


def answer(status: int, data: object, extra: str = "") -> bytes:
    """The bytes of a JSON answer."""
    body = b"" if status == 204 else json.dumps(data).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body
