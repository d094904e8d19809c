from __future__ import annotations

import pytest

from reconcile.simulator.files import File


@pytest.mark.parametrize("chunks", [3, 3000])
def test_what_is_appended_is_read_from_anywhere_by_anybody(chunks: int) -> None:
    file = File()
    chunk = bytes(range(256)) * 16
    for _ in range(chunks):
        file.append(chunk)

    assert file.size == chunks * len(chunk)
    assert file.read(0, 5) == chunk[:5]
    assert file.read(file.size - 3, 100) == chunk[-3:]
    assert file.read(len(chunk) - 1, 2) == chunk[-1:] + chunk[:1]
    assert file.read(file.size, 10) == b""
