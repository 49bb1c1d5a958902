"""Input and answer of `manage_rules`."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from contracts.base import Model, Name, OptionalText, UtcTime
from contracts.rules import DryRun, Position, Rule, RuleAction, RuleConditions, RuleId, RuleState
from mcp_gateway.domain.inputs import Paged


class RulesAction(StrEnum):
    """What can be done with the rules."""

    list = "list"
    create = "create"
    update = "update"
    delete = "delete"
    activate = "activate"
    disable = "disable"
    dry_run = "dry_run"


SAYS = ("name", "description", "position", "when", "then")
TAKES: dict[RulesAction, tuple[str, ...]] = {
    RulesAction.list: ("rule_id", "state"),
    RulesAction.create: SAYS,
    RulesAction.update: ("rule_id", *SAYS),
    RulesAction.delete: ("rule_id",),
    RulesAction.activate: ("rule_id",),
    RulesAction.disable: ("rule_id",),
    RulesAction.dry_run: ("rule_id", "since", "until", "questions"),
}
"""Which parameters an action takes, beside those of a list."""


class ManageRules(Paged):
    """Input of `manage_rules`."""

    action: RulesAction
    """What to do."""
    rule_id: RuleId | None = None
    """The rule; every action but `list` and `create` needs it."""
    name: Name | None = None
    """What it is called; `create` needs it."""
    description: Annotated[OptionalText, Field(max_length=2_000)] | None = None
    """What it is for."""
    position: Position | None = None
    """Its place in the order, the smallest first; 1000 where nothing is said."""
    when: RuleConditions | None = None
    """Which questions it is about: all that is given must fit; left out: every question."""
    then: RuleAction | None = None
    """What it does with them; `create` needs it."""
    state: RuleState | None = None
    """For `list`: only rules in this state."""
    since: UtcTime | None = None
    """For `dry_run`: only questions asked at or after this time (RFC 3339)."""
    until: UtcTime | None = None
    """For `dry_run`: only questions asked before this time."""
    questions: Annotated[int, Field(ge=1, le=5_000)] | None = None
    """For `dry_run`: on how many past questions it is tried at most, the newest first; 500 where nothing is said."""

    @model_validator(mode="after")
    def _fits_the_action(self) -> Self:
        takes = TAKES[self.action]
        needed = {"name", "then"} if self.action is RulesAction.create else {"rule_id"} & set(takes)
        if self.action is not RulesAction.list:
            for name in sorted(needed):
                if getattr(self, name) is None:
                    raise ValueError(f"{name}: action {self.action} needs it; action list shows the rules there are")
        known = {name for names in TAKES.values() for name in names}
        for name in sorted(known - set(takes)):
            if getattr(self, name) is not None:
                raise ValueError(f"{name}: action {self.action} takes no {name}, but {', '.join(takes)}")
        if self.action is RulesAction.update and all(getattr(self, name) is None for name in SAYS):
            raise ValueError(f"name: action update needs one of {', '.join(SAYS)}")
        return self


class RuleList(Model):
    """Answer of `manage_rules`: the rules that it is about, in their order."""

    rules: list[Rule] = []
    next_cursor: str | None = None
    dry_run: DryRun | None = None
    """What the rule would have done to past questions."""
    deleted: RuleId | None = None
    """The rule that is gone."""
