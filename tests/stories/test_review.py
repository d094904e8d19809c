"""A plan on its way through review: commented, overtaken by data, compared, shown in part; the commands in process."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pages
import plans
import pytest
from account import FakeAccount
from codehosts import CodeHosts, running

from reconcile.cli import commenting, showing
from reconcile.cli.commenting import Provider
from reconcile.cli.options import Format
from reconcile.cli.showing import DiffFormat

HEAD = "id,email,city,spent\n"
PEOPLE = [f"{at},planted{at}@secretmail.example,Plantedville,{at * 100}\n" for at in range(14)]


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """Two plans for one account: the second a day later, when three more have come and one is gone."""
    folder, found = tmp_path_factory.mktemp("reviewed"), []
    for name, rows in (("first", PEOPLE[:11]), ("second", PEOPLE[1:])):
        made = plans.of(folder / name, HEAD + "".join(rows), FakeAccount())
        assert made.path is not None
        found.append(made.path)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SECRET", "SAILTHRU_API_SECRET"):
            patch.setenv(name, "cases")
        yield found[0], found[1]


def test_a_plan_is_commented_overtaken_and_compared(
    reviewed: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = reviewed
    with running(CodeHosts()) as there:
        for name, value in there.environ("gitlab").items():
            monkeypatch.setenv(name, value)
        said = []
        for path in (first, first, second):
            commenting.comment(path, Provider.GITLAB)
            said.append(capsys.readouterr().err.rpartition(" is ")[2].strip())
    assert said == ["created.", "unchanged.", "updated."]
    [body] = there.bodies()
    assert body.startswith("## ✅ May go\n")
    assert "13 created, 2 lists created" in body
    assert "Side effect: 4 people join lists that may start journeys" in body
    assert "Earlier plans" in body
    assert pages.intruders(body) == []

    showing.diff(first, second, DiffFormat.JSON)
    told = json.loads(capsys.readouterr().out)
    assert (told["event"], told["ops"], told["same"]) == ("diff", {"create": {"more": 3, "less": 1}}, 12)
    assert told["lists"]["Big Spenders"] == {"join": {"more": 3, "less": 0}}
    showing.diff(first, second)
    assert re.search(r"Big Spenders: join +3 added\n", capsys.readouterr().out)


@pytest.mark.parametrize("form", [Format.TEXT, Format.MARKDOWN, Format.HTML, Format.JSON])
def test_a_part_is_shown_in_every_form(
    reviewed: tuple[Path, Path], form: Format, capsys: pytest.CaptureFixture[str]
) -> None:
    showing.show(reviewed[1], list=["Big Spenders"], op=["create"], format=form)
    masked = capsys.readouterr().out
    assert "secretmail" not in masked
    showing.show(reviewed[1], list=["Big Spenders"], op=["create"], format=form, reveal=True)
    revealed = capsys.readouterr().out
    for told in (masked, revealed):
        assert "4 of 15 actions" in told.replace(pages.GAP, "")
        assert told.count("Asked for") == 1
    assert revealed.count("secretmail") == 4
