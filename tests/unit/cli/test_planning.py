"""What is said at the end of a plan that is kept: it can be done as it is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from faces import bare

from reconcile.cli import planning
from reconcile.plan.model import Breach, Counts
from reconcile.spec.guards import Guard
from reconcile.spec.model import Mode

SOME = Counts(create=3)
BREACHES = [
    Breach(guard=Guard.DELETIONS, scope="", figure=5, limit=0, told="5", way_out="--allow deletions=5"),
    Breach(guard=Guard.JOINS, scope="News", figure=9, limit=1, told="9", way_out="--allow joins:News=9"),
]
OBSERVES = "The spec only observes, so there is nothing to apply. To apply, change policy.mode and plan again."
BLOCKED = (
    "Apply refuses it as it is. Where it is meant as it is: reconcile apply shop.rplan"
    " --allow deletions=5 --allow joins:News=9"
)
APPLY = "Apply exactly this with: reconcile apply"


@pytest.mark.parametrize(
    ("face", "given", "said"),
    [
        ({"counts": SOME}, {}, f"{APPLY} shop.rplan"),
        ({}, {}, "There is nothing to apply."),
        ({"counts": SOME, "mode": Mode.OBSERVE}, {}, OBSERVES),
        ({"counts": SOME, "mode": Mode.OBSERVE, "breaches": tuple(BREACHES)}, {}, OBSERVES),
        ({"counts": SOME}, {"seal": ["age1x"]}, f"{APPLY} shop.rplan --identity FILE"),
        ({"counts": SOME}, {"seal": ["age1x"], "identity": "key.txt"}, f"{APPLY} shop.rplan"),
        ({"counts": SOME}, {"state": "s3://a/b c"}, f"{APPLY} shop.rplan --state 's3://a/b c'"),
        ({"counts": SOME}, {"out": "my plan"}, f"{APPLY} 'my plan'"),
        (
            {"counts": SOME, "breaches": tuple(BREACHES)},
            {},
            BLOCKED,
        ),
    ],
    ids=["ready", "empty", "observe", "observe-blocked", "sealed", "identity", "state", "quoted", "blocked"],
)
def test_the_next_step_is_true_of_the_plan(
    face: dict[str, Any], given: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILE_AGE_IDENTITY", given.get("identity", ""))
    told = planning.tell_next_step(
        bare(**face), Path(given.get("out", "shop.rplan")), given.get("seal"), given.get("state")
    )
    assert told == said
