"""Each nasty mail, and what a reader must make of it; see README.md beside this file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from depesha.adapters.email.delivery_status import DeliveryReport, UnclearBounce
from depesha.adapters.email.letter import MEDIA_TYPE
from depesha.adapters.email.reading import Mail

BASIC = "From: a@b.example\r\nTo: c@d.example\r\nSubject: x\r\n"
MIXED = BASIC + 'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
END = "\r\n--b--\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A mail; either it is refused, or `holds` is true of what was read."""

    name: str
    raw: bytes
    refused: bool = False
    holds: Callable[[Mail], bool] = lambda _: True


def mixed(*parts: str) -> bytes:
    return (MIXED + "".join(f"--b\r\n{part}\r\n" for part in parts) + END[2:]).encode()


def deep(levels: int) -> bytes:
    heads = "".join(
        f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n' for n in range(levels)
    )
    return (BASIC + heads + "\r\nx").encode()


def named(parameters: str) -> bytes:
    return mixed(
        f"Content-Type: application/pdf\r\nContent-Disposition: attachment{parameters}\r\n\r\nx"
    )


def single(headers: str, body: str = "x") -> bytes:
    return f"{BASIC}{headers}\r\n\r\n{body}".encode()


def sender(field: str) -> bytes:
    return f"{field}\r\nSubject: x\r\n\r\nhello\r\n".encode()


def machine(body: str) -> str:
    return f"Content-Type: {MEDIA_TYPE}\r\n\r\n{body}"


def report(status: str) -> bytes:
    return (
        "From: MAILER-DAEMON@d.example\r\nSubject: Undelivered\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\n\r\nsorry\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"{status}\r\n--b\r\n"
        "Content-Type: message/rfc822\r\n\r\nMessage-ID: <1@b.example>\r\n\r\nx\r\n--b--\r\n"
    ).encode()


FAILED = "\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\nAction: failed"
TEXT = "Content-Type: text/plain\r\n\r\nhello"

