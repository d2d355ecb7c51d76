"""Faults of the wire and their bounded codes; settings."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from depesha.adapters.ssev.problems import FAULTS, Problem, SsevError, of_fault
from depesha.adapters.ssev.settings import SsevSettings
from depesha.errors import PeerError


@pytest.mark.parametrize(("words", "problem"), FAULTS)
def test_every_fault_is_known_though_wrapped(words: str, problem: Problem) -> None:
    wrapped = f'Status(StatusCode="Unknown", Detail="{words} …", DebugException="x")'
    assert of_fault("s:Client", wrapped) is problem


def test_an_inner_error_says_nothing_about_the_outcome() -> None:
    text = 'Status(StatusCode="Unknown", Detail="Exception was thrown by handler.")'
    assert of_fault("s:Client", text) is None
    assert of_fault("s:Client", "something new") is None


def test_a_security_fault_is_ours() -> None:
    assert of_fault("wsse:InvalidSecurity", "any text") is Problem.CREDENTIALS


def test_an_error_says_its_code_and_whether_waiting_helps() -> None:
    error = SsevError("dull", Problem.NO_SPACE, status=200)
    assert isinstance(error, PeerError)
    assert error.waiting_helps
    assert error.facts["problem"] == "NO_SPACE"
    assert not SsevError("dull", Problem.MALICIOUS).waiting_helps


def test_settings_need_one_interface() -> None:
    with pytest.raises(ValidationError):
        SsevSettings()
    with pytest.raises(ValidationError):
        SsevSettings.model_validate({"soap": {"url": "https://x.example", "misspelt": 1}})
    assert SsevSettings.model_validate({"soap": {"url": "https://x.example"}}).soap is not None
