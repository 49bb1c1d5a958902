"""The durable event log and the live tail."""
