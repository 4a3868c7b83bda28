"""The mathematics of diffusion: schedules, forward process, samplers, guidance. torch only."""
