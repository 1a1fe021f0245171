"""The controller: work queue, cache, worker, status. Knows neither OpenStack nor the kinds."""
