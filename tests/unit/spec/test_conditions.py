from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from reconcile.spec import conditions


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90 days ago", conditions.Day(conditions.Span(90, "day"))),
        ("1 Week  ago ", conditions.Day(conditions.Span(1, "week"))),
        ("3 months ago", conditions.Day(conditions.Span(3, "month"))),
        ("2 years ago", conditions.Day(conditions.Span(2, "year"))),
        ("2 weeks from now", conditions.Day(conditions.Span(2, "week"), ahead=True)),
        ("today", conditions.Day(conditions.Span(0, "day"))),
        ("Now", conditions.Now()),
        ("2026-01-31", date(2026, 1, 31)),
        ("2026-01-31T09:00:00", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("2026-01-31T09:00:00+02:00", datetime(2026, 1, 31, 7, tzinfo=UTC)),
        ("2026-01-31 09:00", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("90 days", None),
        ("-1 days ago", None),
        ("yesterday", None),
        ("2026-02-30", None),
        ("0001-01-01T00:00:00+02:00", None),
        ("", None),
    ],
)
def test_what_a_text_means_as_a_time(text: str, meant: conditions.Moment | None) -> None:
    assert conditions.moment(text) == meant
