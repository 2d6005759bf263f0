"""What is known of symbols: lists, details, and which of it counts for a session."""
