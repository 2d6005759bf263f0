"""The provider: its REST API, and what stands between it and the rest."""
