"""The report of a plan, as a real browser shows it: on a phone and on a desk, in light and dark, by keyboard."""

from __future__ import annotations

import html as quoting
from pathlib import Path

import browsers
import pages
import pytest
from faces import bare, full

from reconcile.plan.model import Breach, Face, ListFace, Plan
from reconcile.review import composing, html
from reconcile.spec.guards import Guard

LONG = "Wörter_ohne_Leerzeichen_" * 4
HARNESS = Path(__file__).with_name("report.harness.html")


@pytest.fixture(scope="module")
def browser() -> str:
    return browsers.path()


def wide() -> Face:
    """With names that break nowhere, beside all that a plan can say."""
    face = full()
    odd = ListFace(name=LONG, new=False, before=5, join=1, leave=2, change=1, fields={LONG[:32]: 40})
    breach = Breach(
        guard=Guard.REMOVALS, scope=LONG, figure=2, limit=0, told=f'2 of "{LONG}"', way_out=f"--allow {LONG}=2"
    )
    return full(lists=(*face.lists, odd), breaches=(*face.breaches, breach), variables={LONG: LONG})


def report(face: Face) -> str:
    return html.text(composing.page(Plan(face)))


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_can_be_read_everywhere(browser: str, tmp_path: Path, scheme: str) -> None:
    page = quoting.escape(report(wide()))
    harness = tmp_path / "harness.html"
    harness.write_text(HARNESS.read_text(encoding="utf-8").replace("%s", page), encoding="utf-8")
    preferred = f"--blink-settings=preferredColorScheme={['dark', 'light'].index(scheme)}"
    shown = browsers.found(browsers.shown(browser, harness.as_uri(), tmp_path / "profile", preferred))

    calm: dict[str, list[str]] = {"small": [], "faint": [], "unreachable": [], "fetched": []}
    for width, seen in shown.items():
        assert seen == {"overflow": 0, "invisible": 0, "dark": scheme == "dark", "opens": True, **calm}, width


def test_what_is_folded_is_printed(browser: str, tmp_path: Path) -> None:
    closed = report(full())
    assert closed.count("<details>") == 1
    sizes = []
    for name, page in (("closed", closed), ("open", closed.replace("<details>", "<details open>"))):
        (tmp_path / f"{name}.html").write_text(page, encoding="utf-8")
        printed = tmp_path / f"{name}.pdf"
        browsers.shown(browser, (tmp_path / f"{name}.html").as_uri(), tmp_path / "profile", f"--print-to-pdf={printed}")
        sizes.append(printed.stat().st_size)
    assert abs(sizes[0] - sizes[1]) < 200, "as much ink either way"


def test_nothing_is_fetched_run_or_led_to() -> None:
    found = pages.Elements(report(full()))
    assert "script" not in found.names
    assert found.reaching == ["link href=data:,"]
    assert "url(" not in report(full())
    assert "@import" not in report(full())


def test_a_plan_without_anything_has_a_report_too() -> None:
    assert "Nothing to do" in report(bare())
