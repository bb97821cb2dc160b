"""`sextant up`: the service on this machine, with an S3 door where it is asked for."""

from typing import TYPE_CHECKING, Annotated

import typer

from monitor_jobs.contract.errors import Conflict
from service.cli.environment import environment_of, exports, remarks, secrets_among, without_secrets, write_sdk_config
from service.cli.output import print_line, say

if TYPE_CHECKING:
    from service.first_key import Introduction
    from service.running import Running
    from service.settings import Settings

SDK_CONFIG = "sagemaker-sdk.yaml"


def up(
    s3: Annotated[bool, typer.Option("--s3", help="Open an S3 door on the folder store (needs rclone).")] = False,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy in front speaks TLS with clients (see SEXTANT_HOST).")
    ] = False,
) -> None:
    """Run control, scheduler and endpoints on this machine until Ctrl-C; prints what clients need to know.

    The first start prints the first key, once, on standard output.
    """
    from service.cli.client import load
    from service.processes import run_all
    from service.wiring import open_s3_door

    settings = load()
    if behind_proxy:
        settings = settings.model_copy(update={"behind_proxy": True})
    run_all(
        settings,
        introduce=lambda: _introduced(settings),
        open_door=(lambda introduction: open_s3_door(settings, introduction)) if s3 else None,
        sdk_config=settings.data / SDK_CONFIG,
        announce=lambda running, introduction: _announce(running, introduction, settings),
    )


def _introduced(settings: "Settings") -> "Introduction":
    """The first user's key, kept by a process of its own: what opens a database takes 30 MB, and this one watches."""
    from service.apart import done_apart
    from service.first_key import Introduction, first_key_file, read_first_key
    from service.wiring import introduced

    def found() -> tuple[bool, bool]:
        introduction = introduced(settings)
        return introduction.is_new, introduction.is_active

    is_new, is_active = done_apart(found)
    key = read_first_key(settings.data.absolute())  # where secrets go from one process to another
    if key is None:
        raise Conflict(f"{first_key_file(settings.data)} was deleted just now: start again, and there is another")
    return Introduction(key, is_new=is_new, is_active=is_active)


def _announce(running: "Running", introduction: "Introduction", settings: "Settings") -> None:
    from service.first_key import first_key_file

    write_sdk_config(running.sdk_config, bucket=running.bucket)
    variables = environment_of(running, introduction.key)
    say(f"Sextant is up at {running.url} (Ctrl-C stops it)")
    say(f"The console is at {_console_url(running, settings)} (log in with an API key, such as SEXTANT_API_KEY below)")
    say('For boto3 and the SageMaker SDK, in another terminal: eval "$(sextant env)", which also has the secrets of')
    for line in exports(without_secrets(variables)):
        say(f"  {line}")
    for remark in remarks(running, introduction.key):
        say(remark)
    if introduction.is_new:
        say(f"The key of user {introduction.key.user}, printed this once, and kept in {first_key_file(settings.data)}:")
        for line in exports(secrets_among(variables)):
            print_line(line)


def _console_url(running: "Running", settings: "Settings") -> str:
    """Where browsers find the console: by the proxy's name where one is in front."""
    named = settings.behind_proxy and settings.allowed_hosts
    return f"https://{settings.allowed_hosts[0]}/" if named else f"{running.url}/"
