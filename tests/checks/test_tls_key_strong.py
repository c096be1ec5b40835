from cryptography.hazmat.primitives.asymmetric import ec, rsa

from auditor.model import Status
from tests.certificates import leaf, session
from tests.mail_server import MailServer, network
from tests.scanning import find


async def verdict(key) -> Status:
    server = MailServer(handshake=session(leaf("mx1.example.org", key=key)))
    return (await find("tls-key-strong", network(smtp=server))).status


async def test_keys_of_today_pass():
    assert await verdict(ec.generate_private_key(ec.SECP256R1())) is Status.PASSED
    assert await verdict(rsa.generate_private_key(65_537, 2_048)) is Status.PASSED


async def test_keys_that_can_be_broken_fail():
    assert await verdict(rsa.generate_private_key(65_537, 1_024)) is Status.FAILED
    assert await verdict(ec.generate_private_key(ec.SECP192R1())) is Status.FAILED
