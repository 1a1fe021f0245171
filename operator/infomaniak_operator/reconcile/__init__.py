"""The reconcilers: desired and observed state become a plan, and the plan is applied."""
