"""A faithful local Massive REST API over a generated market."""
