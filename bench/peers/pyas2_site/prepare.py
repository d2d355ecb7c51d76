"""Fills the peer's database with both sides and writes signed AS2 requests for the callers.

Runs in the peer's own virtual environment:
`python -m pyas2_site.prepare FOLDER COUNT SIZE KEY CERTIFICATE`.
"""

import os
import struct
import sys
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pyas2_site.settings")

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from pyas2.models import (  # noqa: E402
    Organization,
    Partner,
    PrivateKey,
    PublicCertificate,
)
from pyas2lib.as2 import Message  # noqa: E402
from pyas2lib.as2 import Organization as Sender  # noqa: E402
from pyas2lib.as2 import Partner as Receiver  # noqa: E402

LENGTH = struct.Struct(">Q")
PASSPHRASE = "bench"  # noqa: S105 -- of a key made for one run


def known(pem: bytes, certificate: bytes) -> None:
    """Make the organization that receives and the partner that sends."""
    call_command("migrate", verbosity=0)
    key = PrivateKey(name="ours", key=pem, key_pass=PASSPHRASE)
    key.save()
    public = PublicCertificate(name="theirs", certificate=certificate, verify_cert=False)
    public.save()
    Organization.objects.create(name="Receiver", as2_name="receiver", signature_key=key)
    Partner.objects.create(
        name="Sender",
        as2_name="sender",
        target_url="https://localhost/pyas2/as2receive",
        signature="sha256",
        signature_cert=public,
        mdn=True,
        mdn_mode="SYNC",
        mdn_sign="sha256",
    )


def request(sender: Sender, receiver: Receiver, size: int) -> bytes:
    """Return one whole HTTP request with a signed message around `size` bytes."""
    message = Message(sender, receiver)
    message.build(
        b"%PDF-1.4\n" + os.urandom(size - 9),
        filename="pismo.pdf",
        content_type="application/octet-stream",
    )
    body = message.content
    lines = [f"{name}: {' '.join(str(value).split())}" for name, value in message.headers.items()]
    head = ["POST /pyas2/as2receive HTTP/1.1", "Host: localhost", *lines]
    head.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


def main() -> None:
    """Read the arguments, and make everything."""
    folder, count, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    pem, certificate = Path(sys.argv[4]).read_bytes(), Path(sys.argv[5]).read_bytes()
    known(pem, certificate)
    sender = Sender(as2_name="sender", sign_key=pem, sign_key_pass=PASSPHRASE)
    receiver = Receiver(
        as2_name="receiver",
        sign=True,
        digest_alg="sha256",
        mdn_mode="SYNC",
        mdn_digest_alg="sha256",
        verify_cert=certificate,
        validate_certs=False,
    )
    with (folder / "requests").open("wb") as file:
        for _ in range(count):
            one = request(sender, receiver, size)
            file.write(LENGTH.pack(len(one)) + one)


if __name__ == "__main__":
    main()
