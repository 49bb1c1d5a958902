"""What the handlers need of the outside."""

from question_broker.ports.escalations import Claimed, Escalation, Escalations, EscalationWrites, Settled, Webhook
from question_broker.ports.reading import Closings, LearningFilter, Learnings, QuestionFilter, Questions, Waiting, Watch
from question_broker.ports.rules import Rules, RuleWrites
from question_broker.ports.writing import QuestionWrites, RequestWrites, RuledWrites, Transaction

__all__ = [
    "Claimed",
    "Closings",
    "Escalation",
    "EscalationWrites",
    "Escalations",
    "LearningFilter",
    "Learnings",
    "QuestionFilter",
    "QuestionWrites",
    "Questions",
    "RequestWrites",
    "RuleWrites",
    "RuledWrites",
    "Rules",
    "Settled",
    "Transaction",
    "Waiting",
    "Watch",
    "Webhook",
]
