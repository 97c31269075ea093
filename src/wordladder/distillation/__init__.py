"""Teaching a low rung with a high one."""
