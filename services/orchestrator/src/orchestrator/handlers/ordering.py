"""What was asked of whoever runs the fleet is told once it is seen to be done, whichever leader asked for it."""

from orchestrator.decisions.orders import Order, OrderState, state_of
from orchestrator.domain import FleetLook
from orchestrator.handlers.telling import about_order
from orchestrator.ports import Session, Store


async def tell_of_orders(store: Store, look: FleetLook, epoch: int) -> None:
    """Tell of the orders that are done by now, and forget those that never will be."""
    orders = await store.orders()
    if not orders:
        return
    intentions = await store.intentions()
    states = [(order, state_of(order, look, intentions)) for order in orders]
    async with store.transaction() as session:
        await session.assert_epoch(epoch)
        for order, state in states:
            if state is not OrderState.open:
                await _close(session, order, state)


async def _close(session: Session, order: Order, state: OrderState) -> None:
    if await session.close_order(order) and state is OrderState.done:
        session.emit([about_order(order)])
