"""Reading the file, laying the environment over it, and telling every mistake with its line."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, Field, PrivateAttr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from depesha.config import console_sections as c
from depesha.config import outbound_sections as o
from depesha.config import sections as s
from depesha.config import sources, toml
from depesha.config.sources import Source
from depesha.errors import ConfigurationError

PREFIX = "DEPESHA_"
_SHOWN_MISTAKES = 5


class Settings(BaseSettings):
    """Everything an operator may set, checked and frozen. Made by `load`."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        hide_input_in_errors=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
    )

    participant: s.ParticipantSection
    keys: s.Keys
    listen: s.Listen = Field(default_factory=s.Listen)
    store: s.Store = Field(default_factory=s.Store)
    limits: s.LimitsSection = Field(default_factory=s.LimitsSection)
    formats: s.Formats = Field(default_factory=s.Formats)
    scanner: s.Scanner = Field(default_factory=s.Scanner)
    networks: s.Networks = Field(default_factory=dict)
    registry: s.RegistrySection = Field(default_factory=s.RegistrySection)
    outbound: o.OutboundSection = Field(default_factory=o.OutboundSection)
    follow_up: o.FollowUpSection = Field(default_factory=o.FollowUpSection)
    calendar: o.CalendarSection = Field(default_factory=o.CalendarSection)
    signals: o.SignalsSection = Field(default_factory=o.SignalsSection)
    console: c.ConsoleSection = Field(default_factory=c.ConsoleSection)
    quarantine: s.QuarantineSection = Field(default_factory=s.QuarantineSection)
    retention: s.RetentionSection = Field(default_factory=s.RetentionSection)
    seal: s.Seal = Field(default_factory=s.Seal)
    retry: s.Retry = Field(default_factory=s.Retry)
    log: s.Log = Field(default_factory=s.Log)
    threads: s.Threads = Field(default_factory=s.Threads)

    _file: Path = PrivateAttr(default=Path())
    _document: toml.Document = PrivateAttr(default_factory=lambda: toml.Document(data={}))
    _environment: dict[toml.Path, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 -- the base prescribes the signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file; there is no third place."""
        return env_settings, init_settings

    @property
    def file(self) -> Path:
        """The file read."""
        return self._file

    def path(self, text: str) -> Path:
        """Resolve a path of a network's table: relative ones start at the file's folder."""
        return self._file.parent / text

    def locate(self, path: tuple[str, ...]) -> int:
        """Line of a key, or of the nearest table around it; 0 where the file has none of it."""
        return self._document.locate(path)

    def reject(
        self, error: ValidationError, model: type[BaseModel], under: tuple[str, ...]
    ) -> ConfigurationError:
        """Turn a failed validation of a table (`under`) into the same error `load` raises."""
        return _told(error, model, under, self._file, self._document, self._environment)

    def sources(self, networks: Mapping[str, type[BaseModel]] | None = None) -> tuple[Source, ...]:
        """Every running value with its origin, in the order of the file's sections.

        With the models of `networks` the defaults of their tables are told, too. Looks whether
        named secrets are there, so it may block.
        """
        return tuple(self._source(path, value) for path, value in self._values(networks or {}))

    def _values(
        self, networks: Mapping[str, type[BaseModel]]
    ) -> Iterator[tuple[toml.Path, object]]:
        for name in type(self).model_fields:
            if name != "networks":
                yield from sources.leaves((name,), getattr(self, name))
                continue
            for network, table in self.networks.items():
                model = networks.get(network)
                opened = table if model is None else model.model_validate(table)
                yield from sources.leaves(("networks", network), opened)

    def _source(self, path: toml.Path, value: object) -> Source:
        heads = (path[:length] for length in range(len(path), 0, -1))
        variable = next((self._environment[one] for one in heads if one in self._environment), "")
        line = 0 if variable else sources.line_of(path, self._document.lines)
        return Source(
            key=".".join(path),
            value=sources.shown(path, value),
            origin=variable or (f"line {line}" if line else "default"),
            line=line,
            secret=sources.secret_there(path, value, self._file.parent),
        )


def load(path: Path) -> Settings:
    """Read the settings; raise `ConfigurationError` naming file, line, key and what would do."""
    path = path.absolute()
    try:
        document = toml.read(path.read_text(encoding="utf-8"), path.name)
    except OSError as error:
        raise ConfigurationError(
            f"{path}: cannot be read: {error.strerror}",
            remedy="name the settings file with -c, or make one with `depesha init DIR`",
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path.name}: is not UTF-8 text") from None
    variables = _variables()
    token = s.BASE.set(path.parent)
    try:
        settings = Settings(**document.data)
    except ValidationError as error:
        raise _told(error, Settings, (), path, document, variables) from None
    except SettingsError:
        names = ", ".join(sorted(variables.values()))
        raise ConfigurationError(f"one of {names} is not the JSON its key needs") from None
    finally:
        s.BASE.reset(token)
    settings._file, settings._document = path, document  # noqa: SLF001 -- our own class
    settings._environment = variables  # noqa: SLF001 -- our own class
    _check_console(settings, variables)
    return settings


def _check_console(settings: Settings, variables: Mapping[toml.Path, str]) -> None:
    """Refuse to show the console's log-in to a network in clear, unless that was asked for."""
    key = ("listen", "operators")
    if not settings.listen.operators_bare or settings.console.origin.startswith("https:"):
        return
    place = variables.get(key) or f"{settings.file.name}:{settings.locate(key)}"
    raise ConfigurationError(
        f"{place}: listen.operators: {settings.listen.operators} is no address of this machine "
        "alone, and passwords would travel there without TLS",
        remedy="set listen.operators_tls, or console.origin to the https: address of the proxy in "
        "front, or listen.operators_plain where something else keeps strangers away",
    )


def _variables() -> dict[toml.Path, str]:
    """Key path → name, for variables of the form DEPESHA_SECTION__KEY (or a whole section)."""
    found: dict[toml.Path, str] = {}
    for name in os.environ:
        if not name.upper().startswith(PREFIX):
            continue
        path = tuple(name[len(PREFIX) :].lower().split("__"))
        if path[0] in Settings.model_fields:
            found[path] = name
        elif len(path) > 1:
            raise ConfigurationError(
                f"{name}: no section [{path[0]}]{_nearest(path[0], Settings.model_fields)}"
            )
    return found


def _told(
    error: ValidationError,
    model: type[BaseModel],
    under: toml.Path,
    file: Path,
    document: toml.Document,
    variables: Mapping[toml.Path, str],
) -> ConfigurationError:
    mistakes = [
        _mistake(one, model, under, file, document, variables)
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    rest = len(mistakes) - _SHOWN_MISTAKES
    text = "; ".join(mistakes[:_SHOWN_MISTAKES]) + (f"; and {rest} more" if rest > 0 else "")
    return ConfigurationError(text)


def _mistake(
    error: ErrorDetails,
    model: type[BaseModel],
    under: toml.Path,
    file: Path,
    document: toml.Document,
    variables: Mapping[toml.Path, str],
) -> str:
    inner = tuple(str(part) for part in error["loc"])
    path = under + inner
    line = document.locate(path)
    variable = next((v for p, v in variables.items() if p == path[: len(p)]), None)
    place = variable or (f"{file.name}:{line}" if line else file.name)
    key = ".".join(path)
    if error["type"] == "extra_forbidden":
        return f"{place}: unknown key {key}{_nearest(path[-1], _keys_at(model, inner[:-1]))}"
    if error["type"] == "missing":
        return f"{place}: {key} is missing"
    words = error["msg"].removeprefix("Value error, ").replace("Input should", "should", 1)
    return f"{place}: {key}: {words}"


def _nearest(key: str, valid: Iterable[str]) -> str:
    names = list(valid)
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; valid keys are {', '.join(names)}" if names else ""


def _keys_at(model: type[BaseModel], path: toml.Path) -> Iterable[str]:
    """Names of the keys allowed at `path`, which leads through nested models and lists."""
    for part in path:
        if part.isdigit():
            continue
        field = model.model_fields.get(part)
        found = next(_models_in(field.annotation), None) if field else None
        if found is None:
            return ()
        model = found
    return model.model_fields


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
