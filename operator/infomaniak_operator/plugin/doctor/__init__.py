"""``kubectl infomaniak doctor``: whether this installation can work, check by check."""
