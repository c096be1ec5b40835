"""A log host: takes syslog lines over TLS on port 6514 and appends them to a file. Arguments: PEM of key and certificate, file."""

import socket
import socketserver
import ssl
import sys
from pathlib import Path

PORT = 6514


class Keep(socketserver.StreamRequestHandler):
    """Appends what one client sends, line by line."""

    def handle(self) -> None:
        """Until the client ends."""
        with Path(sys.argv[2]).open("ab", buffering=0) as log:
            log.writelines(self.rfile)


class LogHost(socketserver.ThreadingTCPServer):
    """TLS on every accepted connection; the handshake is the handler thread's."""

    daemon_threads = True
    allow_reuse_address = True

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept and wrap."""
        client, address = super().get_request()
        return CONTEXT.wrap_socket(client, server_side=True, do_handshake_on_connect=False), address


if __name__ == "__main__":
    CONTEXT = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CONTEXT.load_cert_chain(sys.argv[1])
    LogHost(("0.0.0.0", PORT), Keep).serve_forever()
