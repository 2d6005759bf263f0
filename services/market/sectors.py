"""Sectors by industry: the Standard Industrial Classification (SIC) in NASDAQ's names of sectors.

Source: the SIC codes as the SEC's Division of Corporation Finance lists them ("Standard Industrial Classification (SIC)
Code List"), whose divisions and major groups are those of the SIC Manual of 1987; the names are the twelve that
NASDAQ's stock screener shows. Which group counts for which sector is ours, and leans on how the screener places the
largest companies of each: a waste hauler (4953) is a utility, an airline (4512) is of consumer discretionary. One
company's SIC code is its main business only, so the sector may differ from the screener's.
"""

from bisect import bisect_right
from typing import Final

TECHNOLOGY: Final = "Technology"
HEALTH_CARE: Final = "Health Care"
FINANCE: Final = "Finance"
DISCRETIONARY: Final = "Consumer Discretionary"
STAPLES: Final = "Consumer Staples"
INDUSTRIALS: Final = "Industrials"
ENERGY: Final = "Energy"
UTILITIES: Final = "Utilities"
REAL_ESTATE: Final = "Real Estate"
MATERIALS: Final = "Basic Materials"
TELECOMMUNICATIONS: Final = "Telecommunications"
MISCELLANEOUS: Final = "Miscellaneous"
NAMES: Final = (
    TECHNOLOGY,
    HEALTH_CARE,
    FINANCE,
    DISCRETIONARY,
    STAPLES,
    INDUSTRIALS,
    ENERGY,
    UTILITIES,
    REAL_ESTATE,
    MATERIALS,
    TELECOMMUNICATIONS,
    MISCELLANEOUS,
)
"""All twelve."""

_BEGINS: Final = (
    # Agriculture, forestry, fishing
    (100, STAPLES),
    (800, MATERIALS),
    (900, STAPLES),
    # Mining
    (1000, MATERIALS),
    (1200, ENERGY),
    (1400, MATERIALS),
    # Construction; builders of homes
    (1500, INDUSTRIALS),
    (1520, DISCRETIONARY),
    (1540, INDUSTRIALS),
    # Manufacturing: food, tobacco; textiles, apparel; lumber, mobile homes, furniture; paper; printing
    (2000, STAPLES),
    (2200, DISCRETIONARY),
    (2400, MATERIALS),
    (2450, DISCRETIONARY),
    (2600, MATERIALS),
    (2650, INDUSTRIALS),
    (2660, MATERIALS),
    (2700, DISCRETIONARY),
    # Chemicals; drugs; soap and cosmetics; petroleum; rubber and plastics, tyres and footwear; leather
    (2800, MATERIALS),
    (2830, HEALTH_CARE),
    (2840, STAPLES),
    (2850, MATERIALS),
    (2900, ENERGY),
    (3000, DISCRETIONARY),
    (3050, INDUSTRIALS),
    (3100, DISCRETIONARY),
    # Stone and glass; metals; machinery; computers
    (3200, INDUSTRIALS),
    (3300, MATERIALS),
    (3400, INDUSTRIALS),
    (3570, TECHNOLOGY),
    (3580, INDUSTRIALS),
    # Electrical equipment; household appliances; lighting; audio and video; communications, semiconductors
    (3630, DISCRETIONARY),
    (3640, INDUSTRIALS),
    (3650, DISCRETIONARY),
    (3660, TECHNOLOGY),
    (3690, INDUSTRIALS),
    # Cars and their parts, motor homes; aircraft, ships, trains; motorcycles; missiles; other vehicles
    (3710, DISCRETIONARY),
    (3720, INDUSTRIALS),
    (3750, DISCRETIONARY),
    (3760, INDUSTRIALS),
    (3790, DISCRETIONARY),
    # Instruments; medical ones; photography, watches, and other manufacturing
    (3800, INDUSTRIALS),
    (3840, HEALTH_CARE),
    (3860, DISCRETIONARY),
    # Transportation: rail, road, water; air, couriers, airports; pipelines; services, travel agencies
    (4000, INDUSTRIALS),
    (4500, DISCRETIONARY),
    (4513, INDUSTRIALS),
    (4520, DISCRETIONARY),
    (4580, INDUSTRIALS),
    (4600, ENERGY),
    (4700, INDUSTRIALS),
    (4720, DISCRETIONARY),
    (4730, INDUSTRIALS),
    # Communications, radio and television; electricity, gas, water, waste
    (4800, TELECOMMUNICATIONS),
    (4830, DISCRETIONARY),
    (4840, TELECOMMUNICATIONS),
    (4900, UTILITIES),
    # Wholesale of durable goods: vehicles, furniture, computers, medical supplies, metals, electronics
    (5000, INDUSTRIALS),
    (5010, DISCRETIONARY),
    (5030, INDUSTRIALS),
    (5045, TECHNOLOGY),
    (5047, HEALTH_CARE),
    (5048, INDUSTRIALS),
    (5050, MATERIALS),
    (5060, INDUSTRIALS),
    (5065, TECHNOLOGY),
    (5066, INDUSTRIALS),
    (5090, DISCRETIONARY),
    # Wholesale of others: paper, drugs, apparel, groceries and farm products, chemicals, petroleum, drinks
    (5110, INDUSTRIALS),
    (5120, HEALTH_CARE),
    (5130, DISCRETIONARY),
    (5140, STAPLES),
    (5160, MATERIALS),
    (5170, ENERGY),
    (5180, STAPLES),
    (5190, DISCRETIONARY),
    # Retail: food; drug stores
    (5200, DISCRETIONARY),
    (5400, STAPLES),
    (5500, DISCRETIONARY),
    (5910, STAPLES),
    (5920, DISCRETIONARY),
    # Finance; health plans; real estate; holdings, royalties, patents, real estate investment trusts
    (6000, FINANCE),
    (6324, HEALTH_CARE),
    (6325, FINANCE),
    (6500, REAL_ESTATE),
    (6600, FINANCE),
    (6792, ENERGY),
    (6793, FINANCE),
    (6794, MISCELLANEOUS),
    (6795, MATERIALS),
    (6796, FINANCE),
    (6798, REAL_ESTATE),
    (6799, FINANCE),
    # Services: hotels, personal, advertising; credit reporting, buildings, rental, staff; software; others
    (7000, DISCRETIONARY),
    (7320, INDUSTRIALS),
    (7370, TECHNOLOGY),
    (7380, DISCRETIONARY),
    (7600, INDUSTRIALS),
    (7800, DISCRETIONARY),
    # Health; law; education and care; organisations; engineering, research, management
    (8000, HEALTH_CARE),
    (8100, INDUSTRIALS),
    (8200, DISCRETIONARY),
    (8600, MISCELLANEOUS),
    (8700, INDUSTRIALS),
    (8731, HEALTH_CARE),
    (8732, INDUSTRIALS),
    # Others, governments, shells
    (8800, MISCELLANEOUS),
)
"""First code of each range, ascending, and its sector; a range ends where the next one begins."""

_CODES: Final = tuple(code for code, _ in _BEGINS)


def sector_of(sic_code: str) -> str:
    """Return the sector of a four-digit SIC code; empty for a text that is none, and for codes below the first one."""
    if len(sic_code) not in {3, 4} or not (sic_code.isascii() and sic_code.isdigit()):
        return ""
    place = bisect_right(_CODES, int(sic_code)) - 1
    return _BEGINS[place][1] if place >= 0 else ""
