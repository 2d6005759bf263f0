"""What kind of security a symbol is, and the ways in which the same symbol is spelled."""

import re
from collections.abc import Container
from types import MappingProxyType
from typing import Final

from services.market.vocabulary import SymbolType

MASSIVE_TYPES: Final = MappingProxyType(
    {
        "CS": SymbolType.COMMON,
        "OS": SymbolType.COMMON,
        "ADRC": SymbolType.ADR,
        "GDR": SymbolType.ADR,
        "NYRS": SymbolType.ADR,
        "ETF": SymbolType.ETF,
        "ETS": SymbolType.ETF,
        "ETV": SymbolType.ETF,
        "BASKET": SymbolType.FUND,
        "FUND": SymbolType.FUND,
        "LT": SymbolType.FUND,
        "ADRP": SymbolType.PREFERRED,
        "PFD": SymbolType.PREFERRED,
        "ADRW": SymbolType.WARRANT,
        "WARRANT": SymbolType.WARRANT,
        "UNIT": SymbolType.UNIT,
        "ADRR": SymbolType.RIGHT,
        "RIGHT": SymbolType.RIGHT,
        "AGEN": SymbolType.NOTE,
        "BOND": SymbolType.NOTE,
        "EQLK": SymbolType.NOTE,
        "ETN": SymbolType.NOTE,
        "SP": SymbolType.NOTE,
    }
)
"""Massive's type codes (its /v3/reference/tickers/types); INDEX, OTHER and codes to come are told by their suffix."""

_SEPARATORS: Final = ".-/"
_SUFFIXES: Final = (
    (SymbolType.WARRANT, ("WS", "W", "WT")),
    (SymbolType.UNIT, ("U", "UN")),
    (SymbolType.RIGHT, ("R", "RT")),
)
_TYPE_OF_SUFFIX: Final = {suffix: kind for kind, suffixes in _SUFFIXES for suffix in suffixes}
_SAME_SUFFIX: Final = {suffix: suffixes for _, suffixes in _SUFFIXES for suffix in suffixes}

# Preferred shares: BACpB (Massive), BAC_B and BAC^B (files), BAC-PB (Yahoo), BAC.PRB; the series letter may be absent.
_PREFERRED: Final = re.compile(r"([A-Z0-9]+)(?:(?:[_^p]|[./-]PR[./-]?)([A-Z]?)|[./-]P([A-QS-Z]))")
_RIGHT: Final = re.compile(r"[A-Z0-9]+r")


def type_of(code: str, symbol: str) -> SymbolType:
    """Return the type that Massive's `code` stands for; an unknown code leaves it to the symbol's suffix."""
    return MASSIVE_TYPES.get(code) or type_by_suffix(symbol)


def type_by_suffix(symbol: str) -> SymbolType:
    """Tell units, warrants, rights and preferred shares by their suffix; anything else is UNKNOWN.

    A share class (BRK.B) is no such suffix, nor is a fifth letter without a separator: both name common shares too.
    """
    if _PREFERRED.fullmatch(symbol):
        return SymbolType.PREFERRED
    if _RIGHT.fullmatch(symbol):
        return SymbolType.RIGHT
    _, *suffixes = _parts(symbol)
    return _TYPE_OF_SUFFIX.get(suffixes[0], SymbolType.UNKNOWN) if suffixes else SymbolType.UNKNOWN


def spellings(symbol: str) -> tuple[str, ...]:
    """Return the ways in which a symbol is spelled, itself first, without duplicates: BRK.B, BRK-B, BRK/B."""
    preferred = _PREFERRED.fullmatch(symbol)
    if preferred:
        root, series = preferred[1], preferred[2] or preferred[3] or ""
        marks = ["p", "_", "^", ".PR", "-PR", "/PR"]
        if series:
            marks += [".PR.", "-PR-", "/PR/"]
        if series not in {"", "R"}:  # BAC.PR is the preferred share without a series, not series R
            marks += [".P", "-P", "/P"]
        return tuple(dict.fromkeys((symbol, *(root + mark + series for mark in marks))))
    root, *suffixes = _parts(symbol)
    if not suffixes:
        return (symbol,)
    same = _SAME_SUFFIX.get(suffixes[0], (suffixes[0],))
    variants = (mark.join((root, first, *suffixes[1:])) for first in same for mark in _SEPARATORS)
    return tuple(dict.fromkeys((symbol, *variants)))


def find_symbol(requested: str, known: Container[str]) -> str | None:
    """Return the symbol of `known` that `requested` means in any spelling, or None; case counts, as on the exchange."""
    return next((spelling for spelling in spellings(requested) if spelling in known), None)


def _parts(symbol: str) -> list[str]:
    return re.split(r"[./-]", symbol)
