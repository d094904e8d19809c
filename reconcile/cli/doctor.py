"""`doctor`: what stands in the way of a first plan, on this machine and at the account."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconcile.cli import telling
from reconcile.cli.options import SPECS, AsJson, Env, SpecPath, State, Var, WorkFolder, load, reconciler, records

if TYPE_CHECKING:
    from reconcile.sailthru.probing import Finding
    from reconcile.spec.model import Account, Spec

PROBLEMS = 1
ROOM = 1_000_000_000
"""Bytes that are free where a run keeps things; less is told."""

EXTRAS = {
    "postgres": "adbc_driver_postgresql",
    "mysql": "pymysql",
    "state": "obstore",
    "seal": "pyrage",
    "metrics": "prometheus_client",
    "otel": "opentelemetry.sdk",
    "spark": "pyspark",
}
"""Extra -> a module that it brings."""


def doctor(
    spec: SpecPath = SPECS,
    env: Env = None,
    var: Var = None,
    export: Annotated[
        bool, typer.Option("--export", help="Export one list of the spec too, as every plan does: a job.")
    ] = False,
    state: State = None,
    workspace: WorkFolder = None,
    as_json: AsJson = False,
) -> None:
    """Look whether this machine and the account are fit for a plan, and say what to do where not. Writes nothing.

    Exits with 1 when a line says "problem".
    """
    import asyncio

    loaded, findings = _read_spec(spec, env, var)
    problems = sum(_show(one, as_json=as_json) for one in findings)
    for one in (*_find_extras(loaded), *_find_rooms(loaded, state, workspace), *_find_proxies(loaded)):
        problems += _show(one, as_json=as_json)
    problems += asyncio.run(_ask_account(loaded, workspace, export=export, as_json=as_json))
    if as_json:
        from reconcile import screen

        screen.event("doctor", problems=problems)
    elif problems:
        telling.say(f"{telling.counted(problems, 'problem')} above.")
    raise typer.Exit(PROBLEMS if problems else 0)


def _show(one: Finding, *, as_json: bool) -> bool:
    """Show a finding; whether it is a problem."""
    from reconcile import screen
    from reconcile.sailthru.probing import State

    if as_json:
        screen.event("finding", name=one.name, state=one.state.value, told=one.told, hint=one.hint)
    else:
        hint = [f"{'':19}{one.hint}"] if one.hint else []
        screen.lines([f"{one.state.value:<7}  {one.name:<8}  {one.told}", *hint])
    return one.state is State.PROBLEM


def _finding(name: str, told: str, hint: str = "", *, state: str = "ok") -> Finding:
    from reconcile.sailthru import probing

    return probing.Finding(name, probing.State(state), told, hint)


def _read_spec(path: Path, env: str | None, var: list[str] | None) -> tuple[Spec | None, list[Finding]]:
    import platform

    from reconcile import __version__
    from reconcile.errors import ReconcileError, SpecInvalid
    from reconcile.sailthru.probing import find_problem

    machine = _finding("python", f"reconcile {__version__} with Python {platform.python_version()}.")
    if path == SPECS and not path.exists():
        told = f"There is no {path} here, so only what needs none is looked at."
        return None, [machine, _finding("spec", told, "reconcile init writes a first one.", state="skipped")]
    try:
        return load(path, env, var), [machine, _finding("spec", f"{path} is valid.")]
    except SpecInvalid as error:
        told = f"{path} has {telling.counted(len(error.problems), 'problem')}."
        return None, [machine, _finding("spec", told, f"reconcile validate {path} says each.", state="problem")]
    except ReconcileError as error:
        return None, [machine, find_problem("spec", error)]


def _find_extras(spec: Spec | None) -> Iterator[Finding]:
    """What is installed beside the usual, and what the spec needs of that."""
    there = {name for name, module in EXTRAS.items() if _is_installed(module)}
    told = f"Extras installed: {', '.join(sorted(there)) or 'none'}."
    yield _finding("extras", told)
    for name in sorted(_needed(spec) - there) if spec else ():
        hint = f"pip install 'sailthru-reconcile[{name}]'"
        yield _finding("extras", f"The spec needs the extra {name}, which is not installed.", hint, state="problem")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _needed(spec: Spec) -> set[str]:
    """Extras that the spec needs, as far as its URLs are known here; what is unknown is told when it is read."""
    from reconcile import sources
    from reconcile.errors import ReconcileError
    from reconcile.spec import templates

    found = {"seal"} if spec.seal else set()
    try:
        found |= {one.origin.engine or "" for one in sources.open_all(spec, os.environ).values()}
        found |= {"state"} if "://" in templates.resolve(spec.state or "", os.environ) else set()
    except ReconcileError:
        pass
    return found & EXTRAS.keys()


def _find_rooms(spec: Spec | None, state: str | None, workspace: Path | None) -> Iterator[Finding]:
    """Whether the state and the workspace can be written to, and have room."""
    import tempfile

    from reconcile.errors import ReconcileError
    from reconcile.sailthru.probing import find_problem

    try:
        store = records(state).store_of(spec.state if spec else None)
        if store.local is not None:
            yield _find_room("state", store.local, "Name another place: --state, or `state:` in the spec.")
        else:
            store.get("doctor")  # nobody's key: whether it can be read is all that is asked
            yield _finding("state", f"The state at {store.told} can be read.")
    except ReconcileError as error:
        yield find_problem("state", error)
    hint = "Name another folder: --workspace, or RECONCILE_WORKSPACE."
    yield _find_room("work", workspace or Path(tempfile.gettempdir()), hint)


def _find_room(name: str, folder: Path, hint: str) -> Finding:
    import shutil
    import tempfile

    from reconcile.screen.tally import size

    there = folder.absolute()
    while not there.exists() and there != there.parent:  # a run makes what is missing
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        return _finding(name, f"{folder} cannot be written to: {error.strerror}.", hint, state="problem")
    if free < ROOM:
        return _finding(name, f"{folder} has {size(free)} left.", hint, state="problem")
    return _finding(name, f"{folder} can be written to; {size(free)} are free.")


def _find_proxies(spec: Spec | None) -> Iterator[Finding]:
    """Which proxy the environment names for the account."""
    from urllib.parse import urlsplit

    from reconcile.errors import ReconcileError
    from reconcile.sailthru import proxies
    from reconcile.sailthru.probing import find_problem
    from reconcile.spec import templates

    try:
        url = urlsplit(templates.resolve(_account_of(spec).url, os.environ))
        host, port = url.hostname or "", url.port
    except (ReconcileError, ValueError):
        return  # said of the account
    try:
        proxy = proxies.find_proxy(url.scheme, host, port, os.environ)
    except ReconcileError as error:
        yield find_problem("proxies", error)
        return
    told = f"go by the proxy {proxy}" if proxy else "go straight there, by no proxy"
    yield _finding("proxies", f"Calls to {host} {told}.")


def _account_of(spec: Spec | None) -> Account:
    """The account of the spec; else the one that the usual variables lead to."""
    from reconcile.cli import starting

    return spec.account if spec else starting.make_account("account")


async def _ask_account(spec: Spec | None, workspace: Path | None, *, export: bool, as_json: bool) -> int:
    """What the account and its key say for themselves; how many problems there are."""
    from reconcile.errors import ReconcileError
    from reconcile.sailthru.probing import find_problem

    problems, account = 0, _account_of(spec)
    try:
        async for one in reconciler(None, None, workspace).probe(account, export=_lists(spec) if export else None):
            problems += _show(one, as_json=as_json)
    except ReconcileError as error:
        problems += _show(find_problem("account", error), as_json=as_json)
    told = "Whether the key may write was not tried: that would change the account."
    _show(
        _finding("writes", told, "An apply tells the first refusal before it goes on.", state="skipped"),
        as_json=as_json,
    )
    return problems


def _lists(spec: Spec | None) -> Sequence[str]:
    from reconcile.spec import managed

    return managed.lists(spec) if spec else ()
