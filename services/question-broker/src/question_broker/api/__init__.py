"""What arrives by HTTP: questions, rules, escalations, and the fleet's memory."""

from fastapi import APIRouter

from question_broker.api import escalations, learnings, questions, rules

router = APIRouter(prefix="/v1")
for part in (questions, rules, escalations, learnings):
    router.include_router(part.router)
