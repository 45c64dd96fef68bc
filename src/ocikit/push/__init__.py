"""Publishing: what is wanted, what is there, what to do about it, doing it."""
