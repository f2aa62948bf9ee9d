"""Ways to reach Claude. Each upstream opens one Messages request and yields the answer's bytes."""
