"""A model at work: drift, a shadow model beside it, two models compared."""
