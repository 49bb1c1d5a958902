"""One worker: takes tasks, runs an agent for each in the sandbox, and serves the agents' MCP tools.

What an agent reports is on disk before the agent hears so, and goes to the bus when the bus is there. What a task
came to is said by the worker-agent itself: what the agent claims, what was seen, what the verification says.
"""

__version__ = "0.1.0"
