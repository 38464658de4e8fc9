"""An HTTP client that sends exactly the bytes of Dio 5 on dart:io.

It has only what the app uses: JSON and ``FormData`` bodies, HTTP/1.1, keep-alive, gzip, redirects of GET.
The network is a parameter (:class:`Transport`), so that a simulation can lose, delay or repeat messages.
"""

from __future__ import annotations

import enum
import gzip
import json
import mimetypes
import random
import re
import select
import socket
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

DART_USER_AGENT = "Dart/3.5 (dart:io)"
DART_IDLE_SECONDS = 15.0
MAX_REDIRECTS = 5

# dart:io keeps headers in a hash map and writes them bucket by bucket: their order follows from the hashes of
# their names and not from the order in which they were set.
HEADER_ORDER = ("user-agent", "content-type", "accept-encoding", "content-length", "authorization", "host")


# --- the network --------------------------------------------------------------------------------------------


class Connection(Protocol):
    """One TCP connection as the client sees it."""

    def sendall(self, data: bytes) -> None:
        """Send everything or raise OSError."""

    def recv(self, size: int) -> bytes:
        """Up to ``size`` bytes; ``b""`` when the other side has closed. Raises OSError."""

    def is_stale(self) -> bool:
        """True if the other side has closed the connection, or sent bytes that nobody requested, while it was idle."""

    def close(self) -> None:
        """Close; never raises."""


class Transport(Protocol):
    """Opens connections. A faulty network implements this."""

    def connect(self, host: str, port: int) -> Connection:
        """A fresh connection. Raises OSError when there is none."""


class SocketConnection:
    """A connection over a real socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def sendall(self, data: bytes) -> None:
        self._socket.sendall(data)

    def recv(self, size: int) -> bytes:
        return self._socket.recv(size)

    def is_stale(self) -> bool:
        poller = select.poll()  # unlike select(), works with descriptors of 1024 and more
        poller.register(self._socket, select.POLLIN | select.POLLHUP | select.POLLERR)
        return bool(poller.poll(0))

    def close(self) -> None:
        self._socket.close()


class SocketTransport:
    """The real network.

    Args:
        timeout: seconds without an answer after which a test fails; the app itself has no time-out (None).
    """

    def __init__(self, timeout: float | None = None) -> None:
        self.timeout = timeout

    def connect(self, host: str, port: int) -> Connection:
        sock = socket.create_connection((host, port), timeout=self.timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return SocketConnection(sock)


Exchange = Callable[[bytes], bytes]


class ExchangeConnection:
    """A connection whose other end is a function from a request's bytes to the answer's bytes."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._outgoing = bytearray()
        self._incoming = b""
        self._ended = False

    def sendall(self, data: bytes) -> None:
        self._outgoing += data

    def recv(self, size: int) -> bytes:
        if self._outgoing:
            request, self._outgoing = bytes(self._outgoing), bytearray()
            self._incoming = self._exchange(request)
            self._ended = not self._incoming
        chunk, self._incoming = self._incoming[:size], self._incoming[size:]
        if not chunk:
            self._ended = True  # an answer cut short is followed by the end of the connection
        return chunk

    def is_stale(self) -> bool:
        return self._ended or bool(self._incoming)

    def close(self) -> None:
        self._ended = True


class ExchangeTransport:
    """A network made of one function: it gets a request's bytes and returns the answer's bytes.

    The function may raise OSError (reset), and return less than a whole answer (connection closed early).
    """

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def connect(self, host: str, port: int) -> Connection:
        return ExchangeConnection(self.exchange)


# --- what Dio raises and returns ----------------------------------------------------------------------------


class DioExceptionType(enum.Enum):
    """The kinds of failure that the app distinguishes."""

    CONNECTION_ERROR = "connectionError"
    BAD_RESPONSE = "badResponse"
    UNKNOWN = "unknown"


@dataclass
class Response:
    """An answer. ``data`` is JSON when the answer says so, else text; ``raw`` is the unpacked body."""

    status: int
    headers: dict[str, str]
    data: Any
    raw: bytes
    redirects: list[str] = field(default_factory=list)


class DioException(Exception):
    """Every failure: no connection, one closed early, a status outside 2xx, broken JSON."""

    def __init__(self, kind: DioExceptionType, message: str, response: Response | None = None) -> None:
        super().__init__(kind, message, response)  # all of it, so that it survives pickling
        self.kind = kind
        self.response = response

    def __str__(self) -> str:
        return str(self.args[1])

    @property
    def status(self) -> int | None:
        """The answer's status, or None when there was no answer."""
        return self.response.status if self.response else None


