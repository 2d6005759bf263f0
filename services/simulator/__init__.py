"""A faithful local Massive REST API over a generated market, or over real bars from files."""
