"""What all parts of a spec share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of a spec: frozen, unknown keys refused, its docstrings the reference that people read."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_min_length=1, use_attribute_docstrings=True)
