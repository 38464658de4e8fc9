"""Opens the desk as a manager's browser does, to check that a server works: `python -m proofs.phone.desk`.

It signs in, opens every kind of page that a link leads to, and loads every file that a page names. It changes nothing.
The password is read from the variable TRIAL_PASSWORD.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

from proofs.phone.smoke import WrongAnswer

START, LOGIN = "/", "/login/"
LOG_OUT = b'logout/"'
"""Every page of a signed-in user contains this: the address of the form that signs out."""
SKIP = ("/api/", "/media/")
"""Paths that are not pages of the desk. Photos are left out since the trial's copy of the data has none."""
TIMEOUT_SECONDS = 30.0
Get = Callable[[str], tuple[int, bytes]]
"""Opens a path, follows redirects, and returns the status and the body."""


class _Page(HTMLParser):
    """A parsed page: its links, the files that it loads, and the CSRF token of its form."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.files: list[str] = []
        self.token = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"] or "")
        elif tag == "link" and attributes.get("href"):
            self.files.append(attributes["href"] or "")
        elif tag in ("script", "img") and attributes.get("src"):
            self.files.append(attributes["src"] or "")
        elif tag == "input" and attributes.get("name") == "csrfmiddlewaretoken":
            self.token = attributes.get("value") or ""


@dataclass
class Visit:
    """The paths of the pages and files that were opened, and the faults found."""

    pages: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read(body: bytes) -> _Page:
    """Parse a page."""
    page = _Page()
    page.feed(body.decode())
    return page


def kinds(address: str) -> set[str]:
    """The kinds of page that an address belongs to: its path, and its path with each parameter.

    Addresses that differ only in numbers are of one kind.
    """
    path, _mark, query = address.partition("?")
    page = re.sub(r"\d+", "0", path)
    # `_changelist_filters` only says where the "back" link leads.
    parts = [part for part in query.split("&") if not part.startswith("_changelist_filters=")]
    return {page} | {f"{page}?{part.partition('=')[0] if re.search('[0-9]', part) else part}" for part in parts}


def visit(get: Get, *, skip: tuple[str, ...] = ()) -> Visit:
    """Open one page of every kind that a link leads to, beginning at START, and each file that such a page loads.

    skip: paths that begin with one of these are left out.
    """
    found = Visit()
    waiting, seen, loaded = [START], kinds(START), set(skip)
    while waiting:
        address = waiting.pop(0)
        status, body = get(address)
        found.pages.append(address)
        is_page = b"<html" in body[:300]
        if status >= 400 or (is_page and LOG_OUT not in body):
            found.faults.append(f"{address}: {status}" + ("" if status >= 400 else ", and nobody is signed in"))
        if status >= 400 or not is_page:
            continue
        page = read(body)
        for link in page.links:
            target = _local(address, link, skip)
            if target and not kinds(target) <= seen:
                seen |= kinds(target)
                waiting.append(target)
        for file in page.files:
            target = _local(address, file, skip)
            if target and target not in loaded:
                loaded.add(target)
                found.files.append(target)
                if (status := get(target)[0]) >= 400:
                    found.faults.append(f"{target}, which {address} loads: {status}")
    return found


def _local(address: str, link: str, skip: tuple[str, ...]) -> str:
    """The path of a link on the same server; "" if the link leads to another server or only within the page."""
    parts = urlsplit(urljoin(address, link))
    if link.startswith("#") or parts.scheme or parts.netloc or parts.path.startswith(skip or ("\0",)):
        return ""
    return parts.path + (f"?{parts.query}" if parts.query else "")


class Browser:
    """Keeps cookies and runs no scripts. Connects to one address and sends `host` as the host name."""

    def __init__(self, at: str, host: str = "") -> None:
        self.base, self.host = f"http://{at}", host or at
        # SECURE_COOKIES=true must not stop the trial, which uses plain HTTP within one machine.
        jar = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
        self._opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(jar))

    def get(self, address: str, form: dict[str, str] | None = None) -> tuple[int, bytes]:
        data = urlencode(form).encode() if form else None
        request = Request(self.base + address, data, {"Host": self.host})  # noqa: S310 (always http)
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            return error.code, error.read()

    def sign_in(self, email: str, password: str) -> None:
        """Sign in. Raises WrongAnswer if the answer is not the first page."""
        status, body = self.get(LOGIN)
        form = {"email": email, "password": password, "csrfmiddlewaretoken": read(body).token}
        if status == 200:
            status, body = self.get(LOGIN, form)
        if status != 200 or LOG_OUT not in body:
            raise WrongAnswer(f"signing in to the desk: {status}")


def desk_pages(browser: Browser, email: str, password: str) -> Visit:
    """Sign in and open everything but photos. Raises WrongAnswer if something can't be opened."""
    browser.sign_in(email, password)
    found = visit(browser.get, skip=SKIP)
    if found.faults:
        raise WrongAnswer("; ".join(found.faults[:10]))
    return found


def main() -> None:
    """Open everything. Raises WrongAnswer if a page is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at", required=True, help="HOST:PORT to connect to")
    parser.add_argument("--host", default="", help="the host name to send, if it is another one")
    parser.add_argument("--email", required=True)
    given = parser.parse_args()
    found = desk_pages(Browser(given.at, given.host), given.email, os.environ["TRIAL_PASSWORD"])
    print(f"{len(found.pages)} pages and {len(found.files)} files of the desk can be opened.")


if __name__ == "__main__":
    main()
