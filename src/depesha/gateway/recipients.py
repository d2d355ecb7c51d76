"""Is there any road at all to a recipient, as far as anybody knows now (PRT-03). Only asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.schemas.route import Reach

if TYPE_CHECKING:
    from collections.abc import Mapping

    from depesha.ports import Directory, OutboundChannel
    from depesha.schemas.dispatch import Dispatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipients:
    """Whom this installation can write to."""

    directories: Mapping[str, Directory]
    channels: Mapping[str, OutboundChannel]

    async def known(self, dispatch: Dispatch) -> bool:
        """Tell whether some network names the recipient.

        Where a network cannot be asked now it may: the document is taken, and its plan decides.
        """
        identifier = dispatch.recipient.identifier
        if any(one.by_identifier(identifier) is not None for one in self.directories.values()):
            return True
        for channel in self.channels.values():
            facts = await channel.facts(dispatch)
            if facts.reach is not Reach.NOT_REGISTERED:
                return True
        return False