# --- bodies -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MultipartFile:
    """A file in a form. Without a ``content_type`` it is ``application/octet-stream``, whatever the content."""

    content: bytes
    filename: str | None = None
    content_type: str = "application/octet-stream"

    @classmethod
    def guessed(cls, content: bytes, filename: str) -> MultipartFile:
        """A file as Dio 5.9 and newer send it: with the content type that its name suggests."""
        return cls(content, filename, mimetypes.guess_type(filename)[0] or "application/octet-stream")


class FormData:
    """A multipart form as Dio writes it: all fields first, then all files; lower-case part headers.

    Args:
        fields: values are sent as text (None as an empty one); a :class:`MultipartFile` is sent as a file.
        rng: where the boundary's number comes from.
        part_charset: whether a non-ASCII value gets a content type and transfer encoding of its own, as
            the app's Dio does. Dio's newest versions send the bare value.
    """

    def __init__(
        self,
        fields: Mapping[str, Any],
        rng: random.Random | None = None,
        part_charset: bool = True,
    ) -> None:
        number = (rng or random.Random()).randrange(4294967296)
        self.boundary = f"--dio-boundary-{number:010d}"
        self.part_charset = part_charset
        self.fields = [(key, _text(value)) for key, value in fields.items() if not isinstance(value, MultipartFile)]
        self.files = [(key, value) for key, value in fields.items() if isinstance(value, MultipartFile)]

    @property
    def content_type(self) -> str:
        """The request's content type."""
        return f"multipart/form-data; boundary={self.boundary}"

    def to_bytes(self) -> bytes:
        """The whole body."""
        body = bytearray()
        for name, value in self.fields:
            head = f'content-disposition: form-data; name="{_browser_escape(name)}"'
            if self.part_charset and not re.fullmatch(r"[\x00-\x7f]*", value):
                head += "\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-transfer-encoding: binary"
            body += self._part(head, value.encode())
        for name, file in self.files:
            head = f'content-disposition: form-data; name="{_browser_escape(name)}"'
            if file.filename is not None:
                head += f'; filename="{_browser_escape(file.filename)}"'
            body += self._part(f"{head}\r\ncontent-type: {file.content_type}", file.content)
        return bytes(body) + f"--{self.boundary}--\r\n".encode()

    def _part(self, head: str, content: bytes) -> bytes:
        return f"--{self.boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n"


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _browser_escape(value: str) -> str:
    """Names and file names: line ends and quotes are escaped, all else (Cyrillic, ``%``) is sent as it is."""
    return re.sub(r"\r\n|\r|\n", "%0D%0A", value).replace('"', "%22")


def encode_json(data: object) -> bytes:
    """JSON as Dart's ``jsonEncode`` writes it: no spaces, UTF-8 as it is."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


# --- addresses ----------------------------------------------------------------------------------------------

_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH_ALLOWED = _UNRESERVED | frozenset("!$&'()*+,;=:@/")
_QUERY_ALLOWED = _PATH_ALLOWED | frozenset("?")


def _normalized(text: str, allowed: frozenset[str]) -> str:
    """A component of a URL as Dart's ``Uri.parse`` keeps it: escaped, but for allowed characters and valid escapes."""
    result: list[str] = []
    position = 0
    while position < len(text):
        char = text[position]
        if char == "%":
            hexadecimal = text[position + 1 : position + 3]
            if re.fullmatch(r"[0-9A-Fa-f]{2}", hexadecimal):
                decoded = chr(int(hexadecimal, 16))
                result.append(decoded if decoded in _UNRESERVED else f"%{hexadecimal.upper()}")
                position += 3
                continue
            result.append("%25")
        elif char in allowed:
            result.append(char)
        else:
            result.extend(f"%{byte:02X}" for byte in char.encode())
        position += 1
    return "".join(result)