CASES = (
    Case(name="depth-within", raw=deep(10)),
    Case(name="depth-beyond", raw=deep(13), refused=True),
    Case(name="depth-absurd", raw=deep(20_000), refused=True),
    Case(name="parts-beyond", raw=mixed(*["\r\nx"] * 400), refused=True),
    Case(name="headers-beyond", raw=b"X: " + b"y" * 200_000 + b"\r\n\r\n", refused=True),
    Case(name="fields-beyond", raw=b"X: y\r\n" * 600 + b"\r\n", refused=True),
    Case(
        name="boundary-missing",
        raw=single("Content-Type: multipart/mixed", "--b\r\n\r\nx"),
        holds=lambda mail: len(mail.files) == 1,
    ),
    Case(
        name="boundary-empty",
        raw=single('Content-Type: multipart/mixed; boundary=""', "--\r\n\r\nx"),
        holds=lambda mail: len(mail.files) == 1,
    ),
    Case(
        name="boundary-endless",
        raw=single(f'Content-Type: multipart/mixed; boundary="{"b" * 500}"', "x"),
        holds=lambda mail: len(mail.files) == 1,
    ),
    Case(
        name="boundary-never-closed",
        raw=mixed(TEXT).replace(b"--b--\r\n", b""),
        holds=lambda mail: mail.text == "hello\n",
    ),
    Case(
        name="boundary-two-content-types",
        raw=single(
            'Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary="b"',
            "--b\r\n\r\nx",
        ),
    ),
    Case(name="boundary-only-headers", raw=BASIC.encode(), holds=lambda mail: not mail.text),
    Case(name="nothing", raw=b"", holds=lambda mail: mail.sender == ""),
    Case(name="only-line-ends", raw=b"\r\n\r\n\r\n"),
    Case(name="null-bytes", raw=b"\x00" * 500),
    Case(
        name="encoding-not-base64",
        raw=single("Content-Transfer-Encoding: base64", "!!"),
        refused=True,
    ),
    Case(
        name="encoding-unknown",
        raw=single("Content-Transfer-Encoding: x-uuencode", "x"),
        refused=True,
    ),
    Case(
        name="charset-unknown",
        raw=single("Content-Type: text/plain; charset=klingon", "x"),
        holds=lambda mail: mail.text == "x",
    ),
    Case(
        name="charset-zlib",
        raw=single("Content-Type: text/plain; charset=zlib", "x"),
        holds=lambda mail: mail.text == "x",
    ),
    Case(
        name="charset-punycode",
        raw=single("Content-Type: text/plain; charset=punycode", "x-" * 9000),
        holds=lambda mail: mail.text.startswith("x-"),
    ),
    Case(
        name="charset-old-cyrillic",
        raw=single("Content-Type: text/plain; charset=windows-1251", "") + "писмо".encode("cp1251"),
        holds=lambda mail: mail.text == "писмо",
    ),
    Case(
        name="subject-eight-bits",
        raw=b"From: a@b.example\r\nSubject: \xff\xfe\xd0\xbf\r\n\r\n",
        holds=lambda mail: "\ufffd" in mail.subject,
    ),
    Case(
        name="subject-broken-words",
        raw=b"From: a@b.example\r\nSubject: =?utf-8?b?A?= =?x?q?y?=\r\n\r\n",
    ),
    Case(
        name="date-absurd",
        raw=b"Date: Mon, 99 Foo 99999 99:99:99 +9999\r\n\r\n",
        holds=lambda mail: mail.sent_at is None,
    ),
    Case(
        name="names-path",
        raw=named('; filename="../../etc/passwd"'),
        holds=lambda mail: mail.files[0].name == "../../etc/passwd",
    ),
    Case(
        name="names-line-end",
        raw=named("; filename*=utf-8''a%0D%0Ab.pdf"),
        holds=lambda mail: mail.files[0].name == "a b.pdf",
    ),
    Case(
        name="names-pieces",
        raw=named("; filename*0*=utf-8''%D0%9F; filename*1*=%D0%B8; filename*2=.pdf"),
        holds=lambda mail: mail.files[0].name == "Пи.pdf",
    ),
    Case(name="names-broken", raw=named("; filename*=klingon''%zz; filename*1*=%")),
    Case(name="names-endless", raw=named("".join(f"; filename*{n}=x" for n in range(2000)))),
    Case(
        name="from-several",
        raw=sender("From: a@b.example, c@d.example"),
        holds=lambda mail: mail.sender == "",
    ),
    Case(
        name="from-twice",
        raw=sender("From: a@b.example\r\nFrom: c@d.example"),
        holds=lambda mail: mail.sender == "",
    ),
    Case(
        name="from-in-name",
        raw=sender('From: "a@b.example" <c@d.example>'),
        holds=lambda mail: mail.sender == "c@d.example",
    ),
    Case(
        name="from-bare-in-name",
        raw=sender("From: a@b.example <c@d.example>"),
        holds=lambda mail: mail.sender == "",
    ),
    Case(
        name="from-group",
        raw=sender("From: all: a@b.example;"),
        holds=lambda mail: mail.sender == "",
    ),
    Case(
        name="machine-broken",
        raw=mixed(TEXT, machine("{")),
        holds=lambda mail: mail.machine_problem == "unreadable",
    ),
    Case(
        name="machine-deep",
        raw=mixed(TEXT, machine("[" * 50_000)),
        holds=lambda mail: mail.machine_problem == "unreadable",
    ),
    Case(
        name="machine-twice",
        raw=mixed(TEXT, machine("{}"), machine("{}")),
        holds=lambda mail: mail.machine_problem == "several",
    ),
    Case(
        name="machine-other-version",
        raw=mixed(TEXT, machine('{"version":99}')),
        holds=lambda mail: mail.machine is None,
    ),
    Case(
        name="hidden-in-alternative",
        raw=mixed(
            TEXT,
            'Content-Type: multipart/alternative; boundary="i"\r\n\r\n--i\r\n'
            "Content-Type: application/x-dosexec\r\n\r\nMZ\r\n--i--",
        ),
        holds=lambda mail: len(mail.files) == 1,
    ),
    Case(name="hidden-second-text", raw=mixed(TEXT, TEXT), holds=lambda mail: len(mail.files) == 1),
    Case(
        name="hidden-text-with-name",
        raw=mixed('Content-Type: text/plain; name="a.bat"\r\n\r\nx', TEXT),
        holds=lambda mail: [file.name for file in mail.files] == ["a.bat"],
    ),
    Case(
        name="hidden-mail-in-mail",
        raw=mixed(TEXT, "Content-Type: message/rfc822\r\n\r\n" + BASIC + "\r\nx"),
        holds=lambda mail: len(mail.files) == 1,
    ),
    Case(
        name="hidden-html-alone",
        raw=single("Content-Type: text/html", "<p>x"),
        holds=lambda mail: len(mail.files) == 1,
    ),
    Case(
        name="report-good",
        raw=report(f"Reporting-MTA: dns; x{FAILED}\r\nStatus: 5.1.1"),
        holds=lambda mail: (
            isinstance(mail.report, DeliveryReport) and mail.report.message_id == "<1@b.example>"
        ),
    ),
    Case(
        name="report-no-recipient",
        raw=report("Reporting-MTA: dns; x"),
        holds=lambda mail: isinstance(mail.report, UnclearBounce),
    ),
    Case(
        name="report-odd-action",
        raw=report("A: b\r\n\r\nAction: exploded\r\nStatus: 5.0.0"),
        holds=lambda mail: isinstance(mail.report, UnclearBounce),
    ),
    Case(
        name="report-many",
        raw=report("A: b" + FAILED * 500),
        holds=lambda mail: (
            isinstance(mail.report, DeliveryReport) and len(mail.report.recipients) == 50
        ),
    ),
)
