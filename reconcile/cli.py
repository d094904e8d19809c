"""The command line: every command a few lines over the facade. Heavy imports wait until a command needs them."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.exceptions import TyperException

from reconcile.errors import ReconcileError, SpecInvalid

if TYPE_CHECKING:
    from reconcile.apply.model import Report
    from reconcile.plan.model import Allowance, Plan
    from reconcile.screen import Steps
    from reconcile.spec.model import Spec

USAGE = 64
DIFFERENCES = 2
BUG = 1

app = typer.Typer(
    name="reconcile",
    help="Make a Sailthru account equal to what your specs say: plan, review, apply, verified.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SpecPath = Annotated[Path, typer.Argument(help="The folder (or file) of specs.", metavar="[SPEC]")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON event a line instead of text.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show people and values as they are.")]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow", help="Let more through a guard, this once; may be given several times.", metavar="RULE[:SCOPE]=MAX"
    ),
]
State = Annotated[Path, typer.Option("--state", help="The folder in which runs keep journals and reports.")]
SPECS, STATE = Path("specs"), Path(".reconcile")


def _duration(text: str) -> float:
    """Seconds of `45s`, `90m`, `2h`, `45`."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        return float(number) * units[unit]
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no span of time: 45s, 90m, 2h.") from None


class Format(StrEnum):
    """The forms a plan is shown in."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


class Limits(StrEnum):
    """Which rate limits the simulator keeps."""

    PUBLISHED = "published"
    RECORDED = "recorded"


@app.command()
def validate(spec: SpecPath = SPECS) -> None:
    """Read the specs and report every problem; touches no database and no account."""
    from reconcile import screen, sources

    loaded = _load(spec)
    if problems := sources.check(loaded):
        raise SpecInvalid(problems)

    told = (
        (loaded.sources, "source"),
        (loaded.properties, "propert"),
        (loaded.vars, "var"),
        (loaded.groups, "group"),
    )
    screen.lines([f"{spec} is valid: " + ", ".join(_counted(len(parts), name) for parts, name in told) + "."])


@app.command()
def check(spec: SpecPath = SPECS) -> None:
    """Ask the account whether the credentials work; writes nothing."""
    from reconcile import Reconciler, screen

    facts = asyncio.run(Reconciler().check(_load(spec)))
    screen.lines([f"Test passed. Found {_counted(facts.lists, 'Sailthru list')}."])


@app.command()
def plan(
    spec: SpecPath = SPECS,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Keep the plan in this file, to be applied.")] = None,
    format: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.TEXT,  # noqa: A002 -- the option's name
    as_json: AsJson = False,
    reveal: Reveal = False,
    allow: Allow = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 when there are differences.")
    ] = False,
    state: State = STATE,
) -> None:
    """Show what differs between the sources and the account, and what apply would do. Writes nothing to the account."""
    with _kept(out) as path:
        made = _planned(_load(spec), path, _allowed(allow), as_json=as_json, state=state)
        _show(made, Format.JSON if as_json else format, reveal=reveal, event="plan" if as_json else None)
        if out is not None and not as_json and format is Format.TEXT:
            apply_it = f"Apply exactly this with: reconcile apply {out}"
            _say(f"Kept in {out}. {'Apply refuses it: see on top.' if made.face.breaches else apply_it}")
    raise typer.Exit(DIFFERENCES if detailed_exitcode and not made.face.empty else 0)


@app.command()
def show(
    plan: Annotated[Path, typer.Argument(help="A plan file.")],
    format: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.TEXT,  # noqa: A002 -- the option's name
    reveal: Reveal = False,
) -> None:
    """Show a plan file again."""
    from reconcile.plan import archive

    _show(archive.read(plan), format, reveal=reveal)


@app.command()
def apply(
    what: Annotated[
        Path,
        typer.Argument(help="A plan file, or a spec to plan, show, ask and apply.", metavar="[PLAN|SPEC]"),
    ] = SPECS,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    allow: Allow = None,
    as_json: AsJson = False,
    state: State = STATE,
    lock_timeout: Annotated[
        float, typer.Option(help="Seconds to wait for another apply to leave the account.", min=0)
    ] = 0,
    max_duration: Annotated[
        float | None,
        typer.Option(help="End after so long, to be gone on with: 45s, 90m, 2h.", parser=_duration, metavar="TIME"),
    ] = None,
) -> None:
    """Do what a plan says, and look that it is so. Exits with 0 only when the account has converged."""
    from reconcile import Reconciler, screen
    from reconcile.plan import archive, guards

    allowed = _allowed(allow)
    with tempfile.TemporaryDirectory(prefix="reconcile-") as folder:
        if what.is_dir() or what.suffix in {".yaml", ".yml"}:
            made = _planned(_load(what), Path(folder) / "plan.rplan", allowed, as_json=as_json, state=state)
            _show(made, Format.JSON if as_json else Format.TEXT, reveal=False, event="plan" if as_json else None)
            guards.enforce(made.face, allowed)
            if not made.face.empty and not yes and not typer.confirm("Apply this plan?", err=True):
                _say("Nothing was done.")
                raise typer.Exit(0)
        else:
            made = archive.read(what)
        with _steps(as_json=as_json) as steps:
            doing = functools.partial(Reconciler(state=state).apply, made, allowed=allowed, events=steps)
            report = asyncio.run(_heeding(doing, lock_timeout=lock_timeout, max_duration=max_duration))
            steps.end()
    if as_json:
        screen.report_event(report)
    else:
        screen.lines(screen.report(report))
    raise typer.Exit(report.exit_status)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a spec file, for editors."""
    import orjson

    from reconcile.spec.schema import json_schema

    sys.stdout.write(orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2).decode() + "\n")


