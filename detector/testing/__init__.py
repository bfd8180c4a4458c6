"""Slow twins and builders for tests, public: the tests of a policy or a model of your own may use them."""
