import errno
import ssl

import pytest

from auditor.model import Reason
from auditor.transport.faults import cannot_look, reason_for


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(), Reason.REFUSED),
        (TimeoutError(), Reason.TIMEOUT),
        (ConnectionResetError(), Reason.CONNECTION_LOST),
        (BrokenPipeError(), Reason.CONNECTION_LOST),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), Reason.UNREACHABLE),
        (OSError(errno.EHOSTUNREACH, "No route to host"), Reason.UNREACHABLE),
        (PermissionError(errno.EPERM, "Operation not permitted"), Reason.UNREACHABLE),
        (ssl.SSLError(1, "wrong version number"), Reason.TLS_FAILED),
        (OSError(errno.EMFILE, "Too many open files"), Reason.CONNECTION_LOST),
    ],
)
def test_every_failure_of_a_socket_has_its_reason(error: OSError, reason: Reason):
    assert reason_for(error) is reason
    assert cannot_look(error, "198.51.100.10 port 25").detail.startswith("198.51.100.10 port 25: ")
