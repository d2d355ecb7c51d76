"""Are there signatures in the attached files (CHK-03). Only reports: kind and signer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.schemas.verdict import Caution, Passed, Verdict, finding

if TYPE_CHECKING:
    from depesha.schemas.facts import Case
    from depesha.schemas.policy import Policy


def judge(case: Case, _policy: Policy) -> Verdict:
    """Report each signature found; say so where files came and none of them is signed."""
    contents = case.arrival.contents
    found = tuple(
        finding(
            Caution.SIGNATURE_IN_FILE,
            index=content.attachment.index,
            file=content.safe_name,
            form=signature.form,
            signer=signature.signer,
        )
        for content in contents
        for signature in content.signatures
    )
    if not found and contents:
        found = (finding(Caution.NO_SIGNATURE_IN_FILES),)
    return Passed(warnings=found)
