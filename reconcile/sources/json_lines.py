"""Newline JSON files: what a value is, its own row says, and no other row.

The engine would type a field by a sample of the rows, and read all others by that. Here each field is looked at in all
rows first. One whose values are all of a kind comes typed so; of one that holds several kinds, texts come as they are,
and everything else as its JSON, led by `FOREIGN`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, NoReturn

from reconcile.errors import ReconcileError, SourceUnavailable
from reconcile.sources import columns, encoded, streams
from reconcile.sources.columns import WHOLE, Decimal, Kind
from reconcile.sources.origin import Origin
from reconcile.sources.storage import Files
from reconcile.state.engines.literals import quoted, text
from reconcile.state.model import Batches, Demand
from reconcile.state.values import FOREIGN

SAMPLE = 1_000
"""Rows in which fields are looked for that hold numbers: only those are measured."""

_EXACT = 15
"""Digits of a number that a double keeps, whatever it is."""
_BROKEN = "Mend the line: each holds one JSON object, as RFC 8259 says it."


def read(origin: Origin, demand: Demand, database: Any, files: Files) -> AbstractContextManager[Batches]:
    """The demanded fields of all records of these files, in batches; the database is closed at the end."""
    with ExitStack() as ends:
        ends.callback(database.disconnect)
        local = ends.enter_context(encoded.in_utf8(origin, files, demand.loan, marked=False))
        reader = _Reader(origin, files, list(local.values()), database)
        kinds = reader.kinds(demand)
        origin.mixed.update(name for name, one in kinds.items() if one.mixed)
        schema = streams.schema_of({name: one.kind for name, one in kinds.items()}, demand)
        return streams.reader(origin, schema, reader.batches(kinds, demand), ends.pop_all().close)


@dataclass(frozen=True, slots=True)
class Field:
    """How a field is read.

    Args:
        kind: of the column that it comes as.
        mixed: whether its values are of several kinds, or of none of ours.
    """

    kind: Kind
    mixed: bool = False

    @property
    def type(self) -> str:
        """The type that the engine reads it as."""
        if self.mixed:
            return "JSON"
        if isinstance(self.kind, Decimal):
            return f"DECIMAL({self.kind.digits}, {self.kind.places})"
        return {"integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN", "list": "VARCHAR[]"}.get(
            self.kind, "VARCHAR"
        )

    def value(self, name: str) -> str:
        """The SQL of its value."""
        field = quoted(name)
        if not self.mixed:
            return field
        foreign = f"{text(FOREIGN)} || {_shortest(f'CAST({field} AS VARCHAR)')}"
        said = _is(field, '"')
        return f"CASE WHEN {said} THEN {field} ->> '$' WHEN {field} IS NOT NULL THEN {foreign} END"


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the records of files.

    Args:
        paths: of the files in UTF-8.
    """

    origin: Origin
    files: Files
    paths: Sequence[str]
    database: Any

    def kinds(self, demand: Demand) -> dict[str, Field]:
        """How each demanded field is read, found by a look at all of its values.

        Raises:
            SpecInvalid: no record has a demanded field.
            SourceUnavailable: a record cannot be read.
        """
        try:
            names = demand.columns or self._names()
            found = self._looked(names)
            if any(one is None for one in found.values()):  # null in all rows, or in none of them
                columns.wanted(self.origin, demand, self._names())
            return {name: one or Field("text") for name, one in found.items()}
        except ReconcileError:
            raise
        except Exception as error:  # noqa: BLE001 -- the engine's, told as ours
            raise self._trouble() or error from None

    def batches(self, kinds: Mapping[str, Field], demand: Demand) -> Iterator[Any]:
        """All records."""
        wanted = [f"{one.value(name)} AS {quoted(name)}" for name, one in kinds.items()]
        source = self._source({name: one.type for name, one in kinds.items()})
        try:
            found = self.database.raw_sql(f"SELECT {', '.join(wanted)} FROM {source}")  # noqa: S608 -- quoted
            yield from streams.counted(self.origin, demand, list(kinds), found.to_arrow_reader(streams.ROWS))
        except Exception as error:  # noqa: BLE001 -- the engine's, told as ours
            raise self._trouble() or error from None

    def _source(self, types: Mapping[str, str]) -> str:
        fields = ", ".join(f"{text(name)}: '{kind}'" for name, kind in types.items())
        return f"read_json([{self._listed()}], format = 'newline_delimited', columns = {{{fields}}})"

    def _listed(self) -> str:
        return ", ".join(map(text, self.paths))

    def _names(self) -> tuple[str, ...]:
        """The fields of all records, in the order in which they come up."""
        found = self.database.raw_sql(
            "SELECT keys FROM (SELECT json_keys(json) AS keys, row_number() OVER () AS place"  # noqa: S608 -- quoted
            f" FROM read_json_objects([{self._listed()}], format = 'newline_delimited'))"
            " GROUP BY keys ORDER BY min(place)"
        ).fetchall()
        return tuple(dict.fromkeys(name for (names,) in found for name in names))

    def _looked(self, names: Sequence[str]) -> dict[str, Field | None]:
        """What the values of each field are; None where there are none."""
        source = self._source(dict.fromkeys(names, "JSON"))
        sampled = self._row(self._measures(names), f"(FROM {source} LIMIT {SAMPLE})")
        numbers = [name for name in names if _number(sampled[f"lo:{name}"]) or _number(sampled[f"hi:{name}"])]
        found = self._row({**_ends(names), **self._measures(numbers)}, source)
        late = [name for name in names if name not in numbers and _number(found[f"lo:{name}"])]
        lists = [name for name in names if _list(found, name)]
        if late or lists:
            found |= self._row({**self._measures(late), **_texts(lists)}, source)
        fields = {name: _field(found, name) for name in names}
        ends = [found[f"{end}:{name}"] or "" for name in names for end in ("lo", "hi")]
        mixed = [name for name, one in fields.items() if one is not None and one.mixed]
        if mixed and any(self._row(_endless(mixed), source).values()) and (trouble := self._trouble()):
            raise trouble
        if any(found.get(f"nan:{name}") for name in names) or any(one.startswith(("N", "I")) for one in ends):
            raise self._trouble() or self.origin.failed("a value is NaN or infinite, which is no JSON")
        return fields

    def _row(self, measures: Mapping[str, str], source: str) -> dict[str, Any]:
        asked = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in measures.items())
        row = self.database.raw_sql(f"SELECT {asked} FROM {source}").fetchone()  # noqa: S608 -- quoted
        return dict(zip(measures, row, strict=True))

    def _measures(self, names: Sequence[str]) -> dict[str, str]:
        """Of fields that hold numbers: whether they are whole, how long they are."""
        found = _ends(names)
        for name in names:
            value = f"CAST({quoted(name)} AS VARCHAR)"
            point, there = f"contains({value}, '.')", f"strpos({value}, '.')"
            whole = f"CASE WHEN NOT {point} AND NOT contains({value}, 'e') THEN length({value}) END"
            found |= {
                f"point:{name}": f"bool_or({point})",
                f"power:{name}": f"bool_or(contains({value}, 'e') OR contains({value}, 'E'))",
                f"nan:{name}": f"bool_or({_is(value, '-')} AND contains({value}, 'n'))",
                f"whole:{name}": f"max({whole})",
                f"places:{name}": f"max(CASE WHEN {point} THEN length({value}) - {there} END)",
                f"before:{name}": f"max(CASE WHEN {point} THEN {there} - 1 END)",
            }
        return found

    def _trouble(self) -> SourceUnavailable | None:
        """The error that says which line cannot be read; None where all can."""
        for path in self.files.paths:
            line = 0
            try:
                with encoded.lines(self.origin, self.files, path) as stream:
                    for line, record in enumerate(stream, 1):
                        if record.strip() and (said := _said(record)):
                            return self.origin.failed(f"{path}, line {line}: {said}", hint=_BROKEN)
            except UnicodeError:
                return encoded.wrong(self.origin, self.files, path)
        return None


