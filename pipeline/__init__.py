"""The composition root: settings, wiring, jobs and queue, command line. The only place that names concrete adapters."""
