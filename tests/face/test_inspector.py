"""The simulator's page, as a real browser shows it; without a browser the first tests are skipped, and say so."""

from __future__ import annotations

import html
import re
from pathlib import Path

import browsers
import httpx
import pytest
from unit.simulator.driver import Driver

from reconcile.simulator import inspector
from reconcile.simulator.server import running

SCHEMES = re.compile(r"--([a-z-]+): (#[0-9a-f]{3,6});")
HARNESS = """<!doctype html><body><script>
const found = {};
function measure(frame, width) {
  const page = frame.contentDocument, root = page.documentElement;
  const small = [...page.querySelectorAll('p, td, th, dt, dd, li, h1, h2, input')]
    .filter((e) => parseFloat(frame.contentWindow.getComputedStyle(e).fontSize) < 12).map((e) => e.textContent);
  found[width] = {overflow: root.scrollWidth - root.clientWidth, small, scripts: page.scripts.length,
    figures: page.querySelectorAll('.tile').length};
  if (Object.keys(found).length === 2) document.body.dataset.found = JSON.stringify(found);
}
</script>
<iframe width="360" height="800" onload="measure(this, 360)" srcdoc="%s"></iframe>
<iframe width="1280" height="800" onload="measure(this, 1280)" srcdoc="%s"></iframe>
</body>"""


@pytest.fixture(scope="module")
def browser() -> str:
    return browsers.path()


@pytest.fixture
def api() -> Driver:
    api = Driver({"description": "For a test", "calls": [{"fault": "error-9", "ids": ["hit@example.com"]}]})
    api.person(vars={"greeting": "<script>alert('x')</script>", "n": 1.5}, lists={"<b>Main</b>": 1, "S" * 80: 1})
    api.person("gone@example.com", lists={"<b>Main</b>": 1})
    api.ok("DELETE", "/user", {"id": "gone@example.com"})
    api.call("POST", "/user", {"id": "hit@example.com"})
    api.call("GET", "/user", {"id": "<i>nobody</i>@example.com"})
    api.account.add_list("Twin", 0)
    api.account.add_list("Twin", 0)
    return api


def test_a_browser_shows_lists_people_calls_and_faults(browser: str, api: Driver, tmp_path: Path) -> None:
    with running(api.sim) as base_url:
        page = browsers.shown(browser, f"{base_url}/?email=ADA@example.com", tmp_path)

    text = html.unescape(re.sub(r"<[^>]+>", " ", page.partition("</style>")[2]))
    for word in ("<b>Main</b>", "too high", "twin", "<script>alert('x')</script>", "ada@example.com", "1.5"):
        assert word in text, word
    for word in ("For a test", "error-9", "struck 1", "POST /user", "<i>nobody</i>@example.com"):
        assert word in text, word
    assert "<script" not in page


def test_the_page_fits_a_phone_and_a_desk(browser: str, api: Driver, tmp_path: Path) -> None:
    page = html.escape(inspector.page(api.sim, "ada@example.com"))
    harness = tmp_path / "harness.html"
    harness.write_text(HARNESS % (page, page), encoding="utf-8")
    shown = browsers.shown(browser, harness.as_uri(), tmp_path / "profile")

    for width, seen in browsers.found(shown).items():
        assert seen == {"overflow": 0, "small": [], "scripts": 0, "figures": 5}, width


def test_the_page_is_for_people_only(api: Driver) -> None:
    with running(api.sim) as base_url, httpx.Client(base_url=base_url) as client:
        people = client.get("/", headers={"Accept": "text/html,*/*"})
        machine = client.get("/", headers={"Accept": "*/*"})

    assert people.status_code == 200
    assert "script-src" not in people.headers["content-security-policy"]
    assert people.headers["content-security-policy"].startswith("default-src 'none'")
    assert (machine.status_code, machine.headers["location"][:28]) == (302, "https://getstarted.sailthru.")


def test_an_unknown_person_is_told(api: Driver) -> None:
    assert "Nobody has the address x&lt;y@example.com" in inspector.page(api.sim, "x<y@example.com")


def test_an_empty_simulator_has_a_page_too() -> None:
    page = inspector.page(Driver().sim)

    for words in ("No lists yet", "None: everything works", "No calls yet"):
        assert words in page


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_read(scheme: int) -> None:
    style = Path(inspector.__file__).with_name("templates") / "inspector.css"
    blocks = re.findall(r":root \{(.*?)\}", style.read_text(encoding="utf-8"), re.DOTALL)
    colour = dict(SCHEMES.findall(blocks[scheme]))
    pairs = [("ink", "card"), ("ink", "ground"), ("soft", "card"), ("soft", "ground"), ("head-ink", "head")]
    pairs += [("bad", "card"), ("bad", "bad-ground"), ("warn", "warn-ground"), ("card", "accent")]

    assert not [pair for pair in pairs if contrast(colour[pair[0]], colour[pair[1]]) < 4.5]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
