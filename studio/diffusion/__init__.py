"""The mathematics of diffusion: noise schedules, forward process, samplers, guidance. Depends on torch only."""
