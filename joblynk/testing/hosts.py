"""Hosts for tests: this one, and a second one in a network namespace of Linux, with a cable in between.

A namespace needs root, `ip` of iproute2, and a kernel that permits it.
"""

import ipaddress
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

NETWORK = "198.18.0.0/15"  # set aside for trials (RFC 2544), so nothing real is hidden by it


@dataclass(frozen=True, slots=True)
class Host:
    """Where processes run. `prefix` stands before a command that is to run there."""

    address: str
    prefix: tuple[str, ...] = ()


HERE = Host("127.0.0.1")


class NoHostError(RuntimeError):
    """This machine gives no second host. The message says why."""


@contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """This host under the address at its end of the cable, and the other. Raises NoHostError."""
    name = f"joblynk-{os.getpid()}"
    cable = f"joblynk{os.getpid() % 10**7}"  # the kernel takes 15 characters
    net = ipaddress.ip_network(NETWORK)
    here, there = (net[4 * (os.getpid() % (net.num_addresses // 4)) + place] for place in (1, 2))
    _ip("netns", "add", name)
    try:
        _ip("link", "add", cable, "type", "veth", "peer", "name", "cable", "netns", name)
        _ip("address", "add", f"{here}/30", "dev", cable)
        _ip("link", "set", cable, "up")
        _ip("-n", name, "address", "add", f"{there}/30", "dev", "cable")
        for device in ("cable", "lo"):
            _ip("-n", name, "link", "set", device, "up")
        yield Host(str(here)), Host(str(there), ("ip", "netns", "exec", name))
    finally:
        _ip("netns", "delete", name)  # the cable goes with it


def _ip(*arguments: str) -> None:
    try:
        subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)  # noqa: S603, S607
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoHostError(getattr(error, "stderr", "") or str(error)) from None
