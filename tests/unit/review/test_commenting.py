"""One comment a pull request and environment, at each host, whatever else is there and however the host fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pages
import pytest
from codehosts import TOKEN, CodeHosts, running
from faces import bare, full

from reconcile.errors import CommentFailed
from reconcile.plan.model import ListFace, Plan
from reconcile.review import commenting, hosts
from reconcile.review.network import TRIES, Network

PROVIDERS = ("github", "gitlab", "bitbucket", "azure")
FIRST, SECOND = Plan(full()), Plan(bare(plan_id="0123456789abcdef", environment="staging"))
THIRD = Plan(bare(plan_id="fedcba9876543210", environment="staging"))


@pytest.fixture(scope="module")
def serving() -> Iterator[CodeHosts]:
    with running(CodeHosts()) as found:
        yield found


@pytest.fixture
def there(serving: CodeHosts) -> CodeHosts:
    serving.comments.clear()
    serving.failures.clear()
    serving.calls.clear()
    return serving


def keep(there: CodeHosts, provider: str, plan: Plan, slept: list[float] | None = None, **environ: str) -> str:
    host = hosts.of(None, there.environ(provider) | environ)
    return commenting.keep(plan, host, Network(sleep=(slept if slept is not None else []).append).call)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_one_comment_is_kept_up_to_date_and_remembers(there: CodeHosts, provider: str) -> None:
    there.say("Looks good to me @somebody")
    assert keep(there, provider, FIRST) == "created"
    assert keep(there, provider, FIRST) == "unchanged"
    assert keep(there, provider, SECOND) == "updated"
    assert keep(there, provider, SECOND) == "unchanged"
    other, ours = there.bodies()
    assert other == "Looks good to me @somebody"
    assert ours.startswith("## 💤 Nothing to do")
    assert "Earlier plans" in ours
    assert "cafef517d6b2cafb: Blocked: 2 guards are breached" in ours
    assert keep(there, provider, FIRST) == "updated"
    assert "0123456789abcdef: Nothing to do" in there.bodies()[1]
    assert there.bodies()[1].count("cafef517d6b2cafb: ") == 0, "the plan of now is no earlier one"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_environment_has_its_own(there: CodeHosts, provider: str) -> None:
    for environment in ("staging", "production", None, "--> x"):
        assert keep(there, provider, Plan(full(environment=environment))) == "created"
        assert keep(there, provider, Plan(full(environment=environment))) == "unchanged"
    assert len(there.comments) == 4


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_comment_is_too_long_and_none_holds_an_intruder(there: CodeHosts, provider: str) -> None:
    lists = tuple(ListFace(name=f"{'|@a' * 30}{at}", new=True, before=0, join=1, leave=0) for at in range(900))
    assert keep(there, provider, Plan(full(lists=lists))) == "created"
    [body] = there.bodies()
    assert len(body) <= (32_000 if provider == "bitbucket" else 60_000)
    assert pages.intruders(body) == []
    assert TOKEN not in body


@pytest.mark.parametrize("provider", ["github", "gitlab", "bitbucket"])
def test_it_is_found_behind_many_others(there: CodeHosts, provider: str) -> None:
    for number in range(130):
        there.say(f"no. {number}")
    assert keep(there, provider, FIRST) == "created"
    assert keep(there, provider, SECOND) == "updated"
    assert len(there.comments) == 131


def test_a_stranger_cannot_put_one_under_us(there: CodeHosts) -> None:
    keep(there, "github", FIRST)
    planted = there.bodies()[0]
    there.comments.clear()
    there.say(planted, user={"type": "User"}, author_association="NONE")
    assert keep(there, "github", FIRST) == "created"


def test_a_marker_that_was_meddled_with_is_no_trouble(there: CodeHosts) -> None:
    keep(there, "gitlab", FIRST)
    there.comments[0].body = there.bodies()[0].replace("past=", "past=W1ti")
    assert keep(there, "gitlab", SECOND) == "updated"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_of_comments_made_at_once_the_newest_stays_and_remembers_all(there: CodeHosts, provider: str) -> None:
    for plan in (FIRST, SECOND, THIRD):  # three jobs looked before any of them wrote
        host = hosts.of(None, there.environ(provider))
        Network(sleep=[].append).call(host.create(commenting.body(plan, host, ())))
    assert keep(there, provider, THIRD) == "updated"
    *folded, newest = there.bodies()
    assert all(body.startswith("A newer comment below is about this environment.") for body in folded)
    assert len("".join(folded)) < 400
    assert newest.index(f"{SECOND.id}: ") < newest.index(f"{FIRST.id}: "), "what the folded ones told is kept"
    assert keep(there, provider, THIRD) == "unchanged"
    assert there.calls[-1] == "GET", "what is folded is left alone"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_host_in_trouble_is_asked_again_and_nothing_is_made_twice(there: CodeHosts, provider: str) -> None:
    slept: list[float] = []
    there.failures = [(503, False), (429, False), (0, True), (502, True)]  # the comment is made, and nobody told us
    assert keep(there, provider, FIRST, slept) == "unchanged"
    assert len(there.comments) == 1
    assert slept == [1.0, 1.0]


def test_a_host_that_stays_down_is_left(there: CodeHosts) -> None:
    there.failures = [(500, False)] * 9
    with pytest.raises(CommentFailed, match=r"127\.0\.0\.1 cannot be reached \(status 500, 4 times\)"):
        keep(there, "github", FIRST)
    assert len(there.calls) == TRIES


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_refused_token_is_said_once_and_not_shown(there: CodeHosts, provider: str) -> None:
    names = {
        "github": "GITHUB_TOKEN",
        "gitlab": "GITLAB_TOKEN",
        "bitbucket": "BITBUCKET_TOKEN",
        "azure": "SYSTEM_ACCESSTOKEN",
    }
    with pytest.raises(CommentFailed, match="refuses") as refused:
        keep(there, provider, FIRST, **{names[provider]: "wr0ng"})
    assert (len(there.calls), "wr0ng" in f"{refused.value}{refused.value.hint}") == (1, False)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommentFailed, match="GITHUB_TOKEN or GH_TOKEN is not set"):
        hosts.of("github", {"GITHUB_REPOSITORY": "a/b"})
    with pytest.raises(CommentFailed, match="No code host is known here"):
        hosts.of(None, {})
    given = {"GITHUB_REPOSITORY": "a/b", "GITHUB_TOKEN": "t", "GITHUB_REF": "refs/heads/main"}
    with pytest.raises(CommentFailed, match="about no pull request"):
        hosts.of("github", given)
    assert hosts.of("github", given, 12).url.endswith("/repos/a/b/issues/12/comments")
    (tmp_path / "event.json").write_text('{"pull_request": {"number": 5}}')
    assert hosts.of("github", given | {"GITHUB_EVENT_PATH": str(tmp_path / "event.json")}).url.endswith(
        "/issues/5/comments"
    )
