"""A mail server of its own process, to be killed: aiosmtpd_server.py <port> <certificate> <key> <kept mails>.

It takes mails by STARTTLS alone, and answers that it has one only once its Message-ID is on the disk."""

import os
import ssl
import sys
import threading
from email.parser import BytesHeaderParser

from aiosmtpd.controller import Controller

port, cert_file, key_file, kept_file = sys.argv[1:5]
kept = open(kept_file, "a", encoding="utf-8")


class Keeper:
    async def handle_DATA(self, server, session, envelope):
        message = BytesHeaderParser().parsebytes(envelope.content)
        kept.write(message["Message-ID"].strip().strip("<>") + "\n")
        kept.flush()
        os.fdatasync(kept.fileno())
        return "250 Message accepted for delivery"


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(cert_file, key_file)
controller = Controller(Keeper(), hostname="127.0.0.1", port=int(port), tls_context=context, require_starttls=True)
controller.start()
threading.Event().wait()
