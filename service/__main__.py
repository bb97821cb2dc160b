"""The `sextant` command, and `python -m service`."""

import sys


def main() -> None:
    """Runs the command line; the three process roles go past it, since they need none of its imports."""
    if len(sys.argv) > 1 and sys.argv[1] in ("control", "scheduler", "serve-endpoint"):
        sys.exit(_role(sys.argv[1], sys.argv[2:]))
    from service.cli import run

    run()


def _role(role: str, arguments: list[str]) -> int:
    from pathlib import Path

    from service import processes
    from service.settings import load_settings

    settings = load_settings()
    if role == "serve-endpoint":
        return processes.run_endpoint(settings, Path(arguments[0]), int(arguments[2]))
    if role == "control":
        processes.run_control(settings, int(arguments[1]))
    else:
        processes.run_scheduler(settings)
    return 0


if __name__ == "__main__":
    main()
