"""A journal with bytes flipped never claims more than the whole one, and what it lost is looked at; never a traceback.

`make soak` plays thousands.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from stories.damaging import play_damage

SEEDS = 20


@pytest.fixture(autouse=True)
def without_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.mark.parametrize("start", range(0, SEEDS, 10))
def test_flipped_bytes_claim_nothing(tmp_path: Path, start: int) -> None:
    lost = sum(play_damage(tmp_path, seed) for seed in range(start, start + 10))
    assert lost, "no flip took anything away"
