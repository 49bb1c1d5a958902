"""Reports: pure functions from roll-ups to sections, a module for each subject.

`definitions` says what a figure is and `recipes` how it is computed; `catalogue` has them all, and `docs/analytics.md`
shows that table. `reading` is what the handlers have read; `comparisons` says which differences are told.
"""
