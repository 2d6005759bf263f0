"""The technic command."""
