"""Where a sign-in comes from. Who wrote a credential refreshes it."""
