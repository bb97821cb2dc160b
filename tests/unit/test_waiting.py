"""Those who wait for a record hear once, at the latest when their patience ends."""

import threading
from datetime import UTC, datetime

from service.endpoint.accounting import Ticket
from service.endpoint.snapshot import Fate
from service.endpoint.waiting import Waiting
from tests.wait import wait_until

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_who_waits_hears_what_became_of_its_record() -> None:
    waiting, heard = Waiting(), list[Fate]()
    first, second = Ticket(NOON, 1), Ticket(NOON, 1)
    waiting.add(first, heard.append)
    waiting.tell(second, Fate.AT_RISK)
    waiting.tell(first, Fate.SAFE)
    assert heard == [Fate.SAFE]


def test_nobody_hears_twice() -> None:
    waiting, heard, ticket = Waiting(), list[Fate](), Ticket(NOON, 1)
    waiting.add(ticket, heard.append)
    threads = [threading.Thread(target=waiting.tell, args=(ticket, Fate.SAFE)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [Fate.SAFE]


def test_who_has_waited_long_enough_hears_that_its_record_is_at_risk() -> None:
    waiting, heard, ticket = Waiting(patience_seconds=0), list[Fate](), Ticket(NOON, 1)
    waiting.add(ticket, heard.append)
    waiting.start()
    wait_until(lambda: heard, timeout_seconds=10, what="a word")
    waiting.tell(ticket, Fate.SAFE)
    waiting.finish()
    assert heard == [Fate.AT_RISK]
