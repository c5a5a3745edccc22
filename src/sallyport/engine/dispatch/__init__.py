"""Who works on which run: one contract, an implementation for each way to run sallyport."""
