"""Ways in which mail programs have been talked into relaying, as text to fill in. A table, no code.

R01 to R28 cover the sixteen forms of nmap's smtp-open-relay; R50 to R54 (rules that trust the EHLO name) are in no
other tool. `minimal` marks the smallest set that caught every hole in measurements on Postfix, Exim, OpenSMTPD and
Sendmail of Debian 12 and 13; `named` marks further forms that relay-rewritten-closed promises to ask.

Not in the table on purpose: <postmaster+user=domain@hosted>, which plain sub-addressing accepts.

Fields: F our own sender, U and D local part and domain of the foreign recipient, DOM a hosted domain, MX the host's
name, IP its address, OURS our own address, HELO our EHLO name.
"""

from dataclasses import dataclass
from functools import partial

USUAL = "{HELO}"
"""The name that the scan gives itself elsewhere too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """One combination of EHLO, MAIL and RCPT."""

    id: str
    title: str
    sender: str = "<{F}>"
    recipient: str = "<{U}@{D}>"
    helo: str = USUAL
    rewritten: bool = False
    """The recipient looks local, the sender privileged, or the route unusual: relay-rewritten-closed."""
    local: bool = False
    """The recipient ends in a name of the target: a catch-all may rightly take it."""
    minimal: bool = False
    named: bool = False
    odd: bool = False
    """Syntax that makes some servers hang up: goes last."""
    needs: str = ""
    """An extension without which the command would only be a syntax error."""


_sender = partial(Vector, rewritten=True)
_recipient = partial(Vector, rewritten=True, local=True)

VECTORS: tuple[Vector, ...] = (
    Vector(id="R01", title="stranger to stranger", minimal=True),
    Vector(id="R05", title="sender equal to recipient", sender="<{U}@{D}>"),
    Vector(id="R49", title="MAIL AUTH=<>", sender="<{F}> AUTH=<>", needs="AUTH"),
    Vector(id="R50", title="EHLO with the hosted domain", helo="{DOM}", minimal=True),
    Vector(id="R51", title="EHLO with the host's own name", helo="{MX}"),
    Vector(id="R52", title="EHLO localhost", helo="localhost"),
    Vector(id="R53", title="EHLO [127.0.0.1]", helo="[127.0.0.1]"),
    _sender(id="R02", title="null sender", sender="<>", named=True),
    _sender(id="R03", title="sender in the hosted domain", sender="<audit@{DOM}>", minimal=True),
    Vector(
        id="R54",
        title="sender and EHLO of the hosted domain",
        sender="<audit@{DOM}>",
        helo="{DOM}",
        rewritten=True,
        minimal=True,
    ),
    _sender(id="R04", title="unknown sender in the hosted domain", sender="<no-such-user@{DOM}>"),
    _sender(id="R06", title="sender at the host's own name", sender="<audit@{MX}>"),
    _sender(id="R07", title="sender at the host's own address", sender="<audit@[{IP}]>", odd=True),
    _sender(id="R08", title="sender at localhost", sender="<audit@localhost>"),
    _sender(id="R09", title="sender without domain", sender="<audit>"),
    _sender(id="R10", title="postmaster as sender", sender="<postmaster@{DOM}>"),
    _recipient(
        id="R13", title="percent hack at the hosted domain", recipient="<{U}%{D}@{DOM}>", minimal=True
    ),
    _recipient(
        id="R18", title="quoted address at the hosted domain", recipient='<"{U}@{D}"@{DOM}>', named=True
    ),
    _recipient(id="R29", title="bang path at the hosted domain", recipient="<{D}!{U}@{DOM}>", named=True),
    _recipient(
        id="R24",
        title="source route through the host",
        recipient="<@{MX}:{U}@{D}>",
        local=False,
        minimal=True,
    ),
    _recipient(
        id="R44", title="address literal", recipient="<{U}@[{OURS}]>", local=False, minimal=True, odd=True
    ),
    _recipient(id="R11", title="percent hack at the host's address", recipient="<{U}%{D}@[{IP}]>", odd=True),
    _recipient(id="R12", title="percent hack at the host's name", recipient="<{U}%{D}@{MX}>"),
    _recipient(id="R14", title="percent hack at localhost", recipient="<{U}%{D}@localhost>"),
    _recipient(
        id="R38", title="percent hack at localhost.localdomain", recipient="<{U}%{D}@localhost.localdomain>"
    ),
    _recipient(id="R15", title="bare percent hack", recipient="<{U}%{D}>"),
    _recipient(id="R16", title="quoted address alone", recipient='<"{U}@{D}">'),
    _recipient(id="R17", title="quoted percent hack alone", recipient='<"{U}%{D}">'),
    _recipient(id="R20", title="quoted percent hack at the hosted domain", recipient='<"{U}%{D}"@{DOM}>'),
    _recipient(
        id="R23", title="source route through the host's address", recipient="<@[{IP}]:{U}@{D}>", local=False
    ),
    _recipient(
        id="R25", title="source route through the hosted domain", recipient="<@{DOM}:{U}@{D}>", local=False
    ),
    _recipient(id="R26", title="source route of two hops", recipient="<@{MX},@{DOM}:{U}@{D}>", local=False),
    _recipient(id="R27", title="bang path alone", recipient="<{D}!{U}>"),
    _recipient(id="R30", title="bang path through the host", recipient="<{MX}!{D}!{U}>"),
    Vector(
        id="R42",
        title="null sender and percent hack",
        sender="<>",
        recipient="<{U}%{D}@{DOM}>",
        rewritten=True,
        local=True,
    ),
    Vector(
        id="R43",
        title="sender in the hosted domain and percent hack",
        sender="<audit@{DOM}>",
        recipient="<{U}%{D}@{DOM}>",
        rewritten=True,
        local=True,
    ),
    _recipient(
        id="R19", title="quoted address at the host's address", recipient='<"{U}@{D}"@[{IP}]>', odd=True
    ),
    _recipient(id="R21", title="two at signs, the host's address", recipient="<{U}@{D}@[{IP}]>", odd=True),
    _recipient(id="R22", title="two at signs, the hosted domain", recipient="<{U}@{D}@{DOM}>", odd=True),
    _recipient(id="R28", title="bang path at the host's address", recipient="<{D}!{U}@[{IP}]>", odd=True),
    _recipient(id="R31", title="at sign at the end", recipient="<{U}@{D}@>", odd=True),
    _recipient(id="R32", title="percent hack with an at sign at the end", recipient="<{U}%{D}@>", odd=True),
    _recipient(id="R33", title="dot at the end of the domain", recipient="<{U}@{D}.>", local=False, odd=True),
    _recipient(
        id="R34", title="blank at the end of the domain", recipient="<{U}@{D} >", local=False, odd=True
    ),
    _recipient(id="R35", title="no angle brackets", recipient="{U}@{D}", local=False, odd=True),
    _recipient(id="R36", title="colon routing", recipient="<{U}:{D}>", odd=True),
    _recipient(id="R39", title="quoted bang path", recipient='<"{D}!{U}"@{DOM}>', odd=True),
    _recipient(id="R40", title="comment in the address", recipient="<{U}@{D}(x)@{DOM}>", odd=True),
    _recipient(id="R41", title="escaped at sign", recipient="<{U}\\@{D}@{DOM}>", odd=True),
    _recipient(
        id="R45", title="two recipients in one path", recipient="<postmaster@{DOM},{U}@{D}>", odd=True
    ),
    Vector(
        id="R37",
        title="SMTPUTF8",
        sender="<{F}> SMTPUTF8",
        recipient="<\u00fc{U}@{D}>",
        rewritten=True,
        odd=True,
        needs="SMTPUTF8",
    ),
    Vector(
        id="R46",
        title="ORCPT",
        recipient="<{U}@{D}> ORCPT=rfc822;{U}@{D}",
        rewritten=True,
        odd=True,
        needs="DSN",
    ),
)
