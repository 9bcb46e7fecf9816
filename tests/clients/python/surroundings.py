"""Where the gateway and the sandbox are, for the programs that show something."""

import json
import os
import sys
import traceback
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ADDRESS = os.environ["GATEWAY_ADDRESS"]
CREDENTIALS = Path(os.environ["GATEWAY_CREDENTIALS"])


def sandbox(method: str, path: str, body: Any = None) -> Any:
    """Asks the sandbox's control plane."""
    request = urllib.request.Request(
        f"{os.environ['SANDBOX_URL']}/__sandbox/v1{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or "null")


def show(steps: Iterable[tuple[str, Callable[[], None]]]) -> None:
    """Takes all steps, tells how each went, and ends the program."""
    passed = failed = 0
    for name, step in steps:
        try:
            step()
            passed += 1
            print(f"ok {name}", flush=True)
        except Exception as error:
            failed += 1
            place = traceback.extract_tb(error.__traceback__)[-1]
            print(
                f"FAILED {name}: {error or type(error).__name__} ({place.line})",
                flush=True,
            )
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
