"""A release of the chart on a cluster: its Secrets, the roles of its database, the accounts of its bus."""
