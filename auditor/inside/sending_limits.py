"""What the programs that count were told. Only the lines about limits come over: the files also hold passwords."""

from auditor.evidence.sending_limits import SendingLimits, parse_limits
from auditor.inside.command import Command, Output, reads

LIMITS = Command(
    id="sending-limits",
    argv=(
        "sh",
        "-c",
        r"""echo '== postfwd'
grep -hsE '(rate|rcpt)[a-z0-9]*\(' /etc/postfix/postfwd.cf /etc/postfix/postfwd.cf.d/*
echo '== policyd-rate-limit'
sed -nE '/^limits:/,/^[a-z_]+:/p; /^limit_by_sasl:/p' /etc/policyd-rate-limit.yaml 2>/dev/null |
  sed -E '/^(limits|limit_by_sasl):/b; /^[^[:space:]-]/d'
for d in local.d override.d; do echo '== rspamd'; cat /etc/rspamd/$d/ratelimit.conf 2>/dev/null; done; true""",
    ),
    root=True,
    limit=262144,
)


@reads(LIMITS)
def sending_limits(output: Output) -> SendingLimits:
    """postfwd, policyd-rate-limit and rspamd; Exim's own are among its settings."""
    return SendingLimits(found=parse_limits(output.text()))
