"""Compiles the kernels of a service's image into NUMBA_CACHE_DIR, so that its first start does not have to."""

import os


def main() -> None:
    """Compile what the service compiles before it is ready; the others have no kernels."""
    service = os.environ["SERVICE"]
    if service == "scorer":
        from services.market.scoring import ScoringConfig
        from services.scorer.engine import FactorEngine

        FactorEngine(ScoringConfig.load()).warm()
    elif service == "fetcher":
        from services.fetcher import cache
        from services.fetcher.provider import decode
        from services.fetcher.symbols import SymbolIndex

        cache.warm()
        decode.warm(SymbolIndex())


if __name__ == "__main__":
    main()
