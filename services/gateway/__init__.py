"""The gateway: orchestrates a scan, keeps its budget and its ledger, ranks."""
