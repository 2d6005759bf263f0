"""The enumerations that services share: types, reasons, flags, signals. Numbers equal those of `protos/technic/v1`."""

from enum import IntEnum, IntFlag


class SymbolType(IntEnum):
    """What kind of security a symbol is."""

    UNKNOWN = 1
    COMMON = 2
    ADR = 3
    ETF = 4
    FUND = 5
    PREFERRED = 6
    WARRANT = 7
    UNIT = 8
    RIGHT = 9
    NOTE = 10


DEFAULT_TYPES = frozenset({SymbolType.COMMON, SymbolType.ADR, SymbolType.UNKNOWN})
"""The types that a scan of the whole universe asks for unless told otherwise."""


class Reason(IntEnum):
    """Why a symbol is an omission."""

    NO_DATA = 1
    UNKNOWN_SYMBOL = 2
    TOO_LITTLE_HISTORY = 3
    STALE_DATA = 4
    PROVIDER_UNAVAILABLE = 5
    MALFORMED_ANSWER = 6
    BUDGET_SPENT = 7
    FILTERED_TYPE = 8
    FILTERED_ATR_PCT = 9
    FILTERED_PRICE = 10
    FILTERED_DOLLAR_VOLUME = 11
    FILTERED_SCORE = 12
    FILTERED_MARKET_CAP = 13
    FILTERED_FACTOR = 14
    FILTERED_EXCHANGE = 15
    FILTERED_SECTOR = 16
    FILTERED_SECTOR_COUNT = 17
    FILTERED_INDUSTRY = 18


class Flag(IntFlag):
    """Remarks on a row; they never remove it."""

    STALE_DATA = 1 << 0
    THIN_TRADING = 1 << 1
    EARLY_HISTORY = 1 << 2
    BENCHMARK_MISSING = 1 << 3
    LOW_LIQUIDITY = 1 << 4
    HIGH_ATR = 1 << 5
    VERY_HIGH_ATR = 1 << 6
    PINNED_PRICE = 1 << 7
    SMALL_CAP = 1 << 8
    MICRO_CAP = 1 << 9
    TYPE_UNKNOWN = 1 << 10
    SMALL_CROSS_SECTION = 1 << 11
    SUSPECT_DATA = 1 << 12
    PROVISIONAL = 1 << 13
    OUT_OF_DISTRIBUTION = 1 << 14
    LOOK_AHEAD_MODEL = 1 << 15


class Signal(IntEnum):
    """What a TechRating calls for."""

    STRONG_LONG = 1
    LONG = 2
    AVOID = 3
    SHORT = 4
    STRONG_SHORT = 5


LONGS = (Signal.STRONG_LONG, Signal.LONG)
SHORTS = (Signal.STRONG_SHORT, Signal.SHORT)


class ShareCap(IntEnum):
    """What bounds the shares of a trade plan."""

    RISK = 1
    VOLUME = 2
    ACCOUNT = 3


class NoPlan(IntEnum):
    """Why a row has no trade plan."""

    NO_SIGNAL = 1
    MISSING_DATA = 2
    ATR_TOO_SMALL = 3
    STOP_NOT_POSITIVE = 4
    TARGET_NOT_POSITIVE = 5


class Trend(IntEnum):
    """The direction of the market as a whole."""

    UP = 1
    SIDEWAYS = 2
    DOWN = 3


class Volatility(IntEnum):
    """The volatility of the market as a whole."""

    LOW = 1
    HIGH = 2
