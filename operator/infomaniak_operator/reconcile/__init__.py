"""One module a kind: desired and observed become a plan, and the plan is acted on."""
