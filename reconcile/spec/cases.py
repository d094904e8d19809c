"""What must hold between a spec and its own tests, and the columns that a spec reads."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconcile.errors import Problem, SpecInvalid
from reconcile.spec import aggregates
from reconcile.spec.case import REASONS, Case, Expected, several
from reconcile.spec.folding import fold_address
from reconcile.spec.model import Path, Spec
from reconcile.spec.part import Scalar
from reconcile.spec.places import Places, called, meant

if TYPE_CHECKING:
    from reconcile.spec.desk import Desk


def reads(spec: Spec, source: str) -> set[str]:
    """The columns that a spec reads of a source."""
    home = spec.profiles.from_
    columns = {spec.sources[source].key}
    if source == home:
        columns |= {spec.profiles.email, spec.profiles.id or spec.sources[source].key}
    for prop in spec.properties.values():
        if (prop.source or home) == source:
            with suppress(SpecInvalid):  # a filter that cannot be read is told where it stands
                columns |= aggregates.columns(prop).keys()
    contract = spec.sources[source].contract
    return columns | set(contract.columns if contract else ())


def key(spec: Spec) -> str:
    """The column of the source of profiles that tells people apart."""
    return spec.profiles.id or spec.sources[spec.profiles.from_].key


def clock(text: str) -> datetime | None:
    """A day or a moment, in UTC where it does not say; None where the text is neither."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def names(spec: Spec, case: Case) -> set[str]:
    """Everybody who is given, by key and by address, as `known_as` has them."""
    rows = case.given.get(spec.profiles.from_, ())
    columns = (key(spec), spec.profiles.email)
    return {known_as(row[column]) for row in rows for column in columns if row.get(column) is not None}


def known_as(value: Scalar | list[Scalar]) -> str:
    """A key or address as it is looked for: `1.0` is `1`, and case and outer space mean nothing."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return fold_address(str(value))


def problems(desk: Desk) -> Iterator[Problem]:
    """What does not fit between the tests and the rest of the spec."""
    mistaken = {source: _mistaken(desk.spec, source) for source in desk.spec.sources}
    for source, found in mistaken.items():
        yield from _misread(source, found, desk)
    for name, case in desk.spec.tests.items():
        if case.as_of is not None and clock(case.as_of) is None:
            path: Path = ("tests", name, "as_of")
            hint = "Write 2026-03-01, or 2026-03-01T12:00:00Z."
            yield Problem(f"{called(path)} is no date or time", desk.places.value(*path), hint)
        yield from _given(name, case, mistaken, desk)
        for person, expected in case.expect.items():
            yield from _expected(("tests", name, "expect", person), expected, case, desk)


def _given(name: str, case: Case, mistaken: Mapping[str, Mapping[str, Path]], desk: Desk) -> Iterator[Problem]:
    home, path = desk.spec.profiles.from_, ("tests", name, "given")
    if home in desk.spec.sources and not case.given.get(home):
        message = f'{called(path)} has no rows of source "{home}", and so nobody'
        yield Problem(message, desk.places.key(*path), "Every person has a row there.")
    for source, rows in case.given.items():
        yield from desk.absent("sources", source, (*path, source), desk.places.key(*path, source))
        if source not in desk.spec.sources:
            continue
        known = reads(desk.spec, source)
        for at, row in enumerate(rows):
            for column in row.keys() - known - mistaken[source].keys():
                place = desk.places.key(*path, source, at, column)
                message = f'{called((*path, source, at))}: nothing in the spec reads a column "{column}"'
                yield Problem(message, place, meant(column, known))


def _misread(source: str, mistaken: Mapping[str, Path], desk: Desk) -> Iterator[Problem]:
    """Columns that a property reads by a wrong name, as far as the rows of the tests tell."""
    for column, path in mistaken.items():
        test, at = next(
            (name, at)
            for name, case in desk.spec.tests.items()
            for at, row in enumerate(case.given.get(source, ()))
            if column in row
        )
        given = desk.places.key("tests", test, "given", source, at, column)
        message = f'{called(path)} names a column that no test gives, and the tests give a column "{column}"'
        hint = f'Did you mean "{column}"? If not, mend the row of the test{f" ({given})" if given else ""}.'
        yield Problem(message, desk.places.value(*path), hint)


def _mistaken(spec: Spec, source: str) -> dict[str, Path]:
    """Columns of the tests' rows that nothing reads -> the place of the spec that seems to mean them.

    The row is at fault, and not the spec, where a property is called as its column and only one row has another word.
    """
    rows = [row for case in spec.tests.values() for row in case.given.get(source, ())]
    given = Counter(column for row in rows for column in row)
    unread = given.keys() - reads(spec, source)
    found: dict[str, Path] = {}
    for name, prop in spec.properties.items() if unread else ():
        column = prop.column
        if column is None or column in given or (prop.source or spec.profiles.from_) != source:
            continue
        for other in difflib.get_close_matches(column, sorted(unread), n=1, cutoff=0.6):
            if name.casefold() != column.casefold() or given[other] > 1:
                found.setdefault(other, ("properties", name, "column"))
    return found


def _expected(path: Path, expected: Expected, case: Case, desk: Desk) -> Iterator[Problem]:
    spec, person = desk.spec, str(path[-1])
    known = names(spec, case) if spec.profiles.from_ in spec.sources else {known_as(person)}
    if known_as(person) not in known:
        message = f'{called(path[:2])} expects something of "{person}", and no row that is given is theirs'
        yield Problem(message, desk.places.key(*path), meant(person, known))
    vars_ = {*desk.declared.get("vars", ()), *((spec.profiles.identity.var,) if spec.profiles.identity else ())}
    for var in expected.vars:
        yield from _unknown("var", var, vars_, (*path, "vars", var), desk.places)
    for part, groups in (("in", expected.in_), ("not_in", expected.not_in)):
        for at, group in enumerate(groups):
            yield from desk.absent("groups", group, (*path, part, at))
    if expected.invalid is not None and expected.invalid not in (reasons := _reasons(spec)):
        message = f'{called((*path, "invalid"))}: no row is left out because of "{expected.invalid}"'
        yield Problem(message, desk.places.value(*path, "invalid"), meant(expected.invalid, reasons))
    for at, group in enumerate(expected.not_in):
        if group in expected.in_:
            message = f'{called(path)} expects group "{group}" both in and not_in'
            yield Problem(message, desk.places.value(*path, "not_in", at))


def _reasons(spec: Spec) -> list[str]:
    """Why rows may be left out."""
    home = spec.profiles.from_
    used = {prop.source for prop in spec.properties.values() if prop.source} - {home}
    return [*REASONS, *(several(name) for name in sorted(used & spec.sources.keys()) if not spec.sources[name].many)]


def _unknown(thing: str, name: str, known: Collection[str], path: Path, places: Places) -> Iterator[Problem]:
    if name not in known:
        yield Problem(f'{called(path[:-1])}: there is no {thing} "{name}"', places.key(*path), meant(name, known))
