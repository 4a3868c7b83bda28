"""Every finished picture: the grid, one picture large, the trash."""
