"""The durable consumer of each stream that is projected; its name is that of its marks, too."""

from contracts import streams

CONSUMERS = {
    streams.TELEMETRY: "analytics-query",
    streams.QUESTIONS: "analytics-query-questions",
    streams.EVENTS: "analytics-query-events",
}
STREAMS = {consumer: stream for stream, consumer in CONSUMERS.items()}
