"""Everything that speaks to the brokers: the batch transport, fetching, publishing, topics.

It knows no record's content.

How Faust is bent, all in one place. Faust hands an agent one event for each record. That costs 60 us of CPU before the
agent sees it, and about 230 us with its answer. `transport` takes the place of Faust's aiokafka transport: the agent
gets one event for each poll, and what may be committed is kept by poll (`watermarks`). `main_loop` runs the driver's
consumer on the worker's event loop, where Faust gives it a thread. The room `fetch` replaces the fetcher inside
aiokafka's consumer, so that records stay columns and no batch unpacks without a bound. `client` mends two faults of
aiokafka's connections after which a consumer would wait for ever. `faust_app` turns off what a worker does not use:
tables, leader election, declaring topics, most of the web server. `static_member` tells a worker that another one has
its name. Answers do not go through Faust's producer: the room `publishing` stands on aiokafka's client. Two places
outside of this room touch Faust: `streams.running.services` runs its worker so that a stop always ends, and
`streams.worker.ownership` follows its three rebalance signals. `tests/contracts/test_private_seams.py` pins every
private name that this leans on, so that an upgrade fails there first. docs/decisions/0001-batch-transport.md says why.
"""
