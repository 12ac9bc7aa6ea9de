"""How long the tests of faults are, and how their chances fall.

`CHAOS=1` asks for the long forms (`make chaos`). These choose differently each time and print their seed;
`CHAOS_SEED` has them choose as before.
"""

import os
import random
import secrets
from typing import TypeVar

LONG = os.environ.get("CHAOS") == "1"
Value = TypeVar("Value")


def of(long: Value, short: Value) -> Value:
    return long if LONG else short


def chances() -> random.Random:
    seed = int(os.environ.get("CHAOS_SEED") or of(secrets.randbelow(10_000), 7))
    print(f"CHAOS_SEED={seed}")  # noqa: T201
    return random.Random(seed)  # noqa: S311
