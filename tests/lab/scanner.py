"""A virus scanner for tests: the smallest milter, and its unit."""

SCANNER = """import os, socketserver, struct, time
class Milter(socketserver.StreamRequestHandler):
    def handle(self):
        while head := self.rfile.read(4):
            text = self.rfile.read(struct.unpack(">I", head)[0])
            while os.path.exists("/run/scanner-hangs"):
                time.sleep(0.2)
            if text[:1] == b"O":
                self.wfile.write(struct.pack(">IcIII", 13, b"O", 2, 0, 0x7F))
            elif text[:1] == b"E":
                open("/run/scanned", "a").write("x")
                self.wfile.write(struct.pack(">Ic", 1, b"c"))
            elif text[:1] == b"Q":
                return
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", 10060), Milter).serve_forever()
"""
"""A milter that looks at every message and says nothing; while /run/scanner-hangs exists it does not answer at all."""


def unit_text(what: str) -> str:
    """A unit that runs /usr/local/sbin/scanner."""
    return (
        f"[Unit]\nDescription={what}\n[Service]\nExecStart=/usr/bin/python3 /usr/local/sbin/scanner\nRestart=on-failure\n"
        "[Install]\nWantedBy=multi-user.target\n"
    )
