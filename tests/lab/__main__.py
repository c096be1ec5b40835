"""``python -m tests.lab images | up | sweep``: build the images, play with one host, remove leftovers."""

import argparse
import os
import signal
import subprocess
import sys
import time

from tests.lab import images
from tests.lab.admin import Admin
from tests.lab.laboratory import Lab, sweep, why_not


def main() -> int:
    """Parse, run one command, return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("images", help="build every image that is not in the cache")
    commands.add_parser("sweep", help="remove what laboratories left whose owner is gone")
    up = commands.add_parser("up", help="boot one host and open a shell at the vantage")
    up.add_argument("--release", choices=images.RELEASES, default="bookworm")
    up.add_argument("--mta", choices=images.MTAS, default="postfix")
    up.add_argument("--profile", default="stock", help="a folder of tests/lab/profiles, or none")
    arguments = parser.parse_args()
    reason = why_not()
    if reason:
        print(reason, file=sys.stderr)
        return 1
    if arguments.command == "images":
        build()
    elif arguments.command == "sweep":
        print("\n".join(sweep()) or "nothing was left")
    else:
        play(arguments.release, arguments.mta, arguments.profile)
    return 0


def build() -> None:
    """Build every image, one after the other."""
    for layer in images.everything():
        began = time.monotonic()
        images.ensure(layer)
        print(f"{layer.place.name}: {time.monotonic() - began:.0f} s")


def play(release: str, mta: str, profile: str) -> None:
    """Boot one host, say how to reach it, and stay until the shell ends or Ctrl-C."""
    # A plain kill must take the laboratory down as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with Lab() as lab:
        host = lab.host(release=release, mta=mta, profile=profile)
        inventory = Admin(lab=lab, folder=lab.state).inventory(host, user="admin")
        enter = f"ip netns exec {lab.vantage.namespace}"
        print(
            f"host     {host.name}  {host.v4}  {host.v6}\n"
            f"scan     {enter} env SSL_CERT_FILE={lab.trust} {sys.executable} -m auditor scan -i {inventory}\n"
            f"ssh      {enter} {' '.join(host.ssh.argv('admin'))}\n"
            f"inside   nsenter -t {host.pid} -a\n"
            "This shell is at the vantage. Leave it, or press Ctrl-C, to take everything down."
        )
        try:
            if sys.stdin.isatty():
                subprocess.run(lab.vantage.argv([os.environ.get("SHELL", "sh")]), check=False)
            else:
                while True:
                    time.sleep(60)
        except KeyboardInterrupt:
            print("taking it down", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
