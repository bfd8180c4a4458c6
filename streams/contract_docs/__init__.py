"""The contract as documents: AsyncAPI and the generated parts of `docs/contract.md`."""
