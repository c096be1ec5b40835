"""How tests send as a user of a host: at port 465, over TLS, with the right password."""

import contextlib
import smtplib
import ssl
from collections.abc import Iterator

from tests.lab.laboratory import Lab
from tests.lab.machine import Host
from tests.lab.profile import LOGIN, PASSWORD
from tests.lab.watching import CANARY, connected


@contextlib.contextmanager
def submission(lab: Lab, host: Host) -> Iterator[smtplib.SMTP_SSL]:
    """A greeted session from the vantage; nobody has logged in yet."""
    context = ssl.create_default_context(cadata=lab.authority.pem)
    context.check_hostname = False
    with lab.vantage.entered():
        smtp = connected(
            lambda: smtplib.SMTP_SSL(host.v4, 465, "vantage.example", context=context, timeout=30)
        )
        with contextlib.closing(smtp):
            yield smtp


def answers(lab: Lab, host: Host) -> bool:
    """Whether the submission port is there again after a reload."""
    with contextlib.suppress(OSError), submission(lab, host):
        return True
    return False


def send(smtp: smtplib.SMTP, host: Host, mark: str, to: str = CANARY, login: str = LOGIN) -> None:
    """One message of the account that has logged in. Raises what smtplib raises when it is refused."""
    sender = f"{login}@{host.domain}"
    smtp.sendmail(sender, [to], f"From: <{sender}>\r\nSubject: {mark}\r\n\r\n{mark}\r\n")


def refusal(lab: Lab, host: Host, mark: str = "spam", login: str = LOGIN, password: str = PASSWORD) -> str:
    """What the server says to the account with its right password: at the login, else at its message; empty when it takes it."""
    with submission(lab, host) as smtp:
        try:
            smtp.login(login, password)
            send(smtp, host, mark, login=login)
        except smtplib.SMTPAuthenticationError as error:
            return f"login {error.smtp_code}"
        except smtplib.SMTPRecipientsRefused as error:
            return " ".join(f"{code} {text!r}" for code, text in error.recipients.values())
        except smtplib.SMTPResponseException as error:
            return f"{error.smtp_code} {error.smtp_error!r}"
    return ""
