"""Contracts of sources: what their rows come to, worked out where they are, against what the spec says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import ibis
import ibis.expr.datatypes as dt

from reconcile.errors import SourceBroken
from reconcile.spec.model import Spec
from reconcile.spec.part import Scalar
from reconcile.spec.property import ValueType
from reconcile.spec.source import Contract, OnViolation, age
from reconcile.state import reading, values
from reconcile.state.model import Rows, Violation
from reconcile.state.workspace import Workspace


def check(spec: Spec, tables: Mapping[str, Rows], workspace: Workspace, as_of: datetime) -> tuple[Violation, ...]:
    """Every contract that is violated and lets the plan go on without its removals and deletions.

    Args:
        tables: the rows of the sources that were read, by id.
        as_of: the run's clock, which ages are told by.

    Raises:
        SourceBroken: a contract is violated that says `on_violation: stop`.
    """
    found: dict[OnViolation, list[Violation]] = {one: [] for one in OnViolation}
    for name, rows in tables.items():
        contract = spec.sources[name].contract
        if contract is not None:
            found[contract.on_violation] += _violations(spec, name, contract, rows, workspace, as_of)
    if found[OnViolation.STOP]:
        raise SourceBroken([one.sentence for one in found[OnViolation.STOP]])
    return tuple(found[OnViolation.HOLD_DELETES])


@dataclass(frozen=True, slots=True)
class _Term:
    """One term of a contract: its key, the column it is about, an aggregate that yields its figure, and the limit."""

    key: str
    column: str
    figure: Rows
    limit: int

    @property
    def path(self) -> tuple[str, ...]:
        return (self.key, self.column) if self.column else (self.key,)


def _violations(
    spec: Spec, name: str, contract: Contract, rows: Rows, workspace: Workspace, as_of: datetime
) -> Iterator[Violation]:
    texts = {column for column in contract.columns if rows[column].type().is_string()}
    rows = rows.mutate(**{column: values.literal(rows[column]).nullif("") for column in texts}) if texts else rows
    # Beforehand, and not in the sum: not every engine takes there what brings texts into canonical form.
    others = {_mark(column): _others(rows[column], accepted) for column, accepted in contract.accepted_values.items()}
    rows = rows.mutate(**others)
    terms = list(_terms(contract, rows, as_of))
    figures = workspace.one(rows.aggregate(**{str(at): term.figure for at, term in enumerate(terms)})) if terms else {}
    for at, term in enumerate(terms):
        told = _told(term, figures[str(at)])
        if told is not None:
            where = spec.where("sources", name, "contract", *term.path)
            term_of = " ".join(term.path)
            yield Violation(name, term_of, int(figures[str(at)] or 0), term.limit, told, str(where or ""))


def _terms(contract: Contract, rows: Rows, as_of: datetime) -> Iterator[_Term]:
    if contract.min_rows is not None:
        yield _Term("min_rows", "", rows.count(), contract.min_rows)
    for column, text in contract.max_age.items():
        limit = age(text)
        if limit is not None:
            yield _Term("max_age", column, _minutes(rows[column], as_of), int(limit.total_seconds() // 60))
    for column in contract.unique:
        yield _Term("unique", column, rows[column].count() - rows[column].nunique(), 0)
    for column in contract.not_null:
        yield _Term("not_null", column, rows[column].isnull().sum(), 0)
    for column in contract.accepted_values:
        yield _Term("accepted_values", column, rows[_mark(column)].sum(), 0)


def _mark(column: str) -> str:
    return f"not accepted:{column}"


def _minutes(column: Rows, as_of: datetime) -> Rows:
    """How long ago the newest time of a column is; null where it has none."""
    if column.type().is_string():
        column = reading.read_moment(column)
    elif column.type().is_timestamp() or column.type().is_date():
        column = ibis.ifelse(reading.lasting(column), column, ibis.null(column.type()))
    newest = column.cast(dt.Timestamp(timezone="UTC")).max().epoch_seconds()
    return (ibis.literal(int(as_of.astimezone(UTC).timestamp())) - newest) // 60


def _others(column: Rows, accepted: list[Scalar]) -> Rows:
    """Whether a value is none of those that are accepted, both in canonical form."""
    kind = values.kind_of(column) or ValueType.STRING
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in accepted if value is not None]
    same = [values.canonical(ibis.literal(text), kind) for text in texts]
    text = values.canonical(values.text_of(column), kind)
    return text.notnull() & ~text.isin(same)


def _told(term: _Term, figure: int | None) -> str | None:
    """What a figure violates, without any value of a row; None where it does not."""
    match term.key:
        case "min_rows":
            least = f"at least {term.limit:,} must be there"
            return f"it has {figure:,} rows; {least}" if figure is not None and figure < term.limit else None
        case "max_age":
            if figure is None:
                return f"no row has a time in {term.column}"
            old = f"the newest {term.column} is {_age(figure)} old; at most {_age(term.limit)} may"
            return old if figure > term.limit else None
        case "unique":
            return f"{_rows(figure)} a value of {term.column} that is there already; none may" if figure else None
        case "not_null":
            return f"{_rows(figure)} no {term.column}; none may" if figure else None
        case "accepted_values":
            return f"{_rows(figure)} a {term.column} that is not accepted; none may" if figure else None
        case _:
            raise AssertionError(term.key)


def _rows(count: int) -> str:
    return "1 row has" if count == 1 else f"{count:,} rows have"


def _age(minutes: int) -> str:
    for unit, size in (("day", 24 * 60), ("hour", 60), ("minute", 1)):
        if minutes >= 2 * size or size == 1:
            count = minutes // size
            return f"{count:,} {unit}{'s' * (count != 1)}"
    raise AssertionError(minutes)
