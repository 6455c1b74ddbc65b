"""amqtt's broker, with what is amiss in its release 0.12.1 put right."""

from __future__ import annotations

from amqtt.broker import Broker
from amqtt.session import Session


class EmbeddedBroker(Broker):  # type: ignore[misc]  # amqtt has no type information
    """A broker that sends retained messages only to those who subscribed to them."""

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        """Send what is retained for a subscription, if it is the session's own.

        For a session that comes back, amqtt goes through the subscriptions of all sessions, so
        that whoever connects would be sent what others have asked for.
        """
        subscribers = self._subscriptions.get(subscription[0], ())
        if any(subscriber is session for subscriber, _ in subscribers):
            await super()._publish_retained_messages_for_subscription(subscription, session)
