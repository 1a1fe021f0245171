"""``graph``: the network's topology as a picture."""
