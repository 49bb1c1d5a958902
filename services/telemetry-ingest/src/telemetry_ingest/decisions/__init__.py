"""Pure decisions of telemetry-ingest."""
