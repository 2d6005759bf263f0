"""The fetcher: the provider client, the raw bars, splits, the calendar; streams adjusted bar blocks."""