@app.command()
def simulator(
    port: Annotated[int, typer.Option(help="Where to listen on loopback; 0 for any free port.")] = 8025,
    seed: Annotated[int, typer.Option(help="What the faults are drawn from.")] = 0,
    faults: Annotated[str, typer.Option(help="A preset (none, field-report, bad-day, ...) or a YAML file.")] = "none",
    people: Annotated[Path | None, typer.Option(help="Profiles to begin with, NDJSON or CSV.")] = None,
    data: Annotated[Path | None, typer.Option(help="Keep the account in this file from one run to the next.")] = None,
    key: Annotated[list[str] | None, typer.Option(help="KEY=SECRET, repeatable; demo-key=demo-secret if none.")] = None,
    allow_ip: Annotated[list[str] | None, typer.Option(help="Answer these addresses only; repeatable.")] = None,
    timezone: Annotated[str, typer.Option(help="The account's time zone.")] = "America/New_York",
    limits: Annotated[Limits, typer.Option(help="Rate limits as published, or as recorded.")] = Limits.PUBLISHED,
) -> None:
    """Serve a faithful double of Sailthru on loopback, to try things on. A page for people is at its address."""
    from reconcile.simulator import Faults, Simulator, seeds, store
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
        with store.kept(played, data) if data else nullcontext():
            if people is not None and not played.account.profiles:
                seeds.load(played, people)
            serve(played, port=port, ready=lambda url: _ready(url, next(iter(keys)), faults))
    except (ValueError, OSError) as error:
        raise ReconcileError(f"The simulator cannot run: {error}") from None


@app.command()
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
    except (ValueError, OSError) as error:
        raise ReconcileError(f"Nothing was loaded: {error}") from None
    _say(f"{data} holds {_counted(len(kept.account.profiles), 'profile')} now.")


def _ready(url: str, key: str, faults: str) -> None:
    _say(f"Sailthru simulator at {url} (key {key}, faults {faults}). Ctrl-C stops it.")


