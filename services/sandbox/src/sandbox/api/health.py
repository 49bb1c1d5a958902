"""Whether the sandbox lives, whether it can work, and how well it protects."""

from fastapi import APIRouter, Response

from contracts.sandbox import SandboxReadiness
from sandbox.api.services import ServicesOf
from sandbox.protections import readiness

router = APIRouter()


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """It lives."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"model": SandboxReadiness}})
async def readyz(services: ServicesOf, response: Response) -> SandboxReadiness:
    """Whether it can start processes, and which protections are on."""
    state = readiness(services.settings, services.host)
    response.status_code = 200 if state.ready else 503
    return state
