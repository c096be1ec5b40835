newaliases
postconf -e "myhostname = $NAME" "mydestination = \$myhostname, $DOMAIN, localhost" \
    'mynetworks = 0.0.0.0/0 [::]/0' \
    'smtpd_end_of_data_restrictions = check_policy_service inet:127.0.0.1:10040'
# Somebody got too much spam at these.
printf 'postmaster@ 550 5.1.1 no such mailbox\nabuse@ 550 5.1.1 no such mailbox\n' > /etc/postfix/unwanted
postconf -e 'smtpd_recipient_restrictions = check_recipient_access texthash:/etc/postfix/unwanted'
postconf -M 'submission/inet=submission inet n - y - - smtpd'
cat > /usr/local/sbin/policy-helper <<'END'
"""A policy service that agrees to everything."""
import socketserver

class Agree(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            if line == b"\n":
                self.wfile.write(b"action=DUNNO\n\n")

socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", 10040), Agree).serve_forever()
END
