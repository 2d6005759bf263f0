"""The pure vocabulary of Technic: bars, sessions, splits, symbols, errors. Imports numpy only."""
