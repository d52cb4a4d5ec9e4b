"""What is wrong with a set of examples: looked at once, in memory that hardly grows, and nothing of it is changed."""
