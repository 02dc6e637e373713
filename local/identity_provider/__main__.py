"""Run the provider: ``python -m local.identity_provider --config FILE``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from local.identity_provider.accounts import read_accounts
from local.identity_provider.configuration import ConfigurationError, read_configuration
from local.identity_provider.keys import KeyRing
from local.identity_provider.provider import Provider
from local.identity_provider.server import Server


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; a wrong setting ends the start with one line."""
    parser = argparse.ArgumentParser(prog="python -m local.identity_provider")
    parser.add_argument("--config", type=Path, required=True, help="TOML file, see README.md")
    chosen = parser.parse_args(arguments)
    try:
        configuration = read_configuration(chosen.config)
        accounts = read_accounts(configuration.accounts_file)
        keys = KeyRing.open(configuration.home / "keys")
        server = Server(Provider(configuration, accounts, keys))
    except (ConfigurationError, OSError) as error:
        print(f"identity provider: {error}", file=sys.stderr)
        return 1
    for stop in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for the serving loop to end, so it may not run on that loop's thread.
        signal.signal(stop, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"identity provider ready: {configuration.issuer}", flush=True)
    with server:
        server.serve_forever(poll_interval=0.1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
