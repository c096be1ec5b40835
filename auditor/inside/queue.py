"""The queue, asked of the program that owns it; long queues are counted whole and listed in part."""

import re

from auditor.evidence.mta import Mta, MtaRunning
from auditor.evidence.queue import (
    MailQueue,
    SpoolSpace,
    parse_exim,
    parse_opensmtpd,
    parse_postfix,
    parse_sendmail,
    parse_space,
    summarise,
)
from auditor.inside.command import Command, Output, reads
from auditor.inside.mta import the_one
from auditor.model import Moment, Reason
from auditor.net import CannotLook

POSTQUEUE = Command(
    id="postqueue",
    argv=(
        "sh",
        "-c",
        """command -v postqueue >/dev/null || exit 127
q=/var/spool/postfix
echo total $(find $q/incoming $q/active $q/deferred $q/hold -type f | wc -l)
postqueue -j | head -n 3000""",
    ),
    root=True,
    timeout=10,
    limit=4 << 20,
    beside=True,
)
EXIM_QUEUE = Command(
    id="exim-queue",
    argv=(
        "sh",
        "-c",
        "command -v exim4 >/dev/null || exit 127; echo total $(exim4 -bpc); echo; exim4 -bpr | head -n 6000",
    ),
    root=True,
    timeout=10,
)
SMTPCTL_QUEUE = Command(
    id="smtpctl-queue",
    argv=(
        "sh",
        "-c",
        """command -v smtpctl >/dev/null || exit 127
smtpctl show queue >/dev/null || exit
echo total $(smtpctl show queue | wc -l); smtpctl show queue | head -n 5000""",
    ),
    root=True,
    timeout=10,
)
SENDMAIL_QUEUE = Command(
    id="sendmail-queue",
    argv=(
        "sh",
        "-c",
        """cd /var/spool/mqueue 2>/dev/null || exit 127
echo total $(find . -name '[qh]f*' -type f | wc -l)
find . -name '[qh]f*' -type f | head -n 2000 | while read -r f; do
  echo "==> ${f##*/}"; grep -aE '^[TMRq]' "$f"
done""",
    ),
    root=True,
    timeout=10,
)
SPACE = Command(
    id="spool-space",
    argv=(
        "sh",
        "-c",
        'for d in /var/spool /var/mail /var/log /home; do [ -d $d ] && stat -f -c "$d|%S|%b|%a|%c|%d" $d; done; true',
    ),
)


@reads(POSTQUEUE, EXIM_QUEUE, SMTPCTL_QUEUE, SENDMAIL_QUEUE)
def mail_queue(
    postqueue: Output, exim: Output, smtpctl: Output, sendmail: Output, running: MtaRunning, moment: Moment
) -> MailQueue:
    """Of the program that runs."""
    mta = the_one(running)
    text = {Mta.POSTFIX: postqueue, Mta.EXIM: exim, Mta.OPENSMTPD: smtpctl, Mta.SENDMAIL: sendmail}[
        mta
    ].text()
    counted = re.search(r"^total (\d{1,9})$", text, re.MULTILINE)
    if counted is None:
        raise CannotLook(Reason.MALFORMED, "the queue was listed without its length")
    found = {
        Mta.POSTFIX: parse_postfix,
        Mta.EXIM: lambda listing: parse_exim(listing, now=moment.taken_at.timestamp()),
        Mta.OPENSMTPD: parse_opensmtpd,
        Mta.SENDMAIL: parse_sendmail,
    }[mta](text)
    return summarise(mta, found, total=int(counted[1]))


@reads(SPACE)
def spool_space(output: Output) -> SpoolSpace:
    """Raises CannotLook where no file system was told."""
    places = parse_space(output.text())
    if not places:
        raise CannotLook(Reason.MALFORMED, "no file system was told")
    return SpoolSpace(places=places)
