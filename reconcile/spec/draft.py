"""From what all files say to one spec: an environment laid over it, variables filled in, everything checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import ValidationError

from reconcile.errors import Problem, SpecInvalid
from reconcile.spec import check, overlay, variables
from reconcile.spec.model import Path, Spec
from reconcile.spec.places import Places

Data: TypeAlias = dict[str, Any]
Values: TypeAlias = Mapping[str, variables.Value]


@dataclass(slots=True)
class Draft:
    """What the files say, as plain data.

    Args:
        data: the sections, merged over the files.
        values: variables of `vars.yaml`.
        places: where everything stands.
        problems: what is wrong so far.
        spoilt: parts that could not be read: whatever else seems wrong with them may come from that.
        unread: whether a file could not be read at all, so that what looks missing may be in it.
    """

    data: Data
    values: Data
    places: Places
    problems: list[Problem]
    spoilt: set[Path]
    unread: bool = False

    def spec(self, env: str | None, given: Values) -> Spec:
        """The spec of one environment (None: by itself). Raises SpecInvalid with all that is wrong."""
        declared = self.data.pop("environments", None)
        self._check_choice(env, declared)
        used = {*variables.names(self.data), *variables.names(declared)}
        over, told = self._overlay(env, declared, given)
        self.data = overlay.laid(self.data, str(env), over, self.places)
        told = {**told, **self._fill(env, overlay.mapping(over.get("variables")), given, used)}
        spec, findings = self._validated(self.data)
        if findings or self.spoilt:
            self.problems += [problem for path, problem in findings if not self._excused(path)]
            # The parts that are right are still checked against each other, so that all problems show at once.
            bad = [*(path for path, _ in findings), *self.spoilt]
            spec, _ = self._validated(check.sound(self.data, bad))
        if spec is not None and not self.unread:
            self.problems += check.problems(spec, self.places, self._declared())
        if self.problems or spec is None:
            raise self._invalid()
        spec._environment, spec._variables = env, told
        return spec

    def _check_choice(self, env: str | None, declared: Any) -> None:
        wrong = overlay.unfit(env, overlay.mapping(declared), self.data)
        if wrong is not None and not self.unread:
            self.problems.append(wrong)
            raise self._invalid()

    def _overlay(self, env: str | None, declared: Any, given: Values) -> tuple[Data, Values]:
        """What the environment that was chosen says, without what is wrong in it, and the variables in that.

        All environments are checked, the others as far as their variables are known.
        """
        told: Values = {}
        overlays = overlay.mapping(declared)
        for name, over in overlay.mapping(declared).items():
            own = overlay.mapping(overlay.mapping(over).get("variables"))
            filling = variables.Filling({**self.values, **own, **given}, self.places)
            overlays = overlays | {name: filling.filled(over, ("environments", name))}
            for path in filling.bad:
                overlays = overlay.without(overlays, path[1:])
            if name == env:
                told = filling.told()
                self.problems += filling.problems
        findings = overlay.findings(overlays or declared, self.data, self.places, chosen=env)
        for path, problem in findings:
            self.problems.append(problem)
            overlays = overlay.without(overlays, path[1:])
        return overlay.mapping(overlays.get(env or "")), told

    def _fill(self, env: str | None, own: Data, given: Values, used: set[str]) -> Values:
        """Fill the variables in; those that were used, as a plan may show them.

        Args:
            own: those of the environment.
            used: names that anything in the files refers to.
        """
        filling = variables.Filling({**self.values, **own, **given}, self.places)
        self.data = filling.filled(self.data)
        self.problems += filling.problems
        self.spoilt |= {path[:2] for path in filling.bad}
        if not self.unread:
            said: dict[str, Path] = {name: ("variables", name) for name in self.values}
            said |= {name: ("environments", str(env), "variables", name) for name in own}
            self.problems += variables.unused(used, given, said, self.places)
        return filling.told()

    def _validated(self, data: Data) -> tuple[Spec | None, list[tuple[Path, Problem]]]:
        try:
            return Spec.model_validate({"version": 1} | data), []
        except ValidationError as error:
            from reconcile.spec import messages  # not needed for as long as nothing is wrong

            return None, messages.translate(error, data, self.places)

    def _excused(self, path: Path) -> bool:
        """Whether a finding only follows from what could not be read."""
        return path[:2] in self.spoilt or (self.unread and len(path) == 1)

    def _declared(self) -> dict[str, tuple[str, ...]]:
        return {section: tuple(part) for section, part in self.data.items() if isinstance(part, dict)}

    def _invalid(self) -> SpecInvalid:
        return SpecInvalid(sorted(dict.fromkeys(self.problems), key=_order))


def _order(problem: Problem) -> tuple[object, ...]:
    where = problem.where
    return (where is not None, where.file, where.line, where.column) if where else (False, "", 0, 0)
