"""The manager's tools: one entry each."""

from typing import Any

from mcp.types import ToolAnnotations

from contracts.access import Role
from contracts.analytics import AnalyticsReport, DecisionAnalysis, ErrorAnalysis
from contracts.questions import QuestionView
from contracts.tasks import NewTask
from mcp_gateway.domain import inputs, outputs
from mcp_gateway.domain.needs import Needs
from mcp_gateway.domain.ruling import ManageRules, RuleList, RulesAction
from mcp_gateway.handlers import monitoring, questions, reports, rules, tasks, workers
from mcp_gateway.mcp.catalogue import ToolEntry
from mcp_gateway.mcp.text import deciding, failing, fleet, monitor, questioning, reporting, ruling, streaming, tasking

_READ = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_ADD = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False)
_ONCE = _ADD.model_copy(update={"idempotent_hint": True})
_STOP = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)
_STEER = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=False)

_VIEWER, _OPERATOR = Needs(Role.viewer), Needs(Role.operator)
_WORKERS = Needs.of_actions(
    inputs.WorkerAction,
    {
        inputs.WorkerAction.list: Role.viewer,
        inputs.WorkerAction.pause: Role.operator,
        inputs.WorkerAction.resume: Role.operator,
        inputs.WorkerAction.restart: Role.operator,
        inputs.WorkerAction.drain: Role.operator,
        inputs.WorkerAction.update_config: Role.admin,
    },
)
# A rule answers in the manager's place, permissions too, until somebody looks.
_RULES = Needs.of_actions(
    RulesAction,
    {
        RulesAction.list: Role.viewer,
        RulesAction.dry_run: Role.operator,
        RulesAction.create: Role.admin,
        RulesAction.update: Role.admin,
        RulesAction.delete: Role.admin,
        RulesAction.activate: Role.admin,
        RulesAction.disable: Role.admin,
    },
)

