"""One question to one name server, without a resolver library: a mail host need not have one."""

from __future__ import annotations

import os
import socket

ROOT_SERVERS = b"\x00\x00\x02\x00\x01"  # the name ".", type NS, class IN: every resolver that works knows it
TRIES, SECONDS = 3, 2.0


def answers(server: str) -> bool:
    """Does this resolver resolve? A reply without an answer (SERVFAIL, REFUSED, a referral) is no."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    for _ in range(TRIES):
        label = os.urandom(2)
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(SECONDS)
            try:
                sock.connect((server, 53))
                sock.send(label + b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + ROOT_SERVERS)
                reply = sock.recv(4096)
            except OSError:
                continue
        good = len(reply) > 12 and reply[:2] == label and reply[2] & 0x80 and not reply[3] & 0x0F
        if good and int.from_bytes(reply[6:8], "big"):
            return True
    return False
