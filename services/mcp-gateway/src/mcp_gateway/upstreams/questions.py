"""Questions, answers and rules."""

from contracts.base import Page
from contracts.questions import NewAnswer, QuestionView, RequestDecision
from contracts.rules import DryRun, DryRunRequest, NewRule, Rule, RuleChange, RuleState
from mcp_gateway.domain.inputs import (
    ListQuestions,
)
from mcp_gateway.upstreams.wording import no_question, no_rule, params, told
from servicekit.client import ServiceClient


class HttpQuestions:
    """Questions, answers and rules."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def questions(self, query: ListQuestions) -> Page[QuestionView]:
        """One page of questions."""
        with told():
            return await self._client.get("/v1/questions", Page[QuestionView], params(query))

    async def question(self, question_id: str) -> QuestionView:
        """One question."""
        with told(no_question(question_id)):
            return await self._client.get(f"/v1/questions/{question_id}", QuestionView)

    async def answer(self, question_id: str, answer: NewAnswer) -> QuestionView:
        """Close a question."""
        with told(no_question(question_id)):
            return await self._client.post(f"/v1/questions/{question_id}/answer", QuestionView, answer)

    async def decide(self, question_id: str, decision: RequestDecision) -> QuestionView:
        """Close a request for resources with what it gets."""
        with told(no_question(question_id)):
            return await self._client.post(f"/v1/questions/{question_id}/decision", QuestionView, decision)

    async def rules(self, state: RuleState | None, cursor: str | None, limit: int) -> Page[Rule]:
        """One page of rules."""
        with told():
            return await self._client.get("/v1/rules", Page[Rule], {"state": state, "cursor": cursor, "limit": limit})

    async def rule(self, rule_id: str) -> Rule:
        """One rule."""
        with told(no_rule(rule_id)):
            return await self._client.get(f"/v1/rules/{rule_id}", Rule)

    async def create_rule(self, rule: NewRule) -> Rule:
        """Make a rule."""
        with told():
            return await self._client.post("/v1/rules", Rule, rule)

    async def change_rule(self, rule_id: str, change: RuleChange) -> Rule:
        """Change a rule."""
        with told(no_rule(rule_id)):
            return await self._client.patch(f"/v1/rules/{rule_id}", Rule, change)

    async def delete_rule(self, rule_id: str) -> None:
        """Delete a rule."""
        with told(no_rule(rule_id)):
            await self._client.delete(f"/v1/rules/{rule_id}")

    async def activate_rule(self, rule_id: str) -> Rule:
        """Let a rule answer."""
        with told(no_rule(rule_id)):
            return await self._client.post(f"/v1/rules/{rule_id}/activate", Rule)

    async def disable_rule(self, rule_id: str) -> Rule:
        """Let a rule do nothing."""
        with told(no_rule(rule_id)):
            return await self._client.post(f"/v1/rules/{rule_id}/disable", Rule)

    async def dry_run_rule(self, rule_id: str, wanted: DryRunRequest) -> DryRun:
        """Try a rule on past questions."""
        with told(no_rule(rule_id)):
            return await self._client.post(f"/v1/rules/{rule_id}/dry-run", DryRun, wanted)
