"""Neural networks; they know nothing about noise schedules or samplers."""
