"""The read side over HTTP."""

from fastapi import APIRouter, Request

from analytics_query.handlers.showing import task_facts
from contracts.base import TaskId
from contracts.telemetry import TaskFacts

router = APIRouter(prefix="/v1")


@router.get("/tasks/{task_id}/facts", response_model_exclude_none=True)
async def facts(request: Request, task_id: TaskId) -> TaskFacts:
    """What is known of a task; all zero for one without events."""
    return await task_facts(task_id, request.app.state.documents)
