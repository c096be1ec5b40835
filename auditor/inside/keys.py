"""Keys and certificates that programs on the host use: their public halves, made on the host itself."""

import re

from auditor.evidence.disk_certificates import CertificatesOnDisk
from auditor.evidence.dkim import SignerKey, SignerKeys
from auditor.inside.command import Command, Output, reads

SIGNERS = Command(
    id="dkim-signers",
    # Prints "domain|selector|public key"; the private half is read by openssl alone and never printed.
    argv=(
        "sh",
        "-c",
        r"""public() { # domain selector file
  [ -f "$3" ] || return 0
  p=$(openssl pkey -in "$3" -pubout -outform DER 2>/dev/null | base64 -w0)
  [ -n "$p" ] && printf '%s|%s|%s\n' "$1" "$2" "$p"
}
value() { sed -nE "s/^[[:space:]]*$1[[:space:]]*=?[[:space:]]+\"?([^\"[:space:]]+).*/\1/p" "$2" 2>/dev/null | tail -n 1; }
c=/etc/opendkim.conf
if pidof opendkim >/dev/null && [ -r $c ]; then
  public "$(value Domain $c)" "$(value Selector $c)" "$(value KeyFile $c)"
  t=$(value KeyTable $c); t=${t#*:}
  [ -f "$t" ] && sed -nE 's/^[^#[:space:]]+[[:space:]]+([^:]+):([^:]+):([^:[:space:]]+).*/\1 \2 \3/p' "$t" |
    while read -r d s k; do public "$d" "$s" "$k"; done
fi
if pidof exim4 >/dev/null; then
  exim4 -bP config 2>/dev/null | sed -nE 's/^[[:space:]]*(DKIM_DOMAIN|DKIM_SELECTOR|DKIM_PRIVATE_KEY)[[:space:]]*=[[:space:]]*(\S+)$/\1 \2/p' |
    { while read -r n v; do case $n in DKIM_DOMAIN) d=$v;; DKIM_SELECTOR) s=$v;; *) k=$v;; esac; done
      case $k in
        /etc/exim4/auditor-dkim-*) sed -n 's/^\([^:[:space:]]*\):.*/\1/p' /etc/exim4/auditor-dkim.domains | while read -r d; do public "$d" "$s" "$k"; done;;
        *) public "$d" "$s" "$k";;
      esac; }
fi
ps -ww -eo args= | grep '[f]ilter-dkimsign' | sort -u | while read -r line; do
  d= s= k= last=
  for word in $line; do case $last in -d) d=$word;; -s) s=$word;; -k) k=$word;; esac; last=$word; done
  public "$d" "$s" "$k"
done
for f in /var/lib/rspamd/dkim/*.*.key; do
  pidof rspamd >/dev/null && [ -f "$f" ] || continue
  n=${f##*/}; n=${n%.key}; public "${n%.*}" "${n##*.}" "$f"
done; true""",
    ),
    root=True,
    beside=True,
)
CERTIFICATES = Command(
    id="certificates-on-disk",
    argv=(
        "sh",
        "-c",
        r"""{
command -v postconf >/dev/null && postconf -xh smtpd_tls_cert_file smtpd_tls_chain_files 2>/dev/null | tr ', ' '\n\n'
command -v exim4 >/dev/null && exim4 -bP tls_certificate 2>/dev/null | sed 's/^[^=]*= *$/in-memory/; s/^[^=]*= *//'
[ -r /etc/smtpd.conf ] && sed -nE 's/^[[:space:]]*pki[[:space:]]+\S+[[:space:]]+cert[[:space:]]+"?([^"[:space:]]+).*/\1/p' /etc/smtpd.conf
[ -r /etc/mail/sendmail.cf ] && sed -nE 's/^O ServerCertFile=//p' /etc/mail/sendmail.cf
} | sort -u | while read -r f; do
  case $f in in-memory) echo in-memory;; /*) [ -f "$f" ] && printf '%s|%s\n' "$(openssl x509 -in "$f" -outform DER 2>/dev/null | sha256sum | cut -c1-64)" "$f";; esac
done; true""",
    ),
    root=True,
    beside=True,
)
ED25519_PREFIX = "MCowBQYDK2VwAyEA"
"""Base64 of the twelve octets before an Ed25519 key in SubjectPublicKeyInfo; RFC 8463 publishes the key without them."""
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""SHA-256 of nothing: openssl found no certificate in the file."""


@reads(SIGNERS)
def signer_keys(output: Output) -> SignerKeys:
    """Of signers that run: OpenDKIM, Exim, filter-dkimsign, rspamd."""
    found = []
    for domain, selector, public in re.findall(
        r"^([^|\s]*)\|([^|\s]*)\|([A-Za-z0-9+/=]+)$", output.text(), re.MULTILINE
    ):
        short = public.removeprefix(ED25519_PREFIX)
        algorithm = "rsa" if short == public else "ed25519"
        found.append(
            SignerKey(domain=domain.lower(), selector=selector.lower(), public=short, algorithm=algorithm)
        )
    return SignerKeys(keys=tuple(dict.fromkeys(found)))


@reads(CERTIFICATES)
def certificates_on_disk(output: Output) -> CertificatesOnDisk:
    """The first certificate of each file that a mail program is told to use."""
    found = re.findall(r"^([0-9a-f]{64})\|(/.*)$", output.text(), re.MULTILINE)
    return CertificatesOnDisk(
        files=tuple((path, digest) for digest, path in found if digest != EMPTY),
        in_memory="in-memory" in output.text().splitlines(),
    )
