# Debian's OpenSMTPD listens on loopback and takes mail for the machine's own name only.
sed -i \
    -e 's/^listen on localhost$/listen on 0.0.0.0\nlisten on ::/' \
    -e "0,/^match /s//match from any for domain \"$DOMAIN\" action \"local\"\n&/" /etc/smtpd.conf
