"""The scorer: factors, sub-scores, TechRating and regime from bar blocks."""
