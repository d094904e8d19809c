"""What a webhook is told: when, in which shape, and that no name in it can be anything but a name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconcile.errors import CommentFailed
from reconcile.watch import webhook
from reconcile.watch.model import Drift, Event, Watched

FAILED = Watched("apply", "prod", "shop", status=69, error="The source <!channel> & co cannot be read.")

ROWS = (Path(__file__).parents[3] / "docs/watching.md").read_text("utf-8").partition("| key | holds |")[2]
CELLS = re.findall(r"^\| (`.+?) \|", ROWS.partition("\n\n")[0], re.MULTILINE)
TOLD = {key for cell in CELLS for key in cell.split("`")[1::2]}
"""The keys of the JSON as docs/watching.md has them."""


@pytest.mark.parametrize(
    ("url", "form", "keys"),
    [
        ("https://hooks.slack.com/services/T/B/x", "", {"text"}),
        ("https://hooks.slack.com/services/T/B/x", "json", TOLD),
        ("https://example.com/hook", "Slack", {"text"}),
        ("https://hooks.slack.com.example.com/hook", "", TOLD),
    ],
)
def test_slack_gets_its_own_shape(url: str, form: str, keys: set[str]) -> None:
    asked = webhook.request(FAILED, Event.FAILED, {"RECONCILE_WEBHOOK": url, "RECONCILE_WEBHOOK_FORMAT": form})
    assert (asked.method, asked.url) == ("POST", url)
    assert set(asked.json) == keys


def test_nothing_that_is_said_calls_a_channel_or_makes_a_link() -> None:
    said = webhook.payload(FAILED, Event.FAILED, {"CI_JOB_URL": "https://x.example/<a|b>"})
    text = webhook.slack(said)["text"]
    assert "The source &lt;!channel&gt; &amp; co cannot be read." in text
    assert text.endswith("<https://x.example/&lt;a%7Cb&gt;|the job>")


@pytest.mark.parametrize("url", ["", "ftp://x.example/", "https://", "http://[", "x.example/hook"])
def test_what_is_no_url_is_not_repeated(url: str) -> None:
    with pytest.raises(CommentFailed, match="is no URL") as raised:
        webhook.request(FAILED, Event.FAILED, {"RECONCILE_WEBHOOK": url})
    assert not url or url not in raised.value.message


def test_a_form_that_nobody_knows_is_told() -> None:
    environ = {"RECONCILE_WEBHOOK": "https://x.example/", "RECONCILE_WEBHOOK_FORMAT": "teams"}
    sent: list[object] = []
    told = webhook.tell(FAILED, environ, sent.append)
    assert told == "The webhook was not told (failed): RECONCILE_WEBHOOK_FORMAT is neither json nor slack."
    assert sent == []


@pytest.mark.parametrize(
    ("command", "status", "drift", "before", "event"),
    [
        ("apply", 3, None, None, Event.BLOCKED),
        ("apply", 8, None, None, None),
        ("apply", 130, None, None, Event.FAILED),
        ("plan", 0, None, "failed", None),
        ("drift", 0, Drift(2, known=False, said="a", told=""), None, None),
        ("drift", 2, Drift(2, known=True, said="a", told=""), None, Event.DRIFTED),
        ("drift", 2, Drift(2, known=True, said="a", told=""), "failed", Event.DRIFTED),
        ("drift", 0, Drift(0, known=True, said="", told=""), None, None),
        ("drift", 0, Drift(0, known=True, said="", told=""), "failed", Event.RECOVERED),
    ],
)
def test_what_is_worth_telling(
    command: str, status: int, drift: Drift | None, before: str | None, event: Event | None
) -> None:
    assert webhook.event_of(Watched(command, status=status, drift=drift), before) is event
