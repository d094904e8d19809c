"""From a pull request to an account that has converged: the steps of our own CI files, on a bare repository.

What runs are the lines of `action.yml`, with the inputs of the workflows in `ci/github`, as a runner would: expressions
filled in, files of outputs and summaries set. Git, the API of the code host and Sailthru are real or played; `gh`,
which takes a plan from one job to another, is played by a few lines of shell.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import codehosts
import forger
import pyrage
import pytest
import warm
from codehosts import CodeHosts
from desk import PLANTED, Desk
from ruamel.yaml import YAML
from world import SPEC, WIDE

import reconcile as rc
from reconcile.simulator import Faults, Simulator
from reconcile.simulator.server import running

ROOT = Path(__file__).parents[2]
SCHEMAS = {
    "action.yml": "vendor.github-actions",
    "ci/github/plan.yml": "vendor.github-workflows",
    "ci/github/apply.yml": "vendor.github-workflows",
    "ci/github/nightly.yml": "vendor.github-workflows",
    "ci/gitlab/reconcile.yml": "vendor.gitlab-ci",
}
STEPS = ROOT / "ci" / "steps.sh"
GH = """#!/bin/sh
case "$1 $2" in
"api "*) echo 7 1234567 ;;
"run list") case "$*" in *"-c 1234567 -e pull_request -s success "*) echo 41; echo 42 ;; esac ;;
"run download") [ "$3 $5" = "42 reconcile-plan-7" ] && cp "$KEPT" plan.rplan ;;
esac
"""
"""What `gh` does for the workflow: a merged pull request and its commit, and what the runs that went well have kept.

The later run is of a fork's second pull request on the same commit: it has no plan.
"""
GUARDED = SPEC.replace(WIDE, "{updates: 100%, removals: 10}")


def read(path: str) -> Any:
    return YAML(typ="safe", pure=True).load((ROOT / path).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SCHEMAS)
def test_the_files_are_what_their_host_takes(path: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", SCHEMAS[path], str(ROOT / path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", ["ci/github/plan.yml", "ci/github/apply.yml", "ci/github/nightly.yml"])
def test_workflows_have_no_more_rights_than_they_need_and_end(path: str) -> None:
    flow = read(path)
    assert flow["permissions"] == {}
    inputs = set(read("action.yml")["inputs"])
    for job in flow["jobs"].values():
        assert job["timeout-minutes"] <= 360
        assert job["permissions"]["contents"] == "read"
        for step in job["steps"]:
            assert set(step.get("with", ())) <= inputs or "reconcile@" not in step.get("uses", "")
            assert "${{" not in step.get("run", ""), "what an expression holds could become a command"
            assert re.search(r"@[0-9a-f]{40}$|^OWNER/|^$", step.get("uses", "")), "a tag may be moved"
    cancels = flow["concurrency"]["cancel-in-progress"]
    assert cancels is (path == "ci/github/plan.yml"), "an apply is never cancelled half-way"


def test_only_what_a_run_made_is_kept() -> None:
    """Under its pull request's number, and the job fails after that where the pull request could not be told."""
    [*_, upload, insist] = read("ci/github/plan.yml")["jobs"]["plan"]["steps"]
    assert upload["if"] == 'always() && contains(fromJSON(\'["0", "3"]\'), steps.plan.outputs.status)'
    assert upload["with"]["name"] == "reconcile-plan-${{ github.event.pull_request.number }}"
    assert insist["if"] == "steps.plan.outputs.commented == 'false'"
    assert {"status", "commented"} <= set(read("action.yml")["outputs"])


def test_forks_are_only_validated() -> None:
    jobs = read("ci/github/plan.yml")["jobs"]
    assert "secrets" not in json.dumps(jobs["validate"])
    assert jobs["plan"]["if"] == "github.event.pull_request.head.repo.full_name == github.repository"


