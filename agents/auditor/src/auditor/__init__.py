"""The default agent: it audits a Python repository and reports through the worker's MCP tools.

`survey` looks, the `tests`, `complexity`, `security` and `profiling` modules measure, `gates` judges,
and `audit` tells the manager. Parsing and deciding is pure; commands run only through `commands`.
"""