@dataclass(frozen=True)
class Address:
    """Where a request goes: host, port and the target of the request line."""

    host: str
    port: int
    target: str

    @property
    def host_header(self) -> str:
        """The ``host`` header: the port is left out when it is 80."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 80 else f"{host}:{self.port}"


def resolve(base_url: str, path: str) -> Address:
    """The address that Dio makes of a base URL and a path which may hold a query put together by hand.

    In a query ``+`` and ``/`` stay, a space becomes ``%20``, Cyrillic is escaped as UTF-8; ``#`` ends it and
    the rest is never sent. Dio also makes ``//`` a ``/`` everywhere behind the scheme, the query included.
    """
    url = path
    if not re.match(r"https?:", url):
        url = base_url + url
        pieces = url.split(":/")
        if len(pieces) == 2:
            url = f"{pieces[0]}:/{pieces[1].replace('//', '/')}"
    match = re.fullmatch(r"(?s)http://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", url)
    if match is None:
        raise ValueError(f"not an http URL: {url!r}")
    authority, raw_path, raw_query = match.group(1), match.group(2), match.group(3)
    split = urlsplit(f"http://{authority}")
    target = _without_dot_segments(_normalized(raw_path, _PATH_ALLOWED)) or "/"
    if raw_query is not None:
        target += "?" + _normalized(raw_query[1:], _QUERY_ALLOWED)
    return Address(split.hostname or "", split.port or 80, target)


def _without_dot_segments(path: str) -> str:
    output: list[str] = []
    segments = path.split("/")
    for index, segment in enumerate(segments):
        last = index == len(segments) - 1
        if segment == "..":
            if len(output) > 1:
                output.pop()
            if last:
                output.append("")
        elif segment == ".":
            if last:
                output.append("")
        else:
            output.append(segment)
    return "/".join(output)


# --- the client ---------------------------------------------------------------------------------------------


class Dio:
    """The client. Safe to use from several threads; each request in flight has a connection of its own.

    Args:
        base_url: ``http://host[:port]/api``, put before every path that is not a whole URL.
        transport: the network.
        user_agent: the ``user-agent`` header.
        idle_seconds: how long a kept-alive connection may lie idle before it is closed.
        clock: seconds, monotonic; a parameter for tests.
    """

    def __init__(
        self,
        base_url: str,
        transport: Transport | None = None,
        user_agent: str = DART_USER_AGENT,
        idle_seconds: float = DART_IDLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.base_url = base_url
        self.transport: Transport = transport or SocketTransport()
        self.user_agent = user_agent
        self.idle_seconds = idle_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, int], list[tuple[Connection, float]]] = {}

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        """GET; redirects are followed."""
        return self.request("GET", path, None, headers)

    def request(
        self, method: str, path: str, data: object = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Make a request and return a 2xx answer.

        Args:
            data: a :class:`FormData`, bytes (their content type in ``headers``), or anything JSON can hold.

        Raises:
            DioException: for everything else.
        """
        address = resolve(self.base_url, path)
        wanted = {name.lower(): value for name, value in (headers or {}).items()}
        body, content_type = _body_of(data)
        if content_type:
            wanted.setdefault("content-type", content_type)
        response = self._follow(method, address, wanted, body)
        _decode(response)
        if not 200 <= response.status < 300:
            raise DioException(DioExceptionType.BAD_RESPONSE, f"status {response.status}", response)
        return response

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle = [connection for pool in self._idle.values() for connection, _ in pool]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def request_bytes(self, method: str, address: Address, headers: Mapping[str, str], body: bytes | None) -> bytes:
        """The bytes of a request as they are sent."""
        values = {
            **headers,
            "user-agent": self.user_agent,
            "accept-encoding": "gzip",
            "host": address.host_header,
        }
        if body is not None:
            values["content-length"] = str(len(body))
        elif method not in ("GET", "HEAD", "DELETE"):
            values["content-length"] = "0"
        names = [name for name in HEADER_ORDER if name in values]
        names += [name for name in values if name not in HEADER_ORDER]
        head = f"{method} {address.target} HTTP/1.1\r\n"
        head += "".join(f"{name}: {values[name]}\r\n" for name in names)
        return head.encode("latin-1") + b"\r\n" + (body or b"")

    def _follow(self, method: str, address: Address, headers: dict[str, str], body: bytes | None) -> Response:
        redirects: list[str] = []
        while True:
            response = self._exchange(method, address, self.request_bytes(method, address, headers, body))
            response.redirects = redirects
            if not _is_redirect(method, response.status):
                return response
            location = response.headers.get("location")
            if location is None or len(redirects) >= MAX_REDIRECTS:
                raise DioException(DioExceptionType.UNKNOWN, "RedirectException")
            redirects.append(location)
            here = f"http://{address.host_header}{address.target}"
            target = resolve("", urljoin(here, location))
            if (target.host, target.port) != (address.host, address.port):
                headers = {name: value for name, value in headers.items() if name != "authorization"}
            method, address, body = "GET", target, None

    def _exchange(self, method: str, address: Address, request: bytes) -> Response:
        connection = self._take(address)
        try:
            try:
                connection.sendall(request)
            except OSError as error:
                raise DioException(DioExceptionType.UNKNOWN, f"SocketException: {error}") from error
            reader = _Reader(connection)
            response, reusable = reader.read_response(method)
        except BaseException:
            connection.close()
            raise
        if reusable and not reader.leftover:
            with self._lock:
                pool = self._idle.setdefault((address.host, address.port), [])
                pool.append((connection, self._clock()))
        else:
            connection.close()
        return response

    def _take(self, address: Address) -> Connection:
        """An idle connection that is not known to be closed, else a new one.

        No request is retried: if the server closes the connection while the request is on its way, the request fails.
        """
        while True:
            with self._lock:
                pool = self._idle.get((address.host, address.port), [])
                if not pool:
                    break
                connection, since = pool.pop(0)
            if self._clock() - since < self.idle_seconds and not connection.is_stale():
                return connection
            connection.close()
        try:
            return self.transport.connect(address.host, address.port)
        except OSError as error:
            raise DioException(DioExceptionType.CONNECTION_ERROR, f"SocketException: {error}") from error


