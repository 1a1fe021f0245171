"""The machine: queue, store, controller, status. Knows neither OpenStack nor the kinds."""
