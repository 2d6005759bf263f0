"""Local files, Parquet or CSV: daily bars, names and types of symbols, splits."""
