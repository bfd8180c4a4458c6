"""Everything that touches the outside: Faust app, transport, wire records, Redis, settings, metrics and the command line."""
