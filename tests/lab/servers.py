"""The configuration of BIND and Unbound in the laboratory."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.lab.net import RESOLVERS
from tests.lab.zones import AUTHORITATIVE, AUTHORITATIVE_V6, SERVERS, Zone

RESOLVERS_V6: Final = ("2001:db8:2::10", "2001:db8:2::11")
TSIG_NAME: Final = "lab-update"
_NAMED: Final = """
options {{
    directory "/etc/lab"; pid-file "/run/named/named.pid"; session-keyfile "/run/named/session.key";
    listen-on {{ {v4} }}; listen-on-v6 {{ {v6} }};
    recursion no; dnssec-validation no; empty-zones-enable no; notify no; allow-transfer {{ none; }};
}};
key "{tsig}" {{ algorithm hmac-sha256; secret "{secret}"; }};
key "rndc" {{ algorithm hmac-sha256; secret "{secret}"; }};
controls {{ inet 127.0.0.1 port 953 allow {{ 127.0.0.1; }} keys {{ "rndc"; }}; }};
dnssec-policy "lab" {{ keys {{ csk lifetime unlimited algorithm ecdsap256sha256; }}; }};
include "/etc/lab/zones.conf";
"""
_RNDC: Final = """
key "rndc" {{ algorithm hmac-sha256; secret "{secret}"; }};
options {{ default-key "rndc"; default-server 127.0.0.1; }};
"""
_UNBOUND: Final = """
server:
    {interfaces}
    access-control: 0.0.0.0/0 allow
    access-control: ::0/0 allow
    do-daemonize: no
    chroot: ""
    username: ""
    pidfile: "/run/unbound.pid"
    use-syslog: no
    verbosity: 1
    num-threads: 1
    module-config: "validator iterator"
    root-hints: "/etc/lab/root.hints"
    trust-anchor-file: "/etc/lab/root.ds"
    unblock-lan-zones: yes
    local-zone: "test." nodefault
    local-zone: "onion." nodefault
    target-fetch-policy: "0 0 0 0 0"
    val-bogus-ttl: 0
    cache-max-negative-ttl: 1
remote-control:
    control-enable: yes
    control-interface: "/run/unbound.ctl"
    control-use-cert: no
"""


def configure(folder: Path, secret: str, root_ds: str) -> None:
    """Write named.conf, rndc.conf, unbound.conf, root hints and trust anchor; `secret` is base64."""
    v4, v6 = (" ".join(f"{address};" for address in pair) for pair in (AUTHORITATIVE, AUTHORITATIVE_V6))
    interfaces = "\n    ".join(f"interface: {address}" for address in (*RESOLVERS, *RESOLVERS_V6))
    hints = [
        f". 3600 NS {server}\n{server} 3600 A {v4}\n"
        for server, v4 in zip(SERVERS, AUTHORITATIVE, strict=True)
    ]
    texts = {
        "named.conf": _NAMED.format(v4=v4, v6=v6, tsig=TSIG_NAME, secret=secret),
        "rndc.conf": _RNDC.format(secret=secret),
        "unbound.conf": _UNBOUND.format(interfaces=interfaces),
        "root.hints": "".join(hints),
        "root.ds": f". 3600 IN DS {root_ds}\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="ascii")


def list_zones(folder: Path, zones: Iterable[Zone]) -> None:
    """Write the part of named.conf that changes with the zones."""
    lines = []
    for zone in zones:
        update = f' allow-update {{ key "{TSIG_NAME}"; }};' if zone.dynamic else ""
        policy = ' dnssec-policy "lab";' if zone.dynamic and zone.signed else ""
        lines.append(f'zone "{zone.name}" {{ type primary; file "{zone.file}";{update}{policy} }};\n')
    (folder / "zones.conf").write_text("".join(lines), encoding="ascii")
