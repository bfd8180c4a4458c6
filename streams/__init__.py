"""Everything that touches the outside: Faust app, transport, records, Redis, settings, metrics, the command line."""
