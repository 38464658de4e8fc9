"""A reader that follows by revision: its old rows and the rows of a greater revision must make up the new list."""

from __future__ import annotations

from typing import Any

from proofs.phone.dio import Dio
from proofs.simulation.network import Line, Server
from proofs.simulation.scene import PROGRAM


def revision_in(etag: str) -> int:
    """The revision in a list's ETag, which is `"epoch-revision.digest"`."""
    return int(etag.strip('W/"').partition(".")[0].rpartition("-")[2])


class Reader:
    """Polls the list of products and collects what is wrong in `problems`.

    Its cursor is the highest revision that it has seen, in a row or in the list's ETag. A row whose revision is not
    greater must equal the row that it knows: a client that asks for "greater than my cursor" would miss a difference.
    """

    def __init__(self, server: Server, token: str, who: str = "reader") -> None:
        self.line = Line(who, server, [])
        self.dio = Dio(server.base_url, self.line, user_agent=PROGRAM)
        self.headers = {"authorization": f"Token {token}"}
        self.cursor = -1
        self.state: dict[int, dict[str, Any]] = {}
        self.problems: list[str] = []

    def poll(self) -> list[dict[str, Any]]:
        """Read the list, compare it with the known state, keep it, and return its rows."""
        answer = self.dio.get("/products/", self.headers)
        fresh = {row["id"]: row for row in answer.data}
        revision = revision_in(answer.headers["etag"])
        if revision < self.cursor:
            self.problems.append(f"the list's revision went back from {self.cursor} to {revision}")
        if self.cursor >= 0:
            for row in fresh.values():
                self._check_row(row)
            for product_id in set(self.state) - set(fresh):
                self._check_gone(product_id)
        self.state = fresh
        self.cursor = max([self.cursor, revision, *(row["revision"] for row in fresh.values())])
        return list(answer.data)

    def _check_row(self, row: dict[str, Any]) -> None:
        if row["revision"] <= self.cursor and row != self.state.get(row["id"]):
            self.problems.append(
                f"product {row['id']} changed under revision {row['revision']}, but the reader was at {self.cursor}:"
                f" {self.state.get(row['id'])} -> {row}"
            )

    def _check_gone(self, product_id: int) -> None:
        row = self.dio.get(f"/products/{product_id}/", self.headers).data
        if not row["archived"]:
            self.problems.append(f"product {product_id} was not in the list, but is not archived")
        elif row["revision"] <= self.cursor:
            self.problems.append(
                f"product {product_id} was archived under revision {row['revision']},"
                f" but the reader was at {self.cursor}"
            )
