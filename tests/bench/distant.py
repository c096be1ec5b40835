"""One mail host that is far away: ports 25, 587 and 465 on loopback with TLS, every answer and handshake delayed.

Runs as a process of its own: `python distant.py ADDRESS PORT25 PORT587 PORT465 DELAY PEM`; ends with its standard
input, and then prints what happened, a line of JSON for each connection.
"""

import asyncio
import json
import ssl
import sys
import time


class Connection:
    """One client, command by command; what comes in one write is answered in one."""

    def __init__(self, reader, writer, *, port, delay, tls, implicit):
        self.reader, self.writer = reader, writer
        self.delay, self.tls, self.implicit = delay, tls, implicit
        self.record = {"port": port, "began": time.monotonic(), "answers": 0, "commands": [], "quit": False}

    async def far(self):
        """One way there and back."""
        self.record["answers"] += 1
        await asyncio.sleep(self.delay)

    async def serve(self):
        try:
            if self.implicit:
                await self.far()
            await self.far()
            self.writer.write(b"220 mx.d0.bench ESMTP\r\n")
            while data := await self.reader.read(8192):
                lines = data.splitlines()
                self.record["commands"] += [line[:60].decode("latin1") for line in lines]
                await self.far()
                if lines[0] == b"STARTTLS":
                    self.writer.transport.pause_reading()  # asyncio would take the first octets of TLS for a command
                    self.writer.write(b"220 go ahead\r\n")
                    await self.far()
                    await self.writer.start_tls(self.tls)
                    self.implicit = True
                else:
                    self.writer.write(b"".join(map(self.say, lines)))
                if lines[-1] == b"QUIT":
                    self.record["quit"] = True
                    break
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            self.record["ended"] = time.monotonic()
            self.writer.close()

    def say(self, line):
        verb = line[:4].upper()
        if verb == b"EHLO":
            offers = b"" if self.implicit else b"250-STARTTLS\r\n"
            return b"250-mx.d0.bench\r\n" + offers + b"250-PIPELINING\r\n250 8BITMIME\r\n"
        if verb == b"RCPT":
            own = b"@d0.bench>" in line or line == b"RCPT TO:<Postmaster>"
            strange = b"zz-" in line or b"%" in line or b"!" in line or b'"' in line
            if own and not strange:
                return b"250 2.1.5 Ok\r\n"
            return b"550 5.1.1 User unknown\r\n" if b"zz-" in line else b"554 5.7.1 Relay access denied\r\n"
        if verb in (b"VRFY", b"EXPN"):
            return b"502 5.5.1 disabled\r\n"
        return b"221 2.0.0 Bye\r\n" if verb == b"QUIT" else b"250 2.0.0 Ok\r\n"


async def main(address, ports, delay, pem):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    done = []

    def at(number, port):
        async def handler(reader, writer):
            one = Connection(reader, writer, port=number, delay=delay, tls=tls, implicit=number == 465)
            done.append(one.record)
            await one.serve()

        return asyncio.start_server(handler, address, port, ssl=tls if number == 465 else None)

    for number, port in zip((25, 587, 465), ports, strict=True):
        await at(number, port)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for record in done:
        print(json.dumps(record), flush=True)


if __name__ == "__main__":
    where, *numbers, seconds, file = sys.argv[1:]
    asyncio.run(main(where, list(map(int, numbers)), float(seconds), file))
