"""The HTTP side that all services share: the application, strict bodies, errors as problem details."""

from servicekit.http.app import admitting, create_http_app
from servicekit.http.deadletters import router as dead_letters_router
from servicekit.http.problems import problem_response
from servicekit.http.strict import parse_strictly, refuse_unknown_query, strict

__all__ = [
    "admitting",
    "create_http_app",
    "dead_letters_router",
    "parse_strictly",
    "problem_response",
    "refuse_unknown_query",
    "strict",
]
