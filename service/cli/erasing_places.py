"""Where an endpoint keeps what it was sent: captures, tensors and reports, of variants and models of before too.

What lives here: finding the places. What does not: erasing there (erasing, monitor_jobs.erasure).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from monitor_jobs.contract.errors import BadInput, NotFound
from service.cli.client import Client, endpoint_config_of

if TYPE_CHECKING:
    from monitor_jobs.erasure import Variant
    from monitor_jobs.object_store import ObjectStore

Places = tuple[str, ...]


def variants_of(
    client: Client, endpoint: str, objects: "ObjectStore", outputs: Iterable[str]
) -> "list[tuple[Variant, Places]]":
    """Every variant that the endpoint has or had captured under, and below which addresses its tensors lie.

    Tensors are looked for in every model's place, and in these outputs. Those of a variant that is gone are its first
    one's, for the scheduler goes on with variants that are served. Raises BadInput where nothing is kept.
    """
    from monitor_jobs.erasure import Variant
    from service.core.erasures import told_at

    config = endpoint_config_of(client, endpoint)
    destination = config.get("DataCaptureConfig", {}).get("DestinationS3Uri")
    served = {one["VariantName"]: _environment_of(client, one["ModelName"]) for one in config["ProductionVariants"]}
    told = {name: at for name, of in served.items() if (at := told_at(destination, of)) is not None}
    if not told:
        raise BadInput(
            f"endpoint {endpoint} captures nothing, and keeps no tensors: what it kept before goes by SEXTANT_RETENTION"
        )
    keeping = {name: served[name] for name in told}
    tensors = _tensors_of(objects, endpoint, keeping, {*outputs, *_outputs_of_models(client)})
    if destination:
        captured = _folders(objects, f"{destination.rstrip('/')}/{endpoint}/")
        told |= dict.fromkeys(captured - served.keys(), destination.rstrip("/"))
    return [(Variant(objects, told[name], endpoint, name), tensors.get(name, ())) for name in sorted(told)]


def reports_of(client: Client, endpoint: str) -> Iterator[str]:
    """Below which addresses the reports of the endpoint's schedules lie."""
    rows = client.pages("ListMonitoringSchedules", "MonitoringScheduleSummaries", EndpointName=endpoint)
    for row in rows:
        told = client.call("DescribeMonitoringSchedule", MonitoringScheduleName=row["MonitoringScheduleName"])
        for uri in _outputs_of_reports(client, told["MonitoringScheduleConfig"]):
            yield f"{uri.rstrip('/')}/{endpoint}/"


def _outputs_of_reports(client: Client, config: dict[str, Any]) -> list[str]:
    if "MonitoringJobDefinition" in config:
        output = config["MonitoringJobDefinition"]["MonitoringOutputConfig"]
    else:
        kind, name = config["MonitoringType"], config["MonitoringJobDefinitionName"]
        output = client.call(f"Describe{kind}JobDefinition", JobDefinitionName=name)[f"{kind}JobOutputConfig"]
    return [each["S3Output"]["S3Uri"] for each in output["MonitoringOutputs"]]


def _environment_of(client: Client, model: str) -> dict[str, str]:
    try:
        described = client.call("DescribeModel", ModelName=model)
    except NotFound:  # models may be deleted while they serve
        return {}
    container: dict[str, Any] = described.get("PrimaryContainer") or described["Containers"][0]
    return dict(container.get("Environment", {}))


def _outputs_of_models(client: Client) -> set[str]:
    """Where any model that there is has tensors go: which ones the endpoint had served before, nobody notes."""
    models = [row["ModelName"] for row in client.pages("ListModels", "Models")]
    return {output for model in models if (output := _output_of(_environment_of(client, model))) is not None}


def _output_of(environment: Mapping[str, str]) -> str | None:
    from monitor_jobs.contract.debug_hook import debug_hook_of

    with suppress(BadInput):  # with it no endpoint has ever started
        hook = debug_hook_of(environment)
        return None if hook is None else hook.output
    return None


def _tensors_of(
    objects: "ObjectStore", endpoint: str, served: Mapping[str, Mapping[str, str]], outputs: set[str]
) -> dict[str, Places]:
    """Below which addresses tensors of each variant lie, or may soon."""
    places: dict[str, set[str]] = {name: set() for name in served}
    first = next(iter(served))
    for output in sorted({each.rstrip("/") for each in outputs}):
        for name in _folders(objects, f"{output}/{endpoint}/"):
            places.setdefault(name, places[first]).add(f"{output}/{endpoint}/{name}")
    for name, environment in served.items():
        if (own := _output_of(environment)) is not None:
            places[name].add(f"{own.rstrip('/')}/{endpoint}/{name}")
    return {name: tuple(sorted(places[name])) for name in served}


def _folders(objects: "ObjectStore", address: str) -> set[str]:
    from monitor_jobs.object_store import S3Address

    folder = S3Address.parse(address)
    below = (entry.address.key.removeprefix(folder.key) for entry in objects.list(folder))
    return {key.partition("/")[0] for key in below if "/" in key}
