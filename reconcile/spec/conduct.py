"""How an apply behaves when things go wrong: how long a plan may wait, when a run gives up, how long it sits out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictFloat, StrictInt

from reconcile.spec.part import Part


class GiveUp(Part):
    """When an apply stops itself (exit status 9), because too many of its actions fail."""

    share: Annotated[StrictFloat | StrictInt, Field(gt=0, le=1)] = 0.2
    """Of the actions tried so far, how many may fail: `0.2` is one in five."""
    after: StrictInt = Field(default=50, ge=1)
    """Actions that are tried before anything is concluded."""
