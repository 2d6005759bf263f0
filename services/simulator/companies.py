"""What the generated reference data says beside a ticker: sectors with their SIC codes, exchanges, names."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sector:
    """A sector of the generated market and the industries (SIC code, description) of its companies."""

    name: str
    industries: tuple[tuple[str, str], ...]


SECTORS: Final = (
    Sector("Technology", (("7372", "SERVICES-PREPACKAGED SOFTWARE"), ("3674", "SEMICONDUCTORS & RELATED DEVICES"))),
    Sector("Health Care", (("2834", "PHARMACEUTICAL PREPARATIONS"), ("3841", "SURGICAL & MEDICAL INSTRUMENTS"))),
    Sector("Finance", (("6022", "STATE COMMERCIAL BANKS"), ("6331", "FIRE, MARINE & CASUALTY INSURANCE"))),
    Sector("Consumer Discretionary", (("5812", "RETAIL-EATING PLACES"), ("5651", "RETAIL-FAMILY CLOTHING STORES"))),
    Sector("Industrials", (("3721", "AIRCRAFT"), ("4213", "TRUCKING (NO LOCAL)"))),
    Sector("Real Estate", (("6798", "REAL ESTATE INVESTMENT TRUSTS"), ("6552", "LAND SUBDIVIDERS & DEVELOPERS"))),
    Sector("Energy", (("1311", "CRUDE PETROLEUM & NATURAL GAS"), ("2911", "PETROLEUM REFINING"))),
    Sector("Basic Materials", (("1040", "GOLD & SILVER ORES"), ("2810", "INDUSTRIAL INORGANIC CHEMICALS"))),
    Sector("Utilities", (("4911", "ELECTRIC SERVICES"), ("4941", "WATER SUPPLY"))),
    Sector("Consumer Staples", (("2080", "BEVERAGES"), ("2000", "FOOD AND KINDRED PRODUCTS"))),
    Sector("Telecommunications", (("4813", "TELEPHONE COMMUNICATIONS (NO RADIOTELEPHONE)"),)),
)
_EXCHANGES: Final = ("XNAS", "XNYS", "XNAS", "XASE")
_FUND_EXCHANGES: Final = ("ARCX", "BATS", "XNAS")
_FUND_CODES: Final = frozenset({"ETF", "ETN", "ETV", "ETS"})
_NOUNS: Final = {
    "CS": "Holdings Common Stock",
    "ADRC": "Overseas American Depositary Shares",
    "ETF": "Index ETF",
    "FUND": "Income Fund",
    "PFD": "Holdings Preferred Stock",
    "WARRANT": "Acquisition Warrants",
    "UNIT": "Acquisition Units",
    "RIGHT": "Acquisition Rights",
    "SP": "Structured Product",
    "ETN": "Index ETN",
    "ETV": "Commodity Trust",
    "ETS": "Single-Security ETF",
}


def exchange_of(column: int, code: str) -> str:
    """Return the market identifier code of the primary exchange of a column."""
    exchanges = _FUND_EXCHANGES if code in _FUND_CODES else _EXCHANGES
    return exchanges[column * 7919 % len(exchanges)]


def name_of(column: int, code: str) -> str:
    """Return a name that nobody takes for a real company's."""
    return f"Simulated {column:05d} {_NOUNS.get(code, 'Holdings')}"


def industry_of(column: int, sector: int) -> tuple[str, str]:
    """Return SIC code and description of a column."""
    industries = SECTORS[sector].industries
    return industries[column % len(industries)]
