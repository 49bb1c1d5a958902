"""What workers report: a body for each tool, an envelope for each kind, and their union `Event`."""

from contracts.events.envelope import (
    AnalyticsEvent,
    CollaborationRequestEvent,
    CompletionEvent,
    DecisionEvent,
    ErrorEvent,
    Event,
    EventBase,
    Evidence,
    MilestoneEvent,
    OutcomeEvent,
    PlanEvent,
    ProfileEvent,
    ProgressEvent,
    QualityEvent,
    QuestionEvent,
    RegisteredEvent,
    ResourceEvent,
    ResourceRequestEvent,
    StreamEvent,
    TestsEvent,
)

EVENT_TYPES: dict[str, type[EventBase]] = {
    cls.model_fields["kind"].default: cls
    for cls in (
        ProgressEvent,
        MilestoneEvent,
        AnalyticsEvent,
        StreamEvent,
        DecisionEvent,
        PlanEvent,
        TestsEvent,
        QualityEvent,
        ResourceEvent,
        ProfileEvent,
        ErrorEvent,
        CompletionEvent,
        OutcomeEvent,
        RegisteredEvent,
        QuestionEvent,
        ResourceRequestEvent,
        CollaborationRequestEvent,
    )
}
"""Event class by kind."""

__all__ = [
    "EVENT_TYPES",
    "AnalyticsEvent",
    "CollaborationRequestEvent",
    "CompletionEvent",
    "DecisionEvent",
    "ErrorEvent",
    "Event",
    "EventBase",
    "Evidence",
    "MilestoneEvent",
    "OutcomeEvent",
    "PlanEvent",
    "ProfileEvent",
    "ProgressEvent",
    "QualityEvent",
    "QuestionEvent",
    "RegisteredEvent",
    "ResourceEvent",
    "ResourceRequestEvent",
    "StreamEvent",
    "TestsEvent",
]
