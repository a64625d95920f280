"""A mail server that keeps nothing: each mail it takes is one JSON line on standard output.

usage: server.py plain|starttls|tls PORT FOLDER [refuse=ADDRESS] [greylist=N]

The first line is {"port": ..., "ca": FILE}. The certificate, for mail.test and localhost, is made anew unless the
folder has one. It ends when its standard input does.
"""

import json
import ssl
import sys
from pathlib import Path

import trustme
from aiosmtpd.controller import Controller

mode, port, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
options = dict(argument.split("=", 1) for argument in sys.argv[4:])
refused = options.get("refuse")
greylist = int(options.get("greylist", "0"))

ca_file, chain_file = folder / "ca.pem", folder / "chain.pem"
if not chain_file.exists():
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    authority.issue_cert("mail.test", "localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(chain_file)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(chain_file)


def say(value):
    print(json.dumps(value), flush=True)


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        global greylist
        if address == refused:
            return "550 5.1.1 no such mailbox"
        if greylist > 0:
            greylist -= 1
            return "451 4.7.1 greylisted, try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        content = envelope.content.decode("utf-8", "replace")
        # The session knows of STARTTLS only; a server that begins with TLS hears nothing else.
        encrypted = mode == "tls" or session.ssl is not None
        say({"to": envelope.rcpt_tos, "from": envelope.mail_from, "tls": encrypted, "content": content})
        return "250 OK"


class AnyPort(Controller):
    """Knows which port it was given before it greets itself."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


settings = {"hostname": "127.0.0.1", "port": port}
if mode == "starttls":
    settings |= {"tls_context": context, "require_starttls": True}
elif mode == "tls":
    settings |= {"ssl_context": context}
controller = AnyPort(Handler(), **settings)
controller.start()
say({"port": controller.port, "ca": str(ca_file)})
sys.stdin.read()
controller.stop()
