"""What every kind goes through. Knows no kind."""
