"""One plan with everything in it, for all tests of this folder."""

from __future__ import annotations

import plans
import pytest
from account import FakeAccount

import reconcile as rc

CUSTOMERS = """\
id,email,city,spent
1,ada@example.com,Rome,2000
2,robert@example.com,Oslo,1
3,cyd@example.com,"a|b",5000
4,dan@example.com,,1
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> rc.Plan:
    """One list to create; cyd to create, dan to change, robert moved, a stranger off a list, gus to delete."""
    account, registry = FakeAccount(), plans.REGISTRY
    account.natural("Big Spenders")
    account.natural(registry)
    account.person("ada@example.com", lists=["Big Spenders", registry], city="Rome", customer_id=1)
    account.person("bob@example.com", lists=[registry], city="Oslo", customer_id=2)
    account.person("dan@example.com", lists=["Big Spenders", registry], city="Bern", customer_id=4)
    account.person("gus@example.com", lists=[registry], city="Graz", customer_id=7)
    account.person("stranger@example.com", lists=["Big Spenders"])
    text = plans.SPEC.replace("unlist", "delete, guards: {deletions: 5}").replace(
        "policy:", '  odd: {list: "A|B", where: "city = \'a|b\'"}\npolicy:'
    )
    return plans.of(tmp_path_factory.mktemp("plan"), CUSTOMERS, account, text=text)
