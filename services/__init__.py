"""Technic: four services, two libraries, a simulator and a command."""
