"""`mews questions`, `answer` and `rules`: what workers ask of the manager, and what answers them."""

from typing import Annotated

import typer

from devstack.cli.calling import GatewayUrl, Token, call_once, given, print_answer, target_of
from devstack.cli.listing import Cursor, Limit
from devstack.cli.output import AsJson


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(questions)
    app.command()(answer)
    app.command()(rules)


def questions(
    task: Annotated[str | None, typer.Option("--task", help="Only those about this task.")] = None,
    worker: Annotated[str | None, typer.Option("--worker", help="Only those of this worker.")] = None,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Closed ones too.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List open questions."""
    asked = given(task_id=task, worker_id=worker, limit=limit, cursor=cursor)
    if everything:
        # Left out it means the open ones, null means every state.
        asked["state"] = None
    print_answer(call_once(target_of(gateway, token), "list_questions", asked), as_json)


def answer(
    question_id: Annotated[str, typer.Argument(metavar="QUESTION", help="Id of the question.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="One of its options, or your own words.")],
    context: Annotated[str | None, typer.Option("--context", help="More that the worker should know.")] = None,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Answer a worker's question; it goes on at once."""
    asked = given(question_id=question_id, answer=text, additional_context=context)
    print_answer(call_once(target_of(gateway, token), "answer_worker_question", asked), as_json)


def rules(
    limit: Limit = 50,
    cursor: Cursor = None,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List the rules that answer questions."""
    asked = given(action="list", limit=limit, cursor=cursor)
    print_answer(call_once(target_of(gateway, token), "manage_rules", asked), as_json)
