"""Every kind of file of ours with bytes flipped: no traceback, and nothing believed that was not written.

`make soak` plays thousands.
"""

from __future__ import annotations

from pathlib import Path

from stories.damaging_files import keep_files, play_file_damage


def test_flipped_bytes_are_noticed_in_every_file_of_ours(tmp_path: Path) -> None:
    files = keep_files(tmp_path)
    assert play_file_damage(files, seed=1, flips=60) > len(files) * 40
