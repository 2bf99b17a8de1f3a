"""What is known of SlowFast and its kin. Must not know the live machine."""
