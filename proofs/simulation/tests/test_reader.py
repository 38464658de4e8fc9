"""The reader takes the revision from the list's ETag."""

from __future__ import annotations

import pytest

from proofs.simulation.reader import revision_in


@pytest.mark.parametrize("etag", ['"3f2a-17.ebb5e0975f27"', 'W/"3f2a-17.ebb5e0975f27"', '"3f2a-17"'])
def test_the_revision_is_read_with_and_without_the_digest(etag: str) -> None:
    assert revision_in(etag) == 17
