"""Run it: ``python -m local.identity_provider --config FILE [--config FILE …]``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from local.identity_provider.configuration import ConfigurationError, read_configuration
from local.identity_provider.provider import Provider
from local.identity_provider.server import Server


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; a wrong setting ends the start with one line."""
    parser = argparse.ArgumentParser(prog="python -m local.identity_provider")
    parser.add_argument(
        "--config",
        type=Path,
        required=True,
        action="append",
        help="TOML file of an issuer, see README.md; several share a port",
    )
    chosen = parser.parse_args(arguments)
    try:
        providers = [Provider(read_configuration(file)) for file in chosen.config]
        server = Server(providers)
    except (ConfigurationError, OSError) as error:
        print(f"identity provider: {error}", file=sys.stderr)
        return 1
    for stop in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for the serving loop to end, so it may not run on that loop's thread.
        signal.signal(stop, lambda *_: threading.Thread(target=server.shutdown).start())
    issuers = " ".join(provider.issuer for provider in providers)
    print(f"identity provider ready: {issuers}", flush=True)
    with server:
        server.serve_forever(poll_interval=0.1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
