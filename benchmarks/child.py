"""`python -m benchmarks.child module:function '{"argument": 1}'`: a call in a process of its own, whose
result is the last line that it prints, as JSON."""

import importlib
import json
import sys

import django


def main() -> None:
    module, _, name = sys.argv[1].partition(":")
    django.setup()
    print(json.dumps(getattr(importlib.import_module(module), name)(**json.loads(sys.argv[2]))))


if __name__ == "__main__":
    main()
