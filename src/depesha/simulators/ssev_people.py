"""Profiles, logins, group matrix and templates of the simulated SSEV (facts 1, 3.3, 3.4).

It looks up and never sends.
"""

from __future__ import annotations

import fnmatch
import hashlib
from dataclasses import replace
from typing import Final

from depesha.ports import Clock, IdSource
from depesha.schemas.wire.ssev import (
    FORWARD_TEMPLATE,
    FORWARD_TEXT,
    LETTER_FILES,
    LETTER_TEMPLATE,
    LETTER_TEXT,
)
from depesha.simulators.ssev_values import QUOTA, Caller, Group, Login, Profile

FORM_TEMPLATE: Final = 1001
"""A template of the operator's own, with every kind of component."""
EVERYBODY: Final = frozenset(Group)
MATRIX: Final = {
    Group.INDIVIDUAL: frozenset({Group.ADMINISTRATION, Group.SOCIAL}),
    Group.LEGAL_ENTITY: frozenset({Group.LEGAL_ENTITY, Group.ADMINISTRATION, Group.SOCIAL}),
    Group.ADMINISTRATION: EVERYBODY,
    Group.SOCIAL: EVERYBODY,
}
"""Sender group → groups it may write to; `People.matrix` may be changed while it runs."""


def form_field(number: int) -> str:
    """Return the GUID of a field of the form template."""
    return f"f0000000-0000-4000-8000-{number:012d}"


_KINDS: Final = {
    form_field(1): ("CheckboxComponent", "checkbox"),
    form_field(2): ("DateTimeComponent", "datetime"),
    form_field(3): ("HiddenComponent", "hidden"),
    form_field(4): ("SelectComponent", "select"),
    form_field(5): ("TextAreaComponent", "textarea"),
    form_field(6): ("TextFieldComponent", "textfield"),
    form_field(7): ("MarkdownComponent", "textfield"),  # sic: facts 9, no. 12
    form_field(8): ("FileComponent", "file"),
}
TEMPLATES: Final[dict[int, tuple[str, dict[str, tuple[str, str]]]]] = {
    LETTER_TEMPLATE: (
        "Писмо",
        {LETTER_TEXT: ("TextAreaComponent", "textarea"), LETTER_FILES: ("FileComponent", "file")},
    ),
    FORWARD_TEMPLATE: ("Препращане", {FORWARD_TEXT: ("TextAreaComponent", "textarea")}),
    FORM_TEMPLATE: ("Заявление (образец)", _KINDS),
}
"""Template id → name and its fields: GUID → discriminator and type."""
REQUIRED: Final = frozenset({LETTER_TEXT, form_field(6)})


class People:
    """Who is there. One event loop."""

    def __init__(self, *, clock: Clock, ids: IdSource) -> None:
        self._clock = clock
        self._ids = ids
        self._profiles: dict[int, Profile] = {}
        self._logins: dict[int, Login] = {}
        self.matrix = dict(MATRIX)

    def add(
        self,
        identifier: str,
        name: str,
        group: Group = Group.ADMINISTRATION,
        *,
        activated: bool = True,
        passive: bool = False,
        quota: int = QUOTA,
    ) -> Profile:
        """Enter a profile."""
        profile = Profile(
            profile_id=1000 + len(self._profiles),
            subject_id=self._ids.guid(),
            identifier=identifier,
            name=name,
            group=group,
            created_at=self._clock.now(),
            activated=activated,
            passive=passive,
            quota=quota,
        )
        self._profiles[profile.profile_id] = profile
        return profile

    def change(
        self, profile: Profile, *, activated: bool | None = None, quota: int | None = None
    ) -> None:
        """Switch a profile off or on, or give it another quota."""
        known = self._profiles[profile.profile_id]
        self._profiles[profile.profile_id] = replace(
            known,
            activated=known.activated if activated is None else activated,
            quota=known.quota if quota is None else quota,
        )

    def admit(
        self, profile: Profile, certificate: bytes, *, oid: str, client_id: str, push_url: str = ""
    ) -> Login:
        """Enter an integration login of a profile, bound to a certificate (DER)."""
        login = Login(
            login_id=500 + len(self._logins),
            subject_id=self._ids.guid(),
            name=f"{profile.name} (система)",
            profile_id=profile.profile_id,
            thumbprint=thumbprint(certificate),
            oid=oid,
            client_id=client_id,
            push_url=push_url,
        )
        self._logins[login.login_id] = login
        return login

    def profile(self, profile_id: int) -> Profile | None:
        """Return a profile by id."""
        return self._profiles.get(profile_id)

    def known(self, profile_id: int) -> Profile:
        """Return a profile that must be there."""
        return self._profiles[profile_id]

    def subject(self, subject_id: str) -> Profile | None:
        """Return a profile by its electronic subject id."""
        wanted = subject_id.lower()
        return next((p for p in self._profiles.values() if p.subject_id == wanted), None)

    def login(self, login_id: int | None) -> Login | None:
        """Return a login by id."""
        return None if login_id is None else self._logins.get(login_id)

    def login_of(self, profile_id: int) -> Login | None:
        """Return the first login of a profile."""
        return next((i for i in self._logins.values() if i.profile_id == profile_id), None)

    def in_group(self, group: int) -> tuple[Profile, ...]:
        """Return the activated profiles of a group (facts 3.4)."""
        return tuple(p for p in self._profiles.values() if p.group == group and p.activated)

    def all(self) -> tuple[Profile, ...]:
        """Return every profile."""
        return tuple(self._profiles.values())

    def search(self, identifier: str, groups: frozenset[Group]) -> tuple[Profile, ...]:
        """Return profiles whose identifier is LIKE the given one: `%` and `_` are wildcards."""
        pattern = identifier.replace("%", "*").replace("_", "?")
        return tuple(
            p
            for p in self._profiles.values()
            if p.group in groups and fnmatch.fnmatchcase(p.identifier, pattern)
        )

    def may_write(self, sender: Profile, group: int) -> bool:
        """Tell whether the matrix lets this profile write to a group."""
        return group in self.matrix[sender.group]

    def by_certificate(self, certificate: bytes) -> Caller | None:
        """Return who calls with this certificate over SOAP (facts 7.2)."""
        wanted = thumbprint(certificate)
        return self._caller(
            next((i for i in self._logins.values() if i.thumbprint == wanted), None)
        )

    def by_oid(self, oid: str, client_id: str) -> Caller | None:
        """Return who calls under this OID and client id over REST (facts 2.4)."""
        matching = (i for i in self._logins.values() if (i.oid, i.client_id) == (oid, client_id))
        return self._caller(next(matching, None))

    def _caller(self, login: Login | None) -> Caller | None:
        if login is None:
            return None
        profile = self._profiles[login.profile_id]
        return Caller(profile=profile, login=login) if profile.activated else None


def thumbprint(certificate: bytes) -> str:
    """Return the lower-case SHA-1 of a certificate's DER (facts 7.2)."""
    return hashlib.sha1(certificate, usedforsecurity=False).hexdigest()
