"""What README.md shows of a run is what a run says."""

from __future__ import annotations

import re
from pathlib import Path

import transcript

README = Path(__file__).parents[2] / "README.md"


def test_the_transcript_is_of_a_real_run() -> None:
    """`make docs` writes it anew."""
    page = README.read_text("utf-8")
    timeless = re.compile(r"(?<=verified in )[\d.]+(?= s)")
    assert timeless.sub("…", transcript.put_into(page)) == timeless.sub("…", page)
