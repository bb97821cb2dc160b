"""The `sextant` command, and `python -m service`."""

import sys

from service.garbage import stop_collecting

ROLES = ("control", "scheduler", "serve-endpoint")


def main() -> None:
    """Runs the command line; the three process roles go past it, since they need none of its imports."""
    stop_collecting()
    if sys.argv[1:2] and sys.argv[1] in ROLES:
        sys.exit(_run_role(sys.argv[1:]))
    from service.cli import run

    run()


def _run_role(arguments: list[str]) -> int:
    import argparse
    from pathlib import Path

    from service import processes
    from service.settings import load_settings

    parser = argparse.ArgumentParser(prog="sextant", description="A process of the service, which starts it itself.")
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("spec", nargs="?", type=Path, help="serve-endpoint: the spec.json that it serves")
    parser.add_argument("--fd", type=int, help="control and serve-endpoint: the listening socket that it inherits")
    chosen = parser.parse_args(arguments)
    if (chosen.role == "scheduler") != (chosen.fd is None) or (chosen.role == "serve-endpoint") != bool(chosen.spec):
        parser.error(f"{chosen.role} is started by `sextant up`: run that")
    if chosen.role == "serve-endpoint":
        return processes.run_endpoint(load_settings(), chosen.spec, chosen.fd)
    if chosen.role == "control":
        processes.run_control(load_settings(), chosen.fd)
    else:
        processes.run_scheduler(load_settings())
    return 0


if __name__ == "__main__":
    main()
