"""Settings of a service: environment first, a prefix each, unknown keys refused, secrets masked."""

import os
import sys
from typing import Literal, TypeVar

from pydantic import AliasChoices, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsConfigDict

from services.rpc.access_settings import AccessSettings

USAGE_EXIT = 2
_INSECURE = "--insecure-network"
_FLAGS = ("--print-config", _INSECURE)


class ServiceSettings(AccessSettings):
    """What every service can be told. Subclasses set `env_prefix` in their `model_config`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    metrics_address: str = Field(
        default="", description="Address, host:port, on which metrics are served over HTTP; empty for none."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe events that are logged."
    )


S = TypeVar("S", bound=ServiceSettings)


def load(kind: type[S], argv: list[str]) -> S:
    """Read the settings from the environment, for a service's `__main__`.

    `--print-config` prints them with secrets masked and leaves; `--help` lists the variables; `--insecure-network` is
    the setting insecure_network. A value that cannot be used, an unknown variable with the service's prefix or an
    unknown flag ends the process with exit code 2 and one line a fault on stderr.
    """
    if argv == ["--help"]:
        print(_help(kind))  # noqa: T201  # what --help is for
        sys.exit(0)
    faults = [f"unknown argument {argument!r}: see --help" for argument in argv if argument not in _FLAGS]
    faults += [f"unknown variable {name}: see --help" for name in _unknown(kind)]
    try:
        settings = kind(insecure_network=True) if _INSECURE in argv else kind()
    except ValidationError as error:
        faults += [_fault(kind, fault) for fault in error.errors()]
    if faults:
        print("\n".join(faults), file=sys.stderr)  # noqa: T201  # before logs are configured
        sys.exit(USAGE_EXIT)
    if "--print-config" in argv:
        print(settings.model_dump_json(indent=2))  # noqa: T201  # what --print-config is for
        sys.exit(0)
    return settings


def _fault(kind: type[ServiceSettings], fault: ErrorDetails) -> str:
    """Say what is wrong with a variable, or with several of them together, which the words name then."""
    words = fault["msg"].removeprefix("Value error, ")
    return f"{_variable(kind, str(fault['loc'][0]))}: {words}" if fault["loc"] else words


def _variable(kind: type[ServiceSettings], field: str) -> str:
    info = kind.model_fields.get(field)
    if info is None:
        return field.upper()
    if isinstance(info.validation_alias, AliasChoices):
        return str(info.validation_alias.choices[0])
    return kind.variable(field)


def _unknown(kind: type[ServiceSettings]) -> list[str]:
    prefix = str(kind.model_config.get("env_prefix", ""))
    known = {_variable(kind, field) for field in kind.model_fields}
    return sorted(name for name in os.environ if name.startswith(prefix) and name not in known)


def _help(kind: type[ServiceSettings]) -> str:
    lines = [
        f"{(kind.__doc__ or '').splitlines()[0]}",
        "",
        "Environment variables (--print-config shows their values; --insecure-network sets the one of that name):",
    ]
    # What is common to all services comes last.
    fields = sorted(
        kind.model_fields.items(), key=lambda item: item[0] in AccessSettings.model_fields and item[0] != "address"
    )
    for name, field in fields:
        default = "required" if field.is_required() else f"default {field.default!r}"
        lines.append(f"  {_variable(kind, name):32} {field.description} ({default})")
    return "\n".join(lines)
