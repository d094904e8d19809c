"""Commands that need no account: `simulator`, `seed`, `demo`."""

from __future__ import annotations

import errno
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from reconcile.cli import streams, telling


class Limits(StrEnum):
    """Which rate limits the simulator keeps."""

    PUBLISHED = "published"
    RECORDED = "recorded"


def simulator(
    port: Annotated[int, typer.Option(help="Where to listen on loopback; 0 for any free port.")] = 8025,
    seed: Annotated[int, typer.Option(help="What the faults are drawn from.")] = 0,
    faults: Annotated[str, typer.Option(help="A preset (none, field-report, bad-day, ...) or a YAML file.")] = "none",
    people: Annotated[Path | None, typer.Option(help="Profiles (and flows) to begin with, NDJSON or CSV.")] = None,
    data: Annotated[Path | None, typer.Option(help="Keep the account in this file from one run to the next.")] = None,
    key: Annotated[list[str] | None, typer.Option(help="KEY=SECRET, repeatable; demo-key=demo-secret if none.")] = None,
    allow_ip: Annotated[list[str] | None, typer.Option(help="Answer these addresses only; repeatable.")] = None,
    timezone: Annotated[str, typer.Option(help="The account's time zone.")] = "America/New_York",
    limits: Annotated[Limits, typer.Option(help="Rate limits as published, or as recorded.")] = Limits.PUBLISHED,
    tls: Annotated[bool, typer.Option("--tls", help="Serve HTTPS, by a test CA made at the start.")] = False,
) -> None:
    """Serve a faithful double of Sailthru on loopback, to try things on. A page for people is at its address."""
    from reconcile.simulator import Faults, Simulator, certificates, seeds, store
    from reconcile.simulator.server import serve

    keys = dict(pair.partition("=")[::2] for pair in key or ["demo-key=demo-secret"])
    try:
        played = Simulator(
            seed=seed,
            faults=Faults.chosen(faults),
            keys=keys,
            timezone=timezone,
            limits=limits.value,
            allowed_ips=allow_ip or (),
        )
        with store.kept(played, data) if data else nullcontext(), TemporaryDirectory() as folder:
            if people is not None and not played.account.profiles:
                seeds.load(played, people)
            shown = certificates.made(Path(folder)) if tls else None
            trust = f" Trust its CA: SSL_CERT_FILE={shown.ca}." if shown else ""
            serve(played, port=port, tls=shown, ready=lambda url: _ready(url, next(iter(keys)), faults, trust))
    except ValueError as error:
        raise _told(f"The simulator cannot run: {error}") from None
    except OSError as error:
        raise _unwritten(f"The simulator cannot run: {error}", error) from None


def seed(
    people: Annotated[Path, typer.Argument(help="Profiles, NDJSON or CSV.")],
    data: Annotated[Path, typer.Option(help="The file that `reconcile simulator --data` keeps its account in.")],
) -> None:
    """Load profiles into a simulator's kept account, to be served later."""
    from reconcile.simulator import Simulator, seeds, store

    try:
        kept = Simulator()
        with store.kept(kept, data):
            seeds.load(kept, people)
    except ValueError as error:
        raise _told(f"Nothing was loaded: {error}") from None
    except OSError as error:
        raise _unwritten(f"Nothing was loaded: {error}", error) from None
    telling.say(f"{data} holds {telling.counted(len(kept.account.profiles), 'profile')} now.")


def _told(words: str) -> Exception:
    from reconcile.errors import ReconcileError

    return ReconcileError(words)


def _unwritten(words: str, error: OSError) -> Exception:
    from reconcile.errors import Unwritten
    from reconcile.state import disk

    cannot_write = error.errno in disk.UNWRITABLE | {errno.EACCES, errno.EPERM}
    return (
        Unwritten(words, hint="See who may write there, and whether there is room.") if cannot_write else _told(words)
    )


def _ready(url: str, key: str, faults: str, trust: str) -> None:
    telling.say(f"Sailthru simulator at {url} (key {key}, faults {faults}).{trust} Ctrl-C stops it.")


def demo(
    folder: Annotated[Path | None, typer.Option(help="Where to keep the shop; a temporary folder when absent.")] = None,
) -> None:
    """Tell the whole story on a made-up shop and a simulated account. Needs no key, no server, no network."""
    from reconcile.demo.story import tell

    raise typer.Exit(tell(folder, streams.is_heard))
