"""GET over HTTPS as a mail sender does it for MTA-STS: no redirect, no cache, bounded in size and time."""

import asyncio
from dataclasses import dataclass

import h11

from auditor.model import Reason
from auditor.net import CannotLook, Network, Stream, TlsOffer

CHUNK = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A response, or the reason why the certificate was not trusted, in which case nothing was asked."""

    distrusted: str | None = None
    status: int = 0
    media_type: str = ""
    body: bytes = b""
    too_long: bool = False


async def get(
    network: Network, server: tuple[str, int], url: tuple[str, str], *, limit: int, timeout: float
) -> Fetched:
    """`server` is address and port, `url` host and path. At most `limit` octets of body within `timeout` seconds.

    Raises CannotLook.
    """
    try:
        async with asyncio.timeout(timeout):
            stream = await network.connect(*server, tls=TlsOffer(server_name=url[0]), timeout=timeout)
            try:
                if stream.tls is not None and stream.tls.verify_error:
                    return Fetched(distrusted=stream.tls.verify_error)
                return await _ask(stream, url, limit)
            finally:
                await stream.close()
    except TimeoutError as error:
        raise CannotLook(Reason.TIMEOUT, f"{url[0]} did not finish its answer in {timeout:g} s") from error


async def _ask(stream: Stream, url: tuple[str, str], limit: int) -> Fetched:
    host, path = url
    headers = [("Host", host), ("User-Agent", "auditor"), ("Connection", "close")]
    connection = h11.Connection(h11.CLIENT)
    wire = connection.send(h11.Request(method="GET", target=path, headers=headers))
    wire = (wire or b"") + (connection.send(h11.EndOfMessage()) or b"")
    await stream.send(wire)
    try:
        return await _read(stream, connection, limit)
    except h11.RemoteProtocolError as error:
        raise CannotLook(Reason.PROTOCOL, f"{host} does not speak HTTP: {error}") from error


async def _read(stream: Stream, connection: h11.Connection, limit: int) -> Fetched:
    status, media_type, body = 0, "", bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive(CHUNK))
        elif isinstance(event, h11.Response):
            status = event.status_code
            sent = dict(event.headers).get(b"content-type", b"")
            media_type = sent.partition(b";")[0].strip().lower().decode("ascii", "backslashreplace")
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > limit:
                return Fetched(status=status, media_type=media_type, body=bytes(body[:limit]), too_long=True)
        elif isinstance(event, h11.EndOfMessage):
            return Fetched(status=status, media_type=media_type, body=bytes(body))