class Runner:
    """Runs the steps of the action in a clone, for one event."""

    def __init__(self, clone: Path, environ: Mapping[str, str]) -> None:
        self.clone, self.environ = clone, dict(environ)
        self.action = read("action.yml")
        self.kept, self.summary = clone.parent / "kept.rplan", clone.parent / "summary"

    def run(self, workflow: str, job: str, **github: str) -> tuple[int, dict[str, str], str]:
        """The job's step that uses the action: its status, outputs, and what it said."""
        [step] = [one for one in read(f"ci/github/{workflow}.yml")["jobs"][job]["steps"] if "reconcile@" in str(one)]
        inputs = {name: str(one.get("default", "")) for name, one in self.action["inputs"].items()}
        inputs |= {name: str(value) for name, value in step["with"].items()}
        known = {f"inputs.{name}": self._filled(value, github) for name, value in inputs.items()}
        base = known["inputs.base"] if inputs["command"] == "plan" else ""
        known["inputs.command == 'plan' && inputs.base || ''"] = base
        [main] = [one for one in self.action["runs"]["steps"] if one.get("id") == "run"]
        out = self.clone.parent / "output"
        out.write_text("")
        environ = {
            **os.environ, **self.environ, **{name: self._filled(value, known) for name, value in main["env"].items()},
            "GITHUB_ACTION_PATH": str(ROOT), "GITHUB_OUTPUT": str(out), "GITHUB_STEP_SUMMARY": str(self.summary),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }  # fmt: skip
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", main["run"]],
            cwd=self.clone, env=environ, capture_output=True, text=True, check=False, timeout=280,
        )  # fmt: skip
        outputs = dict(line.split("=", 1) for line in out.read_text().splitlines())
        return done.returncode, outputs, done.stdout + done.stderr

    def keep(self) -> None:
        """Take away what the job of the plan has made, and keep it as its artefact."""
        shutil.move(self.clone / "plan.rplan", self.kept)

    def fetch(self) -> tuple[int, str]:
        """The step of the job that applies which has the artefact there again."""
        [step] = [one for one in read("ci/github/apply.yml")["jobs"]["apply"]["steps"] if "name" in one]
        gh = self.clone.parent / "gh" / "gh"
        script(gh, GH)
        environ = {**os.environ, "PATH": f"{gh.parent}:{os.environ['PATH']}", "KEPT": str(self.kept)}
        environ |= {"GITHUB_REPOSITORY": "acme/shop", "GITHUB_SHA": "7654321"}
        command = ["bash", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(command, cwd=self.clone, env=environ, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    def _filled(self, text: str, known: Mapping[str, str]) -> str:
        return re.sub(r"\$\{\{ *(.+?) *\}\}", lambda found: known[found[1]], text)


def script(path: Path, text: str) -> None:
    """A file that can be run."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


class Play:
    """A team with a bare repository, a shop, an account, and a code host."""

    def __init__(self, folder: Path, desk: Desk, host: CodeHosts) -> None:
        self.folder, self.desk, self.host = folder, desk, host
        self.bare, self.clone = folder / "team.git", folder / "clone"
        self.identity = pyrage.x25519.Identity.generate()
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare), at=folder)
        self._git("clone", "--quiet", str(self.bare), str(self.clone), at=folder)
        self.environ = {
            **desk.environ, **host.environ("github"), "CI": "true", "SHOP": f"sqlite:///{desk.folder / 'shop.db'}",
            "RECONCILE_AGE_IDENTITY": str(self.identity),
        }  # fmt: skip
        self.runner = Runner(self.clone, self.environ)

    def _git(self, *words: str, at: Path | None = None) -> str:
        who = {
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@b.c",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@b.c",
        }
        done = subprocess.run(
            ["git", *words], cwd=at or self.clone, env={**os.environ, **who}, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, branch: str, text: str, base: str = "main") -> str:
        """The spec on a branch, pushed; its commit."""
        if branch != base:
            self._git("switch", "--quiet", "--create", branch, base)
        (self.clone / "specs").mkdir(exist_ok=True)
        (self.clone / "specs" / "shop.yaml").write_text(text)
        (self.clone / ".gitignore").write_text(".reconcile/\n*.rplan\n")
        self._git("add", ".")
        self._git("commit", "--quiet", "--message", "Say more")
        self._git("push", "--quiet", "origin", branch)
        return self._git("rev-parse", "HEAD")

    def merge(self, branch: str) -> None:
        self._git("switch", "--quiet", "main")
        self._git("merge", "--quiet", "--no-ff", "--no-edit", branch)
        self._git("push", "--quiet", "origin", "main")

    def plan(self, token: str = codehosts.TOKEN, recipient: str | None = None) -> tuple[int, dict[str, str], str]:
        base = self._git("rev-parse", "main")
        github = {"github.event.pull_request.base.sha": base, "github.token": token}
        sealed_to = str(self.identity.to_public()) if recipient is None else recipient
        return self.runner.run("plan", "plan", **github, **{"vars.RECONCILE_RECIPIENT": sealed_to})

    def apply(self) -> tuple[int, dict[str, str], str]:
        return self.runner.run(
            "apply", "apply", **{"github.event.pull_request.base.sha": "", "github.token": codehosts.TOKEN}
        )


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    simulator = Simulator(seed=1, faults=Faults.named("none"))
    (tmp_path / "desk").mkdir()
    with running(simulator) as url, codehosts.running(CodeHosts()) as host:
        desk = Desk(tmp_path / "desk", url, simulator)
        made = Play(tmp_path, desk, host)
        made.commit("main", settled(desk, GUARDED))
        yield made


def settled(desk: Desk, text: str) -> str:
    for word, value in {
        "MODE": "sync",
        "ON_LEAVE": "unlist",
        "NULLS": "clear",
        "http://sailthru.test": desk.url,
    }.items():
        text = text.replace(word, value)
    return text


def test_a_pull_request_is_planned_commented_merged_and_applied(play: Play) -> None:
    first = play.commit("first", settled(play.desk, GUARDED) + "\n# first\n")
    status, outputs, said = play.plan()
    assert status == 0, said
    assert (outputs["changes"], outputs["blocked"]) == ("31", "false")
    play.merge("first")
    status, _, said = play.apply()
    assert status == 0, said
    assert first

    # A pull request that lowers a threshold shows its effect, with cause and line.
    lowered = settled(play.desk, GUARDED).replace('where: "spent >= 1000"', 'where: "spent >= 400"')
    play.commit("lower", lowered)
    status, outputs, said = play.plan()
    assert status == 0, said
    comment = play.host.bodies()[-1]
    assert len(play.host.comments) == 1, "one comment, kept up to date"
    line = next(at for at, text in enumerate(lowered.splitlines(), 1) if "spent >= 400" in text)
    assert f"specs/shop.yaml:{line}" in comment, comment
    assert "Big Spenders" in comment
    assert not any(word in comment + said for word in PLANTED)
    writes = play.desk.writes()

    # Merged, exactly it is applied. What is not there any more is not.
    play.runner.keep()
    play.merge("lower")
    play.runner.kept.rename(play.folder / "expired")
    status, told = play.runner.fetch()
    assert (status, "Run its pull request's job plan again" in told) == (1, True), told
    (play.folder / "expired").rename(play.runner.kept)
    assert play.runner.fetch()[0] == 0
    sealed = (play.clone / "plan.rplan").read_bytes()
    status, _, said = play.apply()
    assert status == 0, said
    assert f"Of {outputs['changes']} actions: {outputs['changes']} verified" in said
    assert play.desk.writes() - writes == int(outputs["changes"])

    # Replayed, of another spec, for another identity, edited, foreign, expired: refused, with nothing written.
    writes = play.desk.writes()
    assert (play.clone / "plan.rplan").read_bytes() == sealed
    status, _, said = play.apply()
    assert (status, "already applied" in said) == (5, True), said
    play.commit("main", lowered.replace("spent >= 400", "spent >= 300"))
    status, _, said = play.apply()
    assert (status, "says something else" in said) == (5, True), said
    edit(play.clone / "plan.rplan", play.clone / "edited.rplan", expires_at="2099-01-01T00:00:00+00:00")
    late = rc.Reconciler(environ=play.environ, now=lambda: datetime.now(UTC) - timedelta(days=2))
    asyncio.run(late.plan(rc.load(play.clone / "specs"), out=play.clone / "expired.rplan"))
    another = str(pyrage.x25519.Identity.generate())
    for plan, environ, told in (
        ("plan.rplan", {"RECONCILE_AGE_IDENTITY": another}, "not sealed to this identity"),
        ("edited.rplan", {}, "was changed after it was made"),
        ("plan.rplan", {"KEY": "another-key"}, "with another API key"),
        ("expired.rplan", {}, "expired at"),
    ):
        done = warm.run(["apply", plan], play.clone, {**os.environ, **play.environ, **environ})
        assert (done.returncode, told in done.stderr) == (5, True), done.stderr
    assert play.desk.writes() == writes


def edit(plan: Path, to: Path, **face: str) -> None:
    """A plan whose face says something else than when it was made."""
    forger.edit(Path(shutil.copy(plan, to)), lambda parts: forger.edit_face(parts, **face))


def test_a_limit_is_not_loosened_by_the_change_that_trips_it(play: Play) -> None:
    status, outputs, said = play.plan(token="expired")
    assert (status, outputs["status"], outputs["commented"], outputs["blocked"]) == (0, "0", "false", "false"), said
    assert f"Plan {outputs['plan-id']}" in play.runner.summary.read_text(), "who cannot comment says it all the same"
    assert play.apply()[0] == 0
    loose = settled(play.desk, GUARDED.replace("removals: 10", "removals: 100%"))
    play.commit("loose", loose.replace('where: "spent >= 1000"', 'where: "spent >= 100000"'))
    status, outputs, said = play.plan()
    assert (status, outputs["blocked"]) == (3, "true"), said
    assert ".reconcile-base/specs/shop.yaml" in play.host.bodies()[-1], "the limit of the base branch"
    writes = play.desk.writes()
    play.merge("loose")
    status, _, said = play.apply()
    assert (status, play.desk.writes()) == (3, writes), said


def test_what_a_pull_request_commits_passes_for_nothing_that_a_run_makes(play: Play) -> None:
    """A plan and a base of its own, beside a spec that cannot be planned; and where there is a plan in the way."""
    plan, base = play.clone / "plan.rplan", play.clone / ".reconcile-base"
    for made, spec in ((1, "account: {}\n"), (0, settled(play.desk, GUARDED) + "\n# hostile\n")):
        branch = f"hostile-{made}"
        play._git("switch", "--quiet", "--force", "--create", branch, "main")
        (base / "specs").mkdir(parents=True)
        (base / "specs" / "shop.yaml").write_text(settled(play.desk, SPEC))
        plan.write_text("forged")
        play._git("add", "--force", ".")
        play._git("commit", "--quiet", "--message", "Be hostile")
        play.commit(branch, spec, base=branch)
        status, outputs, said = play.plan()
        if made:
            assert (status, outputs) == (65, {}), said
            assert not plan.exists()
        else:
            assert (status, outputs["status"], outputs["commented"]) == (0, "0", "true"), said
            assert plan.read_bytes() != b"forged"
        assert not base.exists()
        plan.unlink(missing_ok=True)
    # What is merged with a plan in it is not applied: the one that is fetched takes its place, or none does.
    plan.write_text("forged")
    play.runner.kept.write_text("kept")
    assert (play.runner.fetch()[0], plan.read_text()) == (0, "kept")
    plan.write_text("forged")
    play.runner.kept.unlink()
    assert play.runner.fetch()[0] == 1
    assert not plan.exists()


def test_a_fork_and_a_broken_spec_get_the_place_of_what_is_wrong(play: Play) -> None:
    play.commit("broken", settled(play.desk, GUARDED).replace("spent >= 1000", "spentt >= 1000"))
    for name in ("KEY", "SECRET", "GITHUB_TOKEN"):
        play.runner.environ.pop(name)
    status, _, said = play.runner.run(
        "plan", "validate", **{"github.event.pull_request.base.sha": "", "github.token": ""}
    )
    assert status == 65, said
    assert re.search(r"specs/shop\.yaml:\d+:\d+", said), said


def steps(play: Play, reconcile: str, **environ: str) -> subprocess.Popen[str]:
    """`steps.sh apply` with a `reconcile` of a few lines of shell."""
    fake = play.folder / "bin" / "reconcile"
    script(fake, f"#!/bin/sh\n{reconcile}\n")
    given = {**os.environ, **play.environ, "PATH": f"{fake.parent}:{os.environ['PATH']}", **environ}
    return subprocess.Popen([STEPS, "apply"], cwd=play.clone, env=given, stderr=subprocess.PIPE, text=True)


def test_a_run_that_was_ended_is_gone_on_with(play: Play, tmp_path: Path) -> None:
    """Exit status 8 means that what was done is on record: the same plan again goes on."""
    assert play.plan()[0] == 0
    tries = tmp_path / "tries"
    third = f'[ "$(wc -l <{tries})" -ge 3 ] || exit 8'
    job = steps(play, f'echo x >>{tries}\n{third}\nexec {sys.executable} -m reconcile.cli "$@"')
    _, said = job.communicate()
    assert job.returncode == 0, said
    assert said.count("Attempt") == 2
    assert asyncio.run(rc.Reconciler(environ=play.environ).verify(rc.load(play.clone / "specs")))


@pytest.fixture
def heard() -> Iterator[None]:
    """What is started hears SIGINT, as at a host, though the tests may run in the background, where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
def test_a_job_that_is_to_end_ends_its_run_in_order(play: Play, tmp_path: Path) -> None:
    """Hosts tell the shell alone that a job was cancelled; and kill it when its time is up: the run knows it before."""
    said = tmp_path / "said"
    job = steps(play, f'trap "exit 8" TERM\necho "$@" >>{said}\nwhile :; do sleep 0.1; done', RECONCILE_MINUTES="330")
    while not said.exists():
        time.sleep(0.05)
    job.send_signal(signal.SIGINT)
    job.communicate(timeout=60)
    assert job.returncode == 8
    [one] = said.read_text().splitlines()
    [left] = re.findall(r"--max-duration (\d+)s$", one)
    assert 19_800 - 120 < int(left) <= 19_800, "330 minutes, less what it took to begin"


def test_a_plan_that_names_people_is_not_left_open_unasked(play: Play) -> None:
    """An artefact of CI is read by everybody who may read the repository."""
    (play.clone / "plan.rplan").write_text("committed by somebody")
    status, outputs, said = play.plan(recipient="")
    assert (status, outputs, "is not sealed" in said) == (64, {}, True), said
    assert not (play.clone / "plan.rplan").exists()
    assert play.host.comments == []


def test_what_is_installed_is_this_checkout_in_the_versions_of_its_lock(tmp_path: Path) -> None:
    script(tmp_path / "bin" / "python3", f'#!/bin/sh\necho "$@" >{tmp_path}/said\ncp "$6" {tmp_path}/pinned\n')
    environ = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "RECONCILE_EXTRAS": "state,seal"}
    subprocess.run([STEPS, "install"], env=environ, check=True)
    assert (tmp_path / "said").read_text().endswith(f" {ROOT}[state,seal]\n")
    pinned = (tmp_path / "pinned").read_text()
    assert re.search(r"^obstore==[\d.]+$", pinned, re.MULTILINE)
    assert "sha256" not in pinned, "pip takes no digests of what constrains a folder"
