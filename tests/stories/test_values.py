"""Values arrive as they are: from each kind of source to what the account holds, by cases that are data.

`RECONCILE_VALUE_CASES` names a further file of cases, or several with `:` between.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import value_cases
from value_cases import Case

FURTHER = "RECONCILE_VALUE_CASES"
OURS = sorted((Path(__file__).parents[1] / "cases" / "values").glob("*.json"))
SERVERS = {"pg": "postgres_url", "my": "mariadb_url"}


def _cases() -> Iterator[object]:
    for path in OURS:
        yield from (pytest.param(case, id=f"{path.stem}-{case['name']}") for case in value_cases.load(path))


def _further() -> Iterator[object]:
    for path in filter(None, os.environ.get(FURTHER, "").split(":")):
        yield from (pytest.param(case, id=str(case["name"])) for case in value_cases.load(Path(path)))


def _check(case: Case, folder: Path, request: pytest.FixtureRequest) -> None:
    value_cases.check(case, folder, lambda kind: str(request.getfixturevalue(SERVERS[kind])))


@pytest.mark.parametrize("case", list(_cases()))
def test_a_value_arrives_as_it_is(case: Case, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    _check(case, tmp_path, request)


@pytest.mark.parametrize(
    "case", list(_further()) or [pytest.param({}, marks=pytest.mark.skip(f"{FURTHER} names no file"))]
)
def test_a_value_of_a_further_case_arrives_as_it_is(case: Case, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    _check(case, tmp_path, request)
