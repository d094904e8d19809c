"""A first spec, written for somebody to go on with: from what was found to the text of its files.

What is found is never sent: a column becomes a property, which is for rules and templates, and a var only where
somebody chose it or the account has it already. The mode is `observe`: such a spec can only be planned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reconcile.spec import naming
from reconcile.spec.model import REGISTRY
from reconcile.spec.naming import scalar
from reconcile.spec.properties import RESERVED

CONNECT: Final = "DATABASE_URL"
"""The variable that the spec takes the database's URL from."""

FILE: Final = "DATA_FILE"
"""The variable that the spec takes the place of a file from, where that may hold a signature."""


@dataclass(frozen=True, slots=True)
class People:
    """Where the people are.

    Args:
        table: as the database calls it; None for a file.
        file: a path from the spec's folder, or a reference; None for a table.
        key, email: columns.
        columns: all columns with their kinds (`sources.columns.Kind`), in order.
        untyped: whether a property has to say the type of its column, as a CSV says none.
    """

    table: str | None
    file: str | None
    key: str
    email: str
    columns: Mapping[str, str]
    untyped: bool = False

    @property
    def source(self) -> str:
        """The id of their source."""
        table = (self.table or "people").rpartition(".")[2]
        return naming.ids([table])[table]


TYPES: Final = {
    "integer": "integer",
    "number": "float",
    "text": "string",
    "timestamp": "datetime",
    "date": "date",
    "boolean": "boolean",
}
"""What a column of each kind (`sources.columns.Kind`) is without a word of the spec."""

EXAMPLE: Final = People("customers", None, "id", "email", {})
"""Stands in where nobody said where the people are."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A var and the column that fills it. `type` is what it has to become, None to stay as the column is."""

    var: str
    column: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of the account. `members` is what Sailthru counts; `unfit` why the spec cannot take it over, if so."""

    name: str
    members: int | None
    unfit: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A first spec.

    Args:
        account: a short name for the account.
        elsewhere: whether the account's address is taken from `SAILTHRU_URL`.
        people: `EXAMPLE` where nobody said where they are.
        sent: the vars.
        unmatched: vars of the account that no column fills, with what their values look like.
        listed: the lists of the account; None where nobody looked.
    """

    account: str
    elsewhere: bool
    people: People
    sent: Sequence[Sent] = ()
    unmatched: Mapping[str, str | None] | None = None
    listed: Sequence[Listed] | None = None


def files(draft: Draft) -> dict[str, str]:
    """The spec, file by file: name -> text, in the form that `fmt` keeps."""
    from reconcile.spec.formatting import canonical

    parts = {
        "account.yaml": _account(draft),
        "sources.yaml": _sources(draft.people),
        "profiles.yaml": _profiles(draft),
        "groups.yaml": _groups(draft),
        "policy.yaml": _policy(),
    }
    return {name: canonical("\n".join(lines) + "\n") for name, lines in parts.items()}


def var_names(columns: Sequence[str]) -> dict[str, str]:
    """Columns -> what their vars are called: names that Sailthru keeps as they are."""
    return naming.ids(columns, longest=naming.LONGEST_VAR)


def _account(draft: Draft) -> Iterator[str]:
    yield "# Which Sailthru account this is about. Secrets are never written down, only the variables that hold them."
    yield "version: 1"
    yield ""
    yield "account:"
    yield f"  name: {scalar(draft.account)}  # shown in every plan; a plan is bound to it"
    yield "  api_key: \"{{ env('SAILTHRU_API_KEY') }}\""
    yield "  api_secret: \"{{ env('SAILTHRU_API_SECRET') }}\""
    mark = "" if draft.elsewhere else "# "
    yield f"  {mark}url: \"{{{{ env('SAILTHRU_URL') }}}}\"  # where it answers; the real Sailthru when left out"
    yield f"  # registry: {scalar(REGISTRY)}  # the natural list that holds everybody we manage; this is the default"


def _sources(people: People) -> Iterator[str]:
    yield "# Where rows come from. Others (docs/sources.md) are joined to the people by their keys, wherever they live."
    yield "version: 1"
    yield ""
    yield "sources:"
    why = "  # an example, as nobody said where the people are: put in your own" if people is EXAMPLE else ""
    yield f"  {scalar(people.source)}:{why}"
    if people.file is not None:
        yield f"    file: {scalar(people.file)}"
    else:
        yield f"    connect: \"{{{{ env('{CONNECT}') }}}}\""
        yield f"    table: {scalar(people.table or '')}"
    yield f"    key: {scalar(people.key)}  # the column that says whose row it is"
    yield "    # contract: {min_rows: 1000}  # what must be true of the rows before anything is taken away"


def _profiles(draft: Draft) -> Iterator[str]:
    people = draft.people
    yield "# Who is a person, what we know about them, and what of that leaves the house."
    yield "version: 1"
    yield ""
    yield "profiles:"
    yield f"  from: {scalar(people.source)}  # one row here is one person"
    yield f"  email: {scalar(people.email)}"
    yield "  # Keeps our id at Sailthru too, so that a changed address is an update and not a stranger:"
    yield "  # identity: {var: customer_id}"
    yield ""
    ids = _properties(people)
    yield from _known(people, ids, {one.column: one for one in draft.sent})
    yield ""
    yield from _leaving(draft.sent, ids, _ordinary(people, ids))
    yield from _unmatched(draft.unmatched or {})


