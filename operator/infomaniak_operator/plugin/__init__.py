"""``kubectl infomaniak``: what is wrong with objects of this API, and what to do. It changes nothing in a cloud."""
