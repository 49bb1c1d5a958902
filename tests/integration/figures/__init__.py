"""Every figure of `docs/analytics.md`, computed a second time from raw events by its definition there.

Nothing here imports what the service computes figures with. `world` reads the JSON of events, `entries` says how a
figure is made of single values, `asking` tells the events to the service and reads its reports; each other module has
the metrics and the figures of one subject.
"""
