"""The sandbox: the process beside a worker in which an agent and every command of its task run.

It starts processes, streams their output, limits, signals and kills them with all that they started, and reads
and writes files below a workspace. It speaks HTTP on one Unix socket, to peers whose uid it allows, and holds no
bus, no database and no credential. What it says is observed, never trusted: the caller keeps its own deadlines.
"""
