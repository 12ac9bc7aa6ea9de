"""The process that opens strangers' pictures: `python -m joblynk.pictures.child MEMORY CPU IDLE`.

Reads one JSON object a line from standard input and answers each with one line, {"error": code} or:

    {"do": "clean", "source", "picture", "thumb"}   the fields of `Cleaned`
    {"do": "shrink", "source", "target", "side"}    {}
    {"do": "read", "source"}                        the fields of `Print`

MEMORY is in bytes of address space for the process, CPU in seconds for each question, IDLE the seconds
without a question after which it ends by itself and so gives its memory back.
"""

import errno
import json
import os
import resource
import select
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from joblynk.pictures.types import PictureError

_MAX_WRITTEN = 64 * 1024 * 1024  # bytes of one file
_NICENESS = 5
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.ENOENT)


def do(question: dict[str, Any]) -> dict[str, Any]:
    """Raises `PictureError`, or what a decoder stumbled over: the caller names it."""
    source = Path(question["source"])
    # Each of these takes longer to import than most pictures take.
    if question["do"] == "read":
        from joblynk.pictures.ocr import read

        return asdict(read(source))
    from joblynk.pictures.cleaning import clean, shrink

    if question["do"] == "shrink":
        shrink(source, Path(question["target"]), question["side"])
        return {}
    return asdict(clean(source, Path(question["picture"]), Path(question["thumb"])))


def limit_cpu(seconds: int) -> None:
    """CPU limits count from the start of the process, so each question moves the line."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, hard))


def _answer(line: bytes) -> dict[str, Any]:
    try:
        return do(json.loads(line))
    except PictureError as error:
        return {"error": error.code}
    except (MemoryError, RecursionError):
        return {"error": "too_complex"}
    except OSError as error:
        return {"error": "no_room" if error.errno in _NO_ROOM else "damaged"}
    except Exception:  # noqa: BLE001  (decoders meet damage with whatever their code stumbles over)
        return {"error": "damaged"}


def main() -> None:
    memory, cpu, idle = (int(argument) for argument in sys.argv[1:4])
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MAX_WRITTEN, _MAX_WRITTEN))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while select.select([sys.stdin], [], [], idle)[0] and (line := sys.stdin.buffer.readline()):
        limit_cpu(cpu)
        sys.stdout.write(json.dumps(_answer(line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