def _is(value: str, first: str) -> str:
    """Whether a JSON text begins with a character: a comparison of texts looks at the first bytes alone."""
    return f"(CAST({value} AS VARCHAR) >= {text(first)} AND CAST({value} AS VARCHAR) < {text(chr(ord(first) + 1))})"


def _shortest(value: str) -> str:
    """A JSON text, that of a number as the shortest that is the same: `1.0` is 1 and `1e2` is 100, in every row."""
    number = f"TRY_CAST({value} AS DOUBLE)"
    return f"""CASE WHEN NOT regexp_full_match({value}, '-?[0-9][-+.eE0-9]*') THEN {value}
        WHEN {value} = '-0' THEN '0'
        WHEN regexp_full_match({value}, '-?[0-9]+') OR {number} IS NULL OR isinf({number}) THEN {value}
        WHEN {number} % 1 = 0 AND abs({number}) < 9.2e18 THEN CAST(CAST({number} AS BIGINT) AS VARCHAR)
        ELSE CAST({number} AS VARCHAR) END"""


def _ends(names: Sequence[str]) -> dict[str, str]:
    """The least and the greatest JSON of fields as texts: what both begin with, all between them do."""
    found: dict[str, str] = {}
    for name in names:
        value = f"CAST({quoted(name)} AS VARCHAR)"
        found |= {f"lo:{name}": f"min({value})", f"hi:{name}": f"max({value})"}
    return found


