"""Which helpers the mail of a logged-in user passes: milters, policy services, content filters."""

import re

from auditor.evidence import opensmtpd, postfix
from auditor.evidence.mta_settings import MtaSettings
from auditor.evidence.postfix import PostfixService, PostfixSettings
from auditor.evidence.units import MailHelpers

_ASKED_BY = (*postfix.RESTRICTION_LISTS, "smtpd_milters", "content_filter")


def login_helpers(settings: MtaSettings, helpers: MailHelpers) -> dict[str, str]:
    """Name of the program (its unit, as far as that is known) -> where it is reached.

    Of Postfix only what stands at every door where somebody may log in; what is remote is named by its socket.
    """
    if settings.opensmtpd:
        return _filters(settings.opensmtpd)
    alive = {
        s.name: s.keeper_name.removesuffix(".service") or s.name for s in helpers.local if s.pid is not None
    }
    alive |= {socket: socket for socket in helpers.remote}
    if settings.postfix:
        doors = postfix.login_doors(settings.postfix)
        texts = [_asked(settings.postfix, door) for door in doors]
        alive = {socket: name for socket, name in alive.items() if texts and all(socket in t for t in texts)}
    return {name: socket for socket, name in alive.items()}


def _asked(settings: PostfixSettings, door: PostfixService) -> str:
    return " ".join(settings.get(parameter, door) for parameter in _ASKED_BY)


def _filters(settings: opensmtpd.OpensmtpdSettings) -> dict[str, str]:
    """What `filter NAME` on every listener with auth stands for: `proc-exec filter-rspamd`."""
    listeners = opensmtpd.login_listeners(settings)
    defined = dict(words.split(" ", 1) for words in settings.filters if " " in words)
    return {
        "rspamd" if "rspamd" in program else program: name
        for name, program in defined.items()
        if not program.startswith("phase ")  # a rule of OpenSMTPD's own
        and listeners
        and all(re.search(rf'\bfilter\s+"?{re.escape(name)}"?(?:\s|$)', line) for line in listeners)
    }
