"""What a release is made of: the chart's checks, the bill of materials, and ``make dist``. Not part of the package."""
