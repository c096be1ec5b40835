"""Default accounts. Names are compared on the host, so that nobody else's leaves it; passwords are never printed."""

from auditor.evidence.accounts import DEFAULT_NAMES, DefaultAccounts, parse_accounts
from auditor.inside.command import Command, Output, reads

ACCOUNTS = Command(
    id="default-accounts",
    argv=(
        "sh",
        "-c",
        r"""[ -r /etc/shadow ] || exit
for f in /etc/shadow /etc/dovecot/users /etc/dovecot/passwd /etc/exim4/passwd /etc/mail/passwd; do
  [ -f $f ] && awk -F: -v f=$f -v n=" $1 " '
    { l = tolower($1); sub(/@.*/, "", l) }
    NF > 1 && index(n, " " l " ") && $2 !~ /^({[^}]*})?[!*]/ { print f "|" $1 }' $f
done
command -v sasldblistusers2 >/dev/null && [ -e /etc/sasldb2 ] && sasldblistusers2 2>/dev/null | awk -v n=" $1 " '
  { l = tolower($1); sub(/@.*/, "", l) } index(n, " " l " ") { sub(/:$/, "", $1); print "/etc/sasldb2|" $1 }'
command -v doveconf >/dev/null && doveconf -n 2>/dev/null | awk '
  /^passdb/ { p = 1; if ($2 ~ /^(sql|ldap)$/) print "database|" $2 } /^}/ { p = 0 }
  p && $1 == "driver" && $3 ~ /^(sql|ldap)$/ { print "database|" $3 }'
true""",
        "sh",
        " ".join(DEFAULT_NAMES),
    ),
    root=True,
    beside=True,
)


@reads(ACCOUNTS)
def default_accounts(output: Output) -> DefaultAccounts:
    """System accounts, password files of Dovecot and Exim, and the database of SASL."""
    return parse_accounts(output.text())
