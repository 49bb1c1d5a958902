"""Faults in real processes, and what must hold all the same: `python -m tests.chaos --seed 1 --minutes 3`.

Pure, from the seed alone: `plan` says what is broken when, `errands` what the fleet is asked to do. Real: `cluster`
runs the platform, `wire` is the network between workers and NATS, `echoes` repeats what was published, `injecting` does
the harm, `manager` is the client of the gateway, and `agent` is the program that each task runs. Manager and agents
write what they were told into journals of their own. `evidence` reads journals and databases, and `invariants` compares
them.
"""
