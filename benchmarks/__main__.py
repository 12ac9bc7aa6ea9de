"""`python -m benchmarks [name …] [--quick]`: every figure beside the bare limit of the same run."""

import argparse
import importlib
import os
import sys
import time

os.environ["DJANGO_SETTINGS_MODULE"] = "joblynk.testing.settings"

import django
import uvloop

NAMES = (
    *("sockets", "streaming", "blocking", "retrieval", "ingest", "knowledge", "videos"),
    *("storing", "load", "reviewing", "pictures", "start"),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"any of {', '.join(NAMES)}; all if none is given"
    )
    parser.add_argument("--quick", action="store_true", help="see that they work; the figures say little")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    django.setup()
    uvloop.install()
    return run(options.names or NAMES, quick=options.quick)


def run(names: tuple[str, ...] | list[str], *, quick: bool) -> int:
    """Prints a table after each; returns the number of missed goals."""
    from benchmarks.ground import Ground
    from benchmarks.report import Row, table

    rows: list[Row] = []
    with Ground(quick=quick) as ground:
        for name in names:
            began = time.perf_counter()
            found: list[Row] = importlib.import_module(f"benchmarks.{name}").rows(ground)
            print(f"\n{name}, {time.perf_counter() - began:.0f} s\n{table(found)}", flush=True)
            rows += found
    missed = sum(row.ok is False for row in rows)
    print(f"\n{missed} missed" if missed else "\nEvery goal is met.")
    return missed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
