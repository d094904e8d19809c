"""`show` and `diff`: a plan file again, the part of it that is asked for, and two beside each other."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconcile.cli import opening, planning, telling
from reconcile.cli.options import Env, Format, Identity, Reveal

if TYPE_CHECKING:
    from reconcile.plan.model import Plan
    from reconcile.plan.picking import Picked, Wanted

_UNKEYED = "The account's secret is not set here, so people have other masks than in the plan's samples."


class DiffFormat(StrEnum):
    """The forms two plans are compared in."""

    TEXT = "text"
    JSON = "json"


PlanPath = Annotated[Path, typer.Argument(help="A plan file.")]


def show(
    plan: PlanPath,
    list: Annotated[  # noqa: A002 -- the option's name
        list[str] | None, typer.Option("--list", help="Only who joins or leaves this list; may be repeated.")
    ] = None,
    field: Annotated[
        list[str] | None, typer.Option("--field", help="Only whose var of this name changes; may be repeated.")
    ] = None,
    cause: Annotated[
        list[str] | None, typer.Option("--cause", help="Only what has this cause: spec, data, drift, new.")
    ] = None,
    op: Annotated[
        list[str] | None,
        typer.Option("--op", help="Only this: delete, create_list, create, update, move, unlist, make_room."),
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option("--key", help="Only this person: an address, a sid or a mask (u:7f3a91c2).")
    ] = None,
    format: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.TEXT,  # noqa: A002 -- the option's name
    identity: Identity = None,
    spec: opening.SecretSpec = None,
    env: Env = None,
    secret_env: opening.SecretEnv = None,
    verified: opening.Verified = False,
    reveal: Reveal = False,
) -> None:
    """Show a plan file again, or the part of it that is asked for."""
    from reconcile.plan import archive, sealing

    wanted, keys = _wanted(list, field, cause, op, key), opening.find_keys(spec, env, secret_env=secret_env)
    with planning.scratch(None) as folder:
        # The face of a sealed plan is for everybody.
        open_it = wanted or reveal or identity
        found = sealing.read(plan, folder / "plan.rplan", identity, *keys) if open_it else archive.read(plan, *keys)
        opening.insist(found, verified=verified)
        telling.show(found, format, reveal=reveal, picked=picked(found, wanted) if wanted else None)


def diff(
    first: Annotated[Path, typer.Argument(help="The plan that was looked at.")],
    second: Annotated[Path, typer.Argument(help="The plan that is asked about.")],
    format: Annotated[DiffFormat, typer.Option("--format", help="How to show it.")] = DiffFormat.TEXT,  # noqa: A002 -- the option's name
    identity: Identity = None,
    spec: opening.SecretSpec = None,
    env: Env = None,
    secret_env: opening.SecretEnv = None,
    verified: opening.Verified = False,
) -> None:
    """Show what the second plan adds to the first, and what it drops, in counts."""
    from reconcile import screen
    from reconcile.plan import answers, comparing, explain, sealing
    from reconcile.state.engines.duckdb import DuckDB

    keys = opening.find_keys(spec, env, secret_env=secret_env)
    with DuckDB() as workspace:
        one, other = (
            opening.insist(sealing.read(plan, workspace.folder / name, identity, *keys), verified=verified)
            for plan, name in ((first, "first.rplan"), (second, "second.rplan"))
        )
        view = answers.difference(comparing.between(one, other, workspace))
    if format is DiffFormat.JSON:
        screen.event("diff", **explain.as_json(view))
    else:
        screen.lines(explain.text(view))


def _wanted(
    lists: list[str] | None,
    fields: list[str] | None,
    causes: list[str] | None,
    ops: list[str] | None,
    keys: list[str] | None,
) -> Wanted | None:
    """The part of a plan that the options ask for; None for the whole, which takes no engine to show."""
    if not any((lists, fields, causes, ops, keys)):
        return None
    from reconcile.plan.picking import Op, Wanted
    from reconcile.spec.places import meant

    for one in ops or ():
        if one not in (known := [op.value for op in Op]):
            raise typer.BadParameter(f'there is no kind "{one}". {meant(one, known) or ""}'.strip(), param_hint="--op")
    kinds = tuple(Op(one) for one in ops or ())
    return Wanted(tuple(lists or ()), tuple(fields or ()), tuple(causes or ()), kinds, tuple(keys or ()))


def picked(plan: Plan, wanted: Wanted) -> Picked:
    """The part of a plan that is asked for, people masked as in the plan where it is verified."""
    import os

    from reconcile.plan import picking
    from reconcile.state.engines.duckdb import DuckDB
    from reconcile.state.masks import Masks

    if wrong := picking.unknown(wanted, plan.face):
        raise typer.BadParameter(wrong)
    if plan.file is not None and plan.file.keys is not None:
        masks = Masks(plan.file.keys.masks)
    else:
        telling.say(_UNKEYED)
        masks = Masks(os.urandom(32))  # a key that others know would let them try addresses
    with DuckDB() as workspace:
        return picking.pick(plan, wanted, masks, workspace)
