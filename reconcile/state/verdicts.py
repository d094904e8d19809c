"""A spec's own tests, run on the rows that they give: what was expected, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from reconcile.errors import Problem, ReconcileError, SpecInvalid, Where
from reconcile.spec import cases, templates
from reconcile.spec.case import Case, Expected
from reconcile.spec.model import Path, Spec
from reconcile.state import desired, given, groups, people, properties, values
from reconcile.state.masks import Masks
from reconcile.state.model import Shape, Silent, Var
from reconcile.state.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Miss:
    """Something that is not as expected.

    Args:
        person: as the test names them.
        what: `var "greeting"`, `group "vip"`, `row`.
        expected, got: in words; a var's value as JSON.
        where: the place of the expectation.
    """

    person: str
    what: str
    expected: str
    got: str
    where: Where | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one test.

    Args:
        where: the test's place.
        people: how many it expects something of.
        misses: what is not as expected.
        problems: why it could not be run to its end: an expression that fails on its rows.
    """

    name: str
    where: Where | None
    people: int
    misses: tuple[Miss, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.misses and not self.problems


@dataclass(frozen=True, slots=True)
class _Came:
    """What came of the rows: people by key and address, with groups and vars, and who was refused and why."""

    shape: Shape
    known: list[dict[str, Any]]
    refused: list[dict[str, Any]]


def run(spec: Spec, name: str, workspace: Workspace, now: datetime) -> Verdict:
    """Run one test. See `given.fitted` for what is left out.

    Args:
        now: the clock, where the test names none.
    """
    case = spec.tests[name]
    where = spec.where("tests", name)
    try:
        came = _came(given.fitted(spec), case, workspace, cases.clock(case.as_of or "") or now)
        return Verdict(name, where, len(case.expect), tuple(_misses(spec, name, case, came, workspace)))
    except SpecInvalid as error:
        return Verdict(name, where, len(case.expect), problems=error.problems)
    except ReconcileError as error:
        return Verdict(name, where, len(case.expect), problems=(Problem(error.message, where, error.hint),))


def _salts(spec: Spec) -> dict[str, str]:
    """The same salt for every hash: tests need no secret, and a hash can be expected."""
    return {
        one.name: "tests"
        for prop in spec.properties.values()
        for one in templates.references(prop.salt or "")
        if one.function == "env"
    }


def _came(spec: Spec, case: Case, workspace: Workspace, as_of: datetime) -> _Came:
    masks = Masks(b"tests", reveal=True)
    found = people.gather(spec, given.sources(spec, case), workspace, masks, Silent(), as_of)
    known = properties.evaluate(spec, found.rows, workspace, as_of, _salts(spec), found.odd)
    shape = desired.shape_of(spec, known.rows, found.key_column)
    everybody = known.settle("everybody", known.rows)
    wanted = known.settle("wanted", desired.table(spec, everybody, shape))
    joined = everybody.inner_join(wanted, everybody[people.EMAIL] == wanted["email"])
    before = [groups.before(name) for name in groups.excludable(spec)]
    columns = [
        people.KEY,
        people.EMAIL,
        *(f"g:{name}" for name in spec.groups),
        *before,
        *(var.column for var in shape.vars),
    ]
    some = sum(map(len, case.given.values()))
    return _Came(
        shape,
        workspace.dicts(joined.select(columns), limit=some),
        workspace.dicts(found.refused, limit=some),
    )


def _misses(spec: Spec, name: str, case: Case, came: _Came, workspace: Workspace) -> Iterator[Miss]:
    wanted = _canonical(case, came.shape, workspace)
    for person, expected in case.expect.items():
        path = ("tests", name, "expect", person)
        refused = [row[people.REASON] for row in came.refused if _is(row, person)]
        found = [row for row in came.known if _is(row, person)]
        yield from _judged(spec, path, expected.invalid, refused, there=bool(found))
        if expected.invalid is None and not refused:
            for row in found:
                yield from _vars(spec, path, expected, wanted[person], row, came.shape)
                yield from _groups(spec, path, expected, row)


def _is(row: Mapping[str, Any], person: str) -> bool:
    return cases.known_as(person) in {cases.known_as(row[name] or "") for name in (people.KEY, people.EMAIL)}


def _judged(spec: Spec, path: Path, invalid: str | None, refused: list[str], *, there: bool) -> Iterator[Miss]:
    """Whether the rows can be used, as expected."""
    expected = f"invalid: {invalid}" if invalid else "can be used"
    got = [f"invalid: {reason}" for reason in refused] or ["can be used" if there else "nobody"]
    for one in dict.fromkeys(got):
        if one != expected:
            yield Miss(str(path[-1]), "row", expected, one, spec.where(*path, "invalid"))


def _vars(
    spec: Spec, path: Path, expected: Expected, wanted: Mapping[str, str | None], row: Mapping[str, Any], shape: Shape
) -> Iterator[Miss]:
    for var in shape.vars:
        found = values.for_newcomers(row[var.column])
        if var.name in expected.vars and found != wanted[var.name]:
            got = _json(values.typed(found, var.type))
            told = _json(expected.vars[var.name])
            yield Miss(str(path[-1]), f'var "{var.name}"', told, got, spec.where(*path, "vars", var.name))


def _groups(spec: Spec, path: Path, expected: Expected, row: Mapping[str, Any]) -> Iterator[Miss]:
    words = {True: "in", False: "not in"}
    for part, names, member in (("in", expected.in_, True), ("not_in", expected.not_in, False)):
        for at, name in enumerate(names):
            # Where a value does not fit, nobody joins: as a person of whom Sailthru knows nothing.
            if bool(row[f"g:{name}"]) is not member:
                place = spec.where(*path, part, at)
                got = words[not member] + _excluded(spec, name, row)
                yield Miss(str(path[-1]), f'group "{name}"', words[member], got, place)


def _excluded(spec: Spec, name: str, row: Mapping[str, Any]) -> str:
    """That somebody would be in a group, and which groups of `exclude_from_all` take them out."""
    if row[f"g:{name}"] or not row.get(groups.before(name)):
        return ""
    out = [one for one in spec.exclude_from_all or () if row[f"g:{one}"]]
    return f" (in {' and '.join(out)}, so out by exclude_from_all)" if out else ""


def _canonical(case: Case, shape: Shape, workspace: Workspace) -> Mapping[str, Mapping[str, str | None]]:
    """The expected values in canonical form, by person and var: as the engine says it, like what they are held to."""
    named = {name for expected in case.expect.values() for name in expected.vars}
    vars_ = [var for var in shape.vars if var.name in named]
    texts = {var.name: pa.array([_seen(one, var) for one in case.expect.values()], pa.string()) for var in vars_}
    table = workspace.store("expected", pa.table({"person": pa.array(case.expect), **texts}))
    rows = table.select("person", **{var.name: values.canonical(table[var.name], var.type) for var in vars_})
    return {row["person"]: row for row in workspace.dicts(rows, limit=len(case.expect))}


def _seen(expected: Expected, var: Var) -> str | None:
    return values.seen(expected.vars.get(var.name), var.type)


def _json(value: Any) -> str:
    import orjson

    return orjson.dumps(value).decode()
