"""The command line: wires everything together."""
