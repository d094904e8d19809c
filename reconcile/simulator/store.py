"""An account kept in a file: JSON lines, lists first, then profiles. Jobs, calls and quotas are not kept.

{"simulator": 1, "id": 271828, "customer_id": 314159, "counter": 4711, "var_names": ["plan"]}
{"list_id": "6158...", "name": "Main", "created": 1633215419, "count": 2, ...}
{"flow": "Welcome", "joined": "Main"}
{"sid": "6158...", "email": "ada@example.com", "vars": {...}, "joined": {"<list_id>": 1633215419}, ...}
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, Final

import orjson

from reconcile.simulator.account import Account
from reconcile.simulator.model import NOTHING, MailList, Profile

if TYPE_CHECKING:
    from reconcile.simulator.simulator import Simulator

_VERSION: Final = 1


@contextmanager
def kept(sim: Simulator, path: Path) -> Iterator[None]:
    """Start from what the file holds (nothing, if there is none yet), and write it when the block ends.

    Raises:
        ValueError: the file is not one of ours, or is damaged; it is left as it is.
        OSError: the file cannot be read or written.
    """
    if path.exists():
        restore(sim.account, path)
    try:
        yield
    finally:
        save(sim.account, path)


def save(account: Account, path: Path) -> None:
    """Write the account, whole or not at all: a crash on the way leaves the old file."""
    with NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            for line in _lines(account):
                file.write(orjson.dumps(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            Path(file.name).unlink()
            raise
    Path(file.name).replace(path)


def restore(account: Account, path: Path) -> None:
    """Fill an empty account from a file that `save` has written.

    Raises:
        ValueError: the file is not one of ours, or is damaged; the message says in which line.
    """
    number = 0
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                _take(account, orjson.loads(raw), first=number == 1)
        for mail_list in account.lists.values():
            mail_list.count -= len(mail_list.members)  # their joining has just been counted once more
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}:{number}: not an account that was kept here: {error}") from error


def _lines(account: Account) -> Iterator[dict[str, Any]]:
    names = sorted(account.var_names)
    whose = {"id": account.client_id, "customer_id": account.customer_id}
    yield {"simulator": _VERSION, **whose, "counter": account.ids.counter, "var_names": names}
    for mail_list in account.lists.values():
        yield {name: getattr(mail_list, name) for name in MailList.__slots__ if name != "members"}
    for flow in account.flows.all.values():
        yield flow.told()
    for profile in account.profiles.values():
        yield {
            **profile._asdict(),
            "joined": {mail_list.list_id: second for mail_list, second in profile.joined.items()},
        }


def _take(account: Account, line: dict[str, Any], *, first: bool) -> None:
    if first:
        if line.get("simulator") != _VERSION:
            raise ValueError("unknown version")
        account.ids.counter = line["counter"]
        account.client_id = int(line.get("id", account.client_id))  # files of before do not say it
        account.customer_id = int(line.get("customer_id", account.customer_id))
        account.var_names.update(line["var_names"])
    elif "flow" in line:
        account.flows.add(line)
    elif "list_id" in line:
        account.put_list(MailList(**line))
    else:
        account.put(_profile(account, line))


def _profile(account: Account, line: dict[str, Any]) -> Profile:
    joined = {account.lists[list_id]: second for list_id, second in line.pop("joined").items()}
    shared = {name: line[name] or NOTHING for name in ("vars", "others")}
    return Profile(**{**line, **shared, "joined": joined or NOTHING})