def _properties(people: People) -> dict[str, str]:
    """Columns -> ids of their properties."""
    names = [name for name in people.columns if naming.writable(name)]
    return naming.ids(names, reserved=RESERVED)


def _ordinary(people: People, ids: Mapping[str, str]) -> str:
    """A property for an example: neither the key nor the address, where there is another."""
    others = [name for column, name in ids.items() if column not in (people.key, people.email)]
    return next(iter([*others, *ids.values()]), "first_name")


def _known(people: People, ids: Mapping[str, str], sent: Mapping[str, Sent]) -> Iterator[str]:
    yield "# Properties are for us: rules, templates and expressions use them by name. None of them is sent by itself."
    yield "# Take out what you do not need: a column that is not named is not read."
    yield from ["properties:"] if ids else ["# properties:", "#   first_name: {column: first_name}"]
    for column, name in ids.items():
        of = sent.get(column)
        sent_as = of.type if of is not None else None
        said = sent_as or (TYPES.get(people.columns[column]) if people.untyped else None)
        as_type = f", type: {said}" if said not in (None, "string") or sent_as else ""
        why = "  # the type of its var at Sailthru" if sent_as else "  # as all of its values look" if as_type else ""
        yield f"  {scalar(name)}: {{column: {scalar(column)}{as_type}}}{why}"
    for column in people.columns:
        if column not in ids:
            yield f"  # left out, as no spec can hold the name: {scalar(column)}"


def _leaving(sent: Sequence[Sent], ids: Mapping[str, str], ordinary: str) -> Iterator[str]:
    yield "# What leaves the house: Sailthru's var on the left, our property on the right. Nothing else is sent."
    if not sent:
        yield "# vars:"
        yield f"#   {scalar(var_names([ordinary])[ordinary])}: {scalar(ordinary)}"
        return
    yield "vars:"
    for one in sent:
        renamed = "" if one.var == one.column else f"  # the column {scalar(one.column)}"
        yield f"  {scalar(one.var)}: {scalar(ids[one.column])}{renamed}"


def _unmatched(vars_: Mapping[str, str | None]) -> Iterator[str]:
    if not vars_:
        return
    yield ""
    yield "# The account has these vars too, and no column is called so. They are not managed: left as they are."
    yield "# To manage one, put it among vars with a property that has its values."
    for name, type_ in sorted(vars_.items()):
        why = "" if naming.kept_by_sailthru(name) else "; a name that Sailthru rewrites, so it cannot be managed"
        yield f"#   {scalar(name)}: {type_ or 'of several types, or none that is known'}{why}"


def _groups(draft: Draft) -> Iterator[str]:
    yield "# Audiences: whoever fits the rule is on the list, and nobody else is (docs/operators.md)."
    yield "version: 1"
    yield ""
    yield from _example(draft.people) if draft.listed is None else _lists(draft.listed)


def _example(people: People) -> Iterator[str]:
    yield "# For example (take away the marks, and give the list the name that it has at Sailthru):"
    yield "#"
    yield "# groups:"
    yield "#   example:"
    yield "#     list: Example"
    yield "#     rules:"
    yield "#       all:"
    yield f"#         - {_condition(people)}"


def _condition(people: People) -> str:
    """One that fits the columns that there are; the more telling kinds first."""
    tests = {
        "timestamp": "op: after, value: 90 days ago",
        "date": "op: after, value: 90 days ago",
        "boolean": "op: eq, value: true",
        "number": "op: gte, value: 100",
    }
    ids = _properties(people)
    for kind, test in tests.items():
        for column, name in ids.items():
            if people.columns[column] == kind:
                return f"{{property: {scalar(name)}, {test}}}"
    return f"{{property: {scalar(_ordinary(people, ids))}, op: exists, value: true}}"


def _lists(listed: Sequence[Listed]) -> Iterator[str]:
    if not listed:
        yield "# The account has no lists yet."
        return
    yield "# The lists that the account has. Who is on a list tells no rule: write it, and take away the marks. A list"
    yield "# that is not named here is left as it is. Members are as Sailthru counts them, deleted people included"
    yield "# until it recounts: an upper bound."
    yield "#"
    yield "# groups:"
    fit = [one.name for one in listed if one.unfit is None]
    ids = naming.ids(fit)
    for one in listed:
        yield "#"
        count = "" if one.members is None else f"  # {one.members:,} members at most"
        if one.unfit is not None:
            yield f"#   not to be taken over, as {one.unfit}: {scalar(one.name)}{count}"
            continue
        yield f"#   {scalar(ids[one.name].lower())}:"
        yield f"#     list: {scalar(one.name)}{count}"
        yield "#     where: \"\"  # who belongs on it, such as: plan in ('plus', 'pro')"


def _policy() -> Iterator[str]:
    yield "# What plans may do. `observe` only looks: a plan shows what differs, and cannot be applied. When it shows"
    yield "# what you expect, go on to `enrich` (known profiles only), `additive` (nobody leaves a list), then `sync`."
    yield "version: 1"
    yield ""
    yield "policy:"
    yield "  mode: observe"
    yield "  # on_leave: unlist  # who left the source: unlist | clear (vars too) | delete"
    yield "  # guards: {deletions: 0, updates: 60%}  # how much a plan may do before apply refuses it: docs/guards.md"
