import threading

from plugins.mqtt_link.outbox import MAX_UNDER_WAY, MAX_WAITING, Outbox, Outgoing


class Wire:
    """Takes what is sent while it is there."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.there = True

    def send(self, message: Outgoing) -> bool:
        if self.there:
            self.sent.append(int(message.payload))
        return self.there


def message(number: int) -> Outgoing:
    return Outgoing("t", b"%d" % number, 0, retain=False)


def test_without_a_connection_the_newest_are_kept():
    wire = Wire()
    outbox = Outbox(wire.send)
    for number in range(MAX_WAITING + 3):
        outbox.put(message(number))
    assert (wire.sent, outbox.dropped) == ([], 3)
    outbox.opened()
    assert wire.sent == list(range(3, 3 + MAX_UNDER_WAY))


def test_no_more_are_under_way_than_may_be():
    wire = Wire()
    outbox = Outbox(wire.send)
    outbox.opened()
    for number in range(MAX_UNDER_WAY + 2):
        outbox.put(message(number))
    assert len(wire.sent) == MAX_UNDER_WAY
    outbox.written()
    assert len(wire.sent) == MAX_UNDER_WAY + 1
    outbox.closed()
    outbox.written()
    assert len(wire.sent) == MAX_UNDER_WAY + 1


def test_what_finds_no_connection_goes_first_over_the_next():
    wire = Wire()
    outbox = Outbox(wire.send)
    outbox.opened()
    wire.there = False
    outbox.put(message(1))
    outbox.put(message(2))
    wire.there = True
    outbox.put(message(3))
    assert wire.sent == []
    outbox.opened()
    assert wire.sent == [1, 2, 3]


def test_two_threads_keep_the_order_and_forget_nothing():
    wire = Wire()
    outbox = Outbox(wire.send)
    outbox.opened()
    count = 20_000

    def write() -> None:
        while len(wire.sent) < count:
            outbox.written()

    writer = threading.Thread(target=write)
    writer.start()
    for number in range(count):
        while number - len(wire.sent) > MAX_WAITING // 2:
            outbox.written()
        outbox.put(message(number))
    writer.join(30)
    assert wire.sent == list(range(count))
    assert outbox.dropped == 0