TOOLS: tuple[ToolEntry[Any, Any], ...] = (
    ToolEntry(
        name="assign_task",
        title="Assign a task",
        description="Assigns a coding task to a worker with full tracking, and returns its task_id at once. "
        "Watch it with monitor_task. Reserved keys of requirements: tags and capabilities (which workers may take it), "
        "agent, repository, ref, branch, verify (shell commands that the platform runs itself on the result), env, "
        "limits; all other keys go to the agent as written. Give an idempotency_key to make a repeat harmless.",
        takes=NewTask,
        gives=outputs.TaskSummary,
        handler=tasks.assign_task,
        render=tasking.assigned,
        needs=_OPERATOR,
        annotations=_ADD,
    ),
    ToolEntry(
        name="monitor_task",
        title="Monitor a task",
        description="Shows a task's status, progress, phase, milestones, open questions and evidence, and on request "
        "its last real-time streams and its analytics. With wait it follows the task, with progress notifications, "
        "until it has ended.",
        takes=inputs.MonitorTask,
        gives=outputs.MonitorReport,
        handler=monitoring.monitor_task,
        render=monitor.monitored,
        needs=_VIEWER,
        annotations=_READ,
    ),
    ToolEntry(
        name="list_tasks",
        title="List tasks",
        description="Lists tasks, newest first, by status, worker, priority or time. Long lists come in pages: pass "
        "next_cursor back as cursor.",
        takes=inputs.ListTasks,
        gives=outputs.TaskList,
        handler=tasks.list_tasks,
        render=tasking.listed,
        needs=_VIEWER,
        annotations=_READ,
    ),
    ToolEntry(
        name="cancel_task",
        title="Cancel a task",
        description="Stops a task, wherever it is. Work that was not yet handed in is lost. Cancelling it again "
        "changes nothing.",
        takes=inputs.CancelTaskInput,
        gives=outputs.TaskSummary,
        handler=tasks.cancel_task,
        render=tasking.cancelled,
        needs=_OPERATOR,
        annotations=_STOP,
    ),
    ToolEntry(
        name="retry_task",
        title="Retry a task",
        description="Queues a task that failed, was cancelled, or timed out once more, with fresh attempts; "
        "nothing else lifts a quarantine.",
        takes=inputs.RetryTask,
        gives=outputs.TaskSummary,
        handler=tasks.retry_task,
        render=tasking.retried,
        needs=_OPERATOR,
        annotations=_ADD,
    ),
    ToolEntry(
        name="manage_workers",
        title="Manage workers",
        description="Manages the worker fleet. action list shows the workers (one with worker_id, some with status); "
        "pause, resume, restart, drain and update_config send a command to worker_id.",
        takes=inputs.ManageWorkers,
        gives=outputs.Fleet,
        handler=workers.manage_workers,
        render=fleet.managed,
        needs=_WORKERS,
        annotations=_STEER,
    ),
    ToolEntry(
        name="view_realtime_streams",
        title="View real-time streams",
        description="Shows the last entries of a task's real-time stream. stream_types takes stream types (thinking, "
        "output, …) and kinds of events (milestone, progress, …) alike.",
        takes=inputs.ViewStreams,
        gives=outputs.Streams,
        handler=monitoring.view_realtime_streams,
        render=streaming.viewed,
        needs=_VIEWER,
        annotations=_READ,
    ),
    ToolEntry(
        name="get_analytics",
        title="Get analytics",
        description="All figures of tasks, workers, the whole system, repositories, agents or models over a period, "
        "with trends, findings and the last reported data of each analytics type. Every figure says how far it is "
        "checked: reported, observed or verified.",
        takes=inputs.GetAnalytics,
        gives=AnalyticsReport,
        handler=reports.get_analytics,
        render=reporting.analytics,
        needs=_VIEWER,
        annotations=_READ,
    ),
    ToolEntry(
        name="performance_report",
        title="Report on performance",
        description="How well tasks, workers or the whole system work, or how some compare (report_type comparative "
        "with entity_ids): times, rates, throughput, queue, resources, cost, bottlenecks and regressions, with the "
        "differences that matter said in words. metrics narrows it.",
        takes=inputs.PerformanceReport,
        gives=AnalyticsReport,
        handler=reports.performance_report,
        render=reporting.performance,
        needs=_VIEWER,
        annotations=_READ,
    ),
    ToolEntry(
        name="quality_dashboard",
        title="Show the quality dashboard",
        description="How good the results are, and which way they go: coverage, complexity, maintainability, security, "
        "tests with flaky ones, bugs, dependencies, performance scores and regressions. metrics narrows it.",
        takes=inputs.QualityDashboard,
        gives=AnalyticsReport,
        handler=reports.quality_dashboard,
        render=reporting.quality,
        needs=_VIEWER,
        annotations=_READ,
    ),
    ToolEntry(
        name="analyze_decisions",
        title="Analyze decisions",
        description="What workers decided, by type, and how their tasks ended after it, beside tasks without such "
        "decisions; then the decisions themselves, newest first, with their reasoning on request. Long lists come in "
        "pages: pass next_cursor back as cursor.",
        takes=inputs.AnalyzeDecisions,
        gives=DecisionAnalysis,
        handler=reports.analyze_decisions,
        render=deciding.analyzed,
        needs=_VIEWER,
        annotations=_READ,
    ),
    ToolEntry(
        name="error_analysis",
        title="Analyze errors",
        description="Errors that are alike in groups, the most frequent first: since when, on which workers, how they "
        "grow; the error budget; with include_recovery how often each way to recover worked. Long lists come in "
        "pages: pass next_cursor back as cursor.",
        takes=inputs.ErrorAnalysisInput,
        gives=ErrorAnalysis,
        handler=reports.error_analysis,
        render=failing.analyzed,
        needs=_VIEWER,
        annotations=_READ,
    ),
    ToolEntry(
        name="list_questions",
        title="List questions",
        description="Lists what workers ask of the manager: open questions, unless another state is given, with the "
        "answers to earlier ones like them. Answer one with answer_worker_question; decide a request with "
        "decide_request.",
        takes=inputs.ListQuestions,
        gives=outputs.QuestionList,
        handler=questions.list_questions,
        render=questioning.listed,
        needs=_VIEWER,
        annotations=_READ,
    ),
    ToolEntry(
        name="answer_worker_question",
        title="Answer a worker's question",
        description="Answers an open question of a worker, which goes on with the answer at once. An answered question "
        "stays answered.",
        takes=inputs.AnswerQuestion,
        gives=QuestionView,
        handler=questions.answer_worker_question,
        render=questioning.answered,
        needs=_OPERATOR,
        annotations=_ONCE,
    ),
    ToolEntry(
        name="decide_request",
        title="Decide a worker's request",
        description="Decides an open request of a worker for resources, for permission (a question of type "
        "permission) or for help: granted as asked, trimmed, or refused. Trimmed: resources to amount_granted, "
        "a permission to the conditions in amount_granted, help to duration_ms from now. The worker is told at once, "
        "and what is granted is put into effect. A decided request stays decided.",
        takes=inputs.DecideRequest,
        gives=QuestionView,
        handler=questions.decide_request,
        render=questioning.decided,
        needs=_OPERATOR,
        annotations=_ONCE,
    ),
    ToolEntry(
        name="manage_rules",
        title="Manage rules",
        description="Manages the rules that answer workers' questions before anybody has to. action list shows them in "
        "their order; create makes one, which begins on dry-run and answers nothing; dry_run tries it on past "
        "questions and shows what it would have answered beside what was; activate lets it answer; update, disable and "
        "delete do what they say. then is one of: answer (a text), permission (allow and deny patterns for questions "
        "of type permission), decision (what requests get).",
        takes=ManageRules,
        gives=RuleList,
        handler=rules.manage_rules,
        render=ruling.managed,
        needs=_RULES,
        annotations=_STEER,
    ),
)