def _body_of(data: object) -> tuple[bytes | None, str | None]:
    if data is None:
        return None, None
    if isinstance(data, FormData):
        return data.to_bytes(), data.content_type
    if isinstance(data, bytes):
        return data, None
    return encode_json(data), "application/json"


def _is_redirect(method: str, status: int) -> bool:
    if method in ("GET", "HEAD"):
        return status in (301, 302, 303, 307, 308)
    return method == "POST" and status == 303


def _decode(response: Response) -> None:
    """Fill in ``response.data`` as Dio's transformer does: parsed JSON if the content type says JSON, else text."""
    if not response.raw:
        response.data = None
        return
    text = response.raw.decode("utf-8", errors="replace")
    media_type = response.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type in ("application/json", "text/json") or media_type.endswith("+json"):
        try:
            response.data = json.loads(text, parse_constant=_refuse_constant)
        except ValueError as error:
            raise DioException(DioExceptionType.UNKNOWN, f"FormatException: {error}", None) from error
    else:
        response.data = text


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


class _Reader:
    """Reads one answer from a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.leftover = b""

    def read_response(self, method: str) -> tuple[Response, bool]:
        """The answer, and whether the connection can take another request."""
        status, version, headers = self._read_head()
        while status == 100:
            status, version, headers = self._read_head()
        raw, complete = self._read_body(method, status, headers)
        if headers.get("content-encoding", "").lower() == "gzip" and raw:
            try:
                raw = gzip.decompress(raw)
            except (OSError, EOFError, zlib.error) as error:
                raise DioException(DioExceptionType.UNKNOWN, "FormatException: Filter error") from error
        tokens = {token.strip().lower() for token in headers.get("connection", "").split(",")}
        persistent = "close" not in tokens and (version == "1.1" or "keep-alive" in tokens)
        return Response(status, headers, None, raw), complete and persistent

    def _read_head(self) -> tuple[int, str, dict[str, str]]:
        while b"\r\n\r\n" not in self.leftover:
            self._receive_more("Connection closed before full header was received", DioExceptionType.CONNECTION_ERROR)
        head, self.leftover = self.leftover.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/(1\.[01]) (\d{3})(?: .*)?", lines[0])
        if match is None:
            raise DioException(DioExceptionType.UNKNOWN, f"HttpException: Invalid response line {lines[0]!r}")
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise DioException(DioExceptionType.UNKNOWN, f"HttpException: Invalid header {line!r}")
            name, value = name.lower(), value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return int(match.group(2)), match.group(1), headers

    def _read_body(self, method: str, status: int, headers: dict[str, str]) -> tuple[bytes, bool]:
        if method == "HEAD" or status in (204, 304):
            return b"", True
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._read_chunks(), True
        if "content-length" in headers:
            return self._read_exactly(int(headers["content-length"])), True
        while True:  # neither header: the body ends where the connection ends
            chunk = self._receive()
            if not chunk:
                break
            self.leftover += chunk
        body, self.leftover = self.leftover, b""
        return body, False

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while True:
            size = int(self._read_line().split(b";")[0], 16)
            if size == 0:
                while self._read_line():
                    pass
                return bytes(body)
            body += self._read_exactly(size)
            self._read_exactly(2)

    def _read_line(self) -> bytes:
        while b"\r\n" not in self.leftover:
            self._receive_more("Connection closed while receiving data", DioExceptionType.UNKNOWN)
        line, self.leftover = self.leftover.split(b"\r\n", 1)
        return line

    def _read_exactly(self, size: int) -> bytes:
        pieces = [self.leftover]
        missing = size - len(self.leftover)
        while missing > 0:
            chunk = self._receive()
            if not chunk:
                raise DioException(DioExceptionType.UNKNOWN, "HttpException: Connection closed while receiving data")
            pieces.append(chunk)
            missing -= len(chunk)
        received = b"".join(pieces)
        self.leftover = received[size:]
        return received[:size]

    def _receive_more(self, message: str, kind: DioExceptionType) -> None:
        chunk = self._receive()
        if not chunk:
            raise DioException(kind, f"HttpException: {message}")
        self.leftover += chunk

    def _receive(self) -> bytes:
        try:
            return self._connection.recv(65536)
        except OSError as error:
            raise DioException(DioExceptionType.UNKNOWN, f"SocketException: {error}") from error
