"""Neural networks; they know nothing of schedules or samplers."""
