"""Questions of workers and their answers: what is asked, who answers it, until when, and that exactly one answer wins.

A question comes from the bus, is answered over HTTP (or expires, or is withdrawn with its task), and the answer goes
back to the worker through the outbox, so that a worker that was away still gets it.
"""
