"""The recorded run: every step of a job, to be looked at again."""
