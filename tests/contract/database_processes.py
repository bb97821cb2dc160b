"""What other processes do to a database in the tests of its contract."""

from datetime import UTC, datetime, timedelta

from monitor_jobs.contract.errors import Conflict
from service.adapters.database import connect
from service.core.records import ExecutionOrigin, ExecutionRecord, ModelRecord, Query
from service.core.states import ExecutionStatus

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def execution(execution_id: str, *, slot: int = 0, schedule: str = "hourly") -> ExecutionRecord:
    """The execution of the slot that comes so many hours after noon."""
    at = NOON + timedelta(hours=slot)
    return ExecutionRecord(
        id=execution_id,
        schedule_name=schedule,
        scheduled_at=at,
        origin=ExecutionOrigin.SLOT,
        window_start=at - timedelta(hours=1),
        window_end=at,
        status=ExecutionStatus.PENDING,
        created_at=at,
        modified_at=at,
    )


def claim_slots(url: str, owner: int, slots: int) -> int:
    """How many of the slots this process was the first to add."""
    database = connect(url)
    won = 0
    for slot in range(slots):
        try:
            database.executions.add(execution(f"{owner}-{slot}", slot=slot))
            won += 1
        except Conflict:
            continue
    database.engine.dispose()
    return won


def migrated(url: str) -> int:
    """How many models there are in a database brought to its newest schema."""
    database = connect(url)
    found = database.models.count(Query())
    database.engine.dispose()
    return found


def names_of_models(url: str) -> list[str]:
    """The names of all models, as another process sees them."""
    database = connect(url)
    names = [model.name for model in database.models.find(Query(order_by="name"))]
    database.engine.dispose()
    return names


def add_model(url: str, name: str) -> None:
    """Keep a model, and end."""
    database = connect(url)
    database.models.add(ModelRecord(name, NOON, {}))
    database.engine.dispose()
