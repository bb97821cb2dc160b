"""`sextant up`: the service on this machine, with an S3 door where it is asked for."""

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.environment import environment_of, exports, write_sdk_config
from service.cli.output import say

if TYPE_CHECKING:
    from service.running import Running
    from service.settings import Settings

SDK_CONFIG = "sagemaker-sdk.yaml"


def up(
    s3: Annotated[bool, typer.Option("--s3", help="Open an S3 door on the folder store (needs rclone).")] = False,
) -> None:
    """Run control, scheduler and endpoints on this machine until Ctrl-C; prints what clients need to know."""
    from service.cli.client import load
    from service.processes import run_all
    from service.wiring import open_s3_door

    settings = load()
    run_all(
        settings,
        open_door=(lambda: open_s3_door(settings)) if s3 else None,
        sdk_config=settings.data / SDK_CONFIG,
        announce=lambda running: _announce(running, settings),
    )


def _announce(running: "Running", settings: "Settings") -> None:
    from service.adapters.s3_door import read_door

    write_sdk_config(running.sdk_config, bucket=running.bucket)
    say(f"Sextant is up at {running.url} (Ctrl-C stops it)")
    say('For boto3 and the SageMaker SDK, in another terminal (or: eval "$(sextant env)"):')
    for line in exports(environment_of(running, read_door(settings.data))):
        say(f"  {line}")