def _endless(names: Sequence[str]) -> dict[str, str]:
    """Of fields that hold objects or lists: whether one may hold a NaN or an infinity, as the engine takes these."""
    either = "bool_or(contains(CAST({0} AS VARCHAR), 'NaN') OR contains(CAST({0} AS VARCHAR), 'Infinity'))"
    return {f"endless:{name}": either.format(quoted(name)) for name in names}


def _texts(names: Sequence[str]) -> dict[str, str]:
    """Of fields that hold lists: whether these are of texts alone."""
    every = "list_bool_and(list_transform(json_extract({}, '$[*]'), lambda one: {}))"
    said = _is("one", '"')
    return {f"texts:{name}": f"bool_and({every.format(quoted(name), said)})" for name in names}


def _number(value: str | None) -> bool:
    return value is not None and value[0] in "-0123456789"


def _list(found: Mapping[str, Any], name: str) -> bool:
    return str(found[f"lo:{name}"])[0] == str(found[f"hi:{name}"])[0] == "["


def _field(found: Mapping[str, Any], name: str) -> Field | None:
    least, greatest = found[f"lo:{name}"], found[f"hi:{name}"]
    if least is None:
        return None
    if least[0] == greatest[0] == '"':
        return Field("text")
    if {least, greatest} <= {"true", "false"}:
        return Field("boolean")
    if _list(found, name) and found[f"texts:{name}"] is not False:
        return Field("list")
    if _number(least) and _number(greatest):
        return _of_numbers(found, name)
    return Field("text", mixed=True)


def _of_numbers(found: Mapping[str, Any], name: str) -> Field:
    """Numbers of which every digit is kept: 64 bits, 38 digits, or else doubles where these have room for them."""
    whole, before, places = (found[f"{one}:{name}"] or 0 for one in ("whole", "before", "places"))
    if found[f"power:{name}"]:
        return Field("number") if whole <= _EXACT else Field("text", mixed=True)
    if not found[f"point:{name}"]:
        if whole <= len(str(2**63)) - 1:
            return Field("integer")
        return Field(WHOLE) if whole <= WHOLE.digits else Field("text", mixed=True)
    if whole <= _EXACT:
        return Field("number")
    digits = max(whole, before) + places
    return Field(Decimal(38, places)) if digits <= WHOLE.digits else Field("text", mixed=True)


def _said(record: str) -> str | None:
    """What is wrong with a line; without a word of what it holds."""
    try:
        found = json.loads(record, parse_constant=_refuse, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        return f"it is no JSON: {error.msg[:1].lower()}{error.msg[1:]} at column {error.colno}"
    except _Refused as error:
        return str(error)
    except RecursionError:
        return "it is nested too deeply"
    if not isinstance(found, dict):
        return "it is no JSON object"
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = ord(str(error.object)[error.start])
        return f"it holds half a character, \\u{half:04x}, without its other half"
    return None


class _Refused(ValueError):
    """What Python takes for JSON, and we do not."""


def _refuse(name: str) -> NoReturn:
    raise _Refused(f"it holds {name}, which is no JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        shown = f"`{twice}`" if re.fullmatch(r"\w{1,60}", twice) else "a field"
        raise _Refused(f"it has {shown} twice")
    return found
