"""From what the user typed of filters, orders and trade plans to what is meant. Pure; faults name the flag."""

import math
import re
from collections.abc import Sequence
from typing import Final

from services.gateway.selection import Filter, PlanOptions, Sort
from services.market.errors import InvalidRequestError

_NUMBER: Final = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([KMBT%]?)"
_QUANTITY: Final = re.compile(_NUMBER)
_FILTER: Final = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*" + _NUMBER + r"\s*")
_UNITS: Final = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
_ORDERS: Final = {"": False, "desc": False, "asc": True}


def parse_filters(texts: Sequence[str]) -> tuple[Filter, ...]:
    """Read bounds such as `rsi_14<30`, `market_cap>=1B` or `atr_pct_14<5%`; which names there are the gateway knows."""
    return tuple(_filter(text) for text in texts)


def _filter(text: str) -> Filter:
    match = _FILTER.fullmatch(text)
    if not match:
        raise InvalidRequestError(f'--filter {text!r} is none: write it like "rsi_14<30" or "market_cap>=1B"')
    name, sign, value = match[1], match[2], _value(match[3], match[4])
    # The gateway's bounds are inclusive: the number beside is the last one that is really below, or above.
    if sign == "<":
        value = math.nextafter(value, -math.inf)
    elif sign == ">":
        value = math.nextafter(value, math.inf)
    return Filter(name, least=value) if sign.startswith(">") else Filter(name, most=value)


def parse_sort(text: str) -> Sort | None:
    """Read an order such as `rsi_14`, highest first, or `rsi_14:asc`; empty is the gateway's own."""
    if not text:
        return None
    name, _, order = text.partition(":")
    if order not in _ORDERS or not name:
        raise InvalidRequestError(f"--sort {text!r} is no order: write it like rsi_14, rsi_14:desc or rsi_14:asc")
    return Sort(name, ascending=_ORDERS[order])


def parse_plans(*, asked: bool, account: str, risk: str) -> PlanOptions | None:
    """Read what trade plans are sized by; naming either number asks for plans."""
    if not (asked or account or risk):
        return None
    return PlanOptions(_quantity(account, "--account", "25000 or 25K"), _quantity(risk, "--risk", "1% or 0.01"))


def _quantity(text: str, flag: str, example: str) -> float | None:
    if not text:
        return None
    match = _QUANTITY.fullmatch(text.strip())
    if not match:
        raise InvalidRequestError(f"{flag} {text!r} is no number: write it like {example}")
    return _value(match[1], match[2])


def _value(number: str, unit: str) -> float:
    return float(number) / 100 if unit == "%" else float(number) * _UNITS[unit]
