"""Keys and trust from files: who we are, whom we believe. Blocking: run in a thread, at start."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.adapters.keys import KeyPair, load_key_pair, load_or_create_seal_key
from depesha.adapters.revocation import RevocationLists
from depesha.adapters.seos.assembly import SeosTls
from depesha.adapters.signing import XmlSigner
from depesha.adapters.trust import CertificateJudge, TrustPolicy
from depesha.adapters.verifying import XmlVerifier
from depesha.errors import ConfigurationError
from depesha.schemas.journal import SealKey

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from depesha.adapters.seos.settings import SeosSettings, TrustSettings
    from depesha.config import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """What the files of keys and trust held when the gateway started; its processes get the same.

    Files may be changed before the next start, and nobody may then speak with two certificates.
    """

    pair: KeyPair
    authorities: tuple[bytes, ...]
    intermediates: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What signs and what judges signatures."""

    signer: XmlSigner
    verifier: XmlVerifier
    lists: RevocationLists


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Everything made of keys and certificates."""

    papers: Papers
    seal_key: SealKey
    signer: XmlSigner
    verifier: XmlVerifier
    lists: RevocationLists


def load_trust(settings: Settings, rules: TrustSettings) -> Trust:
    """Load keys, anchors and rules, and prove once that signing works; `ConfigurationError`.

    `rules` are SEOS's: no other network's messages are signed with XML.
    """
    keys = settings.keys
    papers = Papers(
        pair=load_key_pair(keys.key, keys.certificate, password_variable=keys.key_password_env),
        authorities=tuple(_read(_anchors(settings, rules))),
        intermediates=tuple(_read(settings.path(name) for name in rules.intermediates)),
    )
    made = judgement(papers, rules)
    return Trust(
        papers=papers,
        seal_key=SealKey(load_or_create_seal_key(settings.seal.key)),
        signer=made.signer,
        verifier=made.verifier,
        lists=made.lists,
    )


def judgement(papers: Papers, rules: TrustSettings) -> Judgement:
    """Make signer and verifier, and prove once that signing works; `ConfigurationError`."""
    signer = XmlSigner(papers.pair)
    signer.self_check()
    lists = RevocationLists((*papers.authorities, *papers.intermediates))
    judge = CertificateJudge(
        TrustPolicy(
            authorities=papers.authorities,
            intermediates=papers.intermediates,
            register_serial=rules.serial,
            validity=rules.validity,
            chain=rules.chain,
            revocation=rules.revocation,
            stale_lists_accepted=rules.stale_lists_accepted,
        ),
        lists,
    )
    return Judgement(signer=signer, verifier=XmlVerifier(judge), lists=lists)


def password(settings: Settings) -> str | None:
    """The password of our key, or None."""
    variable = settings.keys.key_password_env
    return os.environ.get(variable) if variable else None


def _anchors(settings: Settings, rules: TrustSettings) -> tuple[Path, ...]:
    return (*settings.keys.trusted, *(settings.path(name) for name in rules.authorities))


def seos_tls(settings: Settings, seos: SeosSettings) -> SeosTls:
    """Return our transport certificate for SEOS, and whom we believe at the other end."""
    anchors = _anchors(settings, seos.trust)
    peers = tuple(settings.path(name) for name in seos.peer_authorities) or anchors
    return SeosTls(
        certificate=settings.keys.certificate,
        key=settings.keys.key,
        password=password(settings),
        authorities=peers,
        register_authorities=tuple(settings.path(name) for name in seos.register_authorities),
    )


def _read(paths: Iterable[Path]) -> Iterable[bytes]:
    for path in paths:
        try:
            yield path.read_bytes()
        except OSError as error:
            raise ConfigurationError(
                f"the certificate file {path} cannot be read: {error.strerror}"
            ) from None
