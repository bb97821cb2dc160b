"""What the command line shows of a schedule that was made elsewhere."""

from service.cli.schedule import _show
from tests import sagemaker_requests as requests

DESCRIBED = {
    "MonitoringScheduleName": "hourly",
    "EndpointName": "signs",
    "MonitoringScheduleStatus": "Scheduled",
    "MissedSlots": 0,
    "CreationTime": requests.NOON.timestamp(),
}


def shown(capsys, request):
    _show({**DESCRIBED, **request}, as_json=False)
    return capsys.readouterr().out


def test_a_schedule_that_brought_its_definition_is_shown_with_its_image(capsys):
    assert "sextant/class-skew" in shown(capsys, requests.schedule())


def test_a_schedule_that_names_its_definition_is_shown_with_that_name(capsys):
    assert "DataQuality job definition quality" in shown(capsys, requests.scheduled_by_name())
