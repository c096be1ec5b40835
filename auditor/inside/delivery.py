"""The way of the scan's own message through the host, from its log. Waits for the mail program, but not for ever."""

from auditor.evidence.delivery import Delivery
from auditor.inside.command import Command, Output, reads

DELIVERY = Command(
    id="delivery",
    argv=(
        "sh",
        "-c",
        # The ids of messages that were accepted: the label stands in the Message-ID, with OpenSMTPD in the sender.
        # Without one of them no message was handed over, and there is nothing to wait for.
        r"""lines() {
    for f in /var/log/mail.log /var/log/maillog /var/log/exim4/mainlog; do
        [ -e $f ] && tail -c 2000000 $f
    done
    journalctl -q --no-pager -S -15min -o short-iso SYSLOG_FACILITY=2 2>/dev/null
}
ids() {
    lines | grep -aF -- "$1" | sed -nE \
        -e "s/.*]: ([0-9A-Za-z]{6,20}): message-id=<$1\..*/\1:/p" \
        -e "s/.* ([0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4}) <= .* id=$1\..*/\1/p" \
        -e "s/.* smtp envelope evpid=([0-9a-f]{16}) from=<auditor-$1@.*/\1/p" \
        -e "s/.*]: ([0-9A-Za-z]{14}): from=<.* msgid=<$1\..*/\1:/p" | sort -u | head -n 8
}
waited=0
while [ $waited -lt 15 ]; do
    found=$(ids "$1")
    [ -n "$found" ] || exit 0
    seen=$(lines | grep -aF -- "$found" | grep -acE 'status=(sent|bounced|deferred|expired)| (=>|->|[*][*]|==) |result=|stat=')
    [ "$seen" -gt 0 ] && break
    sleep 1
    waited=$((waited + 1))
done
sleep 1
lines | grep -aF -- "$(ids "$1")" | awk '!known[$0]++' | tail -n 60""",
        "sh",
        "{label}",
    ),
    root=True,
    late=True,
    timeout=25,
    limit=65536,
)


@reads(DELIVERY)
def delivery(output: Output) -> Delivery:
    """Empty when no message of this scan was accepted, or none was logged."""
    return Delivery(lines=tuple(output.text().splitlines()))