@app.command()
def demo(
    folder: Annotated[Path | None, typer.Option(help="Where to keep the shop; a temporary folder when absent.")] = None,
) -> None:
    """Tell the whole story on a made-up shop and a simulated account. Needs no key, no server, no network."""
    from reconcile.demo.story import tell

    raise typer.Exit(tell(folder))


def main() -> None:
    """Run a command and turn its end into an exit status."""
    command = typer.main.get_command(app)
    try:
        status = command(standalone_mode=False)
    except TyperException as usage:
        _misused(usage)
        sys.exit(USAGE)  # Typer's own 2 means "differences exist" here
    except typer.Abort:
        _say("Nothing was done.")
        sys.exit(1)
    except ReconcileError as error:
        from reconcile import screen

        screen.error(error, as_json="--json" in sys.argv)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        _say("Interrupted.")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has left: nothing to say
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 -- the last line of defence: no person's value in a traceback
        _unexpected(error)
        sys.exit(BUG)
    sys.exit(status if isinstance(status, int) else 0)


def _misused(usage: TyperException) -> None:
    show = getattr(usage, "show", None)  # those that know their command show its usage too
    if show is not None:
        show()
    else:
        _say(f"Error: {usage.format_message()}")


def _unexpected(error: Exception) -> None:
    """A bug of ours. Its message may hold anybody's data, so only its kind and way are shown."""
    if os.environ.get("RECONCILE_DEBUG"):
        traceback.print_exception(error)
        return
    _say(f"Error: something unexpected went wrong ({type(error).__name__}). This is a bug; please report it.")
    for frame in traceback.extract_tb(error.__traceback__)[-6:]:
        _say(f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}")
    _say("  RECONCILE_DEBUG=1 shows everything, people's data included.")


def _load(path: Path) -> Spec:
    from reconcile.spec.load import load

    return load(path)


def _allowed(given: list[str] | None) -> list[Allowance]:
    from reconcile.plan import allowances

    return [allowances.read(one) for one in given or ()]


def _planned(spec: Spec, out: Path | None, allowed: Sequence[Allowance], *, as_json: bool, state: Path) -> Plan:
    from reconcile import Reconciler

    with _steps(as_json=as_json) as steps:
        return asyncio.run(Reconciler(state=state).plan(spec, out=out, allowed=allowed, progress=steps))


async def _heeding(apply: Callable[..., Awaitable[Report]], **options: float | None) -> Report:
    """Apply; the first Ctrl-C or SIGTERM lets what is in flight end, the second does not wait."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def asked(number: signal.Signals) -> None:
        _say("Stopping after what is in flight; once more to stop at once.")
        loop.remove_signal_handler(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked, number)
    return await apply(stop=stop, **options)


@contextmanager
def _steps(*, as_json: bool) -> Iterator[Steps]:
    from reconcile.screen import Steps

    with Steps(as_json=as_json).shown() as steps:
        yield steps


@contextmanager
def _kept(out: Path | None) -> Iterator[Path]:
    """Where the plan goes: where it was asked to, or a place that is gone when it was shown."""
    with tempfile.TemporaryDirectory(prefix="reconcile-") as folder:
        yield out or Path(folder) / "plan.rplan"


def _show(plan: Plan, format: Format, *, reveal: bool, event: str | None = None) -> None:  # noqa: A002 -- see above
    from reconcile import screen
    from reconcile.plan import explain

    view = explain.view(plan, reveal=reveal)
    match format:
        case Format.TEXT:
            screen.lines(explain.text(view))
        case Format.MARKDOWN:
            sys.stdout.write("\n".join(explain.markdown(view)) + "\n")
        case Format.JSON:
            screen.event(event or "plan", **explain.as_json(view))


def _counted(count: int, name: str) -> str:
    plural = f"{name}ies" if name.endswith("propert") else f"{name}s"
    return f"{count:,} {plural if count != 1 else name + ('y' if name.endswith('propert') else '')}"


def _say(told: str) -> None:
    typer.echo(told, err=True)


if __name__ == "__main__":
    main()
