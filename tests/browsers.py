"""A real browser, without a window; tests that need one are skipped where there is none, and say so."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def path() -> str:
    """Where it is."""
    found = next((found for name in NAMES if (found := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser here: none of {', '.join(NAMES)} is on the path")
    return found


def shown(browser: str, url: str, profile: Path, *more: str) -> str:
    """The page as the browser has it, as HTML."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync", f"--user-data-dir={profile}", "--dump-dom", *more]
    done = subprocess.run([browser, *flags, url], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def found(page: str) -> Any:
    """What a script of ours has found and left in `data-found` of the body."""
    left = re.search(r'data-found="([^"]+)"', page)
    assert left is not None
    return json.loads(html.unescape(left[1]))
