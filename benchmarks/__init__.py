"""Our rooms beside other libraries: ratios of time, with the quality reached beside them."""
