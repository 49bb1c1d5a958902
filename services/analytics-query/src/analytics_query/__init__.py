"""What the events of workers amount to: projections, and every report made from them.

Events come from the bus, each batch is folded into the projections once, and reports read the projections alone.
"""
