"""What is seen of the platform: metrics as documented, recording rules and alerts, Grafana's dashboards."""
