"""What the operating system and OpenSSL complain about -> CannotLook. The one table."""

import errno
import ssl

from auditor.model import Reason
from auditor.net import CannotLook

_NO_WAY_THERE = frozenset(
    {
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.EHOSTDOWN,
        errno.EADDRNOTAVAIL,  # no address of that family on this machine
        errno.EAFNOSUPPORT,
        errno.EACCES,  # a firewall of our own, or ICMP "administratively prohibited"
        errno.EPERM,
    }
)


def reason_for(error: OSError) -> Reason:
    """The reason that stands for an error of a socket or a TLS engine."""
    if isinstance(error, ssl.SSLError):
        return Reason.TLS_FAILED
    if isinstance(error, TimeoutError):
        return Reason.TIMEOUT
    if isinstance(error, ConnectionRefusedError):
        return Reason.REFUSED
    if isinstance(error, ConnectionError):  # reset, aborted, broken pipe
        return Reason.CONNECTION_LOST
    if error.errno in _NO_WAY_THERE:
        return Reason.UNREACHABLE
    return Reason.CONNECTION_LOST


_WORDS = {
    Reason.TIMEOUT: "no answer in time",
    Reason.REFUSED: "connection refused",
    Reason.CONNECTION_LOST: "connection lost",
    Reason.UNREACHABLE: "no route from this machine",
    Reason.TLS_FAILED: "TLS handshake failed",
}


def cannot_look(error: OSError, where: str) -> CannotLook:
    """The exception for the edge, with the place and the system's own word for it."""
    reason = reason_for(error)
    said = getattr(error, "reason", None) or error.strerror or ""
    return CannotLook(reason, f"{where}: {_WORDS[reason]}" + (f" ({said})" if said else ""))
