"""The story of the demo: a made-up shop, a simulated account with the field report's faults, and the real commands.

Every command runs as a process of its own, as a user would run it, and what it prints is what it prints.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from reconcile.apply.model import Write
from reconcile.demo import shop
from reconcile.records import LOCAL
from reconcile.sailthru import target
from reconcile.sailthru.model import Credentials
from reconcile.simulator import Faults, Simulator
from reconcile.simulator.server import running
from reconcile.state import disk
from reconcile.state.masks import Masks
from reconcile.state.model import Ref

KEY, SECRET = "demo-key", "demo-secret"
_ELSEWHERE = "Free some room, or name another folder: --folder."
SEED = 20
"""What customers and faults are drawn from: the demo is the same everywhere."""

_say = Console(soft_wrap=True, highlight=False)


def tell(folder: Path | None = None, is_heard: Callable[[], bool] = lambda: True) -> int:
    """Tell the story; returns an exit status.

    Args:
        is_heard: whether standard output still arrives somewhere.
        folder: where to keep shop and specs; a temporary folder when None.
    """
    with _place(folder) as place:
        database = place / "shop.db"
        _title("A shop with its customers, and a Sailthru account (simulated) on a bad day")
        _told("Names do not resolve now and then, lists that are created in parallel become twins,")
        _told("and some deletions answer ok and do nothing: as a team met them in the field.")
        with disk.writing("the shop of the demo", place, hint=_ELSEWHERE):
            _make_shop(database)
            _lay_specs(place / "specs")
        with (
            _forgotten(place),
            running(Simulator(seed=SEED, faults=Faults.named("field-report"), keys={KEY: SECRET})) as url,
        ):
            return _chapters(_Stage(place, url, is_heard), database)


@contextmanager
def _forgotten(place: Path) -> Iterator[None]:
    """A block of runs that leaves nothing of them: their account is gone, and a plan on another one would say "drift".

    What was there before, somebody else's perhaps, stays.
    """
    left = [one for one in (place / LOCAL, place / "shop.rplan", place / "next.rplan") if not one.exists()]
    try:
        yield
    finally:
        for one in left:
            shutil.rmtree(one, ignore_errors=True) if one.is_dir() else one.unlink(missing_ok=True)


def _chapters(stage: _Stage, database: Path) -> int:
    try:
        _title("First: is the spec right, and does the account answer?")
        stage.run("validate")
        stage.run("check")
        _title("What would happen? The account is empty, so everything is to be added.")
        stage.run("plan", "--out", "shop.rplan")
        _title("Do exactly that, and look that it is so.")
        stage.run("apply", "shop.rplan")
        _title("Plan again: nothing is left to do.")
        stage.run("plan", "--detailed-exitcode")
        _title("The shop lives on, and a marketer edits the account by hand.")
        lived = shop.live_on(database)
        _told(str(lived))
        _told(asyncio.run(_meddle(stage.url, database)))
        _title("Plan: exactly that, the hand-made drift included.")
        stage.run("plan", "--out", "next.rplan", "--detailed-exitcode", expected=2)
        _title("People who left are to be deleted, and nothing lets that through by itself: say how many.")
        stage.run("apply", "next.rplan", expected=3)
        stage.run("apply", "next.rplan", "--allow", f"deletions={shop.LEFT}")
        _title("And once more: nothing is left to do.")
        stage.run("plan", "--detailed-exitcode")
    except _Unexpected as unexpected:
        _say.print(Text(str(unexpected), style="bold red"))
        return 1
    _ending()
    return 0


@dataclass(frozen=True, slots=True)
class _Stage:
    """Where commands run: the folder with shop and specs, and the account's address."""

    folder: Path
    url: str
    is_heard: Callable[[], bool]

    def run(self, *words: str, expected: int = 0) -> None:
        """Run `reconcile WORDS` for real and let it speak for itself."""
        _say.print(Text(f"\n$ reconcile {' '.join(words)}", style="bold cyan"))
        command = [sys.executable, "-m", "reconcile.cli", *words]
        heard = None if self.is_heard() else subprocess.DEVNULL  # what is full for us is full for them
        status = subprocess.run(  # noqa: S603 -- our own
            command, cwd=self.folder, env=self._environ(), stdout=heard, check=False
        ).returncode
        if status != expected:
            raise _Unexpected(f"reconcile {words[0]} ended with {status}, not {expected}: please report this.")

    def _environ(self) -> Mapping[str, str]:
        ours = {"SAILTHRU_URL": self.url, "SAILTHRU_API_KEY": KEY, "SAILTHRU_API_SECRET": SECRET}
        return {**os.environ, **ours, "SHOP_DATABASE_URL": "sqlite:///shop.db"}


class _Unexpected(Exception):
    """A command did not end as it should."""


async def _meddle(url: str, database: Path) -> str:
    """What a marketer does by hand: change somebody's var, put somebody on a list, take somebody off one."""
    first, second = shop.some_addresses(database, 2)
    with tempfile.TemporaryDirectory() as folder:
        credentials, masks = Credentials(KEY, SECRET), Masks.keyed_by(SECRET)
        async with target.connect(credentials, url=url, masks=masks, folder=Path(folder)) as account:
            await account.upsert(Write(Ref(email=first), vars={"city": "Springfield"}))
            await account.upsert(Write(Ref(email=second), lists={"Newsletter": False}))
            await account.upsert(Write(Ref(email="stranger@example.net"), lists={"High Value Customers": True}))
    return "By hand: one city changed, one person taken off the newsletter, one stranger put on High Value Customers."


@contextmanager
def _place(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        with disk.writing("the shop of the demo", folder, hint=_ELSEWHERE):
            folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="reconcile-demo-") as made:
        yield Path(made)


def _specs() -> Path:
    """The worked examples: inside the installed package, or beside it in a clone."""
    packed = Path(__file__).parent / "specs"
    return packed if packed.is_dir() else Path(__file__).parents[2] / "specs"


def _make_shop(database: Path) -> None:
    """The shop's database.

    Raises:
        OSError: it cannot be written; of SQLite's errors only this one can come here.
    """
    with database.open("ab"):  # says what SQLite does not: why it cannot be opened
        pass
    try:
        shop.make(database, seed=SEED)
    except sqlite3.OperationalError:
        raise OSError(errno.ENOSPC, "No space left on device") from None


def _lay_specs(folder: Path) -> None:
    """The worked examples, but that who left is deleted: the story has to show how deletions are made true."""
    shutil.copytree(_specs(), folder, dirs_exist_ok=True)
    policy = folder / "policy.yaml"
    policy.write_text(
        policy.read_text(encoding="utf-8").replace("on_leave: unlist", "on_leave: delete"), encoding="utf-8"
    )


def _title(text: str) -> None:
    _say.print(Text(f"\n── {text}", style="bold"))


def _told(text: str) -> None:
    _say.print(Text(f"   {text}"))


def _ending() -> None:
    _title("That was the main job. What to try next")
    for line in (
        "specs/*.yaml is all the shop had to say: read it, then change a rule and plan again.",
        "reconcile demo --folder demo-shop           keeps the shop and its specs to play with",
        "reconcile simulator --faults field-report   a Sailthru of your own, in another terminal",
        "README.md, `Try it`, has the commands in order; `reconcile plan --reveal` shows the people.",
    ):
        _told(line)
