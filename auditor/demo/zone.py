"""What the DNS of the demonstration says: one mail domain with the mistakes that admins make most.

Every name is below .example (RFC 2606), so nothing here can ever point at somebody.
"""

DOMAIN = "weak.example"
HOST = f"mx1.{DOMAIN}"
ADDRESS = "127.0.0.1"

SHORT_KEY = (
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCRn2vEWLJ9iVAFjQvqeCLpHCS3UhW06pzu"
    "fCjVCLLTMRuf6rhNR/eiFLZ9Tu3hk7AlUl/yGZ2pY71BtLLXmTgywERJBTwiUp97rnlqn/zb"
    "Fjggyd5enbaP1zD0oHvVME5hQSDZbAfMJTg3frieE8cEl4sPuRvq9+MXOMWCfhjApQIDAQAB"
)
"""An RSA key of 1024 bits whose private half nobody kept, published in test mode."""

RECORDS: dict[tuple[str, str], tuple[str, ...]] = {
    (DOMAIN, "SOA"): (f"ns1.{DOMAIN}. hostmaster.{DOMAIN}. 1 7200 900 1209600 300",),
    (DOMAIN, "NS"): (f"ns1.{DOMAIN}.",),
    (f"ns1.{DOMAIN}", "A"): (ADDRESS,),
    (DOMAIN, "MX"): (f"10 {HOST}.",),
    (HOST, "A"): (ADDRESS,),
    # Lets the whole world send in the domain's name.
    (DOMAIN, "TXT"): ('"v=spf1 mx +all"',),
    (f"_dmarc.{DOMAIN}", "TXT"): ('"v=DMARC1; p=none"',),
    (f"default._domainkey.{DOMAIN}", "TXT"): (f'"v=DKIM1; k=rsa; t=y; p={SHORT_KEY}"',),
    ("1.0.0.127.in-addr.arpa", "PTR"): ("localhost.",),
    ("localhost", "A"): (ADDRESS,),
    # The point that every blocklist answers when it is alive (RFC 5782 section 5); nobody is listed here.
    ("2.0.0.127.zen.spamhaus.org", "A"): ("127.0.0.2", "127.0.0.4", "127.0.0.10"),
}
